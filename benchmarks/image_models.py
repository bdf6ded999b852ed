"""The common table: every image model of the course, same data, budget and metric.

Each is built with its defaults and trained on Fashion-MNIST for two minutes.
"""

from __future__ import annotations

import aigc_lib as aigc
from aigc_lib.metrics import images as metrics
from aigc_lib.models import MODELS
from benchmarks.image_quality import draw, train_and_judge
from benchmarks.record import in_turns, record, seeds, summary

SECONDS, SAMPLES, SEEDS = 120, 5_000, seeds(3)


def measure(name: str, seed: int, train, real) -> dict[str, float]:
    """Train model ``name`` and compare its samples with the features ``real``."""
    run, _, images = train_and_judge(
        MODELS[name], train, real, seconds=SECONDS, samples=SAMPLES, seed=seed
    )
    if seed == 0:
        draw(images[:48], f"image_models_{name}")
    return run


def main() -> None:
    train = aigc.data.load("fashion_mnist")
    test = aigc.data.load("fashion_mnist", split="test")
    real = metrics.features(test.x)
    runs = in_turns(
        "image_models",
        [name for name, kind in MODELS.items() if kind.modality == "images"],
        SEEDS,
        lambda name, seed: measure(name, seed, train, real),
    )
    rows = [{"model": name} | summary(results) for name, results in runs.items()]
    record(
        "image_models",
        sorted(rows, key=lambda row: row["fd"]),
        data="fashion_mnist",
        split="train for training, test for judging",
        n=f"{SAMPLES} samples against {len(test.x)} images",
        metric="Fréchet distance on the features of aigc_lib.metrics (64)",
        seconds=SECONDS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
