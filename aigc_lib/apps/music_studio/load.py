"""A load test that ends by itself: clients that ask, wait and fetch, locally."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import numpy as np
import psutil

from ...runtime import optional

POLL = 0.2  # seconds between looks at a job
EVERY = 1.0  # seconds between looks at the memory


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
    it was asked; ``memory`` are MiB of the process ``pid`` over time.
    """
    httpx = optional("httpx")
    until, lock = time.monotonic() + seconds, threading.Lock()
    whole: list[float] = []
    requests: list[float] = []
    errors: list[str] = []

    def client(number: int) -> None:
        dice = random.Random(number)
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=120) as http:

            def timed(method: str, path: str, **sent: Any) -> Any:
                begun = time.monotonic()
                answer = http.request(method, path, **sent).raise_for_status()
                with lock:
                    requests.append(time.monotonic() - begun)
                return answer

            while time.monotonic() < until:
                begun = time.monotonic()
                wish = {"kind": "compose", "bars": bars, "seed": dice.randrange(2**31)}
                try:
                    identity = timed("POST", "/api/jobs", json=wish).json()["id"]
                    _wait(timed, identity)
                    with lock:
                        whole.append(time.monotonic() - begun)
                    path = f"/api/pieces/{identity}/file.mid"
                    if not timed("GET", path).content.startswith(b"MThd"):
                        raise RuntimeError(f"{path} is no MIDI file")
                    timed("GET", "/api/pieces?most=24")
                except Exception as error:
                    with lock:
                        errors.append(f"{type(error).__name__}: {error}"[:200])
                    time.sleep(1.0)

    memory: list[int] = []
    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if pid is not None:
            memory.append(round(psutil.Process(pid).memory_info().rss / 2**20))
        time.sleep(EVERY)
    took = time.monotonic() - begun
    return {
        "clients": clients,
        "seconds": round(took, 1),
        "pieces": len(whole),
        "bars_a_second": round(len(whole) * bars / took, 3),
        "p50": _quantile(whole, 0.5),
        "p95": _quantile(whole, 0.95),
        "requests": len(requests),
        "request_p50": _quantile(requests, 0.5),
        "request_p95": _quantile(requests, 0.95),
        "errors": len(errors),
        "first_errors": errors[:3],
        "memory": memory,
    }


def _wait(timed: Any, identity: str) -> None:
    while (job := timed("GET", f"/api/jobs/{identity}").json())["state"] != "done":
        if job["state"] not in ("waiting", "running"):
            raise RuntimeError(f"a job is {job['state']}: {job['error']}")
        time.sleep(POLL)


def _quantile(values: list[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)), 3) if values else None
