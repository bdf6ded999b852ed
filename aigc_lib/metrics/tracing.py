"""How well the answers of learners are said beforehand: AUC, over learners."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ..arguments import at_least, finite, whole
from ..arrays import array
from .intervals import Gain


def auc(right: ArrayLike, chances: ArrayLike) -> float:
    """The probability that a right answer was given a higher chance than a wrong one.

    ``right`` (M,) of 0 and 1, ``chances`` (M,) any numbers; equal ones count half
    (Mann and Whitney 1947).

    Raises:
        ValueError: other shapes, NaN, or answers that are all alike.
    """
    right, chances = _checked(right, chances)
    ranks, n = rankdata(chances), int(right.sum())
    above = ranks[right == 1].sum() - n * (n + 1) / 2
    return float(above / (n * (len(right) - n)))


def auc_interval(
    right: ArrayLike,
    chances: ArrayLike,
    learner: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the AUC over learners.

    ``learner`` (M,) says whose each answer is. Learners are drawn, with all their
    answers: those of one learner are no independent cases.

    Raises:
        ValueError: as ``auc``, or fewer than two learners.
    """
    drawn = _drawn([chances], right, learner, level, resamples, seed)[:, 0]
    return _bounds(drawn, level)


def auc_gain(
    right: ArrayLike,
    new: ArrayLike,
    old: ArrayLike,
    learner: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Gain:
    """AUC of ``new`` minus that of ``old`` on the same answers, paired over learners.

    Raises:
        ValueError: as ``auc_interval``.
    """
    drawn = _drawn([new, old], right, learner, level, resamples, seed)
    mean = auc(right, new) - auc(right, old)
    return Gain(mean, *_bounds(drawn[:, 0] - drawn[:, 1], level))


def _drawn(
    chances: Sequence[ArrayLike],
    right: ArrayLike,
    learner: ArrayLike,
    level: float,
    resamples: int,
    seed: int,
) -> np.ndarray:
    """AUCs (resamples, kinds) of learners drawn with replacement.

    A learner drawn twice weighs twice: the AUC is computed from weights on the sorted
    answers, so nothing is copied.
    """
    finite("level", level, above=0, below=1)
    at_least(2, resamples=resamples)
    names, owner = np.unique(array("learner", learner), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"learner has {len(names)} name: an interval needs two")
    rng = np.random.default_rng(whole("seed", seed, 0))
    found = np.empty((resamples, len(chances)))
    draws = [
        np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        for _ in range(resamples)
    ]
    for kind, values in enumerate(chances):
        y, x = _checked(right, values)
        if len(owner) != len(x):
            raise ValueError(
                f"learner {len(owner)} for {len(x)} answers: give one each"
            )
        order = np.argsort(x, kind="stable")
        y, who = y[order], owner[order]
        ends = np.flatnonzero(np.diff(x[order], append=np.inf))  # of equal chances
        for i, times in enumerate(draws):
            weight = times[who].astype(float)
            positive = np.diff(np.cumsum(weight * y)[ends], prepend=0)
            negative = np.diff(np.cumsum(weight * (1 - y))[ends], prepend=0)
            below = np.cumsum(negative) - negative / 2
            total = positive.sum() * negative.sum()
            found[i, kind] = (positive * below).sum() / total if total else np.nan
    if np.isnan(found).any():
        raise ValueError("right: a draw of learners has answers all alike, take more")
    return found


def _bounds(drawn: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _checked(right: ArrayLike, chances: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y, x = array("right", right, float), array("chances", chances, float)
    if y.ndim != 1 or y.shape != x.shape:
        raise ValueError(
            f"right {y.shape}, chances {x.shape}: give one number for each answer"
        )
    if not np.isin(y, (0, 1)).all():
        raise ValueError("right has other values than 0 and 1: give 0 and 1")
    if not np.isfinite(x).all():
        raise ValueError("chances holds NaN or infinity: see where they come from")
    if not len(y) or y.min() == y.max():
        raise ValueError(f"right: {len(y)} answers, all alike: AUC needs both kinds")
    return y, x
