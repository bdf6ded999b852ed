"""InfoGAN on MNIST: how well the codes that it found without labels name the digits.

Counted in steps, so that it may be measured on a busy machine. The labels of the test
images serve only to match codes with classes and to count.
"""

from __future__ import annotations

import torch

import aigc_lib as aigc
from aigc_lib.metrics.codes import matched_accuracy
from benchmarks.image_quality import draw
from benchmarks.record import in_turns, record, seeds, summary

STEPS, SEEDS = 1_000, seeds(5)


def measure(seed: int, train, test) -> dict[str, float]:
    """Train with ``seed``; accuracy on test images, and on images made to order."""
    aigc.start(seed=seed)
    model = aigc.models.InfoGAN()
    aigc.fit(model, train, steps=STEPS, seed=seed)
    codes = model.code(test.x.float() / 127.5 - 1)
    accuracy, digits = matched_accuracy(codes, test.y)
    ordered = torch.arange(10).repeat_interleave(100)
    obeyed = model.code(model.sample(1_000, seed=seed, codes=ordered)).cpu() == ordered
    if seed == 0:  # a row per code, in the order of the digits that they stand for
        rows = digits.argsort().repeat_interleave(12)
        draw(model.sample(120, seed=0, codes=rows), "infogan_mnist")
    return {"accuracy": accuracy, "code_obeyed": obeyed.float().mean().item()}


def main() -> None:
    train = aigc.data.load("mnist")
    test = aigc.data.load("mnist", split="test")
    (runs,) = in_turns(
        "infogan", ["InfoGAN"], SEEDS, lambda _, seed: measure(seed, train, test)
    ).values()
    record(
        "infogan",
        [{"model": "InfoGAN"} | summary(runs)],
        data="mnist",
        split="train for training, without labels; test for judging",
        n=f"{len(test.x)} test images; 1000 generated ones for code_obeyed",
        metric="share of images whose code is its digit, after the best matching",
        accuracies=[run["accuracy"] for run in runs],
        steps=STEPS,
        batch_size=aigc.models.InfoGAN.recipe["batch_size"],
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
