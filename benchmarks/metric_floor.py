"""The scale of the image metrics: how far real images are from real images.

No model can be expected to come nearer to the test images than training images are.
Spoilt training images show what larger distances look like.
"""

from __future__ import annotations

import statistics

import torch
from torch.nn.functional import avg_pool2d, pad

from aigc_lib.data import Dataset, load
from aigc_lib.metrics.distances import (
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from aigc_lib.metrics.images import classify, features
from benchmarks.record import record, seeds

SIZES, SEEDS, SPOILT = [1_000, 5_000, 10_000], seeds(10), 5_000


def main() -> None:
    train, test = load("fashion_mnist"), load("fashion_mnist", split="test")
    real, seen = features(test.x), features(train.x)
    rows = {}
    for n in SIZES:
        draws = [measure(real, seen[sample(train, n, seed)], seed) for seed in SEEDS]
        rows[str(n)] = row = {"n": n}
        for key in draws[0]:
            values = [draw[key] for draw in draws]
            row[key] = statistics.mean(values)
            row |= {f"{key}_min": min(values), f"{key}_max": max(values)}
        print(n, row, flush=True)
    spoilt = {}
    for name, images in spoil(train).items():
        spoilt[name] = measure(real, features(images), seed=0)
        print(name, spoilt[name], flush=True)
    right = (classify(test.x) == test.y).double().mean().item()
    record(
        "metric_floor",
        rows,
        spoilt=spoilt,
        data="fashion_mnist",
        split="n images drawn from train, against all of test",
        n_test=len(test),
        metric="FD, KD, precision and recall (k = 5) on the features of aigc_lib (64)",
        feature_net_test_accuracy=right,
        seeds=list(SEEDS),
        interval="mean, min and max over the seeds; spoilt: n = 5,000, seed 0",
    )


def sample(data: Dataset, n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(len(data), generator=generator)[:n]


def measure(real: torch.Tensor, fake: torch.Tensor, seed: int) -> dict[str, float]:
    distance, error = kernel_distance(real, fake, seed=seed)
    return {
        "fd": frechet_distance(real, fake),
        "kd": distance,
        "kd_standard_error": error,
        **precision_recall(real, fake),
    }


def spoil(train: Dataset) -> dict[str, torch.Tensor]:
    images = train.x[sample(train, SPOILT, seed=0)]
    x = images.float() / 127.5 - 1
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    black = pad(x, (1, 1, 1, 1), value=-1)
    return {
        "one_class_of_ten_missing": train.x[train.y != 0][:SPOILT],
        "only_one_class": train.x[train.y == 0][:SPOILT],
        "noise_with_deviation_0.1": (x + 0.1 * noise).clamp(-1, 1),
        "noise_with_deviation_0.5": (x + 0.5 * noise).clamp(-1, 1),
        "mean_of_3_by_3_pixels": avg_pool2d(black, 3, stride=1),
        "moved_by_2_pixels": images.roll(2, dims=-1),
        "nothing_but_noise": noise.clamp(-1, 1),
    }


if __name__ == "__main__":
    main()
