"""Levels of games as grids of signs: read, checked, turned.

A Sokoban level uses the signs of ``SIGNS``: wall ``#``, floor a space, goal ``.``, box
``$``, player ``@``, box on a goal ``*``, player on a goal ``+``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arguments import whole
from .tokenizers import check_text

SIGNS = "# .$@*+"


class BadLevel(ValueError):
    """A grid that is no level; ``faults`` lists all that is wrong."""

    def __init__(self, faults: list[str]):
        self.faults = faults
        super().__init__("; ".join(faults))


@dataclass(frozen=True)
class SokobanLevel:
    """A grid of signs that keeps the form of a level; ``rows`` are of one length.

    One player, as many boxes as goals and at least one, a wall around all that the
    player can walk to.

    Raises:
        BadLevel: it does not; each fault is named with where, and what to do.
    """

    rows: tuple[str, ...]

    def __post_init__(self) -> None:
        faults = sokoban_faults(self.rows)
        if faults:
            raise BadLevel(faults)

    @classmethod
    def read(cls, text: str) -> SokobanLevel:
        """Read a level from lines of signs; short lines are filled with floor."""
        return cls(rows_of(text))

    @property
    def height(self) -> int:
        """How many rows."""
        return len(self.rows)

    @property
    def width(self) -> int:
        """How many columns."""
        return len(self.rows[0])

    @cached_property
    def flat(self) -> str:
        """All signs, row by row."""
        return "".join(self.rows)

    def mask(self, signs: str) -> int:
        """Return the squares that hold one of ``signs``, one bit each."""
        return sum(1 << k for k, sign in enumerate(self.flat) if sign in signs)

    def __str__(self) -> str:
        return "\n".join(self.rows)


def rows_of(text: str) -> tuple[str, ...]:
    """Split a grid into rows of one length, without empty lines around it."""
    lines = check_text("text", text).strip("\r\n").splitlines() or [""]
    longest = max(map(len, lines))
    return tuple(line.ljust(longest) for line in lines)


def sokoban_faults(rows: tuple[str, ...]) -> list[str]:
    """Tell all that keeps a grid of signs from being a Sokoban level."""
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
        return ["rows: give at least one, all of one length"]
    flat, width = "".join(rows), len(rows[0])
    unknown = [k for k, sign in enumerate(flat) if sign not in SIGNS]
    if unknown:
        y, x = divmod(unknown[0], width)
        return [f"row {y}, column {x}: {flat[unknown[0]]!r} is none of {SIGNS!r}"]
    count = {sign: flat.count(sign) for sign in SIGNS}
    players, boxes = count["@"] + count["+"], count["$"] + count["*"]
    goals = count["."] + count["+"] + count["*"]
    faults = []
    if players != 1:
        faults.append(f"{players} players: give exactly one @ or +")
    if not boxes and not goals:
        faults.append("no box and no goal: there is nothing to do; give both")
    elif boxes != goals:
        faults.append(f"{boxes} boxes, {goals} goals: give as many of each")
    if players and leaks(rows):
        faults.append("the border is open: close it with # around all that is walked")
    return faults


def leaks(rows: tuple[str, ...]) -> bool:
    """Whether somebody who pushes everything aside could walk out of the grid."""
    flat, width, height = "".join(rows), len(rows[0]), len(rows)
    seen = {k for k, sign in enumerate(flat) if sign in "@+"}
    queue = list(seen)
    while queue:
        y, x = divmod(queue.pop(), width)
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= v < height and 0 <= u < width):
                return True
            if flat[v * width + u] != "#" and v * width + u not in seen:
                seen.add(v * width + u)
                queue.append(v * width + u)
    return False


def turned(grids: np.ndarray, way: int) -> np.ndarray:
    """Return grids (N, S, S) in one of eight positions: four turns, each mirrored.

    Raises:
        ValueError: ``way`` is not from 0 to 7, or the grids are no squares.
    """
    way = whole("way", way)
    if not 0 <= way < 8 or grids.ndim != 3 or grids.shape[1] != grids.shape[2]:
        raise ValueError(
            f"way={way}, grids {grids.shape}: give 0 to 7 and squares (N, S, S)"
        )
    grids = np.rot90(grids, way % 4, (1, 2))
    return grids[:, :, ::-1] if way >= 4 else grids
