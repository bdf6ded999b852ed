"""A load test that ends by itself: clients that ask, wait and fetch, locally."""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterator
from typing import Any

from ..crowd import crowd

POLL = 0.2  # seconds between looks at a job


def load(
    url: str,
    key: str,
    *,
    clients: int,
    seconds: float,
    bars: int = 4,
    pid: int | None = None,
) -> dict[str, Any]:
    """Let ``clients`` ask for pieces for some seconds; returns what they met.

    Each asks for a piece of ``bars``, waits for it, fetches it as MIDI, looks at its
    gallery, and asks again. ``p50`` and ``p95`` are seconds from the wish to the piece,
    ``request_p50`` and ``request_p95`` those of a single answer of the server, whatever
    it was asked; ``memory`` are MiB of the process ``pid`` and its children over time.
    """

    def visit(http: Any, dice: random.Random) -> Iterator[tuple[str, float]]:
        begun = time.monotonic()
        wish = {"kind": "compose", "bars": bars, "seed": dice.randrange(2**31)}
        asked = yield from _timed(http, "POST", "/api/jobs", json=wish)
        identity = asked.json()["id"]
        yield from _waited(http, identity)
        yield "whole", time.monotonic() - begun
        path = f"/api/pieces/{identity}/file.mid"
        piece = yield from _timed(http, "GET", path)
        if not piece.content.startswith(b"MThd"):
            raise RuntimeError(f"{path} is no MIDI file")
        yield from _timed(http, "GET", "/api/pieces?most=24")

    met = crowd(url, key, visit, clients=clients, seconds=seconds, pid=pid)
    pieces = len(met.values["whole"])
    return {
        "clients": clients,
        "pieces": pieces,
        "bars_a_second": round(pieces * bars / met.seconds, 3),
        **met.quantiles("whole"),
        "requests": len(met.values["request"]),
        **met.quantiles("request", "request_"),
        **met.row(),
    }


def _timed(
    http: Any, method: str, path: str, **sent: Any
) -> Generator[tuple[str, float], None, Any]:
    begun = time.monotonic()
    answer = http.request(method, path, **sent).raise_for_status()
    yield "request", time.monotonic() - begun
    return answer


def _waited(http: Any, identity: str) -> Iterator[tuple[str, float]]:
    while True:
        asked = yield from _timed(http, "GET", f"/api/jobs/{identity}")
        job = asked.json()
        if job["state"] == "done":
            return
        if job["state"] not in ("waiting", "running"):
            raise RuntimeError(f"a job is {job['state']}: {job['error']}")
        time.sleep(POLL)
