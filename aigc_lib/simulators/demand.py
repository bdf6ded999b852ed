"""A made-up shop whose demand is known as a distribution, not only as what was sold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import nbinom

from ..arguments import finite, whole

WEEK = (0.85, 0.85, 0.85, 0.95, 1.15, 1.5, 0.85)  # Monday to Sunday, mean 1


@dataclass(frozen=True)
class Sales:
    """``demand``, its ``mean`` and ``promotion`` (0, 1), each (N, T); ``spread`` (N,).

    The demand of a day is negative binomial with that mean and the variance mean +
    spread mean².
    """

    demand: np.ndarray
    mean: np.ndarray
    promotion: np.ndarray
    spread: np.ndarray

    def quantile(self, level: float) -> np.ndarray:
        """Return the smallest number that is enough with probability ``level``, (N, T).

        Raises:
            ValueError: ``level`` outside (0, 1).
        """
        shape = 1 / self.spread[:, None]
        level = finite("level", level, above=0, below=1)
        return nbinom.ppf(level, shape, shape / (shape + self.mean))


@dataclass(frozen=True)
class Shop:
    """Items that sell by the weekday, the season and promotions, unevenly.

    The mean of an item drawn around ``mean`` goes with the weekday, up and down by
    ``season`` of it in a year, times ``uplift`` on days of promotion, which come in
    weeks, one in ``1 / promoted``. ``shared`` is the deviation of ln of a factor that
    moves all items of a day together, such as the weather; it is not in the mean.

    Raises:
        ValueError: a number out of range.
    """

    mean: float = 4.0
    season: float = 0.2
    uplift: float = 2.5
    promoted: float = 0.2
    spread: float = 0.3
    shared: float = 0.0

    def __post_init__(self):
        for name in ("mean", "uplift", "spread"):
            finite(name, getattr(self, name), above=0)
        finite("season", self.season, least=0, below=1)
        finite("promoted", self.promoted, least=0, most=1)
        finite("shared", self.shared, least=0)

    def simulate(self, items: int, days: int, seed: int = 0) -> Sales:
        """Draw ``days`` days of ``items`` items, the first a Monday.

        Raises:
            ValueError: numbers below 1, or a negative seed.
        """
        items, days = whole("items", items, 1), whole("days", days, 1)
        generator = np.random.default_rng(whole("seed", seed, 0))
        level = self.mean * np.exp(generator.normal(-0.18, 0.6, items))  # mean 1
        phase = generator.uniform(0, 2 * np.pi, items)
        weeks = -(-days // 7)
        flags = generator.random((items, weeks)) < self.promoted
        promotion = np.repeat(flags, 7, axis=1)[:, :days].astype(float)
        day = np.arange(days)
        year = 1 + self.season * np.sin(2 * np.pi * day / 365.25 + phase[:, None])
        mean = level[:, None] * np.array(WEEK)[day % 7] * year
        mean = mean * np.where(promotion > 0, self.uplift, 1.0)
        spread = self.spread * np.exp(generator.normal(0, 0.3, items))
        return Sales(self.draw(mean, spread, generator), mean, promotion, spread)

    def draw(
        self, mean: np.ndarray, spread: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """Draw the demand of days with these means (..., N, T) and spreads (N,)."""
        weather = generator.normal(0, 1, (*mean.shape[:-2], 1, mean.shape[-1]))
        weather = np.exp(self.shared * weather - self.shared**2 / 2)
        shape = 1 / spread[:, None]
        chance = shape / (shape + mean * weather)
        return generator.negative_binomial(
            np.broadcast_to(shape, chance.shape), chance
        ).astype(float)
