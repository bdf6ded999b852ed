"""A made-up stream of opinions: so many a day, and from one day on more bad ones.

The day is known, so that alarms can be timed. Real opinion has weekdays, rumours and
copies of copies; here are none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arguments import finite, whole

SENTIMENTS = ("负面", "中性", "正面")


@dataclass(frozen=True)
class OpinionStream:
    """How the stream runs.

    - The number of headlines a day is Poisson with mean ``per_day``.
    - On a quiet day their sentiments (negative, neutral, positive) have the shares
      ``shares``, which vary from day to day: Dirichlet with total ``steadiness``; the
      larger, the steadier.
    - From the onset on, the share ``shock`` of the other headlines turns negative.

    Raises:
        ValueError: a number out of range, or shares that do not add up to 1.
    """

    per_day: float = 20.0
    shares: tuple[float, float, float] = (0.2, 0.5, 0.3)
    steadiness: float = 100.0
    shock: float = 0.2

    def __post_init__(self):
        finite("per_day", self.per_day, above=0)
        finite("steadiness", self.steadiness, above=0)
        finite("shock", self.shock, least=0, most=1)
        if len(self.shares) != 3:
            raise ValueError(f"shares={self.shares}: give three numbers above 0")
        for share in self.shares:
            finite("shares", share, above=0)
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(
                f"shares={self.shares} add up to {sum(self.shares):g}, not 1"
            )

    def shares_after(self) -> np.ndarray:
        """The mean shares (3,) from the onset on."""
        return self._turned(np.array(self.shares))

    def counts(
        self, streams: int, days: int, onset: int | None, seed: int = 0
    ) -> np.ndarray:
        """Draw headlines of each sentiment, (streams, days, 3) whole numbers.

        Without an ``onset`` all days are quiet. The quiet days of the same seed are the
        same, whatever the onset.

        Raises:
            ValueError: fewer than 1 stream or day, or an onset beyond the last day.
        """
        streams, days = whole("streams", streams, 1), whole("days", days, 1)
        if onset is not None and whole("onset", onset, 0) >= days:
            raise ValueError(f"onset={onset}: there are only {days} days")
        generator = np.random.default_rng(whole("seed", seed, 0))
        alpha = self.steadiness * np.array(self.shares)
        shares = generator.dirichlet(alpha, (streams, days))
        if onset is not None:
            shares[:, onset:] = self._turned(shares[:, onset:])
        # Poisson counts of the kinds, given their shares, are independent
        return generator.poisson(self.per_day * shares)

    def _turned(self, shares: np.ndarray) -> np.ndarray:
        shares = shares * (1 - self.shock)
        shares[..., 0] += self.shock
        return shares
