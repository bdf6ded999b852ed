"""What every benchmark of an image model reports, and the picture beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.files import replacing
from aigc_lib.metrics import images as metrics
from aigc_lib.metrics.intervals import jackknife_interval
from aigc_lib.models import GenerativeModel
from benchmarks.record import checkpoint

RESULTS = Path(__file__).parent.parent / "results"


def quality(real: Tensor, images: Tensor) -> dict[str, float]:
    """Compare generated ``images`` with the features ``real`` of real ones.

    ``fd_low`` to ``fd_high`` is the 95% interval for the drawing of these images.
    """
    fake = metrics.features(images)
    distance, error = metrics.kernel_distance(real, fake)
    low, high = jackknife_interval(fake, partial(metrics.frechet_distance, real))
    return {
        "fd": metrics.frechet_distance(real, fake),
        "fd_low": low,
        "fd_high": high,
        "kd": distance,
        "kd_standard_error": error,
        **metrics.precision_recall(real, fake),
    }


def train_and_judge(
    build: Callable[[], GenerativeModel],
    train: aigc.data.Dataset,
    real: Tensor,
    *,
    seconds: float,
    samples: int,
    seed: int,
) -> tuple[dict[str, float], GenerativeModel, Tensor]:
    """Train ``build()`` and compare its samples with the features ``real``.

    Returns the figures, the model, and the samples that were judged. What another
    benchmark of this commit trained alike is not trained again.
    """
    aigc.start(seed=seed)
    model = build()
    path = checkpoint(f"{build.__name__} {train.name} {seconds} s, seed {seed}")
    history = aigc.fit(model, train, seconds=seconds, seed=seed, checkpoint=path)
    model.sample(10)  # the first call also loads kernels
    began = time.perf_counter()
    model.sample(1_000, seed=1)
    sampling = time.perf_counter() - began
    images = model.sample(samples, seed=seed)
    run = {
        **quality(real, images),
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "steps": history.steps[-1],
        "seconds_per_1000_samples": sampling,
    }
    return run, model, images


def draw(images: Tensor, name: str) -> None:
    """Write images, twelve in a row, to results/NAME.png."""
    aigc.plots.grid(images, columns=12)
    save_figure(name)


def save_figure(name: str) -> None:
    """Write the present figure to results/NAME.png and close it."""
    with replacing(RESULTS / f"{name}.png") as path:
        plt.savefig(path, format="png", dpi=150, bbox_inches="tight")
    plt.close()
