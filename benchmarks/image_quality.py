"""What every benchmark of an image model reports, and the picture beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.files import replacing
from aigc_lib.metrics import images as metrics
from aigc_lib.metrics.intervals import jackknife_interval

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


def draw(images: Tensor, name: str) -> None:
    """Write images, twelve in a row, to results/NAME.png."""
    aigc.plots.grid(images, columns=12)
    with replacing(RESULTS / f"{name}.png") as path:
        plt.savefig(path, format="png", dpi=150, bbox_inches="tight")
    plt.close()
