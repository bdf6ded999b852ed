"""Many clients at once, for the load tests of the projects."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import psutil

from ..runtime import optional

EVERY = 1.0  # seconds between looks at the memory
PATIENCE = 120.0  # seconds for one request
TIRED = 1.0  # seconds before a client that met an error comes again

Visit = Callable[[Any, random.Random], Iterable[tuple[str, float]]]


class Met(NamedTuple):
    """What a crowd met: all values of one name, and MiB of memory over time."""

    seconds: float
    values: dict[str, list[float]]
    errors: list[str]
    memory: list[int]

    def row(self) -> dict[str, Any]:
        """What every load test tells."""
        return {
            "seconds": round(self.seconds, 1),
            "errors": len(self.errors),
            "first_errors": self.errors[:3],
            "memory": self.memory,
        }

    def quantiles(self, name: str, prefix: str = "") -> dict[str, float | None]:
        """The median and the 95% quantile of the values of one name."""
        values = self.values[name]
        shares = {"p50": 0.5, "p95": 0.95}
        return {f"{prefix}{key}": quantile(values, p) for key, p in shares.items()}


def crowd(
    url: str,
    key: str,
    visit: Visit,
    *,
    clients: int,
    seconds: float,
    pid: int | None = None,
) -> Met:
    """Let ``clients`` visit a server again and again for some seconds.

    ``visit(http, dice)`` is one visit, with an ``httpx.Client`` that shows the ``key``
    and dice of the client's own; it yields names with values as it goes. An error ends
    the visit, is noted, and the client comes again. ``pid`` is the process whose memory
    is watched, with its children.
    """
    until, lock = time.monotonic() + seconds, threading.Lock()
    met = Met(0.0, defaultdict(list), [], [])

    def client(number: int) -> None:
        dice = random.Random(number)
        with caller(url, key) as http:
            while time.monotonic() < until:
                try:
                    for name, value in visit(http, dice):
                        with lock:
                            met.values[name].append(value)
                except Exception as error:
                    met.errors.append(f"{type(error).__name__}: {error}"[:200])
                    time.sleep(TIRED)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if pid is not None:
            met.memory.append(_resident(pid))
        for thread in threads:
            thread.join(EVERY / clients)
    return met._replace(seconds=time.monotonic() - begun)


def caller(url: str, key: str) -> Any:
    """An ``httpx.Client`` that shows the key, and asks no proxy for this machine."""
    headers = {"Authorization": f"Bearer {key}"}
    return optional("httpx").Client(
        base_url=url, headers=headers, timeout=PATIENCE, trust_env=False
    )


def quantile(values: list[float], share: float) -> float | None:
    """The value below which the ``share`` of all lie, or None where there is none."""
    if len(values) < 2:
        return round(values[0], 3) if values else None
    return round(statistics.quantiles(values, n=100)[round(100 * share) - 1], 3)


def _resident(pid: int) -> int:
    one = psutil.Process(pid)
    every = [one, *one.children(recursive=True)]
    return round(sum(p.memory_info().rss for p in every) / 2**20)
