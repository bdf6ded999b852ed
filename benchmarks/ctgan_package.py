"""Our models of tables beside the package that its authors made of CTGAN and TVAE.

The package (`ctgan`, Xu et al. 2019) needs pandas 2 and its licence is not ours, so it
runs in an environment of its own, whose Python ``CTGAN_PYTHON`` names::

    python -m venv peer && peer/bin/pip install ctgan
    CTGAN_PYTHON=peer/bin/python python -m benchmarks.ctgan_package

Both sides get the same Adult, ``SECONDS`` each (theirs in whole epochs, rounded up, the
reading of the columns included) and as many threads; theirs keep their own settings.
Rows and judges are those of ``benchmarks.adult``.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import torch

import aigc_lib as aigc
from aigc_lib.codecs.tables import TableCodec
from benchmarks import adult
from benchmarks.record import in_turns, record, seeds, summary

SECONDS, SEEDS = adult.SECONDS, seeds(5)
OURS = ("table_flow", "ctgan")
PACKAGE = {"package's CTGAN": "CTGAN", "package's TVAE": "TVAE"}
# Runs in the other environment. Two short trainings tell what an epoch takes.
PROGRAM = """
import json, math, random, sys, time
import numpy, pandas, torch, ctgan
order = json.load(sys.stdin)
torch.set_num_threads(order["threads"])
table = pandas.read_csv(order["table"])
table[order["categories"]] = table[order["categories"]].fillna("")
def fitted(epochs):
    for seeded in (random, numpy.random):
        seeded.seed(order["seed"])
    torch.manual_seed(order["seed"])
    began = time.perf_counter()
    model = getattr(ctgan, order["model"])(epochs=epochs, enable_gpu=False)
    model.fit(table, order["categories"])
    return model, time.perf_counter() - began
_, one = fitted(1)
_, three = fitted(3)
epoch = (three - one) / 2
epochs = max(1, math.ceil((order["seconds"] - one) / epoch) + 1)
model, seconds = fitted(epochs)
model.sample(len(table)).to_csv(order["made"], index=False)
print(json.dumps({"seconds": seconds, "epochs": epochs, "version": ctgan.__version__}))
"""


def measure(name: str, seed: int) -> dict[str, float]:
    """Train one model on Adult, ours here or theirs over there, and judge its rows."""
    if name not in PACKAGE:
        return adult.measure(f"adult {name}", seed)
    aigc.start(seed=seed)
    train, test = adult.load("adult", "train"), adult.load("adult", "test")
    codec = TableCodec.fit(train.frame, **train.asked)
    schema = codec.schema()
    categories = schema.index[schema["kind"] == "category"].tolist()
    with tempfile.TemporaryDirectory() as folder:
        table, made = Path(folder, "table.csv"), Path(folder, "made.csv")
        train.frame.to_csv(table, index=False)
        order = {
            "model": PACKAGE[name],
            "table": str(table),
            "made": str(made),
            "categories": categories,
            "seconds": SECONDS,
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
        rows = codec.typed(pd.read_csv(made))
    return adult.judged(train, test, rows, seed) | json.loads(answer.stdout)


def main() -> None:
    if "CTGAN_PYTHON" not in os.environ:
        raise SystemExit("CTGAN_PYTHON names no Python that has the package ctgan")
    runs = in_turns("ctgan_package", [*OURS, *PACKAGE], SEEDS, measure)
    versions = {run.pop("version") for name in PACKAGE for run in runs[name]}
    record(
        "ctgan_package",
        [{"model": name} | summary(found) for name, found in runs.items()],
        gains=adult.gains(runs, "table_flow", ["ctgan", *PACKAGE]),
        data="adult",
        split="models and classifiers learn from train, all figures are on test",
        metric="accuracy: mean of 4 classifiers; auc: gradient-boosted trees; "
        "nearest, closer, membership: against the training rows, beside held-out ones",
        package=f"ctgan {', '.join(sorted(versions))}, its own settings",
        seconds_each=SECONDS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
