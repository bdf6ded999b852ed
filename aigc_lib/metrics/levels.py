"""Levels compared: how far from those that were learned, how different, what range."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import array
from ..codecs.levels import turned
from .series import finite_array


def grids_of(levels: Sequence[Sequence[str]]) -> np.ndarray:
    """Turn rows of signs into code points, (N, H, W) uint8.

    Raises:
        ValueError: no levels, of different sizes, or a sign above 255.
    """
    sizes = {(len(rows), *{len(row) for row in rows}) for rows in levels}
    if len(sizes) != 1 or len(next(iter(sizes))) != 2:
        raise ValueError(f"levels have sizes {sorted(sizes)}: give some, all of one")
    found = np.array([[[ord(sign) for sign in row] for row in rows] for rows in levels])
    if found.size and found.max() > 255:
        raise ValueError(
            f"levels hold {chr(found.max())!r}: give signs of ASCII or Latin-1"
        )
    return found.astype(np.uint8)


def nearest(made: np.ndarray, known: np.ndarray, *, apart: bool = False) -> np.ndarray:
    """How many squares of each grid (N, S, S) differ from the most alike of ``known``.

    The edit distance of grids of one size, least over eight positions of those that
    are known. ``apart`` leaves out the pair k, k: for how near a set is to itself.
    (N,) int64.

    Raises:
        ValueError: no grids, or of two sizes.
    """
    made, known = _grids("made", made), _grids("known", known)
    if made.shape[1:] != known.shape[1:]:
        raise ValueError(f"made is {made.shape}, known {known.shape}: give one size")
    signs = np.unique(np.concatenate([made.ravel(), known.ravel()]))
    size = made[0].size

    def marked(grids: np.ndarray) -> np.ndarray:
        hot = grids.reshape(len(grids), -1, 1) == signs
        return hot.reshape(len(grids), -1).astype(np.float32)

    best, rows = np.zeros(len(made), np.float32), marked(made)
    for way in range(8):
        for at in range(0, len(known), 4_000):
            part = marked(turned(known, way)[at : at + 4_000])
            alike = rows @ part.T
            if apart:
                k = np.arange(at, min(at + len(part), len(made)))
                alike[k, k - at] = 0
            best = np.maximum(best, alike.max(1))
    return (size - best).astype(np.int64)


def spread(made: np.ndarray) -> float:
    """The mean share of squares in which two of the grids (N, S, S) differ.

    Raises:
        ValueError: fewer than two grids.
    """
    made = _grids("made", made, 2)
    flat, n = made.reshape(len(made), -1), len(made)
    same = 0.0
    for sign in np.unique(flat):
        counts = (flat == sign).sum(0, dtype=np.float64)
        same += (counts * (counts - 1)).sum()
    return 1 - same / (n * (n - 1) * flat.shape[1])


def expressive_range(
    made: np.ndarray, real: np.ndarray, edges: Sequence[Sequence[float]]
) -> dict[str, float]:
    """Compare where two sets of levels lie in the plane of two figures, (N, 2) each.

    ``edges`` are the borders of the boxes along each figure (Smith & Whitehead 2010).
    "overlap" is the share of levels that lie alike, 1 less the total variation
    distance; "reached" the share of the real ones whose box some made level is in.

    Raises:
        ValueError: other shapes, or figures that are not finite.
    """
    made, real = finite_array("made", made), finite_array("real", real)
    for name, rows in (("made", made), ("real", real)):
        if rows.ndim != 2 or rows.shape[1] != 2:
            raise ValueError(f"{name} has shape {rows.shape}: give (N, 2)")
    ends = [np.r_[-np.inf, list(e), np.inf] for e in edges]
    table = [np.histogram2d(*rows.T, bins=ends)[0] for rows in (made, real)]
    shares = [t / t.sum() for t in table]
    return {
        "overlap": float(np.minimum(*shares).sum()),
        "reached": float(shares[1][table[0] > 0].sum()),
    }


def _grids(name: str, grids: ArrayLike, least: int = 1) -> np.ndarray:
    grids = array(name, grids)
    if grids.ndim != 3 or len(grids) < least or not grids.size:
        raise ValueError(
            f"{name} has shape {grids.shape}: give (N, S, S), N >= {least}"
        )
    return grids
