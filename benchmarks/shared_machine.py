"""A training step on an idle machine and beside busy processes, by number of threads.

The threads of an operation wait for the slowest of them. While they wait they spin, or
leave the core to others (``OMP_WAIT_POLICY=PASSIVE``). `aigc.start` chooses half of the
cores. Neighbours are processes that do nothing but compute: one, and half as many as
there are cores. It takes about three minutes on two cores.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import aigc_lib as aigc
from aigc_lib.runtime import THREAD_VARIABLES, physical_cores, settle_threads
from benchmarks.record import record

SECONDS, TURNS = 2, 5
VARIABLES = (*THREAD_VARIABLES, "OMP_WAIT_POLICY")


def step() -> None:
    """Print the threads and the milliseconds per step of each turn, as JSON."""
    aigc.start("cpu")
    data = aigc.data.load("fashion_mnist")
    model = aigc.models.DCGAN()
    times = []
    for turn in range(TURNS + 1):
        history = aigc.fit(model, data, seconds=SECONDS)
        if turn:  # the first warms up
            times.append(1e3 * history.seconds / history.steps[-1])
    print(json.dumps([settle_threads(), times]))


@contextmanager
def busy(neighbours: int) -> Iterator[None]:
    """Keep so many processes computing while the block runs."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(neighbours)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure(environment: dict[str, str], neighbours: int) -> dict:
    """Time the step in a fresh process, whose threads follow ``environment``."""
    inherited = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    with busy(neighbours):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.shared_machine", "step"],
            env=inherited | {"AIGC_QUIET": "1"} | environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    threads, times = json.loads(done.stdout.splitlines()[-1])
    return {
        "threads": threads,
        "chosen_by": "OMP_NUM_THREADS" if environment else "aigc.start",
        "waiting": environment.get("OMP_WAIT_POLICY", "as the library does").lower(),
        "busy_neighbours": neighbours,
        "ms_per_step": statistics.median(times),
        "ms_per_step_min": min(times),
        "ms_per_step_max": max(times),
    }


def main() -> None:
    cores = physical_cores()
    ways = [{}]
    for threads in sorted({1, cores - 1, cores} - {0}):
        for policy in ({}, {"OMP_WAIT_POLICY": "PASSIVE"}) if threads > 1 else ({},):
            ways.append({"OMP_NUM_THREADS": str(threads)} | policy)
    rows = []
    for way in ways:
        for neighbours in sorted({0, 1, max(1, cores // 2)}):
            rows.append(measure(way, neighbours))
            print(rows[-1], flush=True)
    record(
        "shared_machine",
        rows,
        model="DCGAN",
        data="fashion_mnist",
        batch_size=64,
        turns=TURNS,
        seconds=SECONDS,
        physical_cores=cores,
    )


if __name__ == "__main__":
    step() if sys.argv[1:] == ["step"] else main()
