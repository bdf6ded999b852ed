"""What kinds whose samples are tensors have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..data import Dataset
from ..metrics import distances
from ..metrics.intervals import proportion_interval
from ..models import GenerativeModel, Trainable

FEWEST = 20  # samples: ten pairs, from which a distance gets its error


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
        ValueError: fewer than ``FEWEST`` on either side, samples of another shape.
    """
    if min(len(data.x), n) < FEWEST:
        raise ValueError(
            f"n={n}, and data={data.name!r} has {len(data.x)} samples in "
            f"split={data.split!r}: give at least {FEWEST} of each"
        )
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


def sorting(
    model: Trainable, data: Any, logits: Callable[[], Tensor], unit: str
) -> dict[str, Any]:
    """Say how often the class that ``model`` finds likeliest is right.

    ``logits`` gives (N, classes) for all of ``data``, whose samples are called
    ``unit``. Classes go by their names, where the model knows them.

    Raises:
        ValueError: data without classes, or classes that the model does not know.
    """
    if data.y is None:
        raise ValueError(f"data={data.name!r} has no classes: a classifier needs them")
    known = model.classes
    if isinstance(known, int):  # as many as that, without names
        numbers = range(len(data.classes))
        foreign = data.classes[known:]
    else:
        numbers = [known.index(c) if c in known else -1 for c in data.classes]
        foreign = [c for c in data.classes if c not in known]
    if foreign:
        raise ValueError(
            f"data={data.name!r} has the classes {sorted(foreign)[:5]}, unknown to the "
            "model: evaluate it on the classes that it was trained on"
        )
    y, found = torch.tensor(list(numbers))[data.y], logits().cpu()
    right = int((found.argmax(1) == y).sum())
    low, high = proportion_interval(right, len(y))
    return {
        f"{unit}s": len(y),
        "classes": len(data.classes),
        "accuracy": right / len(y),
        "accuracy_from": low,
        "accuracy_to": high,
        "most_frequent_class": y.bincount().max().item() / len(y),
        f"nats_per_{unit}": cross_entropy(found, y).item(),
    }


def unmeasured(model: Trainable) -> ValueError:
    """The error for a model that its chapter measures, and no command."""
    return ValueError(
        f"{type(model).__name__}: no command measures it, load it in Python and use "
        "its methods"
    )
