"""What the image platform loses when its processes are killed: nothing.

50 kills of the server (SQLite, PostgreSQL), and of the server and two workers in turn
(PostgreSQL and S3), while four clients ask for pictures of the flow that a first start
trains. ``QUICK=1`` is a quick try.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from aigc_lib.apps.image_platform.trainer import CLOTHES
from benchmarks import servers
from benchmarks.image_platform import QUICK, titled
from benchmarks.platform_runs import STEPS, killed, site
from benchmarks.record import kept, record

NAME = "image_kills"
KILLS, PARTS = (4, 2) if QUICK else (50, 2)
KINDS = ("sqlite", "postgresql", "postgresql s3 workers")


def kills(kind: str, seed: int) -> dict:
    """Kill processes of a platform on one kind of database and store."""
    os.environ.update(servers.KEYS)
    n = KILLS // PARTS
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Path(folder)
        url, blobs = (
            f"sqlite:///{place / 'platform.sqlite'}",
            (place / "blobs").as_uri(),
        )
        if "postgresql" in kind:
            url = stack.enter_context(servers.postgres())
        if "s3" in kind:
            blobs = stack.enter_context(servers.s3())
        one = stack.enter_context(site(place, url, blobs, titled("flow")))
        workers = 2 if "workers" in kind else 0
        return killed(one, n, CLOTHES[0], seed=seed, workers=workers)


def main() -> None:
    rows = {}
    for kind in KINDS:
        runs = []
        for seed in range(PARTS):
            runs.append(kept(NAME, f"{kind} {seed}", partial(kills, kind, seed)))
            print(kind, runs[-1], flush=True)
        row = {key: sum(run[key] for run in runs) for key in runs[0]}
        rows[kind.replace(" ", "_")] = row
    record(
        NAME,
        rows,
        cores=len(os.sched_getaffinity(0)),
        model="the flow that a first start trains, 28 px",
        request=f"1 to 3 pictures, {STEPS} steps",
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers end with it
    main()
