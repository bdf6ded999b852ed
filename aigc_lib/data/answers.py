"""Who answered which item, and right or wrong: what knowledge tracing reads.

An item is known by the skills that it takes. Answers stand in the order in which they
were given; nothing is known of the time between them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log1p
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..arguments import finite, unknown, whole
from ..arrays import array
from .catalog import Card
from .download import CorruptFile

PAST = 7  # numbers that the record says before an answer
NOTHING = -1  # behind the last answer of the shorter rows of a batch
Item = tuple[str, ...]  # the skills that it takes, by name


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers of learners: ``answers[rows]`` is a batch (items, right, past).

    Items and right are (B, T) int64, ``past`` is (B, T, 7), see there.

    ``item`` (M,) int64 are the items of all answers one after the other, ``right`` (M,)
    int64 says 1 where the answer was right, else 0; those of learner u stand from
    ``starts[u]`` to ``starts[u + 1]``. ``items`` are the skills of each item.
    T is the most answers of the batch, ``NOTHING`` stands behind the end of others.

    Raises:
        ValueError: parts that do not fit together, or answers other than 0 and 1.
    """

    item: Tensor = field(repr=False)
    right: Tensor = field(repr=False)
    starts: Tensor = field(repr=False)
    items: tuple[Item, ...] = field(repr=False)
    learners: tuple[str, ...] = field(repr=False)
    name: str = ""
    split: str = "train"
    card: Card | None = field(default=None, repr=False)
    stands_for: str | None = None

    def __post_init__(self):
        if len(self.starts) != len(self.learners) + 1 or len(self.learners) < 1:
            raise ValueError(
                f"starts has {len(self.starts)} numbers for {len(self.learners)} "
                "learners: give where each begins, and the end; at least one learner"
            )
        if not len(self.item) == len(self.right) == self.starts[-1]:
            raise ValueError(
                f"item {len(self.item)}, right {len(self.right)}, starts to "
                f"{self.starts[-1]}: give one of each for every answer"
            )
        if len(self.item) and not 0 <= self.item.min() <= self.item.max() < len(
            self.items
        ):
            raise ValueError(
                f"item goes from {self.item.min()} to {self.item.max()}: give numbers "
                f"from 0 to {len(self.items) - 1}"
            )
        binary(self.right)

    @classmethod
    def of(
        cls,
        histories: Mapping[str, Sequence[tuple[str | Item, int]]],
        *,
        items: Iterable[str | Item] | None = None,
        **about: str,
    ) -> Self:
        """Make them of lists of (skill or skills, 0 or 1), in order, by learner.

        A learner without answers is one of whom nothing is known yet. ``items`` are
        all that there are, where others may be asked than were answered.

        Raises:
            ValueError: an answer that is not 0 or 1, or an item not among ``items``.
        """
        asked = [skills(one) for rows in histories.values() for one, _ in rows]
        known = tuple(dict.fromkeys(map(skills, asked if items is None else items)))
        number = {item: i for i, item in enumerate(known)}
        for item in asked:
            if item not in number:
                names = ["、".join(each) for each in known]
                raise unknown("item", "、".join(item), names)
        given = [right for rows in histories.values() for _, right in rows]
        ends = np.cumsum([0, *map(len, histories.values())])
        return cls(
            torch.tensor([number[item] for item in asked]).long(),
            binary(given),
            torch.from_numpy(ends),
            known,
            tuple(map(str, histories)),
            **about,
        )

    @classmethod
    def of_rows(
        cls,
        learners: Sequence[Hashable],
        asked: Sequence[str | Item],
        right: ArrayLike,
        times: ArrayLike | None = None,
        **about: str,
    ) -> Self:
        """Make them of rows (M,), each learner's in order; learners may be mixed.

        Raises:
            ValueError: parts of different lengths, no rows, a learner or a skill that
                is missing, an answer that is not 0 or 1, or a time before that of the
                same learner's row above.
        """
        if not len(learners) or len({len(learners), len(asked), len(right)}) > 1:
            raise ValueError(
                f"learners {len(learners)}, asked {len(asked)}, right {len(right)}: "
                "give one of each for every answer, at least one"
            )
        right = binary(right).tolist()
        when = None if times is None else np.asarray(times)
        if when is not None and when.shape != (len(learners),):
            raise ValueError(f"times has shape {when.shape}: give one a row")
        histories: dict[Hashable, list] = {}
        latest: dict[Hashable, object] = {}
        for row, (who, what, how) in enumerate(
            zip(learners, asked, right, strict=True)
        ):
            if who is None or who == "" or who != who:
                raise ValueError(f"learners has {who!r} in row {row}: leave it out")
            if when is not None:
                if when[row] != when[row] or when[row] < latest.get(who, when[row]):
                    raise ValueError(
                        f"times has {when[row]} in row {row}, after {latest.get(who)} "
                        f"of the same learner {who!r}: sort the rows by time, or what "
                        "comes later would be known before"
                    )
                latest[who] = when[row]
            histories.setdefault(who, []).append((what, how))
        return cls.of(histories, **about)

    @property
    def lengths(self) -> Tensor:
        """How many answers each learner gave, (U,)."""
        return self.starts.diff()

    @property
    def learner(self) -> Tensor:
        """The number of the learner of each answer, (M,)."""
        return torch.arange(len(self)).repeat_interleave(self.lengths)

    @cached_property
    def past(self) -> Tensor:
        """What the record of the learner says before each answer, (M, 7) float32.

        How often the skills of the item were answered wrongly and rightly; whether the
        last answer to them was wrong, was right; how many answers ago that was; how
        many to anything were wrong and right. Numbers n as log(1 + n), and means where
        an item has several skills.
        """
        number = numbered(self.items)
        place = [[number[name] for name in item] for item in self.items]
        item, right = self.item.tolist(), self.right.tolist()
        found, row = [], 0
        for length in self.lengths.tolist():
            before: dict[int, list[int]] = {}  # wrong, right, last answer, its place
            every = [0, 0]
            for now in range(length):
                own, answer = place[item[row]], right[row]
                told = [0.0] * PAST
                for skill in own:
                    wrong, correct, last, when = before.get(skill, (0, 0, 0, now))
                    told[0] += log1p(wrong) / len(own)
                    told[1] += log1p(correct) / len(own)
                    told[2 + last] += (skill in before) / len(own)
                    told[4] += log1p(now - when) / len(own)
                told[5:] = log1p(every[0]), log1p(every[1])
                found.append(told)
                for skill in own:
                    counts = before.setdefault(skill, [0, 0, 0, 0])
                    counts[answer] += 1
                    counts[2:] = answer, now
                every[answer] += 1
                row += 1
        return torch.tensor(found).reshape(-1, PAST)

    @property
    def is_standin(self) -> bool:
        """Whether this is not the data set that was asked for."""
        return self.stands_for is not None

    @property
    def bytes(self) -> int:
        """How much memory the answers take."""
        return self.item.nbytes + self.right.nbytes + self.starts.nbytes

    def some(self, rows: Tensor | slice) -> Self:
        """Return only the learners ``rows``: numbers, a mask or a slice."""
        rows = torch.arange(len(self))[rows]
        own = [torch.arange(self.starts[u], self.starts[u + 1]) for u in rows.tolist()]
        kept = torch.cat([torch.empty(0, dtype=torch.long), *own])
        ends = self.lengths[rows].cumsum(0)
        return replace(
            self,
            item=self.item[kept],
            right=self.right[kept],
            starts=torch.cat([ends.new_zeros(1), ends]),
            learners=tuple(self.learners[u] for u in rows.tolist()),
        )

    def divided(self, share: float = 0.2, fold: int = 0) -> tuple[Self, Self]:
        """Divide the learners by a hash of their names: most, and about ``share``.

        ``fold`` 1, 2, ... holds out others.

        Raises:
            ValueError: a share outside (0, 1), no such fold, or nobody on one side.
        """
        share, fold = finite("share", share, above=0, below=1), whole("fold", fold, 0)
        if (fold + 1) * share > 1 + 1e-9:
            raise ValueError(f"fold={fold}: share={share} has {round(1 / share)} folds")
        place = np.array([_place(name) for name in self.learners])
        held = torch.from_numpy((place >= fold * share) & (place < (fold + 1) * share))
        if held.all() or not held.any():
            raise ValueError(f"{len(self)} learners leave nobody on one side")
        return self.some(~held), self.some(held)

    def windows(self, length: int) -> Self:
        """Cut long rows into rows of at most ``length`` answers, to train on."""
        length = whole("length", length, 1)
        cuts = [
            (start, name)
            for start, end, name in zip(
                self.starts[:-1].tolist(),
                self.starts[1:].tolist(),
                self.learners,
                strict=True,
            )
            for start in range(start, end, length)
        ]
        if not cuts:
            raise ValueError("no answers: there is nothing to cut")
        starts = torch.tensor([*(start for start, _ in cuts), len(self.item)])
        cut = replace(self, starts=starts, learners=tuple(name for _, name in cuts))
        cut.__dict__["past"] = self.past  # of the whole row, not of the window
        return cut

    def expanded(self) -> Self:
        """Give every skill of an item a row of its own, with the same answer.

        Many preparations of such data do this, and it leaks: who has read the first row
        of a problem knows the answers of its others. To show how much, nothing else.
        """
        number = {(name,): i for i, name in enumerate(sorted({*sum(self.items, ())}))}
        counts = torch.tensor([len(item) for item in self.items])
        table = [torch.tensor([number[s,] for s in item]) for item in self.items]
        per = counts[self.item] if len(self.item) else self.item
        ends = torch.cat([per.new_zeros(1), per.cumsum(0)])
        rows = [table[i] for i in self.item.tolist()]
        return replace(
            self,
            item=torch.cat([torch.empty(0, dtype=torch.long), *rows]),
            right=self.right.repeat_interleave(per),
            starts=ends[self.starts],
            items=tuple(number),
        )

    def to(self, device: torch.device | str) -> Self:
        """Return the same answers on ``device``."""
        moved = {name: getattr(self, name).to(device) for name in ("item", "right")}
        there = replace(self, starts=self.starts.to(device), **moved)
        there.__dict__["past"] = self.past.to(device)
        return there

    def __len__(self) -> int:
        return len(self.learners)

    def __getitem__(self, rows: Tensor | slice) -> tuple[Tensor, Tensor, Tensor]:
        start, length = self.starts[:-1][rows], self.lengths[rows]
        place = torch.arange(int(length.max()), device=start.device)
        inside = place < length[:, None]  # (B, T)
        if not len(self.item):
            return inside.long(), inside.long(), inside[..., None].repeat(1, 1, PAST)
        at = (start[:, None] + place).where(inside, 0)
        batch = (part[at].where(inside, NOTHING) for part in (self.item, self.right))
        return *batch, self.past[at] * inside[..., None]

    def __repr__(self) -> str:
        role = f", standing in for {self.stands_for}" if self.is_standin else ""
        return (
            f"{self.name}/{self.split}: {len(self):,} learners, {len(self.item):,} "
            f"answers to {len(self.items):,} items{role}"
        )


