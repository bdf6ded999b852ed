"""CIFAR-10 on one GPU: the FID that papers report, an hour of training for each model.

50,000 samples against the 50,000 training images, on Inception features. References:
torchcfm's OT-CFM 3.5 after 19 hours, mimicry's SNGAN 16.8 (their READMEs). Without a
GPU the rows say that nothing was measured.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

import aigc_lib as aigc
from aigc_lib.metrics.inception import inception_fid
from aigc_lib.models import DCGAN, FlowMatching, GenerativeModel
from aigc_lib.runtime import pick_device
from benchmarks.record import in_turns, record

SECONDS, SAMPLES, WIDTH = 3_600, 50_000, 128
BUILD: dict[str, Callable[[], GenerativeModel]] = {
    "flow": lambda: FlowMatching(32, 3, WIDTH),
    "sngan": lambda: DCGAN(32, 3, 128, WIDTH, learning_rates=(2e-4, 2e-4)),
}


def measure(name: str, seed: int) -> dict[str, float]:
    """Train model ``name`` for an hour; return its FID and the number of steps."""
    aigc.start(seed=seed)
    train = aigc.data.load("cifar10")
    model = BUILD[name]()
    history = aigc.fit(model, train, seconds=SECONDS, batch_size=128, seed=seed)
    parts = [  # all at once would ask for more memory than most GPUs have
        model.sample(min(1_000, SAMPLES - i), seed=SAMPLES * seed + i).cpu()
        for i in range(0, SAMPLES, 1_000)
    ]
    fid = inception_fid(train.x, torch.cat(parts))
    return {"fid": fid, "steps": history.steps[-1]}


def main() -> None:
    if pick_device().type == "cuda":
        found = in_turns("cifar10", BUILD, [0], measure)
        rows = [{"model": name} | runs[0] for name, runs in found.items()]
    else:
        unknown = "not measured yet: there was no GPU"
        rows = [{"model": name, "fid": unknown, "steps": unknown} for name in BUILD]
    record(
        "cifar10",
        rows,
        data="cifar10",
        split="train for both",
        n=f"{SAMPLES} samples against 50,000 images",
        metric="Fréchet distance on Inception features (FID), by torch-fidelity",
        seconds=SECONDS,
        seeds=[0],
    )


if __name__ == "__main__":
    main()
