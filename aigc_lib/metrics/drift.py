"""Has a stream left what it was? The stability index, and what chance alone gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from ..arguments import finite, whole
from ..arrays import array


def stability_index(expected: ArrayLike, observed: ArrayLike) -> float:
    """Population stability index of two histograms over the same bins, in nats.

    ``expected`` and ``observed``: (B,) counts. It is sum (q - p) ln(q / p) over the
    shares p and q, the divergences KL(q | p) + KL(p | q). Half an observation is added
    to every bin, so that an empty one leaves it finite.

    Source: Jeffreys 1946 (the divergence).

    Raises:
        ValueError: not (B,) and (B,) with B >= 2; counts below 0, not finite, or all 0.
    """
    p, q = (
        _counts(name, counts) + 0.5
        for name, counts in (("expected", expected), ("observed", observed))
    )
    if p.shape != q.shape:
        raise ValueError(
            f"expected has {len(p)} bins and observed {len(q)}: count both in the same"
        )
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def binned(reference: ArrayLike, values: ArrayLike, bins: int = 10) -> np.ndarray:
    """Count ``values`` (M,) in the bins that cut ``reference`` (N,) in equal parts.

    The outer bins reach to infinity. Of a reference with many equal values some bins
    fall together and are left out: the counts are (B,), B <= ``bins``.

    Raises:
        ValueError: not (N,) and (M,), NaN or infinity, fewer than ``bins`` reference
            values, ``bins`` < 2, or a reference of next to one value only.
    """
    reference = _numbers("reference", reference)
    values, bins = _numbers("values", values), whole("bins", bins, 2)
    if len(reference) < bins:
        raise ValueError(
            f"reference has {len(reference)} values for bins={bins}: give more, or "
            "take fewer bins"
        )
    steps = np.arange(1, bins) / bins
    edges = np.unique(np.quantile(reference, steps, method="inverted_cdf"))
    edges = edges[edges < reference.max()]  # each bin holds its upper edge
    if not len(edges):
        raise ValueError("reference is nearly all one value: there is nothing to cut")
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)


def stability_limit(bins: int, expected: int, observed: int, level: float) -> float:
    """What the stability index stays below with probability ``level`` if nothing moved.

    With ``bins`` bins, ``expected`` and ``observed`` observations it is near
    (1 / expected + 1 / observed) times a chi-square variable of bins - 1 degrees of
    freedom (Yurdakul and Naranjo 2020). It holds where a bin expects five or more.

    Raises:
        ValueError: ``bins`` < 2, a number of observations below 1, or ``level``
            outside (0, 1).
    """
    freedom = whole("bins", bins, 2) - 1
    level = finite("level", level, above=0, below=1)
    scale = 1 / whole("expected", expected, 1) + 1 / whole("observed", observed, 1)
    return float(scale * chi2.ppf(level, freedom))


def _numbers(name: str, values: ArrayLike) -> np.ndarray:
    values = array(name, values, float)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}: give (N,), N >= 1")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinity: fill or drop those")
    return values


def _counts(name: str, counts: ArrayLike) -> np.ndarray:
    counts = _numbers(name, counts)
    if len(counts) < 2 or counts.min() < 0 or not counts.sum():
        raise ValueError(
            f"{name} has {len(counts)} bins, the least {counts.min():g}: give counts "
            "of at least 2 bins, from 0 up, and not all 0"
        )
    return counts