def skills(item: str | Iterable[str]) -> Item:
    """Return the skills of an item, sorted; one skill may stand without a tuple.

    Raises:
        ValueError: no skill, or one without a name.
    """
    found = (item,) if isinstance(item, str) else item
    if not isinstance(found, Iterable):
        raise ValueError(f"item={item!r}: give the name of a skill, or several")
    found = tuple(sorted(set(found)))
    if not found or not all(isinstance(one, str) and one for one in found):
        raise ValueError(f"item={item!r}: give the name of a skill, or several")
    return found


def binary(right: ArrayLike) -> Tensor:
    """Return answers (M,) as int64.

    Raises:
        ValueError: one that is not 0 or 1.
    """
    values = torch.from_numpy(array("right", right, np.float64))
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        row = int(wrong.long().argmax())
        raise ValueError(
            f"right has {values[row].item():g} in row {row}: give 0 for a wrong answer "
            "and 1 for a right one; decide what part of full marks is right"
        )
    return values.long()


def collect(card: Card, split: str, data: Answers) -> Answers:
    """Check what was read against its card, and name it.

    Raises:
        CorruptFile: another number of learners or items.
    """
    found = (len(data), len(data.items))
    if found != (card.splits[split], *card.shape):
        raise CorruptFile(
            f"{card.name}/{split} has {found[0]:,} learners and {found[1]:,} items, "
            f"its card says {card.splits[split]:,} and {card.shape[0]:,}"
        )
    return replace(data, name=card.name, split=split, card=card)


def numbered(items: tuple[Item, ...]) -> dict[str, int]:
    """Number the skills of the items by name."""
    return {name: i for i, name in enumerate(sorted({*sum(items, ())}))}


def _place(name: str) -> float:
    """Where a name stands in [0, 1), the same on every machine."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8
