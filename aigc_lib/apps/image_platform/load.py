"""A load test that ends by itself: clients that ask, wait and fetch, locally."""

from __future__ import annotations

import random
import statistics
import threading
import time
from typing import Any

import psutil

from ...runtime import optional

POLL = 0.1  # seconds between looks at a job
EVERY = 5.0  # seconds between looks at the memory


def load(
    url: str, key: str, *, clients: int, seconds: float, pid: int | None = None
) -> dict[str, Any]:
    """Let ``clients`` ask for pictures for some seconds; returns what they met.

    Each asks for one to four pictures, waits for them, fetches them, looks at its
    gallery, and asks again. ``p50`` and ``p95`` are seconds from the request to the
    last picture, ``page_p95`` those of a look at the gallery; ``memory`` are MiB of the
    process ``pid`` and its children over time.
    """
    httpx = optional("httpx")
    until, lock = time.monotonic() + seconds, threading.Lock()
    whole: list[float] = []
    pages: list[float] = []
    errors: list[str] = []
    made = 0

    def client(number: int) -> None:
        nonlocal made
        dice = random.Random(number)
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=120) as http:
            known = [m for m in http.get("/api/models").json() if m["classes"]]
            while time.monotonic() < until:
                model = dice.choice(known)
                asked = {
                    "model": model["id"],
                    "label": dice.choice(model["classes"]),
                    "n": dice.randint(1, 4),
                    "seed": dice.randrange(2**31),
                }
                start = time.monotonic()
                try:
                    n = once(http, asked)
                    took = time.monotonic() - start
                    begun = time.monotonic()
                    http.get("/api/pictures").raise_for_status()
                    with lock:
                        made += n
                        whole.append(took)
                        pages.append(time.monotonic() - begun)
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
            memory.append(resident(pid))
        for thread in threads:
            thread.join(EVERY / len(threads))
    took = time.monotonic() - begun
    return {
        "clients": clients,
        "seconds": round(took, 1),
        "requests": len(whole),
        "pictures": made,
        "pictures_a_second": round(made / took, 3),
        "p50": quantile(whole, 0.5),
        "p95": quantile(whole, 0.95),
        "page_p95": quantile(pages, 0.95),
        "errors": len(errors),
        "first_errors": errors[:3],
        "memory": memory,
    }


def once(http: Any, asked: dict[str, Any]) -> int:
    """Ask for pictures, wait for them and fetch each; returns how many came."""
    answer = http.post("/api/pictures", json=asked)
    answer.raise_for_status()
    while True:
        job = http.get(answer.json()["url"]).raise_for_status().json()
        if job["state"] == "done":
            break
        if job["state"] not in ("waiting", "running"):
            raise RuntimeError(f"a job is {job['state']}: {job['error']}")
        time.sleep(POLL)
    for picture in job["pictures"]:
        data = http.get(picture["url"]).raise_for_status().content
        if not data.startswith(b"\x89PNG"):
            raise RuntimeError(f"{picture['url']} is no PNG")
    if len(job["pictures"]) != asked["n"]:
        raise RuntimeError(f"{len(job['pictures'])} pictures instead of {asked['n']}")
    return len(job["pictures"])


def resident(pid: int) -> int:
    """MiB of memory of a process and its children."""
    one = psutil.Process(pid)
    every = [one, *one.children(recursive=True)]
    return round(sum(p.memory_info().rss for p in every) / 2**20)


def quantile(values: list[float], share: float) -> float | None:
    """The value below which the ``share`` of all lie, or None where there is none."""
    if len(values) < 2:
        return round(values[0], 3) if values else None
    return round(statistics.quantiles(values, n=100)[round(100 * share) - 1], 3)
