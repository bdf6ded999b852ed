"""Two-dimensional distributions, drawn from a seed; formulas stand on their cards.

Each function returns ``x`` (n, 2) float32, ``y`` (n,) int64 and the centres of the
modes (K, 2), or None where there are none.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Generator, Tensor

from ..catalog import Card

Toy = tuple[Tensor, Tensor, Tensor | None]


def ring8(n: int, generator: Generator, *, radius: float, std: float) -> Toy:
    """Eight Gaussians on a circle (Metz et al. 2017)."""
    angle = torch.arange(8) * (2 * math.pi / 8)
    modes = radius * torch.stack([angle.cos(), angle.sin()], 1)
    return mixture(n, generator, modes, std)


def grid25(n: int, generator: Generator, *, spacing: float, std: float) -> Toy:
    """Twenty-five Gaussians on a square grid (Lin et al. 2018)."""
    axis = spacing * torch.arange(-2.0, 3.0)
    return mixture(n, generator, torch.cartesian_prod(axis, axis), std)


def blob(n: int, generator: Generator, *, mean: list[float], std: float) -> Toy:
    """One Gaussian away from the origin."""
    return mixture(n, generator, torch.tensor([mean]), std)


def mixture(n: int, generator: Generator, modes: Tensor, std: float) -> Toy:
    """Gaussians of equal weight and width around ``modes`` (K, 2)."""
    y = torch.randint(len(modes), (n,), generator=generator)
    return modes[y] + std * torch.randn(n, 2, generator=generator), y, modes


def two_moons(n: int, generator: Generator, *, noise: float) -> Toy:
    """Two interleaved half circles, the shape of scikit-learn's ``make_moons``."""
    y = torch.randint(2, (n,), generator=generator)
    t = math.pi * torch.rand(n, generator=generator)
    upper = torch.stack([t.cos(), t.sin()], 1)
    lower = torch.stack([1 - t.cos(), 0.5 - t.sin()], 1)
    x = torch.where(y[:, None] == 0, upper, lower)
    return x + noise * torch.randn(n, 2, generator=generator), y, None


TOYS = {f.__name__: f for f in (ring8, grid25, blob, two_moons)}


def read_toy(card: Card, split: str, paths: list[Path]) -> Toy:
    """Draw the points of a split: the seed is the position of the split on the card."""
    generator = torch.Generator().manual_seed(list(card.splits).index(split))
    return TOYS[card.name](card.splits[split], generator, **card.parameters)
