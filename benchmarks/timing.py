"""Times that can be compared: what is timed takes turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def timed_turns(calls: dict[str, Callable], turns: int) -> dict[str, list[float]]:
    """Return the seconds of each call in each turn; one turn more warms up."""
    seconds = {name: [] for name in calls}
    for turn in range(turns + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(some: list[float], base: list[float]) -> dict[str, float]:
    """Return the median, least and greatest of some / base, turn by turn."""
    found = [a / b for a, b in zip(some, base, strict=True)]
    return {
        "ratio": statistics.median(found),
        "ratio_min": min(found),
        "ratio_max": max(found),
    }
