"""A made-up public whose taste drifts, and follows what it is shown.

For asking what fresh data are worth, and what a model does to the data that it learns
from. Nobody's real taste moves on a sphere.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from ..arguments import finite, whole


class DriftingTaste:
    """A taste, a unit vector (D,), that turns by ``speed`` radians each period.

    Items are standard normal (N, D); an item x is liked with probability
    sigmoid(``sharpness`` taste . x). ``step`` goes to the next period: the taste turns
    in a random direction, and then the share ``feedback`` of the way to the mean
    direction of the items that were shown. ``taste`` is the truth, ``period`` counts.

    So, without feedback: the cosine between tastes k periods apart is cos(speed)^k on
    average, and exactly for k = 1; who sorts by the sign of an old taste errs, where
    likes are sharp, in the share angle / π of the cases.

    Raises:
        ValueError: fewer than 2 dimensions or a number out of range.
    """

    def __init__(
        self,
        dimensions: int = 8,
        *,
        speed: float = 0.1,
        feedback: float = 0.0,
        sharpness: float = 4.0,
        seed: int = 0,
    ):
        self.dimensions = whole("dimensions", dimensions, 2)
        self.speed = finite("speed", speed, least=0, most=math.pi)
        self.feedback = finite("feedback", feedback, least=0, most=1)
        self.sharpness = finite("sharpness", sharpness, above=0)
        self._generator = np.random.default_rng(whole("seed", seed, 0))
        self.taste = _unit(self._generator.standard_normal(self.dimensions))
        self.period = 0

    def items(self, n: int) -> np.ndarray:
        """Draw ``n`` new items (n, D)."""
        return self._generator.standard_normal((whole("n", n, 1), self.dimensions))

    def probability(self, items: ArrayLike) -> np.ndarray:
        """The true chance that each item is liked now, (N,).

        Raises:
            ValueError: not (N, D), or values that are not finite.
        """
        return expit(self.sharpness * (self._checked(items) @ self.taste))

    def likes(self, items: ArrayLike) -> np.ndarray:
        """Ask the public: draw 1 or 0 for each item, (N,).

        Raises:
            ValueError: as ``probability``.
        """
        chance = self.probability(items)
        return (self._generator.random(len(chance)) < chance).astype(int)

    def step(self, shown: ArrayLike | None = None) -> None:
        """Go to the next period, after these items (N, D) were shown.

        Raises:
            ValueError: as ``probability``.
        """
        direction = self._generator.standard_normal(self.dimensions)
        across = _unit(direction - direction @ self.taste * self.taste)
        turned = math.cos(self.speed) * self.taste + math.sin(self.speed) * across
        if shown is not None and self.feedback:
            mean = self._checked(shown).mean(0)
            if length := np.linalg.norm(mean):
                towards = (1 - self.feedback) * turned + self.feedback * mean / length
                if np.linalg.norm(towards) > 1e-12:  # opposite ways may cancel out
                    turned = towards
        self.taste = _unit(turned)
        self.period += 1

    def _checked(self, items: ArrayLike) -> np.ndarray:
        x = np.asarray(items, float)
        if x.ndim != 2 or x.shape[1] != self.dimensions or not len(x):
            raise ValueError(
                f"items has shape {x.shape}: give (N, {self.dimensions}), N >= 1"
            )
        if not np.isfinite(x).all():
            raise ValueError("items holds NaN or infinity: leave those out")
        return x


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x)
