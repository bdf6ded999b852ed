"""How long the platform's models of pictures train on this machine, idle.

A recipe's steps cost the same from the first to the last: of each stage ``TIMED`` are
timed, after ``WARM`` others, and multiplied. Threads are as many as there are cores.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import torch

import aigc_lib as aigc
from aigc_lib.data import Dataset
from aigc_lib.models import Trainable
from aigc_lib.pipeline.pictures import RECIPES, Training
from benchmarks.record import kept, record

WARM, TIMED = 3, int(os.environ.get("TIMED", 40))


class Timed(Training):
    """A recipe of which a few steps are taken and timed."""

    def fit(
        self, name: str, part: float, model: Trainable, data: Dataset, steps: int, **how
    ) -> None:
        aigc.fit(model, data, steps=WARM, **how)
        history = aigc.fit(model, data, steps=TIMED, **how)
        self.steps[name] = steps
        self.seconds += steps * history.seconds / TIMED


def measure(name: str) -> dict:
    """The minutes that a recipe takes, and its steps."""
    training = Timed(Path(), 1.0, None)
    RECIPES[name].make(training)
    row = {"model": name, "minutes": training.seconds / 60, "steps": training.steps}
    print(row, flush=True)
    return row


def main() -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    parts = partial(kept, "picture_training")
    record(
        "picture_training",
        [parts(name, partial(measure, name)) for name in RECIPES],
        data="clothing, openmoji",
        n=f"{TIMED} steps of each stage, multiplied",
        metric="minutes of training, reckoned from the seconds of a step",
    )


if __name__ == "__main__":
    main()
