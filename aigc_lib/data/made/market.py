"""Prices of a market that does not exist: the days of ``simulators.market``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...simulators.market import Market
from ..catalog import Card


def read_market(
    card: Card, split: str, paths: list[Path]
) -> tuple[np.ndarray, np.ndarray]:
    """Return weekdays from 2000 on and prices that begin near 100; test comes last."""
    days = sum(card.splits.values())
    returns = Market().simulate(days, card.parameters["seed"]).returns / 100
    prices = 100 * np.exp(np.cumsum(returns))
    dates = np.busday_offset("2000-01-03", np.arange(days)).astype("M8[s]")
    cut = (
        slice(card.splits["train"])
        if split == "train"
        else slice(-card.splits["test"], None)
    )
    return dates[cut], prices[cut, None]
