"""Data sets of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..arguments import unknown, whole
from .catalog import Card
from .download import CorruptFile


class Record(NamedTuple):
    """One text, its class where there are classes, and what is known about it."""

    text: str
    label: str | None
    facts: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Texts:
    """One split of a data set of texts.

    ``facts[i]`` tells what is known about ``texts[i]``: the author of a poem, the
    attributes that a line of copy may speak of. ``y`` (N,) int64 indexes ``classes``,
    and is None where the set has no classes. ``stands_for`` names the set that this
    one replaces, if it is a stand-in.
    """

    texts: tuple[str, ...] = field(repr=False)
    facts: tuple[dict[str, Any], ...] = field(repr=False)
    y: Tensor | None = field(repr=False)
    name: str
    split: str
    card: Card = field(repr=False)
    stands_for: str | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """What the labels mean."""
        return self.card.classes

    @property
    def is_standin(self) -> bool:
        """Whether this is not the data set that was asked for."""
        return self.stands_for is not None

    def where(self, **facts: Any) -> Texts:
        """Return the texts of which all these facts hold.

        Raises:
            ValueError: no text of this set has such a fact.
        """
        for name in facts:
            known = {key for known in self.facts for key in known}
            if name not in known:
                raise unknown("fact", name, sorted(known))
        chosen = [
            i
            for i, known in enumerate(self.facts)
            if all(known.get(name) == value for name, value in facts.items())
        ]
        return self[chosen]

    def joined(self, separator: str = "\n") -> str:
        """Return all texts as one, each one but the last followed by ``separator``."""
        return separator.join(self.texts)

    def __getitem__(self, chosen: int | slice | Iterable[int]) -> str | Texts:
        """Return one text, or several as a data set.

        Raises:
            ValueError: a mask, whose booleans would pass for the numbers 0 and 1.
        """
        if hasattr(chosen, "__index__") and not getattr(chosen, "ndim", 0):
            return self.texts[whole("chosen", chosen)]  # NumPy's and torch's, too
        numbers = range(len(self))[chosen] if isinstance(chosen, slice) else chosen
        numbers = torch.as_tensor(list(numbers))
        if numbers.dtype == torch.bool:
            raise ValueError(
                f"chosen is a mask of {len(numbers)}: give numbers, such as "
                "torch.as_tensor(mask).nonzero().flatten()"
            )
        indices = numbers.tolist()
        return replace(
            self,
            texts=tuple(self.texts[i] for i in indices),
            facts=tuple(self.facts[i] for i in indices),
            y=None if self.y is None else self.y[indices],
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        role = f", standing in for {self.stands_for}" if self.is_standin else ""
        role += ", some files left out: see .card" if self.card.left_out else ""
        return (
            f"{self.name}/{self.split}: {len(self):,} texts, "
            f"{sum(map(len, self.texts)):,} characters{classes}{role}"
        )


def collect(card: Card, split: str, records: Iterable[Record]) -> Texts:
    """Make a split of its records, and check them against the card.

    Raises:
        CorruptFile: another number of texts, or a class that the card does not have.
    """
    records = list(records)
    if len(records) != card.splits[split]:
        raise CorruptFile(
            f"{card.name}/{split} has {len(records):,} texts, "
            f"its card says {card.splits[split]:,}"
        )
    y = None
    if card.classes:
        number = {name: i for i, name in enumerate(card.classes)}
        labels = [record.label for record in records]
        if foreign := set(labels) - number.keys():
            raise CorruptFile(f"{card.name}/{split} has classes {sorted(foreign)}")
        y = torch.tensor([number[label] for label in labels])
    texts = tuple(record.text for record in records)
    facts = tuple(record.facts for record in records)
    return Texts(texts, facts, y, card.name, split, card)
