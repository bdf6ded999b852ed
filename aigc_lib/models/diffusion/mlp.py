"""A perceptron told the time, for samples that are no images: rows, points, series."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn.functional import silu

from ...arguments import at_least
from .embedding import TimeAndLabel
from .unet import zeroed

DEPTH = 3


class RowNet(nn.Module):
    """Samples (B, *shape), times (B,) in [0, 1] and labels -> (B, *shape) float32.

    The sample is flattened. ``DEPTH`` residual blocks of 4 * ``width`` numbers follow;
    the condition scales and shifts each.

    Raises:
        ValueError: ``width`` below 1.
    """

    inner = ("blocks",)  # layers whose matrices Muon may train

    def __init__(self, shape: tuple[int, ...], width: int, classes: int | None = None):
        super().__init__()
        at_least(1, width=width)
        size, inner = math.prod(shape), 4 * width
        self.condition = TimeAndLabel(inner, classes)
        self.enter = nn.Sequential(nn.Flatten(), nn.Linear(size, inner))
        self.blocks = nn.ModuleList(RowBlock(inner) for _ in range(DEPTH))
        self.leave = nn.Sequential(
            nn.LayerNorm(inner), zeroed(nn.Linear(inner, size)), nn.Unflatten(1, shape)
        )

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        condition = self.condition(t, labels)  # (B, 4 width)
        h = self.enter(x)
        for block in self.blocks:
            h = block(h, condition)
        return self.leave(h).float()


class RowBlock(nn.Module):
    """Two layers beside a shortcut; the condition scales and shifts what enters."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 2 * width)
        self.first = nn.Linear(width, 2 * width)
        self.second = zeroed(nn.Linear(2 * width, width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition).chunk(2, 1)
        h = self.norm(x) * (1 + scale) + shift
        return x + self.second(silu(self.first(h)))
