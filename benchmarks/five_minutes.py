"""Sixteen clients for five minutes, at each of the four services: errors and memory.

Every service is started by its command with an empty folder and SQLite, trains what it
needs, and then meets its own kind of client: one who wants pictures, asks a question,
wants a piece, or posts headlines and looks at the trend. The clients run in a process
of the same machine. ``SECONDS=20`` is a quick try; ``ONLY=service_desk`` one service.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import psutil

from aigc_lib.apps.accounts import Accounts
from aigc_lib.apps.database import engine
from aigc_lib.apps.image_platform.load import load as pictures
from aigc_lib.apps.music_studio.load import load as pieces
from aigc_lib.apps.service_desk.knowledge import shop
from aigc_lib.apps.service_desk.load import load as answers
from aigc_lib.data import load as load_data
from benchmarks.record import kept, record
from benchmarks.servers import free_ports

NAME = "five_minutes"
CLIENTS = 16
SECONDS = float(os.environ.get("SECONDS", 300))
PATIENCE = 600  # seconds until what a first start trains is there
EVERY = 5  # seconds between two looks at the memory
LIMITS = ("--most-a-minute=100000", "--most-an-hour=100000", "--most-messages=100000")
WORDS = {"service_desk": LIMITS, "opinion_monitor": ("--feed=none",)}
SERVICES = ("image_platform", "service_desk", "music_studio", "opinion_monitor")


class Running(NamedTuple):
    """A service that is ready: its address, a key, its process, how long it took.

    ``page_after`` and ``ready_after`` are seconds after the command.
    """

    address: str
    key: str
    pid: int
    page_after: float
    ready_after: float


def ready(http: httpx.Client, service: str) -> bool:
    """Whether what a first start trains is there."""
    if service == "image_platform":
        return any(model["classes"] for model in http.get("/api/models").json())
    if service == "music_studio":
        return http.get("/api/state").json()["model"]["ready"]
    return http.get("/health").json()["ready"]


def shows(http: httpx.Client) -> bool:
    """Whether there is a page, be it of the login."""
    answer = http.get("/", headers={"accept": "text/html"}, follow_redirects=True)
    return answer.status_code == 200


@contextlib.contextmanager
def running(service: str) -> Iterator[Running]:
    """Lend a service that began in an empty folder and is ready."""
    with tempfile.TemporaryDirectory() as folder:
        (port,) = free_ports(1)
        url, log = f"sqlite:///{folder}/data.sqlite", Path(folder, "log")
        command = [sys.executable, "-m", f"aigc_lib.apps.{service}"]
        place = [f"--folder={folder}", f"--url={url}", f"--port={port}"]
        words = [*command, *place, *WORDS.get(service, ())]
        begun = time.monotonic()
        with log.open("w") as told:
            process = subprocess.Popen(words, stdout=told, stderr=told)

        def wait(for_what: Callable[[], bool]) -> float:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if for_what():
                        return time.monotonic() - begun
                late = time.monotonic() > begun + PATIENCE
                if process.poll() is not None or late:
                    raise RuntimeError(log.read_text("utf-8", "replace")[-2_000:])
                time.sleep(0.2)

        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                page = wait(lambda: shows(http))
                key = ""
                if service in ("image_platform", "music_studio"):
                    key = Accounts(engine(url)).add("load", quota=10_000_000)
                    http.headers["Authorization"] = f"Bearer {key}"
                trained = wait(lambda: ready(http, service))
                address = str(http.base_url)
                yield Running(address, key, process.pid, page, trained)
        finally:
            process.terminate()
            process.wait()


def met(address: str, key: str, service: str, seconds: float) -> dict[str, Any]:
    """Let the clients of a service come for some seconds; what they met."""
    if service == "image_platform":
        found = pictures(address, key, clients=CLIENTS, seconds=seconds)
        return {"what": "pictures", "done": found["requests"]} | found
    if service == "music_studio":
        found = pieces(address, key, clients=CLIENTS, seconds=seconds)
        return {"what": "a piece of 4 bars", "done": found["pieces"]} | found
    if service == "service_desk":
        questions = [text for text, _ in shop().asked]
        (found,) = answers(address, questions, [CLIENTS], seconds=seconds, pause=0.2)
        times = {"p50": found["whole_p50"], "p95": found["whole_p95"]}
        return {"what": "an answer", "done": found["messages"]} | times | found
    return headlines(address, seconds)


def headlines(address: str, seconds: float) -> dict[str, Any]:
    """Post ten headlines, look at the trend and the alarms, again and again."""
    texts = load_data("finance_headlines", split="test").texts
    took: list[float] = []
    errors: list[str] = []
    until = time.monotonic() + seconds

    def client(number: int) -> None:
        dice = random.Random(number)
        with httpx.Client(base_url=address, timeout=60) as http:
            while time.monotonic() < until:
                told = [
                    {"text": text, "id": str(dice.getrandbits(60))}
                    for text in dice.sample(texts, 10)
                ]
                begun = time.monotonic()
                try:
                    answer = http.post("/headlines", json=told)
                    if answer.status_code == 429:  # come again, it says
                        time.sleep(1)
                        continue
                    answer.raise_for_status()
                    http.get("/trend").raise_for_status()
                    http.get("/alarms").raise_for_status()
                    took.append(time.monotonic() - begun)
                except httpx.HTTPError as error:
                    errors.append(f"{type(error).__name__}: {error}"[:200])
                time.sleep(0.2)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p50, p95 = np.percentile(took, [50, 95]).tolist()
    told = {"what": "ten headlines and the trend", "done": len(took)}
    return told | {"p50": p50, "p95": p95, "errors": len(errors)}


def watched(pid: int, measure: Callable[[], dict]) -> tuple[dict, list[int]]:
    """Return what ``measure`` finds, and MiB of a process and its children."""
    memory: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY):
            family = [psutil.Process(pid)]
            family += family[0].children(recursive=True)
            with contextlib.suppress(psutil.NoSuchProcess):
                memory.append(sum(p.memory_info().rss for p in family) >> 20)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        return measure(), memory
    finally:
        over.set()
        watcher.join()


def five_minutes(service: str) -> dict[str, Any]:
    """Measure one service."""
    with running(service) as (address, key, pid, *_):
        met(address, key, service, min(10.0, SECONDS))  # what a first request loads
        measure = partial(met, address, key, service, SECONDS)
        found, memory = watched(pid, measure)
    parts = np.array_split(np.array(memory or [0]), 5)
    named = ("what", "done", "p50", "p95", "errors")
    return {name: found[name] for name in named} | {
        "memory_first_minute": int(np.median(parts[0])),
        "memory_fourth_minute": int(np.median(parts[3])),
        "memory_last_minute": int(np.median(parts[4])),
        "memory": memory,
    }


def main() -> None:
    chosen = os.environ.get("ONLY", "")
    rows = []
    for service in SERVICES:
        if service.startswith(chosen):
            found = kept(NAME, service, partial(five_minutes, service))
            print(json.dumps({service: found}), flush=True)
            rows.append({"service": service, **found})
    if len(rows) < len(SERVICES):
        return
    record(
        NAME,
        rows,
        clients=CLIENTS,
        seconds=SECONDS,
        metric="done: requests for pictures, answers, pieces, rounds of headlines; p50 "
        "and p95: seconds of one, from the first request to the last answer; memory: "
        "MiB of all processes, medians of a fifth of the time",
        cores=len(os.sched_getaffinity(0)),
    )


if __name__ == "__main__":
    main()
