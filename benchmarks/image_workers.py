"""What a second worker of the image platform gains, for light and for usual jobs.

1,000 jobs of one picture are accepted first; then one worker does them, or two, each on
a core of its own, with PostgreSQL and S3. A light job has so few steps that database
and store have more to do than the network; a usual one is what a client of
``benchmarks.image_platform`` asks for. Server, database and store share the machine's
cores with the workers. ``QUICK=1`` is a quick try.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from aigc_lib.apps.image_platform.trainer import CLOTHES
from benchmarks import servers
from benchmarks.image_platform import QUICK, titled
from benchmarks.platform_runs import STEPS, pace, site
from benchmarks.record import kept, record

NAME = "image_workers"
JOBS = 20 if QUICK else 1_000
WISHES = {"light": {"steps": STEPS}, "usual": {"steps": 20, "guidance": 2.0}}


def paced(cores: list[int], wishes: dict[str, float]) -> dict:
    """Let workers on these cores do all jobs."""
    os.environ.update(servers.KEYS)
    with tempfile.TemporaryDirectory() as folder, servers.postgres() as url:
        place = Path(folder)
        with servers.s3() as blobs, site(place, url, blobs, titled("flow")) as one:
            return pace(one, JOBS, CLOTHES[0], cores, **wishes)


def main() -> None:
    cores, rows = sorted(os.sched_getaffinity(0)), {}
    for name, wishes in WISHES.items():
        for n in (1, 2):
            key, of = f"{name}_{n}", (cores * 2)[:n]
            rows[key] = kept(NAME, key, partial(paced, of, wishes))
            print(key, rows[key], flush=True)
        one, two = (rows[f"{name}_{n}"]["jobs_a_second"] for n in (1, 2))
        rows[name] = {**WISHES[name], "gain": round(two / one, 2)}
    record(NAME, rows, cores=len(cores), model="the flow that a first start trains")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers end with it
    main()
