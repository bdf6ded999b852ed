"""Points: rows of coordinates; two of them can be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from ..data import Dataset
from ..models import MODELS, GenerativeModel
from ._tensors import draw, figures

__all__ = ["build", "draw", "evaluate", "write"]


def build(
    name: str, data: Dataset, options: dict[str, Any]
) -> tuple[GenerativeModel, Dataset]:
    """Make a model for points of so many coordinates."""
    return MODELS[name](**{"data_dim": data.x.shape[1]} | options), data


def write(samples: Tensor, path: Path, columns: int) -> None:
    """Write a PNG file with all points."""
    from matplotlib.figure import Figure

    from .. import plots

    # No window and no figure of pyplot: a notebook goes on showing its own.
    figure = Figure(figsize=(2.8, 2.8))
    limit = 1.1 * samples.abs().max().item()
    plots.points(fake=samples, limit=limit, ax=figure.subplots())
    figure.savefig(path, format="png")


def evaluate(
    model: GenerativeModel, data: Dataset, n: int, seed: int
) -> dict[str, Any]:
    """Compare ``n`` samples with ``data`` by their coordinates."""
    return figures(model, data, n, seed, lambda x: x, "coordinates")
