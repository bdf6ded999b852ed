"""What is lost when the music studio's workers are killed: nothing.

The server only accepts. One worker composes (SQLite), or two that are killed in turn
(PostgreSQL): SIGKILL comes at a random moment, ``KILLS`` times, with jobs in the queue
all the while, and never before a piece was done since the last one: a job that is
killed again and again is given up in the end. ``QUICK=1`` is a quick try.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from aigc_lib.apps import database
from aigc_lib.apps.jobs import JOBS, OPEN
from benchmarks import servers
from benchmarks.forked import Program
from benchmarks.music_service import (
    ALSO,
    MODULE,
    House,
    accepted,
    all_ended,
    counted,
    model_in,
)
from benchmarks.record import kept, record

NAME = "music_worker_kills"
KILLS = 4 if os.environ.get("QUICK") else 50
WAITING = 4  # jobs that wait or are done at each kill
BARS = 1, 2, 4, 8
LONGEST = 1.0  # seconds from a piece that is done to a kill, at most
PATIENCE = 180.0  # seconds for a piece


def states(house: House) -> dict[str, int]:
    """How many jobs are done, and how many open."""
    sql = database.sql
    with house.made.connect() as connection:
        rows = database.rows(connection, sql.select(JOBS.c.state))
    told = [row["state"] for row in rows]
    return {"done": told.count("done"), "open": sum(told.count(s) for s in OPEN)}


def killed(house: House, kills: int, *, seed: int = 0, workers: int = 1) -> dict:
    """Kill workers at random moments while jobs wait; count what is left."""
    dice, wanted, begun = random.Random(seed), {}, time.monotonic()
    house.start("serve", "--accept-only")
    running = [house.program.start(*house.options, "worker") for _ in range(workers)]
    with house.client() as http:

        def ask() -> int:
            """Fill the queue up; returns how many jobs are done."""
            found = states(house)
            for _ in range(found["open"], WAITING):
                wish = {"kind": "compose", "bars": dice.choice(BARS)}
                wish["seed"] = dice.randrange(5)
                accepted(http, "/api/jobs", wish, wanted)
            return found["done"]

        for number in range(kills):
            before, give_up = ask(), time.monotonic() + PATIENCE
            while ask() == before:
                if time.monotonic() > give_up:
                    raise TimeoutError("no piece is done")
                time.sleep(0.05)
            time.sleep(dice.uniform(0.0, LONGEST))
            ask()
            victim = number % workers
            house.program.kill(running[victim])
            running[victim] = house.program.start(*house.options, "worker")
        tries = all_ended(house)
    left: dict[str, Any] = counted(house, wanted, set())
    return left | {
        "kills": kills,
        "workers": workers,
        "begun_again": sum(n > 1 for n in tries),
        "seconds": round(time.monotonic() - begun, 1),
    }


def main() -> None:
    rows = {}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(Program(MODULE, *ALSO, log=root / "log"))
        model_in(root)  # of a first start
        postgres = stack.enter_context(servers.postgres())
        for name, url, workers in (("sqlite", None, 1), ("postgresql", postgres, 2)):

            def measured(url: str | None = url, workers: int = workers) -> dict:
                try:
                    return killed(House(root, url, program), KILLS, workers=workers)
                finally:
                    for number in list(program.running):
                        program.kill(number)

            rows[name] = kept(NAME, name, measured)
            print(name, rows[name], flush=True)
    record(
        NAME,
        rows,
        metric="after so many SIGKILL of workers: pieces accepted, begun again, lost, "
        "twice, of another length, other notes for one wish",
        data="the tunes of a first start",
        bars=BARS,
        cores=len(os.sched_getaffinity(0)),
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the processes end with it
    main()
