"""What helps a GAN: one DCGAN body on Fashion-MNIST, one remedy at a time.

Counted in steps, so that it may be measured on a busy machine. The runs of one seed
start from the same weights and see the same batches: remedies are compared by pairs.
Their strengths are the best of one to three tries with seed 0: none is well tuned.
"""

from __future__ import annotations

import math
import statistics

import torch
from scipy.stats import t as student

import aigc_lib as aigc
from aigc_lib.metrics import images as metrics
from benchmarks.image_quality import quality
from benchmarks.record import in_turns, record, seeds, summary

STEPS, SAMPLES, SEEDS = 400, 5_000, seeds(5)
PLAIN = {
    "loss": "nonsaturating",
    "spectral_norm": False,
    "learning_rates": (2e-3, 2e-3),
}
REMEDIES = {
    "none": {},
    "spectral norm": {"spectral_norm": True},
    "R1": {"r1": 10.0},
    "WGAN-GP": {"loss": "wasserstein", "gradient_penalty": 10.0},
    "two time scales": {"learning_rates": (2e-3, 8e-3)},
    "defaults of DCGAN": {
        "loss": "hinge",
        "spectral_norm": True,
        "learning_rates": (8e-3, 8e-3),
    },
}


def measure(remedy: str, seed: int, train, real) -> dict[str, float]:
    """Train with ``remedy`` and compare the samples with the features ``real``."""
    aigc.start(seed=seed)
    model = aigc.models.DCGAN(**PLAIN | REMEDIES[remedy])
    aigc.fit(model, train, steps=STEPS, seed=seed)
    images = model.sample(SAMPLES, seed=seed)
    classes = torch.bincount(metrics.classify(images), minlength=10)
    return {
        **quality(real, images),
        "rarest_class_share": classes.min().item() / SAMPLES,
    }


def paired_ratio(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """How many times theirs our figures are: geometric mean and 95% interval.

    Student's t interval of the differences of logarithms, one per seed: distances
    multiply rather than add. One seed gives no interval.
    """
    differences = [math.log(a / b) for a, b in zip(ours, theirs, strict=True)]
    n, middle = len(differences), statistics.mean(differences)
    ratio = {"fd_ratio": math.exp(middle)}
    if n > 1:
        error = statistics.stdev(differences) / math.sqrt(n)
        reach = float(student.ppf(0.975, n - 1)) * error
        ratio["fd_ratio_low"] = math.exp(middle - reach)
        ratio["fd_ratio_high"] = math.exp(middle + reach)
    return ratio


def main() -> None:
    train = aigc.data.load("fashion_mnist")
    test = aigc.data.load("fashion_mnist", split="test")
    real = metrics.features(test.x)
    runs = in_turns(
        "gan_remedies",
        REMEDIES,
        SEEDS,
        lambda name, seed: measure(name, seed, train, real),
    )
    fd = {name: [run["fd"] for run in results] for name, results in runs.items()}
    record(
        "gan_remedies",
        [
            {"remedy": name}
            | summary(results)
            | paired_ratio(fd[name], fd["none"])
            | {"arguments": PLAIN | REMEDIES[name]}
            for name, results in runs.items()
        ],
        data="fashion_mnist",
        split="train for training, test for judging",
        n=f"{SAMPLES} samples against {len(test.x)} images",
        metric="Fréchet distance on the features of aigc_lib.metrics (64)",
        interval="fd_ratio: FD over FD of none, paired by seed, 95%, log scale",
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
