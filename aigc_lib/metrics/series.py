"""Series and forecasts of them: stylised facts, and scores of whole distributions.

Scores are losses: lower is better. They are proper: on average none is lower than
that of the true distribution (Gneiting and Raftery 2007).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist
from scipy.stats import kurtosis, norm, skew

from ..arguments import finite, whole
from ..arrays import array


def autocorrelation(x: ArrayLike, lags: int = 20) -> np.ndarray:
    """Correlation of ``x`` (T,) with itself 1 ... ``lags`` steps before, (lags,).

    Or of windows (R, T), each pair within one window.

    Sums of products over the sum of squares, as in Box and Jenkins: |.| < 1.96/√T is
    what independent values give 95 times in 100.

    Raises:
        ValueError: another shape, values not finite or all the same, or no more of
            them than ``lags``.
    """
    return _lagged(_series("x", x, lags), None, lags)


def leverage(returns: ArrayLike, lags: int = 20) -> np.ndarray:
    """Correlation of a return with the square 1 ... ``lags`` steps later, (lags,).

    Negative where a fall makes the time after it restless (Cont 2001, section 5).

    Raises:
        ValueError: as ``autocorrelation``.
    """
    r = _series("returns", returns, lags)
    return _lagged(r, _series("returns**2", r**2, lags), lags)


def stylised_facts(returns: ArrayLike, lags: int = 20) -> dict[str, float]:
    """The facts that nearly all series of returns (T,) share (Cont 2001), as numbers.

    Or those of windows (R, T), taken together.

    ``excess_kurtosis`` is 0 for a normal; ``acf_returns`` and ``acf_squares`` are the
    mean autocorrelation of returns and of their squares over ``lags`` lags: near 0 and
    clearly positive in markets; ``leverage`` is the mean of ``leverage``.

    Raises:
        ValueError: as ``autocorrelation``.
    """
    r = _series("returns", returns, lags)
    return {
        "mean": float(r.mean()),
        "std": float(r.std()),
        "skewness": float(skew(r, None)),
        "excess_kurtosis": float(kurtosis(r, None)),
        "acf_returns": float(autocorrelation(r, lags).mean()),
        "acf_squares": float(autocorrelation(r**2, lags).mean()),
        "leverage": float(leverage(r, lags).mean()),
    }


def pinball(quantiles: ArrayLike, outcomes: ArrayLike, level: float) -> np.ndarray:
    """The loss that the ``level`` quantile of the truth makes least, as the inputs.

    ``level`` (q - y)^+ turned: ``level`` for each unit that the outcome lies above the
    quantile, 1 - ``level`` for each below (Koenker and Bassett 1978).

    Raises:
        ValueError: shapes that do not fit, values not finite, ``level`` not in (0, 1).
    """
    level = finite("level", level, above=0, below=1)
    q, y = alike(quantiles=quantiles, outcomes=outcomes)
    return np.where(y >= q, level * (y - q), (1 - level) * (q - y))


def crps(samples: ArrayLike, outcomes: ArrayLike) -> np.ndarray:
    """Continuous ranked probability score of forecasts given as samples, (N,).

    ``samples`` (N, M) with M >= 2, ``outcomes`` (N,), in the units of the outcome. For
    one sure number it would be the absolute error. Unbiased for M samples of a
    distribution: E|X - y| - E|X - X'| / 2, the second mean over pairs of different
    samples (Gneiting and Raftery 2007, equation 21; Ferro 2014).

    Raises:
        ValueError: shapes that do not fit, or values that are not finite.
    """
    x, y = _forecasts(samples, outcomes, 2)
    m = x.shape[1]
    ordered = np.sort(x, axis=1)
    weights = 2 * np.arange(1, m + 1) - m - 1  # a sorted sample's share in all |x - x'|
    apart = ordered @ weights / (m * (m - 1))
    return np.abs(x - y[:, None]).mean(1) - apart


def crps_normal(mean: ArrayLike, std: ArrayLike, outcomes: ArrayLike) -> np.ndarray:
    """The same score of a normal distribution, in closed form.

    Source: Gneiting and Raftery 2007, after equation 20.

    Raises:
        ValueError: shapes that do not fit, values not finite, ``std`` not above 0.
    """
    m, s, y = alike(mean=mean, std=std, outcomes=outcomes)
    if (s <= 0).any():
        raise ValueError(f"std has {s.min():.4g}: give deviations above 0")
    z = (y - m) / s
    return s * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))


def energy_score(samples: ArrayLike, outcomes: ArrayLike) -> np.ndarray:
    """CRPS for several values at once: E‖X - y‖ - E‖X - X'‖ / 2, (N,).

    ``samples`` (N, M, D), ``outcomes`` (N, D): D columns, or steps of a path. Put them
    to one scale before: the norm adds them. Takes time for N M² D numbers.
    Source: Gneiting and Raftery 2007, equation 22.

    Raises:
        ValueError: shapes that do not fit, or values that are not finite.
    """
    x, y = _forecasts(samples, outcomes, 3)
    error = np.linalg.norm(x - y[:, None], axis=2).mean(1)
    return error - np.array([pdist(one).mean() for one in x]) / 2


# ---- checks --------------------------------------------------------------------------


def _lagged(x: np.ndarray, later: np.ndarray | None, lags: int) -> np.ndarray:
    a = x - x.mean()
    b = a if later is None else later - later.mean()
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    found = [(a[..., :-k] * b[..., k:]).sum() for k in range(1, lags + 1)]
    return np.array(found) / scale


def _series(name: str, values: ArrayLike, lags: int) -> np.ndarray:
    x = finite_array(name, values)
    lags = whole("lags", lags, 1)
    if x.ndim not in (1, 2) or x.shape[-1] <= lags:
        raise ValueError(
            f"{name} has shape {x.shape}: give series longer than lags={lags}"
        )
    if np.ptp(x) == 0:
        raise ValueError(f"{name} is constant, {x.flat[0]}: it correlates with nothing")
    return x


def finite_array(name: str, values: ArrayLike) -> np.ndarray:
    """Return ``values`` as float64.

    Raises:
        ValueError: empty, no numbers, NaN or infinity.
    """
    x = array(name, values, np.float64)
    if not x.size:
        raise ValueError(f"{name} is empty: give at least one value")
    if bad := int((~np.isfinite(x)).sum()):
        raise ValueError(
            f"{name} holds NaN or infinity in {bad} of {x.size} values: see where they "
            "come from, or drop those rows"
        )
    return x


def alike(**arrays: ArrayLike) -> list[np.ndarray]:
    """Return arrays of numbers in one shape, by NumPy's rules.

    Raises:
        ValueError: no such shape; as ``finite_array``.
    """
    found = {name: finite_array(name, values) for name, values in arrays.items()}
    try:
        return list(np.broadcast_arrays(*found.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {x.shape}" for name, x in found.items())
        raise ValueError(f"{shapes}: give arrays of one shape") from None


def _forecasts(
    samples: ArrayLike, outcomes: ArrayLike, dimensions: int
) -> tuple[np.ndarray, np.ndarray]:
    x, y = finite_array("samples", samples), finite_array("outcomes", outcomes)
    wanted = "(N, M)" if dimensions == 2 else "(N, M, D)"
    fits = x.ndim == dimensions and y.shape == (x.shape[0], *x.shape[2:])
    if not fits or x.shape[1] < 2:
        raise ValueError(
            f"samples {x.shape}, outcomes {y.shape}: give {wanted} with M >= 2, and "
            f"{wanted.replace('M, ', '').replace(', M', ',')}"
        )
    return x, y
