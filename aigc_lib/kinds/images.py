"""Images: models take their size and channels, and draw a grid of them or sort them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data import Dataset
from ..metrics.images import features
from ..metrics.pictures import gist
from ..models import MODELS, GenerativeModel, Trainable
from ._tensors import classes_for, draw, figures, sorting, unmeasured

__all__ = ["build", "draw", "evaluate", "write"]

AT_ONCE = 100  # pictures whose looks are measured together
LEAST_SPREAD = 1e-3  # of a part of the looks, where all pictures are alike


def build(
    name: str, data: Dataset, options: dict[str, Any]
) -> tuple[Trainable, Dataset]:
    """Make a model for images of this size, and of these classes where it needs them.

    Raises:
        ValueError: a conditional model, and no classes.
    """
    channels, image_size, _ = data.x.shape[1:]
    fitting = {"channels": channels, "image_size": image_size}
    if MODELS[name].conditional:
        fitting["classes"] = classes_for(name, data)
    if name == "picture_classifier":
        fitting["classes"] = data.classes  # it says their names
    return MODELS[name](**fitting | options), data


def write(samples: Tensor, path: Path, columns: int) -> None:
    """Write a picture, so many images in a row: a PNG file unless the ending says."""
    from torchvision.utils import save_image

    shades = {"normalize": True, "value_range": (-1, 1), "pad_value": 1.0}
    kind = None if path.suffix else "png"
    save_image(samples, path, kind, nrow=columns, padding=2, **shades)


def evaluate(model: Trainable, data: Dataset, n: int, seed: int) -> dict[str, Any]:
    """Compare ``n`` samples with ``data`` by features of them, or sort ``data``.

    Images (1, 28, 28) are judged by a network that knows such; others by their looks.

    Raises:
        ValueError: images that are neither grey nor RGB, too few of them, classes that
            the model does not know, or a model that no command measures.
    """
    if isinstance(model, MODELS["picture_classifier"]):
        return sorting(model, data, lambda: model.logits(data.x), "picture")
    if not isinstance(model, GenerativeModel):
        raise unmeasured(model)
    measured, space = features, "features of aigc_lib's Fashion-MNIST classifier"
    if tuple(data.x.shape[1:]) != (1, 28, 28):
        measured = by_looks(data.x)
        space = "where colours and edges are (aigc_lib.metrics.pictures.gist)"
    return figures(model, data, n, seed, measured, space)


def by_looks(real: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what turns pictures into rows of their ``gist``, no network needed.

    Colours, edges, directions and shares of colours are each divided by their spread
    over the ``real`` pictures: in bare numbers the colours would decide alone.
    """

    def parts(x: Tensor) -> list[Tensor]:
        some = (gist(part) for part in x.split(AT_ONCE))
        return [torch.cat(part) for part in zip(*some, strict=True)]

    spread = [part.std().clamp_min(LEAST_SPREAD) for part in parts(real)]
    return lambda x: torch.cat(
        [part / s for part, s in zip(parts(x), spread, strict=True)], 1
    )
