"""A made-up market: volatility that clusters, falls that bring unrest, and jumps.

No real price follows it. It is for asking whether a method finds a tail risk that is
known here and nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, poisson

from ..arguments import finite, whole

HALVINGS = 50  # of the interval that holds a quantile
BURN_IN = 1_000  # days that are forgotten, so that the first one kept is like any other


@dataclass(frozen=True)
class Path:
    """What happened on T days: ``returns``, the ``volatility`` known the day before
    (jumps apart) and the sum of the ``jumps`` of the day, each (T,)."""

    returns: np.ndarray
    volatility: np.ndarray
    jumps: np.ndarray


@dataclass(frozen=True)
class Market:
    """Daily returns r = ``mean`` + s z + jumps, z standard normal, all independent.

    - The variance s² of tomorrow is ``omega`` + (``alpha`` + ``gamma`` [z < 0]) s² z²
      + ``beta`` s² (Glosten, Jagannathan and Runkle 1993); ``gamma`` > 0 makes falls
      more disturbing than rises. Jumps do not change it.
    - The number of jumps a day is Poisson with mean ``jump_rate``; each is normal with
      ``jump_mean`` and ``jump_std`` (Merton 1976).

    The defaults are those of a restless commodity in percent: 2% a day on average, a
    jump about every two months.

    Raises:
        ValueError: a number out of range, or a variance that is not stationary:
            ``alpha`` + ``gamma`` / 2 + ``beta`` must lie below 1.
    """

    mean: float = 0.02
    omega: float = 0.08
    alpha: float = 0.05
    gamma: float = 0.06
    beta: float = 0.9
    jump_rate: float = 1 / 40
    jump_mean: float = -1.0
    jump_std: float = 4.0

    def __post_init__(self):
        for name in ("mean", "jump_mean"):
            finite(name, getattr(self, name))
        finite("omega", self.omega, above=0)
        for name in ("alpha", "gamma", "beta", "jump_rate", "jump_std"):
            finite(name, getattr(self, name), least=0)
        if self.persistence >= 1:
            raise ValueError(
                f"alpha={self.alpha}, gamma={self.gamma}, beta={self.beta}: alpha + "
                "gamma / 2 + beta must be below 1, or the variance grows for ever"
            )

    @property
    def persistence(self) -> float:
        """The share of a disturbance of the variance that is left a day later."""
        return self.alpha + self.gamma / 2 + self.beta

    @property
    def variance(self) -> float:
        """The variance of a return of which nothing is known, jumps included."""
        jumps = self.jump_rate * (self.jump_mean**2 + self.jump_std**2)
        return self.omega / (1 - self.persistence) + jumps

    def simulate(self, days: int, seed: int = 0) -> Path:
        """Draw ``days`` days; the same seed gives the same days.

        Raises:
            ValueError: ``days`` < 1 or a negative seed.
        """
        days = whole("days", days, 1)
        generator = np.random.default_rng(whole("seed", seed, 0))
        z = generator.standard_normal(BURN_IN + days)
        jumps = self._jumps(generator, BURN_IN + days)
        growth = self._growth(z).tolist()
        s2 = np.empty(BURN_IN + days)
        now = self.omega / (1 - self.persistence)
        for t, factor in enumerate(growth):
            s2[t] = now
            now = self.omega + factor * now
        s = np.sqrt(s2)
        returns = self.mean + s * z + jumps
        return Path(returns[BURN_IN:], s[BURN_IN:], jumps[BURN_IN:])

    def follow(self, volatility: ArrayLike, days: int, seed: int = 0) -> np.ndarray:
        """Draw the returns (N, days) that may come, given today's ``volatility`` (N,).

        Raises:
            ValueError: a volatility that is not (N,) above 0, ``days`` < 1 or a
                negative seed.
        """
        s = np.asarray(volatility, float)
        if s.ndim != 1 or not ((s > 0) & (s < np.inf)).all():
            raise ValueError(f"volatility has shape {s.shape}: give (N,) above 0")
        generator = np.random.default_rng(whole("seed", seed, 0))
        made = np.empty((len(s), whole("days", days, 1)))
        for day in made.T:  # a view: written in place
            z = generator.standard_normal(len(s))
            day[:] = self.mean + s * z + self._jumps(generator, len(s))
            s = np.sqrt(self.omega + self._growth(z) * s**2)
        return made

    def probability(self, returns: ArrayLike, volatility: ArrayLike) -> np.ndarray:
        """The chance of a return at most this large, given today's volatility.

        Exact: a mixture of normals, one for each number of jumps.

        Raises:
            ValueError: a volatility that is not above 0, or a return that is NaN.
        """
        x, s = np.broadcast_arrays(
            np.asarray(returns, float), np.asarray(volatility, float)
        )
        if np.isnan(x).any():
            raise ValueError("returns holds NaN: drop those days")
        return sum(p * norm.cdf(x, m, d) for p, m, d in self._parts(s))

    def value_at_risk(self, volatility: ArrayLike, level: float = 0.99) -> np.ndarray:
        """The return that is undercut with probability 1 - ``level``.

        Of the shape of ``volatility``: where ``probability`` is that, by halving.

        Raises:
            ValueError: a volatility that is not above 0, ``level`` outside (0.5, 1).
        """
        share = 1 - finite("level", level, above=0.5, below=1)
        return self.quantile(share, volatility)

    def quantile(self, share: float, volatility: ArrayLike) -> np.ndarray:
        """The return that is undercut with probability ``share``, as ``value_at_risk``.

        Raises:
            ValueError: a volatility that is not above 0, ``share`` outside (0, 1).
        """
        share = finite("share", share, above=0, below=1)
        s = np.asarray(volatility, float)
        # the quantile of a mixture lies between those of its parts
        ends = [m + norm.ppf(share) * d for _, m, d in self._parts(s)]
        low, high = np.min(ends, 0), np.max(ends, 0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = self.probability(middle, s) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2

    def expected_shortfall(
        self, volatility: ArrayLike, level: float = 0.99
    ) -> np.ndarray:
        """The mean of the returns below the value at risk, in closed form.

        Raises:
            ValueError: as ``value_at_risk``.
        """
        s, v = np.asarray(volatility, float), self.value_at_risk(volatility, level)
        # of a normal, E[x; x < v] = m P(z < k) - d phi(k) with k = (v - m) / d
        below = sum(
            p * (m * norm.cdf(v, m, d) - d * norm.pdf((v - m) / d))
            for p, m, d in self._parts(s)
        )
        return below / (1 - level)

    def _jumps(self, generator: np.random.Generator, n: int) -> np.ndarray:
        count = generator.poisson(self.jump_rate, n)
        size = generator.standard_normal(n)
        return count * self.jump_mean + np.sqrt(count) * self.jump_std * size

    def _growth(self, z: np.ndarray) -> np.ndarray:
        """What of today's variance is in tomorrow's, ``omega`` apart."""
        return (self.alpha + self.gamma * (z < 0)) * z**2 + self.beta

    def _parts(self, s: np.ndarray) -> list[tuple[float, np.ndarray, np.ndarray]]:
        """Chance, mean and deviation of a return with 0, 1, 2 ... jumps."""
        if not ((s > 0) & (s < np.inf)).all():
            raise ValueError(
                f"volatility from {s.min()} to {s.max()}: give finite numbers above 0"
            )
        most = int(poisson.ppf(1 - 1e-13, self.jump_rate)) if self.jump_rate else 0
        chances = poisson.pmf(np.arange(most + 1), self.jump_rate)
        return [
            (
                float(p),
                self.mean + k * self.jump_mean + 0 * s,
                np.sqrt(s**2 + k * self.jump_std**2),
            )
            for k, p in enumerate(chances / math.fsum(chances))
        ]
