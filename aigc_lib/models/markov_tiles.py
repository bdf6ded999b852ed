"""A Markov chain of tiles: the next one by its neighbours that are already there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ..arguments import whole

OUTSIDE = -1
LEFT_AND_ABOVE = ((0, -1), (-1, 0), (-1, -1))


class MarkovTiles:
    """Tiles of grids, each (H, W), row by row, each by its ``neighbours`` (dy, dx).

    They lie before it in reading order, the most telling first. A combination that was
    never seen is shortened from its end until it was (Snodgrass & Ontañón 2014).

    Raises:
        ValueError: no grids, or a neighbour that does not come before its tile.
    """

    def __init__(
        self,
        grids: Iterable[np.ndarray],
        neighbours: Sequence[tuple[int, int]] = LEFT_AND_ABOVE,
    ):
        grids = [np.asarray(grid) for grid in grids]
        if not grids:
            raise ValueError("grids is empty: give at least one")
        if bad := [grid.shape for grid in grids if grid.ndim != 2]:
            raise ValueError(f"grids hold one of shape {bad[0]}: give (H, W)")
        if late := [n for n in neighbours if not n < (0, 0)]:
            raise ValueError(f"neighbour {late[0]}: give those above or to the left")
        self.neighbours = tuple(neighbours)
        counts: list[dict] = [{} for _ in range(len(neighbours) + 1)]
        for grid in grids:
            for (y, x), tile in np.ndenumerate(grid):
                near = self._near(grid, y, x)
                for k in range(len(near) + 1):
                    counts[k].setdefault(near[:k], Counter())[int(tile)] += 1
        self.choices = [
            {c: (np.array([*n]), np.cumsum([*n.values()])) for c, n in table.items()}
            for table in counts
        ]

    def sample(self, n: int, shape: tuple[int, int], *, seed: int = 0) -> np.ndarray:
        """Write ``n`` grids of ``shape`` (H, W): (n, H, W) int64."""
        rng = np.random.default_rng(whole("seed", seed, 0))
        grids = np.full((whole("n", n, 1), *shape), OUTSIDE)
        for grid in grids:
            for y, x in np.ndindex(*shape):
                near = self._near(grid, y, x)
                while near not in self.choices[len(near)]:
                    near = near[:-1]
                tiles, ends = self.choices[len(near)][near]
                grid[y, x] = tiles[
                    np.searchsorted(ends, rng.random() * ends[-1], "right")
                ]
        return grids

    def _near(self, grid: np.ndarray, y: int, x: int) -> tuple[int, ...]:
        """The tiles of the neighbours, ``OUTSIDE`` beyond the edge."""
        height, width = grid.shape
        at = ((y + dy, x + dx) for dy, dx in self.neighbours)
        return tuple(
            int(grid[v, u]) if 0 <= v < height and 0 <= u < width else OUTSIDE
            for v, u in at
        )
