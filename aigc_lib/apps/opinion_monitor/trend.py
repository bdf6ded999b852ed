"""Trends and alarms: what the counts of days say. No state but the counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from ...decisions.alarm import CUSUM
from ...metrics.intervals import proportion_interval
from .store import Day

BASELINE = 14  # days with headlines that say what is usual
RUN_LENGTH = 100.0  # quiet days to a false alarm, for each topic


class Point(NamedTuple):
    """The share of bad headlines of one day, its 95% interval, and the CUSUM."""

    day: date
    n: int
    share: float
    low: float
    high: float
    cusum: float
    alarm: bool


def watched(
    days: Sequence[Day], *, run_length: float = RUN_LENGTH
) -> list[tuple[float, bool]]:
    """Return for each day with headlines how high the CUSUM stands, and if it rings.

    The first ``BASELINE`` of them say what share is usual, p. From then on each day is
    standardised as the share of n headlines would vary by chance, p taken from m
    headlines: z = (share - p) / sqrt(p (1 - p) (1 / n + 1 / m)), and a CUSUM rings. Its
    threshold is that of normal days. Days that vary more than by chance ring more
    often; days without headlines change nothing.

    Raises:
        ValueError: a ``run_length`` that ``CUSUM.for_run_length`` refuses.
    """
    usual = days[:BASELINE]
    m, bad = sum(day.n for day in usual), sum(day.negative for day in usual)
    p = (bad + 1) / (m + 2)  # never 0 or 1
    alarm, found = CUSUM.for_run_length(run_length), []
    for k, day in enumerate(days):
        ringing = False
        if k >= BASELINE:
            error = math.sqrt(p * (1 - p) * (1 / day.n + 1 / m))
            ringing = alarm.observe((day.negative / day.n - p) / error)
        # what an alarm saw, not the 0 that it goes on from
        found.append((alarm.threshold if ringing else alarm.value, ringing))
    return found


def trend(
    days: Sequence[Day], *, last: int | None = None, run_length: float = RUN_LENGTH
) -> list[Point]:
    """Return one point for each day with headlines, or for the ``last`` of them."""
    points, found = [], watched(days, run_length=run_length)
    for day, seen in list(zip(days, found, strict=True))[-(last or 0) :]:
        low, high = proportion_interval(day.negative, day.n)
        points.append(Point(day.day, day.n, day.negative / day.n, low, high, *seen))
    return points


def alarms(days: Sequence[Day], *, run_length: float = RUN_LENGTH) -> list[Day]:
    """The days on which the alarm rang."""
    seen = watched(days, run_length=run_length)
    return [day for day, (_, ringing) in zip(days, seen, strict=True) if ringing]
