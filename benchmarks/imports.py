"""What ``import aigc_lib`` adds to ``import torch``, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.record import record

RUNS = 5
CODE = """
import time
start = time.perf_counter(); import torch
middle = time.perf_counter(); import aigc_lib
end = time.perf_counter(); aigc_lib.fit, aigc_lib.models.DCGAN, aigc_lib.data.load
print(middle - start, end - middle, time.perf_counter() - end)
"""


def main() -> None:
    runs = []
    for turn in range(RUNS + 1):
        out = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
        )
        if turn:  # the first fills the file cache
            runs.append([float(word) for word in out.stdout.split()])
    names = [
        "import torch",
        "import aigc_lib after it",
        "first use of fit, models, data",
    ]
    rows = [
        {"what": name, "seconds": statistics.median(run[i] for run in runs)}
        for i, name in enumerate(names)
    ]
    record("imports", rows, runs=RUNS)


if __name__ == "__main__":
    main()
