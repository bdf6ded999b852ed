"""The package of the authors of CTGAN and TVAE, for ``benchmarks.adult``.

The package (`ctgan`, Xu et al. 2019) needs pandas 2 and its licence is not ours, so it
runs in an environment of its own, whose Python ``CTGAN_PYTHON`` names::

    python -m venv peer && peer/bin/pip install ctgan
    CTGAN_PYTHON=peer/bin/python python -m benchmarks.adult

It keeps its own settings, and trains in whole epochs until the time is over. What it
takes to read the columns before that is not counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import torch

from aigc_lib.codecs.tables import TableCodec
from aigc_lib.data import Table

PACKAGE = {"package's CTGAN": "CTGAN", "package's TVAE": "TVAE"}
# Runs in the other environment. The package counts epochs by its modules' tqdm.
PROGRAM = """
import json, random, sys, time
import numpy, pandas, torch, ctgan
from ctgan.synthesizers import ctgan as gan, tvae
order = json.load(sys.stdin)
torch.set_num_threads(order["threads"])
table = pandas.read_csv(order["table"])
table[order["categories"]] = table[order["categories"]].fillna("")
for seeded in (random, numpy.random):
    seeded.seed(order["seed"])
torch.manual_seed(order["seed"])
epochs = 0
began = time.perf_counter()
def until_time_is_over(numbers, **_):
    global epochs
    first = time.perf_counter()
    for number in numbers:
        if time.perf_counter() - first >= order["seconds"]:
            return
        yield number
        epochs += 1
gan.tqdm = tvae.tqdm = until_time_is_over
model = getattr(ctgan, order["model"])(epochs=100_000, enable_gpu=False)
model.fit(table, order["categories"])
seconds = time.perf_counter() - began
model.sample(len(table)).to_csv(order["rows"], index=False)
print(json.dumps({"seconds": seconds, "epochs": epochs}))
"""


def version() -> str:
    """Name the package's version in the other environment."""
    program = "import ctgan; print(ctgan.__version__)"
    return subprocess.check_output(
        [os.environ["CTGAN_PYTHON"], "-c", program], text=True
    ).strip()


def made(
    name: str, train: Table, seconds: float, seed: int
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Let one of ``PACKAGE`` learn a table; return as many rows, and what it took."""
    codec = TableCodec.fit(train.frame, **train.asked)
    kinds = codec.schema()["kind"]
    with tempfile.TemporaryDirectory() as folder:
        table, rows = Path(folder, "table.csv"), Path(folder, "rows.csv")
        train.frame.to_csv(table, index=False)
        order = {
            "model": PACKAGE[name],
            "table": str(table),
            "rows": str(rows),
            "categories": kinds.index[kinds == "category"].tolist(),
            "seconds": seconds,
            "threads": torch.get_num_threads(),
            "seed": seed,
        }
        answer = subprocess.run(
            [os.environ["CTGAN_PYTHON"], "-c", PROGRAM],
            input=json.dumps(order),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return codec.typed(pd.read_csv(rows)), json.loads(answer.stdout)
