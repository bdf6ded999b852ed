"""A/B tests: how many visitors they need, what they find, and what follows."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from ..arguments import finite, whole
from .bandit import Counting


def sample_size(
    base: float,
    lift: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    comparisons: int = 1,
) -> int:
    """Visitors that **each** of two groups needs to find base -> base + ``lift``.

    For the two-sided test of two shares by the normal approximation. With several
    ``comparisons`` each gets ``alpha`` / comparisons (Bonferroni), so that all of them
    together err that often.

    Source: Fleiss, Levin and Paik 2003, equation 4.14, without continuity correction.

    Raises:
        ValueError: rates outside (0, 1), no lift, or a share outside (0, 1).
    """
    before, after = _rates(base, lift)
    alpha, power = _share("alpha", alpha), _share("power", power)
    z = norm.isf(alpha / whole("comparisons", comparisons, 1) / 2), norm.ppf(power)
    mean = (before + after) / 2
    spread = z[0] * math.sqrt(2 * mean * (1 - mean))
    spread += z[1] * math.sqrt(before * (1 - before) + after * (1 - after))
    return math.ceil((spread / lift) ** 2)


def power_of(
    base: float, lift: float, n: int, *, alpha: float = 0.05, comparisons: int = 1
) -> float:
    """The probability that a test of ``n`` visitors a group finds base -> base + lift.

    The inverse of ``sample_size``; the chance of an effect in the wrong direction is
    left out.

    Raises:
        ValueError: as ``sample_size``, or ``n`` < 1.
    """
    before, after = _rates(base, lift)
    alpha = _share("alpha", alpha) / whole("comparisons", comparisons, 1)
    mean = (before + after) / 2
    reach = abs(lift) * math.sqrt(whole("n", n, 1))
    reach -= norm.isf(alpha / 2) * math.sqrt(2 * mean * (1 - mean))
    return float(
        norm.cdf(reach / math.sqrt(before * (1 - before) + after * (1 - after)))
    )


def two_shares(hits: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Two-sided p-values of the test that two shares are equal, (..., 2) -> (...).

    Pooled, by the normal approximation; 1 where nobody or everybody was hit.

    Raises:
        ValueError: a group of nobody, or more hits than visitors.
    """
    hits, n = np.asarray(hits, float), np.asarray(n, float)
    if not ((n >= 1) & (hits >= 0) & (hits <= n)).all():
        raise ValueError(f"hits={hits}, n={n}: give 0 <= hits <= n, n >= 1")
    pooled = hits.sum(-1) / n.sum(-1)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n).sum(-1))
    gap = np.abs(np.diff(hits / n, axis=-1)[..., 0])
    z = np.divide(gap, error, out=np.zeros_like(gap), where=error > 0)
    return 2 * norm.sf(z)


class ABTest(Counting):
    """Shows every arm to ``each`` visitors in turn, decides once, and stays with it.

    The arm of the highest share wins if its test against arm ``control`` finds a
    difference at ``alpha`` / (arms - 1); else the control stays. With ``alpha`` None
    nothing is tested and the highest share wins. A policy as those of
    ``bandit``: the price of knowing is paid at the beginning.

    Raises:
        ValueError: ``each`` < 1, ``alpha`` outside (0, 1), or no such control.
    """

    def __init__(
        self,
        arms: int,
        each: int,
        *,
        alpha: float | None = 0.05,
        control: int = 0,
        **options,
    ):
        super().__init__(arms, **options)
        self.each = whole("each", each, 1)
        self.alpha = None if alpha is None else _share("alpha", alpha)
        self.control = whole("control", control, 0)
        if self.control >= arms:
            raise ValueError(f"control={control}: arms are 0 to {arms - 1}")
        self.decided = None

    def choose(self) -> np.ndarray:
        """One choice for each replication, (R,): in turn, then what was decided."""
        if self.decided is None and self.visitors >= self.each * self.tried.shape[1]:
            self.decided = self.verdict()
        if self.decided is not None:
            return self.decided
        return np.full(len(self.rows), self.visitors % self.tried.shape[1])

    def verdict(self) -> np.ndarray:
        """What the counts so far decide, (R,)."""
        best = super().winner()
        if self.alpha is None:
            return best
        pair = np.stack([np.full_like(best, self.control), best], 1)  # (R, 2)
        hits, n = (
            counts[self.rows[:, None], pair] for counts in (self.paid, self.tried)
        )
        p = two_shares(hits, np.maximum(n, 1))
        sure = p < self.alpha / (self.tried.shape[1] - 1)
        return np.where(sure, best, self.control)

    def winner(self) -> np.ndarray:
        """What was decided, or would be now, (R,)."""
        return self.verdict() if self.decided is None else self.decided


def _rates(base: float, lift: float) -> tuple[float, float]:
    base, lift = finite("base", base, above=0, below=1), finite("lift", lift)
    if not lift:
        raise ValueError("lift=0: no test finds what is not there")
    if not 0 < base + lift < 1:
        raise ValueError(f"lift={lift}: base + lift = {base + lift} is no rate")
    return base, base + lift


def _share(name: str, value: float) -> float:
    return finite(name, value, above=0, below=1)
