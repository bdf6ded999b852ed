"""Data sets of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..arguments import unknown
from .catalog import Card
from .download import CorruptFile

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Table:
    """One split of a data set of rows and columns, as a pandas frame.

    ``target`` names the column that the others are to tell; of a table of your own it
    is the last one, unless told otherwise. ``kinds`` and ``constraints`` are what
    ``TableCodec.fit`` cannot see by itself. ``stands_for`` names the set that this one
    replaces, if it is a stand-in.
    """

    frame: DataFrame = field(repr=False)
    target: str
    name: str
    split: str
    card: Card = field(repr=False)
    kinds: Mapping[str, str] = field(default_factory=dict, repr=False)
    constraints: tuple[str, ...] = field(default=(), repr=False)
    stands_for: str | None = None

    @property
    def is_standin(self) -> bool:
        """Whether this is not the data set that was asked for."""
        return self.stands_for is not None

    @property
    def asked(self) -> dict[str, Any]:
        """What ``TableCodec.fit`` takes besides the frame."""
        return {"kinds": self.kinds, "constraints": self.constraints}

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        role = f", standing in for {self.stands_for}" if self.is_standin else ""
        role += ", something left out: see .card" if self.card.left_out else ""
        return (
            f"{self.name}/{self.split}: {len(self):,} rows of "
            f"{len(self.frame.columns)} columns, target {self.target!r}{role}"
        )


def tabled(card: Card, split: str, frame: DataFrame) -> Table:
    """Make a split of its frame, and check it against the card.

    Raises:
        CorruptFile: another number of rows or columns, or a class that the card lacks.
    """
    expected = (card.splits[split], *card.shape)
    if frame.shape != expected:
        raise CorruptFile(
            f"{card.name}/{split} has {frame.shape} rows and columns, its card says "
            f"{expected}"
        )
    target = card.parameters["target"]
    found = set(frame[target].unique()) if card.classes else set()
    if foreign := found - set(card.classes):
        raise CorruptFile(f"{card.name}/{split} has classes {sorted(foreign)}")
    constraints = tuple(card.parameters.get("constraints", ()))
    return Table(
        frame.reset_index(drop=True),
        target,
        card.name,
        split,
        card,
        card.parameters.get("kinds", {}),
        constraints,
    )


def target_of(frame: DataFrame, target: str | None) -> str:
    """Return ``target``, or the last column where it is None.

    Raises:
        ValueError: no such column.
    """
    names = list(frame.columns)
    if target is None:
        return names[-1]
    if target not in names:
        raise unknown("target", target, names)
    return target
