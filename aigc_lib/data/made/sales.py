"""Sales of a shop that does not exist: the days of ``simulators.demand``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...codecs.demand import DAY
from ...simulators.demand import Shop
from ..catalog import Card


def read_sales(
    card: Card, split: str, paths: list[Path]
) -> tuple[np.ndarray, np.ndarray]:
    """Return days from a Monday on: what each item sold, then its promotions."""
    days = sum(card.splits.values())
    items = len(card.parameters["columns"]) // 2
    sales = Shop().simulate(items, days, card.parameters["seed"])
    rows = np.concatenate([sales.demand, sales.promotion]).T
    times = np.datetime64("2014-01-06", "s") + DAY * np.arange(days)
    first = card.splits["train"]
    chosen = slice(first) if split == "train" else slice(first, None)
    return times[chosen], rows[chosen]
