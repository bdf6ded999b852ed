"""Made-up levels: Sokoban by playing backwards, and platforms that can be crossed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...arguments import whole
from ...simulators.sokoban import Room, bits, shifted
from ..catalog import Card
from ..text import Record

SIZE, BOXES, FLOOR, PULLS = 10, 4, (24, 40), 40
STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def backwards(n: int, seed: int) -> list[str]:
    """Make ``n`` levels of ``SIZE`` x ``SIZE`` squares that can be solved, as texts.

    A walk carves the floor; the boxes start on their goals, and a player who only
    pulls moves them away, as Boxoban's levels were made (Racanière et al. 2017).
    """
    n, found = whole("n", n, 1), []
    rng = np.random.default_rng(whole("seed", seed, 0))
    while len(found) < n:
        if level := _level(rng):
            found.append(level)
    return found


def _level(rng: np.random.Generator) -> str | None:
    """Try once: None where a box stayed on a goal."""
    floor = _room(rng)
    squares = [int(k) for k in rng.permutation(np.flatnonzero(floor))]
    goals, player = (
        sum(1 << k for k in part) for part in (squares[:BOXES], squares[BOXES:][:1])
    )
    walls = sum(1 << int(k) for k in np.flatnonzero(~floor))
    room, boxes = Room(walls, goals, SIZE, SIZE), goals
    for _ in range(PULLS):
        reach, free, pulls = room.reach(player, boxes), room.floor & ~boxes, []
        for step in room.steps.values():
            beside = shifted(boxes, step) & reach  # where the player stands to pull
            pulls += [(k, step) for k in bits(shifted(beside, step) & free)]
        if not pulls:
            return None
        player, step = pulls[rng.integers(len(pulls))]
        boxes ^= 1 << player - step | 1 << player - 2 * step
        player = 1 << player
    walked = list(bits(room.reach(player, boxes) & ~goals))
    if boxes & goals or not walked:
        return None
    signs = np.where(floor.ravel(), " ", "#")
    for sign, places in ((".", bits(goals)), ("$", bits(boxes))):
        signs[list(places)] = sign
    signs[walked[rng.integers(len(walked))]] = "@"
    return "\n".join("".join(row) for row in signs.reshape(SIZE, SIZE))


def _room(rng: np.random.Generator) -> np.ndarray:
    """Carve a floor that hangs together, bool (SIZE, SIZE), walls at the border."""
    floor, wanted = np.zeros((SIZE, SIZE), dtype=bool), rng.integers(*FLOOR)
    y, x = rng.integers(2, SIZE - 2, 2)
    dy, dx = STEPS[rng.integers(4)]
    while floor.sum() < wanted:
        floor[y, x] = True
        if rng.random() < 0.35:
            dy, dx = STEPS[rng.integers(4)]
        y, x = (min(max(k, 1), SIZE - 2) for k in (y + dy, x + dx))
    return floor


def platforms(n: int, seed: int, columns: int = 120) -> list[str]:
    """Make ``n`` platform levels of 14 rows: hills, pits up to four columns, a coin.

    A pit is narrower than a jump, and no step is higher: all can be crossed.
    """
    rng, found = np.random.default_rng(whole("seed", seed, 0)), []
    for _ in range(whole("n", n, 1)):
        grid = np.full((14, columns), "-")
        height, x = 2, 0
        while x < columns:
            wide = int(rng.integers(3, 9))
            grid[14 - height :, x : x + wide] = "X"
            if rng.random() < 0.3:
                grid[9 - height, x : x + 2] = "o"
            x += wide + (int(rng.integers(1, 5)) if rng.random() < 0.4 else 0)
            height = int(np.clip(height + rng.integers(-2, 3), 1, 5))
        grid[-2:, -4:] = "X"
        found.append("\n".join("".join(row) for row in grid))
    return found


def read_platforms(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Make the platform levels of a split; the seed is its place on the card."""
    levels = platforms(card.splits[split], list(card.splits).index(split))
    for number, level in enumerate(levels):
        yield Record(level, None, {"name": f"made-{number}"})


def read_backwards(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Make the levels of a split; the seed is its place on the card."""
    levels = backwards(card.splits[split], list(card.splits).index(split))
    for number, level in enumerate(levels):
        yield Record(level, None, {"file": "made", "number": number})
