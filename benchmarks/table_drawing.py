"""How long a flow of tables takes to draw 50,000 rows of Adult, by threads, idle.

What it has learned changes nothing of the work, so it learns ``STEPS`` steps only.
"""

from __future__ import annotations

import os
import statistics
import time

import torch

import aigc_lib as aigc
from aigc_lib.codecs.tables import TableCodec
from aigc_lib.models import TableFlow
from benchmarks.adult import MANY
from benchmarks.record import record

STEPS, TIMES = int(os.environ.get("STEPS", 100)), 7


def main() -> None:
    train = aigc.data.load("adult", split="train")
    aigc.start(seed=0)
    model = TableFlow(TableCodec.fit(train.frame, **train.asked))
    data = model.samples(model.codec.encode(train.frame))
    aigc.fit(model, data, steps=STEPS, seed=0)
    rows = []
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        took = []
        for seed in range(TIMES):
            began = time.perf_counter()
            model.sample(MANY, seed=seed)
            took.append(time.perf_counter() - began)
        row = {"seconds": statistics.median(took), "from": min(took), "to": max(took)}
        rows.append({"threads": threads, **row})
        print(rows[-1], flush=True)
    record(
        "table_drawing",
        rows,
        data="adult",
        n=f"{MANY:,} rows, {TIMES} times",
        metric="seconds, the median of all times",
    )


if __name__ == "__main__":
    main()
