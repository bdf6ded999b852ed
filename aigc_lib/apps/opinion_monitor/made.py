"""The made-up stream: companies that do not exist, shocks on days that are known."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from ...data import load
from ...simulators.opinion import SENTIMENTS, OpinionStream
from .headlines import Headline

FIRST = date(2025, 1, 1)
HISTORY = 60  # days that come at once
STRIDE = 100_000  # positions of a day
EVERY, LASTS = 45, 12  # days between two shocks, and of one
WORLD = OpinionStream(per_day=8)


class MadeFeed:
    """Days of headlines without end, ``HISTORY`` at once and then one in ``pause`` s.

    On every topic ``WORLD.per_day`` a day. From day 30 on, every ``EVERY`` days, one
    topic after the other has a shock of ``LASTS`` days: ``shock`` names them. The same
    ``seed`` makes the same stream, so that it goes on after a restart where it stood.
    The wordings are those of the test split, which the classifiers have not met.
    """

    def __init__(self, *, pause: float = 5.0, seed: int = 0):
        self.pause, self.seed = pause, seed
        self.name = f"made:{seed}"
        self._due = time.monotonic() + pause  # when the next day may come

    @cached_property
    def pools(self) -> dict[tuple[str, str], list[str]]:
        """The wordings of each topic and sentiment."""
        test = load("finance_headlines", split="test")
        pools: dict[tuple[str, str], list[str]] = {}
        for text, facts in zip(test.texts, test.facts, strict=True):
            pools.setdefault((facts["topic"], facts["sentiment"]), []).append(text)
        return pools

    @cached_property
    def topics(self) -> list[str]:
        """The topics, in the order of their shocks."""
        return sorted({topic for topic, _ in self.pools})

    def shock(self, day: int) -> str | None:
        """The topic that has a shock on day 0, 1, ..., if any."""
        turn, since = divmod(day - 30, EVERY)
        return (
            self.topics[turn % len(self.topics)]
            if turn >= 0 and since < LASTS
            else None
        )

    def day(self, k: int) -> list[Headline]:
        """The headlines of day ``k``, the same at every call."""
        generator = np.random.default_rng([self.seed, k])
        shares = np.array(WORLD.shares), WORLD.shares_after()
        found = []
        for topic in self.topics:
            mean = shares[topic == self.shock(k)]
            drawn = generator.dirichlet(WORLD.steadiness * mean)
            counts = generator.poisson(WORLD.per_day * drawn)
            for sentiment, n in zip(SENTIMENTS, counts, strict=True):
                found += list(generator.choice(self.pools[topic, sentiment], n))
        when = FIRST + timedelta(days=k)
        order = generator.permutation(len(found))
        return [
            Headline(str(found[i]), "made up", when, f"{self.name}:{k}:{place}")
            for place, i in enumerate(order)
        ]

    def after(self, position: int) -> Iterator[tuple[Headline | None, int]]:
        """Yield what is out by now behind ``position``, a day and a place in it."""
        k, place = divmod(position, STRIDE)
        while True:
            headlines = self.day(k)
            if place == 0 and k >= HISTORY:
                if time.monotonic() < self._due:
                    return
                self._due = time.monotonic() + self.pause
            for number, headline in enumerate(headlines[place:], place + 1):
                yield headline, k * STRIDE + number
            k, place = k + 1, 0
