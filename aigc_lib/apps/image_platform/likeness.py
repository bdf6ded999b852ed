"""What a picture looks like, as numbers: shapes by the book's own net, and colours."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate, normalize

from ...metrics.images import features as shapes

GRID = 4  # colours are looked at in GRID x GRID places


def features(pixels: Tensor) -> Tensor:
    """Return (N, 112) float32 of pictures (N, 1 or 3, S, S) uint8.

    The 64 features of the Fashion-MNIST classifier on the grey picture, and the mean
    colours of 16 places; each part has about the same weight.
    """
    x = pixels.float() / 127.5 - 1
    if x.shape[1] == 1:
        x = x.expand(-1, 3, -1, -1)
    options = {"mode": "bilinear", "antialias": True, "align_corners": False}
    grey = interpolate(x.mean(1, keepdim=True), (28, 28), **options).clamp(-1, 1)
    # the net knows light things on black: shop pictures are dark things on white
    light = grey.mean((1, 2, 3), keepdim=True) > 0
    grey = torch.where(light, -grey, grey)
    colours = adaptive_avg_pool2d(x, GRID).flatten(1)  # (N, 48)
    return torch.cat([normalize(shapes(grey)), normalize(colours)], 1)


def stored(row: Tensor) -> bytes:
    """The features of one picture as bytes, for the database."""
    return row.numpy().astype(np.float16).tobytes()
