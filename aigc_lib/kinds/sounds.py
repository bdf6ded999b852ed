"""Sounds: what a model says of those that it has not heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from ..codecs.sound import write_wav
from ..data import Dataset
from ..models import MODELS, GenerativeModel
from ._tensors import draw

__all__ = ["build", "draw", "evaluate", "write"]

PAUSE = 1_000  # samples of silence after each sound


def build(
    name: str, data: Dataset, options: dict[str, Any]
) -> tuple[GenerativeModel, Dataset]:
    """Make a model of sounds, which have no size to fit."""
    return MODELS[name](**options), data


def write(samples: Tensor, path: Path, columns: int) -> None:
    """Write one WAV file, with a pause after each sound."""
    write_wav(path, pad(samples, (0, PAUSE)).flatten())


def evaluate(
    model: GenerativeModel, data: Dataset, n: int, seed: int
) -> dict[str, Any]:
    """Ask ``model`` for every sample of ``data``."""
    nats = model.nats_per_sample(data.x, data.y if model.conditional else None)
    return {"sounds": len(data), "nats_per_sample": nats}
