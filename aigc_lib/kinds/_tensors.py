"""What kinds whose samples are tensors have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..data import Dataset
from ..metrics import distances
from ..models import GenerativeModel


def classes_for(name: str, data: Any) -> int:
    """Return the number of classes that model ``name`` is to be told apart by.

    Raises:
        ValueError: fewer than two.
    """
    if len(data.classes) < 2:
        raise ValueError(
            f"model={name!r} needs classes, and data={data.name!r} has "
            f"{len(data.classes)}: put your own files into sub-folders, one a class; "
            "or take another model"
        )
    return len(data.classes)


def draw(model: GenerativeModel, n: int, seed: int) -> Tensor:
    """Draw ``n`` samples, to the CPU."""
    return model.sample(n, seed=seed).cpu()


def figures(
    model: GenerativeModel,
    data: Dataset,
    n: int,
    seed: int,
    measured: Callable[[Tensor], Tensor],
    space: str,
) -> dict[str, Any]:
    """Compare ``n`` samples with ``data`` by rows of numbers that ``measured`` gives.

    Raises:
        ValueError: the samples have another shape.
    """
    began = time.perf_counter()
    samples = draw(model, n, seed)
    sampling = time.perf_counter() - began
    shape, expected = tuple(samples.shape[1:]), tuple(data.x.shape[1:])
    if shape != expected:
        raise ValueError(
            f"data={data.name!r} holds {expected}, the model makes {shape}: evaluate "
            "it on the kind of data that it was trained on"
        )
    real, fake = measured(data.x), measured(samples)
    kernel, error = distances.kernel_distance(real, fake, seed=seed)
    return {
        "real_samples": len(real),
        "fake_samples": len(fake),
        "measured_on": space,
        "frechet_distance": distances.frechet_distance(real, fake),
        "kernel_distance": kernel,
        "kernel_distance_standard_error": error,
        **distances.precision_recall(real, fake),
        "seed": seed,
        "seconds_sampling": round(sampling, 2),
    }
