"""Servers and workers of the image platform that are started, loaded and killed."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

from aigc_lib.apps.database import engine, sql
from aigc_lib.apps.image_platform.platform import Platform
from aigc_lib.apps.image_platform.studio import pixels_of
from aigc_lib.apps.image_platform.wishes import Make
from aigc_lib.apps.jobs import JOBS
from benchmarks.forked import Program
from benchmarks.servers import KEYS, free_ports

MODULE = "aigc_lib.apps.image_platform.__main__"
PROGRAM = [sys.executable, "-m", "aigc_lib.apps.image_platform"]
ALSO = "torch", "uvicorn", "dbos", "obstore", "aigc_lib.models.diffusion"
STEPS = 4  # of the flow in a killed job


class Child:
    """A process that ``program`` forked, handled like a Popen."""

    def __init__(self, program: Program, *words: str):
        self.program, self.pid = program, program.start(*words)

    def poll(self) -> int | None:
        """None while it runs."""
        return None if psutil.pid_exists(self.pid) else 1

    def kill(self) -> None:
        """SIGKILL."""
        self.program.kill(self.pid)

    def wait(self) -> None:
        """It is gone when ``kill`` returns."""


class Site:
    """A platform in processes of its own: how to start it, and what runs.

    They are started as the command is; or, much quicker, forked by ``program``.
    """

    def __init__(
        self, folder: Path, url: str, blobs: str, program: Program | None = None
    ):
        (self.port,) = free_ports(1)
        self.address = f"http://127.0.0.1:{self.port}"
        self.words = ["--folder", str(folder), "--url", url, "--blobs", blobs]
        self.words += ["--port", str(self.port)]
        self.url, self.blobs = url, blobs
        self.folder, self.program = folder, program
        self.server: subprocess.Popen | Child | None = None
        self.workers: list[subprocess.Popen | Child] = []

    def run(self, *words: str) -> str:
        """Run one command of the platform to its end; returns what it prints."""
        if self.program:
            return self.program.run(*self.words, *words)
        done = subprocess.run(
            [*PROGRAM, *self.words, *words],
            env=self.env(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def start(self, *words: str, core: int | None = None) -> subprocess.Popen | Child:
        """Start a process of the platform, on one core if asked."""
        if self.program and core is None:
            return Child(self.program, *self.words, *words)
        place = ["taskset", "-c", str(core)] if core is not None else []
        log = (self.folder / "log.txt").open("a")
        command = [*place, *PROGRAM, *self.words, *words]
        process = subprocess.Popen(command, env=self.env(), stdout=log, stderr=log)
        log.close()
        return process

    def serve(self, *words: str) -> None:
        """Start the server and wait until it answers."""
        self.server = self.start("serve", *words)
        self.until_up()

    def until_up(self, seconds: float = 180.0) -> None:
        """Wait until the server answers."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/health", timeout=5).status_code == 200:
                    return
            if self.server.poll() is not None:
                log = self.program.log if self.program else self.folder / "log.txt"
                raise RuntimeError(log.read_text("utf-8", "replace")[-2_000:])
            time.sleep(0.05)
        raise TimeoutError("the server does not answer")

    def close(self) -> None:
        """End what runs."""
        for process in filter(None, [self.server, *self.workers]):
            process.kill()
            process.wait()

    @staticmethod
    def env() -> dict[str, str]:
        """The environment of the processes."""
        return {**os.environ, **KEYS, "OMP_NUM_THREADS": "1"}


@contextlib.contextmanager
def site(
    folder: Path,
    url: str,
    blobs: str,
    models: dict[str, tuple[Path, Sequence[str]]],
    program: Program | None = None,
) -> Iterator[Site]:
    """A platform with models (title: file and classes), and a key."""
    folder.mkdir(parents=True, exist_ok=True)
    one = Site(folder, url, blobs, program)
    for title, (path, classes) in models.items():
        one.run("model", str(path), "--title", title, "--classes", ",".join(classes))
    one.key = one.run("account", "add", "load", "--quota", "100000000")
    try:
        yield one
    finally:
        one.close()


class Clients:
    """Threads that ask for pictures under load, and never lose a request.

    A request whose answer did not come is sent again with the same key, as a program
    should: it is the same job.
    """

    def __init__(self, one: Site, n: int, label: str, pause: float = 0.0):
        self.site, self.label, self.pause = one, label, pause
        self.accepted: dict[str, dict[str, Any]] = {}
        self.ending, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.ask, args=(i,)) for i in range(n)]
        for thread in self.threads:
            thread.start()

    def ask(self, number: int) -> None:
        dice, sent = random.Random(number), 0
        headers = {"Authorization": f"Bearer {self.site.key}"}
        with httpx.Client(base_url=self.site.address, headers=headers) as http:
            while not self.ending.is_set():
                asked = {"model": 1, "label": self.label, "n": dice.randint(1, 3)}
                asked |= {"seed": dice.randrange(2**31), "steps": STEPS}
                sent += 1
                key = {"Idempotency-Key": f"{number} {sent}"}
                while not self.ending.is_set():
                    with contextlib.suppress(httpx.HTTPError):
                        answer = http.post("/api/pictures", json=asked, headers=key)
                        if answer.status_code == 202:
                            with self.lock:
                                self.accepted[answer.json()["job"]] = asked
                            break
                    self.ending.wait(0.2)
                self.ending.wait(self.pause * dice.random())

    def end(self) -> dict[str, dict[str, Any]]:
        self.ending.set()
        for thread in self.threads:
            thread.join()
        return self.accepted


