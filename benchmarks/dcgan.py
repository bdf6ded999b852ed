"""DCGAN on Fashion-MNIST: what two minutes of training give, beside a plain recipe.

Both are trained for the same seconds with several seeds in one run and judged by the
same features: FD of 5,000 samples against the 10,000 test images.
"""

from __future__ import annotations

import torch
from torch import nn

import aigc_lib as aigc
from aigc_lib.metrics import images as metrics
from benchmarks.image_quality import draw, train_and_judge
from benchmarks.record import in_turns, record, seeds, summary

SECONDS, SEEDS, SAMPLES = 120, seeds(3), 5_000


def plain(width: int = 16, latent_dim: int = 64) -> aigc.models.GAN:
    """A spectral-norm hinge DCGAN as a good blog would write it, in float32."""
    model = aigc.models.GAN(
        nn.Sequential(
            nn.Linear(latent_dim, 4 * width * 49, bias=False),
            nn.Unflatten(1, (4 * width, 7, 7)),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, 1, 4, 2, 1),
            nn.Tanh(),
        ),
        nn.Sequential(
            nn.Conv2d(1, 2 * width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(4 * width * 49, 1),
            nn.Flatten(0),
        ),
        latent_dim=latent_dim,
        loss="hinge",
        spectral_norm=True,
        gradient_penalty=0.0,
        r1=0.0,
        learning_rates=(1e-3, 1e-3),
        betas=(0.0, 0.9),
    )
    model.tolerates_bf16 = False
    model.recipe = {"ema": 0.995}
    return model


RECIPES = {
    "DCGAN of aigc_lib": aigc.models.DCGAN,
    "plain spectral-norm hinge DCGAN": plain,
}


def measure(build, seed: int, train, real) -> dict[str, float]:
    """Train ``build()`` and compare its samples with the features ``real``."""
    run, _, images = train_and_judge(
        build, train, real, seconds=SECONDS, samples=SAMPLES, seed=seed
    )
    if build is aigc.models.DCGAN and seed == 0:
        draw(images[:60], "dcgan_fashion_mnist")
    classes = torch.bincount(metrics.classify(images), minlength=10)
    return run | {"rarest_class_share": classes.min().item() / SAMPLES}


def main() -> None:
    train = aigc.data.load("fashion_mnist")
    test = aigc.data.load("fashion_mnist", split="test")
    real = metrics.features(test.x)
    runs = in_turns(
        "dcgan",
        RECIPES,
        SEEDS,
        lambda name, seed: measure(RECIPES[name], seed, train, real),
    )
    record(
        "dcgan",
        [{"recipe": name} | summary(results) for name, results in runs.items()],
        data="fashion_mnist",
        split="train for training, test for judging",
        n=f"{SAMPLES} samples against {len(test.x)} images",
        metric="Fréchet distance on the features of aigc_lib.metrics (64)",
        seconds=SECONDS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
