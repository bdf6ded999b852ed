"""Series: numbers at times, one column for each thing that is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..codecs.demand import Panel
from ..runtime import optional
from .catalog import Card
from .download import CorruptFile

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Series:
    """One split of a series: ``x`` (N, C) float64 at ``times`` (N,), which ascend.

    The split "train" ends where "test" begins: nothing of the test is older than
    anything of the training. ``stands_for`` names the set that this one replaces, if
    it is a stand-in.
    """

    x: Tensor = field(repr=False)
    times: np.ndarray = field(repr=False)
    columns: tuple[str, ...]
    name: str
    split: str
    card: Card = field(repr=False)
    stands_for: str | None = None

    @property
    def is_standin(self) -> bool:
        """Whether this is not the data set that was asked for."""
        return self.stands_for is not None

    @property
    def frame(self) -> pd.DataFrame:
        """The series as a pandas frame, its index the times.

        Raises:
            ModuleNotFoundError: pandas is missing.
        """
        pandas = optional("pandas")
        index = pandas.DatetimeIndex(self.times, name="time")
        return pandas.DataFrame(self.x.numpy(), index, list(self.columns))

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        role = f", standing in for {self.stands_for}" if self.is_standin else ""
        role += ", some left out: see .card" if self.card.left_out else ""
        first, last = (str(t).removesuffix("T00:00:00") for t in self.times[[0, -1]])
        more = f" and {len(self.columns) - 6} more" if len(self.columns) > 8 else ""
        shown = self.columns[:6] if more else self.columns
        return (
            f"{self.name}/{self.split}: {len(self):,} times from {first} to {last}, "
            f"{', '.join(shown)}{more}{role}"
        )


def panel(*parts: Series, longest_gap: int = 7) -> Panel:
    """Join splits of one set, the older first, to a panel of demand.

    Raises:
        ValueError: as ``codecs.demand.Panel.of``.
    """
    return Panel.of(
        np.concatenate([part.times for part in parts]),
        torch.cat([part.x for part in parts]).numpy(),
        parts[0].columns,
        known=parts[0].card.parameters.get("known"),
        longest_gap=longest_gap,
    )


def ordered(
    times: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool, np.ndarray]:
    """Return times and rows in the order of time, whether that is another than before,
    and the times that come twice."""
    order = np.argsort(times, kind="stable")
    times = times[order]
    twice = times[1:][times[1:] == times[:-1]]
    return times, x[order], bool((order != np.arange(len(order))).any()), twice


def collect(card: Card, split: str, found: tuple[np.ndarray, np.ndarray]) -> Series:
    """Make a split of times (N,) and values (N, C), and check it against the card.

    Raises:
        CorruptFile: another number of rows or columns, or a time twice.
    """
    times, x, _, twice = ordered(*found)
    columns = tuple(card.parameters["columns"])
    if x.shape != (card.splits[split], len(columns)):
        raise CorruptFile(
            f"{card.name}/{split} has {x.shape}, its card says "
            f"{(card.splits[split], len(columns))}"
        )
    if len(twice):
        raise CorruptFile(f"{card.name} has {twice[0]} twice")
    return Series(torch.from_numpy(x), times, columns, card.name, split, card)
