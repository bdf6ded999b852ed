"""The music studio under load, and killed again and again."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from aigc_lib.apps import database
from aigc_lib.apps.accounts import Accounts
from aigc_lib.apps.jobs import JOBS, OPEN
from aigc_lib.apps.music_studio import store as tables
from aigc_lib.apps.music_studio.load import load
from aigc_lib.apps.music_studio.store import PIECES
from benchmarks import servers
from benchmarks.forked import Program
from benchmarks.record import checkpoint, kept, record

NAME = "music_service"
SEVERAL = 1, 4, 16  # clients
ROUNDS, KILLS = 5, 10  # each round with a studio of its own
SECONDS = float(os.environ.get("LOAD_SECONDS", 60))  # for each number of clients
TRAINING = 45.0  # seconds, as at a first start
MODULE = "aigc_lib.apps.music_studio.__main__"
ALSO = (
    "torch",
    "music21",
    "verovio",
    "uvicorn",
    "dbos",
    "aigc_lib.models.transformer.composer",
    "aigc_lib.apps.music_studio.service",
    "aigc_lib.apps.music_studio.learn",
)


class House:
    """A studio in a folder, served by processes that may be killed."""

    def __init__(self, folder: Path, url: str | None, program: Program):
        self.folder, self.program = folder, program
        (self.port,) = servers.free_ports(1)
        self.address = f"http://127.0.0.1:{self.port}"
        self.options = ["--folder", folder, "--port", self.port]
        self.options += ["--url", url] if url else []
        self.made = database.engine(url or f"sqlite:///{folder / 'studio.sqlite'}")
        database.upgrade(self.made, tables.VERSIONS)
        self.key = Accounts(self.made).add("load", quota=1_000_000)
        self.number = 0

    def start(self, *words: str) -> float:
        """Start the server; returns the seconds until it answers."""
        begun = time.monotonic()
        self.number = self.program.start(*self.options, *words)
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/health").status_code == 200:
                    return time.monotonic() - begun
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL to the server."""
        self.program.kill(self.number)

    def client(self) -> httpx.Client:
        """Return a client of the one account."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)

    def until_ready(self) -> None:
        """Wait until the model is there."""
        with self.client() as http:
            while not http.get("/api/state").json()["model"]["ready"]:
                time.sleep(0.1)


def killed(house: House, kills: int, *, seed: int = 0) -> dict[str, Any]:
    """Kill the server at random moments while clients ask and draw; count what is left.

    A wish whose answer was lost is sent again with its key, as the page does.
    """
    dice = random.Random(seed)
    wanted: dict[str, dict] = {}  # what was accepted: number of the job and the wish
    drawn: set[str] = set()
    starts = [house.start()]
    for i in range(kills):
        until = time.monotonic() + dice.uniform(0.0, 1.5)
        with house.client() as http:
            while time.monotonic() < until:
                wish = {"kind": "compose", "bars": 1, "seed": len(wanted) % 5}
                accepted(http, "/api/jobs", wish, wanted)
                _drawn(http, f"{i}-{len(drawn)}", drawn)
                time.sleep(dice.uniform(0.0, 0.2))
        # a wish on its way: what was accepted and what was not is not known
        sent = _Sent(house, f"lost-{i}")
        time.sleep(dice.uniform(0.0, 0.02))
        house.kill()
        sent.thread.join()
        starts.append(house.start())
        with house.client() as http:
            accepted(http, "/api/jobs", sent.wish, wanted, key=sent.key)
    again = sum(tries > 1 for tries in all_ended(house))
    left = counted(house, wanted, drawn)
    return left | {"kills": kills, "begun_again": again, "starts": starts}


class _Sent:
    """A wish that is sent in a thread, while the server may die."""

    def __init__(self, house: House, key: str):
        self.key, self.wish = key, {"kind": "compose", "bars": 1, "seed": 7}
        self.thread = threading.Thread(target=self.send, args=(house,))
        self.thread.start()

    def send(self, house: House) -> None:
        with contextlib.suppress(httpx.HTTPError), house.client() as http:
            headers = {"Idempotency-Key": self.key}
            http.post("/api/jobs", json=self.wish, headers=headers)


def accepted(
    http: httpx.Client, path: str, wish: dict, wanted: dict, key: str | None = None
) -> None:
    """Send a wish; one that is accepted is put into ``wanted`` under its number."""
    headers = {"Idempotency-Key": key} if key else {}
    with contextlib.suppress(httpx.TransportError):
        answer = http.post(path, json=wish, headers=headers)
        if answer.status_code == 202:
            wanted[answer.json()["id"]] = wish
        elif answer.status_code != 429:
            answer.raise_for_status()


def _drawn(http: httpx.Client, key: str, drawn: set[str]) -> None:
    piece = {"length": 16, "voices": [[[0, 4, 60]]], "title": key}
    with contextlib.suppress(httpx.TransportError):
        headers = {"Idempotency-Key": key}
        answer = http.post("/api/pieces", json={"piece": piece}, headers=headers)
        drawn.add(answer.raise_for_status().json()["id"])


def all_ended(house: House, seconds: float = 600.0) -> list[int]:
    """Wait until no job is open; returns how often each was begun."""
    sql, until = database.sql, time.monotonic() + seconds
    while time.monotonic() < until:
        with house.made.connect() as connection:
            rows = database.rows(connection, sql.select(JOBS.c.state, JOBS.c.tries))
        if not any(row["state"] in OPEN for row in rows):
            return [row["tries"] for row in rows]
        time.sleep(0.2)
    raise TimeoutError("jobs are still open")


def counted(house: House, wanted: dict[str, dict], drawn: set[str]) -> dict[str, Any]:
    """Count what is missing, twice there, half there or different."""
    sql = database.sql
    with house.made.connect() as connection:
        jobs = database.rows(connection, sql.select(JOBS))
        pieces = database.rows(connection, sql.select(PIECES))
    done = {job["id"] for job in jobs if job["state"] == "done"}
    made = Counter(piece["id"] for piece in pieces)
    same: dict[str, set[str]] = {}
    half = 0
    for piece in pieces:
        if wish := wanted.get(piece["id"]):
            half += piece["bars"] != wish["bars"]
            same.setdefault(repr(wish), set()).add(repr(piece["piece"]["voices"]))
    return {
        "accepted": len(wanted) + len(drawn),
        "lost": sum(i not in done or not made[i] for i in wanted)
        + sum(not made[i] for i in drawn),
        "twice": sum(n > 1 for n in made.values())
        + len(pieces)
        - len(drawn)
        - len(jobs),
        "half": half,
        "different_for_one_seed": sum(len(kinds) - 1 for kinds in same.values()),
    }


def loaded(house: House, clients: int) -> dict[str, Any]:
    """Load a running server and return what its clients met."""
    house.until_ready()
    found = load(
        house.address,
        house.key,
        clients=clients,
        seconds=SECONDS,
        pid=house.number,
    )
    memory = found.pop("memory")
    quarter = max(1, len(memory) // 4)
    return found | {
        "memory_first_quarter": sum(memory[:quarter]) / quarter,
        "memory_last_quarter": sum(memory[-quarter:]) / quarter,
    }


def beside_a_long_job(house: House) -> dict[str, Any]:
    """Ask for a piece of 4 bars, alone and while one of 32 bars is being written."""
    house.until_ready()
    with house.client() as http:

        def ask(bars: int, seed: int) -> str:
            wish = {"kind": "compose", "bars": bars, "seed": seed}
            return http.post("/api/jobs", json=wish).raise_for_status().json()["id"]

        def state(identity: str) -> str:
            return http.get(f"/api/jobs/{identity}").json()["state"]

        def seconds(identity: str) -> float:
            begun = time.monotonic()
            while state(identity) != "done":
                time.sleep(0.05)
            return time.monotonic() - begun

        seconds(ask(4, 0))  # warms up
        alone = seconds(ask(4, 1))
        long = ask(32, 0)
        while state(long) != "running":
            time.sleep(0.05)
        beside = seconds(ask(4, 2))
        first = state(long) != "done"
        return {
            "alone": alone,
            "beside": beside,
            "done_before_the_long_one": first,
            "rest_of_the_long_one": seconds(long),
        }


def bar_seconds(path: Path) -> dict[str, Any]:
    """Compose without a server and count the seconds of a bar, by genre."""
    from aigc_lib.models import Composer

    model, found = Composer.load(path).eval(), {}
    for genre in model.code.layouts:
        bars, times = 8, []
        for seed in range(4):
            begun = time.perf_counter()
            model.compose(genre, bars=bars, seed=seed)
            times.append((time.perf_counter() - begun) / bars)
        found[genre] = sorted(times[1:])[1]  # the first one warms up
    return found


def _together(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Add the counts of rounds, and take the median of the starts."""
    found = {
        name: sum(one[name] for one in rounds) for name in rounds[0] if name != "starts"
    }
    starts = sorted(start for one in rounds for start in one["starts"])
    return found | {"median_start": starts[len(starts) // 2]}


def fresh(url: str | None, part: int) -> str | None:
    """Make an empty database on the server of a URL."""
    if url is None:
        return None
    whole = database.sql.create_engine(url, isolation_level="AUTOCOMMIT")
    with whole.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE kills_{part}")
    whole.dispose()
    return url.rpartition("/")[0] + f"/kills_{part}"


def model_in(folder: Path) -> Path:
    """Train the model of a first start, once for all parts of the benchmark."""
    from aigc_lib.apps.music_studio.learn import ready_composer

    path = checkpoint(NAME).with_suffix(".safetensors")
    ready_composer(path, seconds=TRAINING)
    (folder / "composer.safetensors").write_bytes(path.read_bytes())
    return path


def main() -> None:
    """Measure all of it; an interrupted run goes on."""
    rows: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(Program(MODULE, *ALSO, log=root / "log"))
        path = model_in(root)
        rows["seconds_a_bar"] = kept(NAME, "bar", lambda: bar_seconds(path))
        databases: dict[str, str | None] = {"sqlite": None}
        try:
            databases["postgresql"] = stack.enter_context(servers.postgres())
        except servers.Missing as reason:
            print(f"without PostgreSQL: {reason}", file=sys.stderr)

        def at(name: str, url: str | None, part: str) -> House:
            folder = root / f"{name}-{part}"
            folder.mkdir()
            (folder / "composer.safetensors").write_bytes(path.read_bytes())
            return House(folder, url, program)

        def measured(part: str, how: Callable[[House], dict]) -> dict[str, Any]:
            house = at("sqlite", None, part)
            house.start()
            try:
                return how(house)
            finally:
                house.kill()

        rows["load"] = [
            kept(
                NAME,
                f"load {n}",
                lambda n=n: measured(f"load-{n}", lambda house: loaded(house, n)),
            )
            for n in SEVERAL
        ]
        rows["long_job"] = kept(
            NAME, "long", lambda: measured("long", beside_a_long_job)
        )

        def measure_kills(name: str, url: str | None, part: int) -> dict[str, Any]:
            house = at(name, fresh(url, part), f"kills-{part}")
            try:
                return killed(house, KILLS, seed=part)
            finally:
                house.kill()

        rows["kills"] = [
            {"database": name}
            | _together(
                [
                    kept(
                        NAME,
                        f"kills {name} {part}",
                        lambda n=name, u=url, i=part: measure_kills(n, u, i),
                    )
                    for part in range(ROUNDS)
                ]
            )
            for name, url in databases.items()
        ]
    record(
        NAME,
        rows,
        metric="seconds from wish to piece (4 bars) and of single answers, quantiles; "
        "after so many SIGKILL of the server: accepted, lost, twice, of another "
        "length, other notes for one wish; seconds of a bar without a server",
        load_seconds=SECONDS,
        training_seconds=TRAINING,
        cores_of_all_processes=len(os.sched_getaffinity(0)),
    )
    print(rows)


if __name__ == "__main__":
    main()
