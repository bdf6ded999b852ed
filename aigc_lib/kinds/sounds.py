"""Sounds: what a model says of those that it has not heard, or what it hears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from ..codecs.sound import write_wav
from ..data import Dataset
from ..models import MODELS, Trainable
from ._tensors import classes_for, draw, sorting, unmeasured

__all__ = ["build", "draw", "evaluate", "write"]

PAUSE = 1_000  # samples of silence after each sound


def build(
    name: str, data: Dataset, options: dict[str, Any]
) -> tuple[Trainable, Dataset]:
    """Make a model of sounds, which have no size to fit.

    Raises:
        ValueError: a model that sorts, and no classes.
    """
    if name == "sound_classifier":
        classes_for(name, data)
        options = {"classes": data.classes} | options
    return MODELS[name](**options), data


def write(samples: Tensor, path: Path, columns: int) -> None:
    """Write one WAV file, with a pause after each sound."""
    write_wav(path, pad(samples, (0, PAUSE)).flatten())


def evaluate(model: Trainable, data: Dataset, n: int, seed: int) -> dict[str, Any]:
    """Ask ``model`` for every sample of ``data``, or which word each sound is.

    Raises:
        ValueError: classes that the model does not know, or a model that no command
            measures.
    """
    if isinstance(model, MODELS["sound_classifier"]):
        return sorting(model, data, lambda: model.logits(data.x), "sound")
    if not isinstance(model, MODELS["wavenet"]):
        raise unmeasured(model)
    nats = model.nats_per_sample(data.x, data.y if model.conditional else None)
    return {"sounds": len(data), "nats_per_sample": nats}
