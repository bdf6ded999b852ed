"""Images: models take their size and channels, and draw a grid of them or sort them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from ..data import Dataset
from ..metrics.images import features
from ..models import MODELS, GenerativeModel, Trainable
from ._tensors import classes_for, draw, figures, sorting, unmeasured

__all__ = ["build", "draw", "evaluate", "write"]


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
    """Compare ``n`` samples with ``data`` by features of a network, or sort ``data``.

    Raises:
        ValueError: images that the network does not take, classes that the model does
            not know, or a model that no command measures.
    """
    if isinstance(model, MODELS["picture_classifier"]):
        return sorting(model, data, lambda: model.logits(data.x), "picture")
    if not isinstance(model, GenerativeModel):
        raise unmeasured(model)
    shape = tuple(data.x.shape[1:])
    if shape != (1, 28, 28):
        raise ValueError(
            f"data={data.name!r} holds {shape}: this command measures (1, 28, 28) "
            "only, for other images there is no feature network here"
        )
    space = "features of aigc_lib's Fashion-MNIST classifier"
    return figures(model, data, n, seed, features, space)
