"""Seconds of training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Seconds of training; ``stopped`` leaves out what is not training."""

    def __init__(self, seconds: float = 0.0):
        self.start = time.perf_counter() - seconds

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @contextmanager
    def stopped(self) -> Iterator[None]:
        before = time.perf_counter()
        yield
        self.start += time.perf_counter() - before
