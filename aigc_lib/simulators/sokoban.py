"""Sokoban: the rules, and a solver that says solved, unsolvable or gave up.

A level is a grid of the signs of ``SIGNS``, rows from top to bottom, walls around it.
Sets of squares are whole numbers, one bit a square: a step to all neighbours is four
shifts, whatever the number of squares (Junghanns & Schaeffer 2001 name the parts:
pushes as moves, dead squares, assignment bound, frozen boxes).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..arguments import whole
from ..codecs.levels import SokobanLevel

FAR = 1_000_000  # no way to a goal
MOVES = "udlr"


@dataclass(frozen=True)
class Verdict:
    """What the solver found: ``answer`` is "solved", "unsolvable" or "gave up".

    ``pushes`` are (square of the box, direction) in order, fewest possible when solved;
    ``nodes`` counts the positions looked at.
    """

    answer: str
    pushes: tuple[tuple[int, str], ...] = ()
    nodes: int = 0

    @property
    def solved(self) -> bool:
        """Whether every box came to a goal."""
        return self.answer == "solved"


class Room:
    """Walls and goals as bits, and what they say of the places of boxes.

    ``walls`` and ``goals`` are sets of squares of a grid of ``width`` x ``height``;
    walls lie all around what is asked about.
    """

    def __init__(self, walls: int, goals: int, width: int, height: int):
        self.walls, self.goals = walls, goals
        self.width, self.squares = width, width * height
        self.steps = dict(zip(MOVES, (-width, width, -1, 1), strict=True))
        self.floor = ~walls & ((1 << self.squares) - 1)

    def reach(self, player: int, boxes: int) -> int:
        """Return the squares that the player can walk to, itself one of them."""
        free, width, old = self.floor & ~boxes, self.width, 0
        while player != old:
            old = player
            player |= (old << 1 | old >> 1 | old << width | old >> width) & free
        return player

    @cached_property
    def distances(self) -> np.ndarray:
        """Pushes from every square to every goal on the empty floor, else ``FAR``.

        (squares, goals) int64: found by pulling a box from the goal.
        """
        found = np.full((self.squares, self.goals.bit_count()), FAR)
        for k, goal in enumerate(bits(self.goals)):
            found[goal, k] = 0
            queue = deque([goal] if self.floor >> goal & 1 else [])
            while queue:
                square = queue.popleft()
                for step in self.steps.values():
                    from_, stand = square - step, square - 2 * step
                    if not self.floor >> from_ & 1 or found[from_, k] < FAR:
                        continue
                    if stand >= 0 and self.floor >> stand & 1:
                        found[from_, k] = found[square, k] + 1
                        queue.append(from_)
        return found

    @cached_property
    def alive(self) -> int:
        """The squares from which a box can come to some goal."""
        near = (self.distances < FAR).any(1)
        return sum(1 << int(square) for square in np.flatnonzero(near))

    def pushable(self, reach: int, boxes: int, step: int) -> int:
        """The boxes that somebody within ``reach`` can push by ``step``, alive."""
        return boxes & shifted(reach, step) & shifted(self.alive & ~boxes, -step)

    def homes(self, boxes: int) -> tuple[int, tuple[int, ...]]:
        """Give each box a goal of its own, for the fewest pushes on the empty floor.

        Returns these pushes, a lower bound of what it takes, and the squares of the
        boxes in the order of their goals (the assignment problem, Kuhn 1955).
        """
        squares = list(bits(boxes))
        cost = self.distances[squares]
        rows, columns = linear_sum_assignment(cost)
        at = {int(goal): squares[box] for box, goal in zip(rows, columns, strict=True)}
        return int(cost[rows, columns].sum()), tuple(at[k] for k in sorted(at))

    def starts(self, goal: int) -> dict[int, int]:
        """Return from where a lone box comes to the square ``goal``, and with whom.

        By the square of the box: the squares of the player from which it can be done,
        found by pulling. Other boxes can only be in the way, so that a level in which
        some box has no goal of its own with the player there has no solution.
        """
        found, todo = {goal: self.floor & ~(1 << goal)}, []
        left = found[goal]
        while left:  # whoever pushes it there stands on one of its sides
            region = self.reach(lowest(left), 1 << goal)
            left &= ~region
            todo.append((goal, region))
        seen = {(goal, lowest(region)) for _, region in todo}
        while todo:
            square, region = todo.pop()
            for step in self.steps.values():
                before, stand = square - step, square - 2 * step
                if not region >> before & 1 or not self.floor >> stand & 1:
                    continue
                there = self.reach(1 << stand, 1 << before)
                if (before, lowest(there)) not in seen:
                    seen.add((before, lowest(there)))
                    found[before] = found.get(before, 0) | there
                    todo.append((before, there))
        return found

    def bound(self, boxes: int) -> int:
        """Return a lower bound of the pushes; ``FAR`` or more where there is no way."""
        cost = self.distances[list(bits(boxes))]
        return int(cost[linear_sum_assignment(cost)].sum())

    def stuck(self, box: int, boxes: int) -> bool:
        """Whether a 2 x 2 square with ``box`` can never move, one box beside a goal."""
        full, loose, width = self.walls | boxes, boxes & ~self.goals, self.width
        for corner in (box, box >> 1, box >> width, box >> width + 1):
            square = corner | corner << 1 | corner << width | corner << width + 1
            if not square & ~full and square & loose:
                return True
        return False


class Sokoban(Room):
    """One level to be played and solved."""

    def __init__(self, level: SokobanLevel):
        walls, goals = level.mask("#"), level.mask(".*+")
        super().__init__(walls, goals, level.width, level.height)
        self.level = level
        self.boxes, self.player = level.mask("$*"), level.mask("@+")
        self.floor = self.reach(self.player, 0)  # what lies outside is never entered

    # ---- the rules -------------------------------------------------------------------

    def play(self, moves: str) -> tuple[int, int]:
        """Return player and boxes after ``moves``, letters of ``MOVES``.

        A step against a wall, or against a box that cannot move, does nothing.

        Raises:
            ValueError: another letter.
        """
        player, boxes = self.player, self.boxes
        for move in moves:
            if move not in self.steps:
                raise ValueError(f"move {move!r}: give letters of {MOVES!r}")
            step = self.steps[move]
            to = shifted(player, step)
            if to & boxes:
                beyond = shifted(to, step)
                if not beyond & self.floor & ~boxes:
                    continue
                boxes ^= to | beyond
            if to & self.floor:
                player = to
        return player, boxes

    def walk(self, player: int, to: int, boxes: int) -> str:
        """Return the shortest walk to the square ``to``."""
        free, queue, seen = self.floor & ~boxes, deque([(player, "")]), player
        while queue:
            here, path = queue.popleft()
            if here == to:
                return path
            for letter, step in self.steps.items():
                there = shifted(here, step) & free & ~seen
                if there:
                    seen |= there
                    queue.append((there, path + letter))
        raise ValueError(f"to={to.bit_length() - 1}: no walk there")

    def moves(self, pushes: Sequence[tuple[int, str]]) -> str:
        """Write pushes as the player's moves, with the walks between them."""
        player, boxes, path = self.player, self.boxes, ""
        for square, letter in pushes:
            box, step = 1 << square, self.steps[letter]
            path += self.walk(player, shifted(box, -step), boxes) + letter
            player, boxes = box, boxes ^ (box | shifted(box, step))
        return path

    # ---- search ----------------------------------------------------------------------

    def solve(self, limit: int = 50_000) -> Verdict:
        """Find the fewest pushes by A*, looking at no more than ``limit`` positions.

        Raises:
            ValueError: ``limit`` below 1.
        """
        limit = whole("limit", limit, 1)
        start = (self.boxes, lowest(self.reach(self.player, self.boxes)))
        bounds = {self.boxes: self.bound(self.boxes)}
        if bounds[self.boxes] >= FAR:
            return Verdict("unsolvable", nodes=1)
        came: dict[tuple[int, int], tuple] = {start: (0, None, None)}
        heap, closed = [(bounds[self.boxes], 0, *start)], set()
        while heap:
            _, cost, boxes, player = heapq.heappop(heap)
            cost, here = -cost, (boxes, player)
            if here in closed:
                continue
            closed.add(here)
            if boxes == self.goals:
                return Verdict("solved", path_to(here, came), len(closed))
            if len(closed) >= limit:
                return Verdict("gave up", nodes=len(closed))
            reach = self.reach(player, boxes)
            for letter, step in self.steps.items():
                for square in bits(self.pushable(reach, boxes, step)):
                    box = 1 << square
                    to = shifted(box, step)
                    after = boxes ^ (box | to)
                    if after not in bounds:
                        dead = self.stuck(to, after)
                        bounds[after] = FAR if dead else self.bound(after)
                    if bounds[after] >= FAR:
                        continue
                    there = (after, lowest(self.reach(box, after)))
                    if there not in came or came[there][0] > cost + 1:
                        came[there] = (cost + 1, here, (square, letter))
                        total = cost + 1 + bounds[after]
                        heapq.heappush(heap, (total, -cost - 1, *there))
        return Verdict("unsolvable", nodes=len(closed))


def shifted(squares: int, step: int) -> int:
    """Move every square by ``step`` places."""
    return squares << step if step > 0 else squares >> -step


def lowest(squares: int) -> int:
    """The first square of a set."""
    return squares & -squares


def bits(squares: int) -> Iterator[int]:
    """The numbers of the squares, ascending."""
    while squares:
        one = squares & -squares
        yield one.bit_length() - 1
        squares ^= one


def path_to(state: tuple[int, int], came: dict) -> tuple[tuple[int, str], ...]:
    """Follow the search back from ``state`` to the start."""
    pushes = []
    while came[state][1] is not None:
        _, state, push = came[state]
        pushes.append(push)
    return tuple(reversed(pushes))


def solve(level: SokobanLevel, limit: int = 50_000) -> Verdict:
    """Solve one level; see ``Sokoban.solve``."""
    return Sokoban(level).solve(limit)
