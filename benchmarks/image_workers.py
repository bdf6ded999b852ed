"""What a second worker of the image platform gains, for light and for usual jobs.

1,000 jobs of one picture are accepted first; then one worker does them, or two, each on
a core of its own, with PostgreSQL and S3. A light job has so few steps that database
and store have more to do than the network; a usual one is what a client of
``benchmarks.image_platform`` asks for. Server, database and store share the machine's
cores with the workers. What two cores can give at the most is measured beside: the same
network alone, in one process and in two, without jobs, database or store. ``QUICK=1``
is a quick try.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch

from aigc_lib.apps.image_platform.trainer import CLOTHES
from aigc_lib.models import edits, load
from benchmarks import servers
from benchmarks.image_platform import QUICK, small, titled
from benchmarks.platform_runs import STEPS, pace, site
from benchmarks.record import kept, record

NAME = "image_workers"
JOBS, SECONDS = (20, 2) if QUICK else (1_000, 20)
READY = 15  # seconds in which all processes have loaded the network
WISHES = {"light": {"steps": STEPS}, "usual": {"steps": 20, "guidance": 2.0}}


def paced(cores: list[int], wishes: dict[str, float]) -> dict:
    """Let workers on these cores do all jobs."""
    os.environ.update(servers.KEYS)
    with tempfile.TemporaryDirectory() as folder, servers.postgres() as url:
        place = Path(folder)
        with servers.s3() as blobs, site(place, url, blobs, titled("flow")) as one:
            return pace(one, JOBS, CLOTHES[0], cores, **wishes)


def alone(begin: float, wishes: dict[str, float], core: int) -> float:
    """Pictures a second of the network alone on one core, from the moment ``begin``."""
    os.sched_setaffinity(0, {core})
    torch.set_num_threads(1)
    model, n = load(small("flow")), 0
    asked = [{"n": edits.CHUNK, "seed": 0, "labels": 0, **wishes}]
    edits.sample_together(model, asked)
    time.sleep(begin - time.time())
    while time.time() < begin + SECONDS:
        edits.sample_together(model, asked)
        n += edits.CHUNK
    return n / (time.time() - begin)


def network(cores: list[int], wishes: dict[str, float]) -> float:
    """Pictures a second of the network in a process on each of these cores."""
    begin = time.time() + READY
    with get_context("spawn").Pool(len(cores)) as pool:
        return sum(pool.map(partial(alone, begin, wishes), cores, chunksize=1))


def main() -> None:
    cores, rows = sorted(os.sched_getaffinity(0)), {}
    for name, wishes in WISHES.items():
        for n in (1, 2):
            key, of = f"{name}_{n}", (cores * 2)[:n]
            rows[key] = kept(NAME, key, partial(paced, of, wishes))
            print(key, rows[key], flush=True)
        one, two = (rows[f"{name}_{n}"]["jobs_a_second"] for n in (1, 2))
        bare = [
            kept(NAME, f"{name} {n} bare", partial(network, (cores * 2)[:n], wishes))
            for n in (1, 2)
        ]
        rows[name] = {**WISHES[name], "gain": round(two / one, 2)}
        rows[name] |= {"bare": bare, "gain_bare": round(bare[1] / bare[0], 2)}
    record(NAME, rows, cores=len(cores), model="the flow that a first start trains")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers end with it
    main()