def killed(
    one: Site, kills: int, label: str, *, seed: int = 0, workers: int = 0
) -> dict:
    """Kill server or workers at ``kills`` random moments under load; look what is left.

    Without workers the server is killed, with them a worker or the server in turn.
    """
    dice = random.Random(seed)
    words = ["--accept-only"] if workers else []
    one.serve(*words)
    one.workers = [one.start("worker") for _ in range(workers)]
    clients = Clients(one, 4, label, pause=0.5)
    begun = time.monotonic()
    for number in range(kills):
        time.sleep(dice.uniform(0.1, 1.5))
        place = number % (workers + 1) - 1
        if place >= 0:
            _kill(one.workers[place])
            one.workers[place] = one.start("worker")
            continue
        _kill(one.server)
        one.server = one.start("serve", *words)
        if number % 5 != 4:  # every fifth time the next comes while it starts
            one.until_up()
    one.until_up()
    accepted = clients.end()
    left = look(one, accepted, seconds=600)
    return {"kills": kills, "seconds": round(time.monotonic() - begun, 1), **left}


def _kill(process: subprocess.Popen | Child) -> None:
    process.kill()
    process.wait()


def look(one: Site, accepted: dict[str, dict], seconds: float) -> dict[str, int]:
    """Wait for all accepted jobs, and count what is lost, doubled or not whole."""
    until = time.monotonic() + seconds
    headers = {"Authorization": f"Bearer {one.key}"}
    lost = doubled = broken = pictures = 0
    with httpx.Client(base_url=one.address, headers=headers, timeout=60) as http:
        for identity, asked in accepted.items():
            while (job := http.get(f"/api/jobs/{identity}").json())["state"] in (
                "waiting",
                "running",
            ):
                if time.monotonic() > until:
                    break
                time.sleep(0.1)
            made = job.get("pictures", [])
            lost += job["state"] != "done" or len(made) < asked["n"]
            doubled += len(made) > asked["n"]
            pictures += len(made)
            for picture in made:
                try:
                    pixels_of(http.get(picture["url"]).content)
                except Exception:
                    broken += 1
        total = http.get("/api/pictures").json()["total"]
    made = engine(one.url)
    wanted = sql.select(sql.func.count()).where(JOBS.c.kind == "make")
    again = wanted.where(JOBS.c.tries > 1)
    with made.connect() as connection:
        jobs, twice = connection.scalar(wanted), connection.scalar(again)
    made.dispose()
    # what was accepted although the answer did not arrive was asked again: the same
    doubled += (total > pictures) * (jobs == len(accepted)) * (total - pictures)
    return {
        "accepted": len(accepted),
        "taken_up_again": twice,
        "lost": lost,
        "doubled": doubled,
        "broken": broken,
        "pictures": pictures,
    }


def pace(
    one: Site,
    jobs: int,
    label: str,
    cores: list[int],
    model: int = 1,
    steps: int = STEPS,
    **wishes: Any,
) -> dict:
    """Let as many workers as ``cores`` do ``jobs`` jobs of one picture each.

    ``wishes`` are more fields of ``Make``.

    The jobs are accepted first, in this process, for a server lets one account have
    only few open; then the workers start, and the clock with the first job that begins.
    Nobody asks for the pictures before all are done.
    """
    platform = Platform(one.url, one.blobs, one.folder)
    platform.jobs.most_open = jobs
    platform.start()
    account, accepted = platform.accounts.by_name("load"), {}
    for seed in range(jobs):
        wish = Make(model=model, label=label, n=1, seed=seed, steps=steps, **wishes)
        accepted[platform.make(account, wish)] = wish.model_dump()
    platform.close()
    one.serve("--accept-only")
    one.workers = [one.start("worker", core=core) for core in cores]
    made, mine = engine(one.url), JOBS.c.kind == "make"
    done = sql.select(sql.func.count(JOBS.c.ended)).where(mine)
    until = time.monotonic() + 1_200
    while time.monotonic() < until:
        with made.connect() as connection:
            if connection.scalar(done) == jobs:
                break
        time.sleep(0.5)
    wanted = sql.select(sql.func.min(JOBS.c.started), sql.func.max(JOBS.c.ended))
    with made.connect() as connection:
        began, ended = connection.execute(wanted.where(mine)).one()
    made.dispose()
    left = look(one, accepted, seconds=60)
    seconds = ended - began
    return {"workers": len(cores), **left} | {
        "seconds": round(seconds, 1),
        "jobs_a_second": round(jobs / seconds, 2),
    }
