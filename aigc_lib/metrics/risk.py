"""Value at risk and expected shortfall: from samples, and whether forecasts hold.

Everything here is in returns, not in losses: a value at risk of -0.03 at level 0.99
says that one day in a hundred the return lies below -3%; the expected shortfall is the
mean return of those days. Both are negative for what can lose.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlog1py, xlogy
from scipy.stats import chi2

from ..arguments import finite, whole
from ..arrays import array
from .series import finite_array


class Verdict(NamedTuple):
    """A statistic and the chance of one so large if the forecasts are right."""

    statistic: float
    p_value: float


def value_at_risk(samples: ArrayLike, level: float = 0.99) -> np.ndarray:
    """The return that is undercut with probability 1 - ``level``, per row (N, M).

    The smallest sample at or below which lies at least that share of the samples.

    Raises:
        ValueError: not (N, M) finite, ``level`` outside (0.5, 1).
    """
    x, share = _tail(samples, level)
    return x[:, int(np.ceil(share - 1e-9)) - 1]


def expected_shortfall(samples: ArrayLike, level: float = 0.99) -> np.ndarray:
    """The mean of the worst share 1 - ``level`` of the samples, per row (N, M).

    Where that is no whole number of samples, the last one counts in part (Acerbi and
    Tasche 2002, definition 2.6): so the mean is exact for the empirical distribution.

    Raises:
        ValueError: as ``value_at_risk``.
    """
    x, share = _tail(samples, level)
    counted = np.clip(share - np.arange(x.shape[1]), 0, 1)
    return x @ counted / share


def kupiec(hits: ArrayLike, level: float = 0.99) -> Verdict:
    """Is the share of days below the value at risk 1 - ``level``? (Kupiec 1995)

    ``hits`` (T,) are True where the return fell below it. A likelihood ratio with one
    degree of freedom; it says nothing of when the hits come.

    Raises:
        ValueError: no hits of True and False, ``level`` outside (0.5, 1).
    """
    hit = _hits(hits)
    p, n, k = 1 - _level(level), len(hit), int(hit.sum())
    return _ratio(_log_likelihood(k, n, p), _log_likelihood(k, n, k / n), 1)


def christoffersen(hits: ArrayLike, level: float = 0.99) -> dict[str, Verdict]:
    """Do the hits come one by one, at the right rate? (Christoffersen 1998)

    ``independence``: is a hit as likely after a hit as after none (one degree of
    freedom); ``coverage``: the joint test with Kupiec's (two), over the days that have
    a day before. Where no hit follows a hit the first has little power.

    Raises:
        ValueError: as ``kupiec``; fewer than 2 days.
    """
    hit = _hits(hits)
    if len(hit) < 2:
        raise ValueError(f"hits has {len(hit)} days: give at least 2")
    before, now = hit[:-1], hit[1:]
    p, n, k = 1 - _level(level), len(now), int(now.sum())
    apart = 0.0  # log-likelihood with a rate of its own after each kind of day
    for state in (False, True):
        days = now[before == state]
        if len(days):
            apart += _log_likelihood(int(days.sum()), len(days), days.mean())
    return {
        "independence": _ratio(_log_likelihood(k, n, k / n), apart, 1),
        "coverage": _ratio(_log_likelihood(k, n, p), apart, 2),
    }


def shortfall_test(
    returns: ArrayLike,
    var: ArrayLike,
    shortfall: ArrayLike,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Verdict:
    """Are the days below the value at risk worse than the expected shortfall said?

    Their distances (return - shortfall) / -shortfall have mean zero if it is right; the
    one-sided p-value that they are below comes from a bootstrap of the centred
    distances (McNeil and Frey 2000, section 3.2, there divided by the volatility). The
    statistic is minus their mean over its standard error. Given the same hits it does
    not judge the value at risk: a forecast that is hit too often may pass.

    Raises:
        ValueError: shapes that do not fit (T,), values not finite, a shortfall not
            below 0 or above the value at risk, fewer than 2 hits.
    """
    y, v, e = _forecasts(returns, var, shortfall)
    hit = y < v
    if hit.sum() < 2:
        raise ValueError(
            f"{int(hit.sum())} of {len(y)} returns lie below the value at risk: the "
            "test needs at least 2"
        )
    distance = (y - e)[hit] / -e[hit]
    n = len(distance)
    generator = np.random.default_rng(whole("seed", seed, 0))
    size = (whole("resamples", resamples, 1), n)
    drawn = generator.choice(distance - distance.mean(), size)
    observed = _studentised(distance[None])[0]
    # at least as low, with the observed one counted among them: never exactly 0
    low = int((_studentised(drawn) <= observed).sum())
    return Verdict(float(-observed), (1 + low) / (1 + len(drawn)))


def shortfall_score(
    returns: ArrayLike, var: ArrayLike, shortfall: ArrayLike, level: float = 0.99
) -> np.ndarray:
    """A loss that the true pair of value at risk and shortfall makes least, (T,).

    For comparing forecasts: a test only says which is wrong. No score of the shortfall
    alone exists; this one of both does not depend on the unit of the returns but for a
    constant (Fissler and Ziegel 2016; "FZ0" of Patton, Ziegel and Chen 2019).

    Raises:
        ValueError: as ``shortfall_test``, hits apart; ``level`` outside (0.5, 1).
    """
    y, v, e = _forecasts(returns, var, shortfall)
    p = 1 - _level(level)
    return -np.where(y <= v, v - y, 0) / (p * e) + v / e + np.log(-e) - 1


# ---- shared --------------------------------------------------------------------------


def _studentised(rows: np.ndarray) -> np.ndarray:
    """Mean over standard error of each row (R, n); infinite for a row of one value."""
    error = rows.std(1, ddof=1) / np.sqrt(rows.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(rows.mean(1) / error, nan=0, posinf=np.inf, neginf=-np.inf)


def _log_likelihood(k: int, n: int, p: float) -> float:
    return float(xlogy(k, p) + xlog1py(n - k, -p))


def _ratio(null: float, free: float, degrees: int) -> Verdict:
    statistic = max(0.0, 2 * (free - null))
    return Verdict(statistic, float(chi2.sf(statistic, degrees)))


def _level(level: float) -> float:
    return finite("level", level, above=0.5, below=1)


def _hits(hits: ArrayLike) -> np.ndarray:
    hit = array("hits", hits)
    if hit.ndim != 1 or not len(hit) or not np.isin(hit, (0, 1)).all():
        raise ValueError(
            f"hits has shape {hit.shape}: give (T,) of True and False, such as "
            "returns < value_at_risk"
        )
    return hit.astype(bool)


def _tail(samples: ArrayLike, level: float) -> tuple[np.ndarray, float]:
    """Return the sorted samples (N, M), and how many of the M lie in the tail."""
    x = finite_array("samples", samples)
    if x.ndim != 2:
        raise ValueError(
            f"samples has shape {x.shape}: give (N, M), M for each forecast"
        )
    return np.sort(x, axis=1), (1 - _level(level)) * x.shape[1]


def _forecasts(
    returns: ArrayLike, var: ArrayLike, shortfall: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y = finite_array("returns", returns)
    v, e = finite_array("var", var), finite_array("shortfall", shortfall)
    if y.ndim != 1 or y.shape != v.shape or y.shape != e.shape:
        raise ValueError(
            f"returns {y.shape}, var {v.shape}, shortfall {e.shape}: give three (T,)"
        )
    if (e >= 0).any() or (e > v).any():
        raise ValueError(
            f"shortfall up to {e.max():.4g}, above var on {int((e > v).sum())} days: "
            "give returns, below 0 and at most the value at risk"
        )
    return y, v, e
