"""A Transformer that writes Sokoban levels, and the rules it may be held to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ...arguments import whole
from ...codecs.level_tokens import LevelCodec
from ...codecs.levels import SokobanLevel, turned
from ...simulators.sokoban import Room, Sokoban, bits, lowest
from ..base import in_parts, noise_source
from .gpt import GPT


class LevelWriter(GPT):
    """A GPT over the tokens of a ``LevelCodec``; trains on ``prepare(levels)``.

    ``cuts`` are the pushes at which the next class of difficulty begins.

    Raises:
        ValueError: ``cuts`` that are no whole numbers in order; what ``GPT`` and
            ``LevelCodec`` refuse.
    """

    modality = "levels"

    def __init__(
        self,
        *,
        order: str = "room",
        size: int = 10,
        boxes: int = 4,
        cuts: Sequence[int] = (9, 12, 15),
        depth: int = 4,
        heads: int = 4,
        width: int = 128,
        learning_rate: float = 3e-3,
    ):
        cuts = cuts if isinstance(cuts, Sequence) else [cuts]
        cuts = tuple(whole("cuts", cut) for cut in cuts)
        if list(cuts) != sorted(cuts):
            raise ValueError(f"cuts={cuts}: give them in order, the smallest first")
        codec = LevelCodec(size, boxes, order=order, classes=len(cuts) + 1)
        super().__init__(
            vocab_size=len(codec),
            context=codec.length,
            depth=depth,
            heads=heads,
            width=width,
            positions="learned",
            optimizer="muon",
            learning_rate=learning_rate,
        )
        self.codec, self.order, self.size, self.boxes = codec, order, size, boxes
        self.cuts, self.classes = cuts, codec.classes

    def kind(self, pushes: ArrayLike) -> np.ndarray:
        """Return the class of difficulty of a number of pushes."""
        return np.searchsorted(self.cuts, pushes, side="right")

    def prepare(
        self,
        levels: Sequence[SokobanLevel],
        *,
        turns: int = 8,
        unsaid: float = 0.15,
        seed: int = 0,
    ) -> Tensor:
        """Return tokens to learn from: levels in ``turns`` positions, (turns N, L).

        Their class is that of the lower bound of pushes, which needs no search; a share
        ``unsaid`` of them is of any class. Mirrored levels stay levels, so a model sees
        eight times as many: split before.

        Raises:
            ValueError: no levels, turns not from 1 to 8, or what the codec refuses.
        """
        if not levels or not 1 <= turns <= 8:
            raise ValueError(
                f"{len(levels)} levels, turns={turns}: give some, and 1 to 8 turns"
            )
        games = [Sokoban(level) for level in levels]
        found = [game.homes(game.boxes) for game in games]
        kinds = self.kind([bound for bound, _ in found])
        homes = np.array([squares for _, squares in found])
        goals = np.array([list(bits(game.goals)) for game in games])
        grids = np.array([[list(row) for row in level.rows] for level in levels])
        squares, rows = np.arange(self.size**2).reshape(1, self.size, self.size), []
        for way in range(turns):
            to = turned(squares, way).ravel().argsort()  # where each square comes
            order = to[goals].argsort(1)
            now = np.take_along_axis(to[homes], order, 1)
            rows.append(self.codec.encode(turned(grids, way), kinds, now))
        tokens = torch.cat(rows)
        generator = torch.Generator().manual_seed(whole("seed", seed))
        dropped = torch.rand(len(tokens), generator=generator) < unsaid
        tokens[dropped, 0] = self.codec.first + self.classes
        return tokens

    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        difficulty: int | None = None,
        constrained: bool = True,
        temperature: float = 1.0,
        placing: float | None = None,
    ) -> Tensor:
        """Write ``n`` levels as tokens (n, length); ``codec.decode`` shows them.

        ``difficulty`` is a class, None for any. ``constrained`` keeps what can be known
        while writing (see ``Held``). ``placing`` is the temperature of boxes and
        player in the order "room"; without it ``temperature`` is that of all.

        Raises:
            ValueError: n < 1 or no such class.
        """
        n = whole("n", n, 1)
        kind = (
            self.classes if difficulty is None else whole("difficulty", difficulty, 0)
        )
        if kind > self.classes or (difficulty is not None and kind == self.classes):
            raise ValueError(
                f"difficulty={difficulty}: give 0 to {self.classes - 1} or None"
            )
        room, things = self.codec.packs, self.codec.length - 1 - self.codec.packs
        source = noise_source(seed)
        other = noise_source(None if seed is None else seed + 1)

        def written(start: Tensor) -> Tensor:
            rule = Held(self.codec) if constrained else None
            told: dict[str, Any] = {"constraint": rule, "temperature": temperature}
            rows = self.generate(start, room, seed=source, **told)
            if things:
                told["temperature"] = temperature if placing is None else placing
                rows = self.generate(rows, things, seed=other, **told)
            return rows

        return in_parts(written, torch.full((n, 1), self.codec.first + kind))


class Held:
    """The constraint: counts of the form, and squares where a thing may stand.

    While the room is written it counts: no more goals (and boxes and players, in the
    order "rows") than a level has, and so many that the rest still has place. In the
    order "room" the box of a goal stands where it could be brought to that goal if it
    were the only box, by a player who can do so for all boxes before it, and not frozen
    beside these; the player stands in such a place, from where some box can be pushed.
    Each of these is necessary for a solution, none searches for one.
    """

    def __init__(self, codec: LevelCodec):
        self.codec = codec
        wanted = {2: codec.boxes} | ({3: codec.boxes, 4: 1} if codec.base > 3 else {})
        self.wanted = torch.tensor(list(wanted.values()))
        counts = np.stack([(codec.tiles == tile).sum(1) for tile in wanted], 1)
        self.counts = torch.from_numpy(counts)  # (places, kinds)
        self.plans: list[Plan] = []

    def __call__(self, tokens: Tensor, logits: Tensor) -> Tensor:
        """Forbid what breaks the form: tokens (B, T), logits (B, V)."""
        codec, done = self.codec, tokens.shape[1] - 1
        allowed = torch.zeros_like(logits, dtype=torch.bool)
        if done < codec.packs:
            written = self.counts[tokens[:, 1:].cpu()].sum(1)  # (B, kinds)
            left = self.wanted - written[:, None] - self.counts  # (B, places, kinds)
            room = codec.pack * (codec.packs - done - 1)
            fits = (left >= 0).all(-1) & (left.sum(-1) <= room)
            allowed[:, : codec.places] = fits.to(allowed.device)
            return logits.masked_fill(~allowed, -math.inf)
        if done == codec.packs:
            self.plans = [Plan(codec, inner) for inner in codec.squares(tokens)]
        else:
            for plan, token in zip(self.plans, tokens[:, -1].tolist(), strict=True):
                plan.place(token - codec.places)
        for k, plan in enumerate(self.plans):
            for place in plan.choices():
                allowed[k, codec.places + place] = True
        return logits.masked_fill(~allowed, -math.inf)


class Plan:
    """One room with the boxes placed so far, as inner squares of a codec."""

    def __init__(self, codec: LevelCodec, inner: np.ndarray):
        grid = np.zeros((codec.size, codec.size), dtype=np.int64)
        grid[1:-1, 1:-1] = inner.reshape(codec.inner, codec.inner)
        walls, goals = (
            sum(1 << int(k) for k in np.flatnonzero(grid.ravel() == tile))
            for tile in (0, 2)
        )
        self.codec, self.boxes = codec, 0
        self.room = Room(walls, goals, codec.size, codec.size)
        self.players = self.room.floor  # from where all boxes so far can be brought
        self.starts = [self.room.starts(goal) for goal in bits(goals)]

    def place(self, place: int) -> None:
        """Put the next box on an inner square."""
        y, x = divmod(place, self.codec.inner)
        square = (y + 1) * self.codec.size + x + 1
        self.players &= self.starts[self.boxes.bit_count()].get(square, 0)
        self.boxes |= 1 << square

    def choices(self) -> list[int]:
        """The inner squares for the next box, or at last for the player.

        Where no square keeps the rules, any free floor; where there is none, all.
        """
        room, boxes, count = self.room, self.boxes, self.boxes.bit_count()
        free = room.floor & ~boxes & ~room.goals  # as in the levels that were learned
        if count < self.codec.boxes:
            found = [
                square
                for square, players in self.starts[count].items()
                if free >> square & 1
                and players & self.players & ~boxes
                and not room.stuck(1 << square, boxes | 1 << square)
            ]
        else:
            found = list(bits(pushing(room, free & self.players, boxes)))
        size, inner = self.codec.size, self.codec.inner
        found = found or list(bits(free)) or list(bits(~room.walls & inside(size)))
        return [(k // size - 1) * inner + k % size - 1 for k in found]


def pushing(room: Room, free: int, boxes: int) -> int:
    """The squares of ``free`` from where a walk leads to a push that is not dead."""
    found, left = 0, free
    while left:
        region = room.reach(lowest(left), boxes)
        if any(room.pushable(region, boxes, step) for step in room.steps.values()):
            found |= region & free
        left &= ~region
    return found


def inside(size: int) -> int:
    """The squares within the border of ``size`` x ``size``."""
    row = (1 << size - 2) - 1 << 1
    return sum(row << size * y for y in range(1, size - 1))
