"""DCGAN on Fashion-MNIST: what two minutes of training give, beside a plain recipe.

Both are trained for the same seconds with several seeds in one run and judged by the
same features: FD of 5,000 samples against the 10,000 test images.
"""

from __future__ import annotations

import torch
from torch import nn

import aigc_lib as aigc
from aigc_lib.metrics import images as metrics
from benchmarks.image_quality import draw, quality
from benchmarks.record import record, summary

SECONDS, SEEDS, SAMPLES = 120, range(3), 5_000


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
    return model


RECIPES = {
    "DCGAN of aigc_lib": (aigc.models.DCGAN, {}),
    "plain spectral-norm hinge DCGAN": (plain, {"ema": 0.995}),
}


def main() -> None:
    train = aigc.data.load("fashion_mnist")
    test = aigc.data.load("fashion_mnist", split="test")
    real = metrics.features(test.x)
    runs = {name: [] for name in RECIPES}
    for seed in SEEDS:  # the recipes take turns: a slow hour of the machine hits both
        for name, (build, arguments) in RECIPES.items():
            aigc.start(seed=seed)
            model = build()
            history = aigc.fit(model, train, seconds=SECONDS, seed=seed, **arguments)
            images = model.sample(SAMPLES, seed=seed)
            classes = torch.bincount(metrics.classify(images), minlength=10)
            runs[name].append(
                {
                    **quality(real, images),
                    "steps": history.steps[-1],
                    "rarest_class_share": classes.min().item() / SAMPLES,
                }
            )
            print(name, seed, runs[name][-1], flush=True)
            if build is aigc.models.DCGAN and seed == SEEDS[0]:
                draw(images[:60], "dcgan_fashion_mnist")
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
