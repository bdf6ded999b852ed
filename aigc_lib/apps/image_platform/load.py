"""A load test that ends by itself: clients that ask, wait and fetch, locally."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

from ..crowd import caller, crowd

POLL = 0.1  # seconds between looks at a job


def load(
    url: str, key: str, *, clients: int, seconds: float, pid: int | None = None
) -> dict[str, Any]:
    """Let ``clients`` ask for pictures for some seconds; returns what they met.

    Each asks for one to four pictures, waits for them, fetches them, looks at its
    gallery, and asks again. ``p50`` and ``p95`` are seconds from the request to the
    last picture, ``page_p95`` those of a look at the gallery; ``memory`` are MiB of the
    process ``pid`` and its children over time.
    """
    with caller(url, key) as http:
        models = http.get("/api/models").raise_for_status().json()
    known = [model for model in models if model["classes"]]

    def visit(http: Any, dice: random.Random) -> Iterator[tuple[str, float]]:
        model = dice.choice(known)
        asked = {
            "model": model["id"],
            "label": dice.choice(model["classes"]),
            "n": dice.randint(1, 4),
            "seed": dice.randrange(2**31),
        }
        begun = time.monotonic()
        n = once(http, asked)
        took = time.monotonic() - begun
        begun = time.monotonic()
        http.get("/api/pictures").raise_for_status()
        yield "page", time.monotonic() - begun
        yield "whole", took
        yield "pictures", n

    met = crowd(url, key, visit, clients=clients, seconds=seconds, pid=pid)
    pictures = sum(met.values["pictures"])
    return {
        "clients": clients,
        "requests": len(met.values["whole"]),
        "pictures": pictures,
        "pictures_a_second": round(pictures / met.seconds, 3),
        **met.quantiles("whole"),
        "page_p95": met.quantiles("page")["p95"],
        **met.row(),
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
