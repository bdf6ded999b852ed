"""Platform levels: how far somebody who walks and jumps can come."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..codecs.levels import BadLevel, rows_of

SOLID, OPEN = "XSQ?<>[]Bb", "-oE"
JUMP = 5  # tiles upwards: with 4 one of the fifteen real levels cannot be crossed


def platform_faults(rows: Sequence[str]) -> list[str]:
    """Tell what keeps a grid of signs from being a platform level."""
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
        return ["rows: give at least one, all of one length"]
    for y, row in enumerate(rows):
        for x, sign in enumerate(row):
            if sign not in SOLID + OPEN:
                return [f"row {y}, column {x}: {sign!r} is none of {SOLID + OPEN!r}"]
    faults = []
    for name, column in (("left", 0), ("right", len(rows[0]) - 1)):
        if not standing(rows, column):
            faults.append(f"nowhere to stand in the {name} column: give it ground")
    return faults


def standing(rows: Sequence[str], x: int) -> list[int]:
    """The rows of column ``x``, lowest first, where somebody can stand."""
    free = [y for y in range(len(rows) - 1) if rows[y][x] in OPEN]
    return [y for y in reversed(free) if rows[y + 1][x] in SOLID]


def farthest(text: str, jump: int = JUMP) -> tuple[bool, int, int]:
    """Return whether the right end can be reached, how far one comes, the jumps.

    One stands on the lowest ground of the first column. A step goes to the left or
    right; a jump rises up to ``jump`` tiles and then falls, and may move one column
    with each tile of height. Enemies are passed through: this is about the ground.
    The search goes by fewest jumps, and the answer is the column and its jumps.

    Raises:
        BadLevel: signs of another game, or no ground at an end: no start, no exit.
    """
    rows = rows_of(text)
    if faults := platform_faults(rows):
        raise BadLevel(faults)
    height, width = len(rows), len(rows[0])

    def free(y: int, x: int) -> bool:
        return 0 <= x < width and (y < 0 or rows[y][x] in OPEN)

    start = (standing(rows, 0)[0], 0, 0)  # row, column, how much of the rise is left
    queue, fewest = deque([(start, 0)]), {start: 0}
    best = (0, 0)
    while queue:
        (y, x, rise), jumps = queue.popleft()
        if jumps > fewest[y, x, rise]:
            continue
        ground = y + 1 < height and y >= -1 and rows[y + 1][x] in SOLID
        if ground and not rise and x > best[0]:
            best = (x, jumps)
        if ground and not rise:
            after = [((y, x + 1, 0), 0), ((y, x - 1, 0), 0), ((y, x, jump), 1)]
        elif rise:
            after = [((y - 1, x + dx, rise - 1), 0) for dx in (-1, 0, 1)]
            after.append(((y, x, 0), 0))  # let go, or a ceiling
        else:
            after = [((y + 1, x + dx, 0), 0) for dx in (-1, 0, 1)]
        for (v, u, left), cost in after:
            if v >= height or v < -jump or not free(v, u):
                continue
            if v != y and not (free(y, u) or free(v, x)):  # between two corners
                continue
            there = (v, u, left)
            if jumps + cost < fewest.get(there, 1 << 30):
                fewest[there] = jumps + cost
                (queue.append if cost else queue.appendleft)((there, jumps + cost))
    return best[0] == width - 1, *best
