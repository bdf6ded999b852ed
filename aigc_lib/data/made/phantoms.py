"""Phantoms: drawn chests whose every lesion is known, for what no X-ray can tell.

A picture is the sum of what the rays pass through: body, lungs (less of it), heart,
spine and ribs, perhaps a lesion, and then noise. No anatomy can be learned from them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ...arguments import finite, whole
from ..catalog import Card

KINDS = ("patch", "effusion", "nodule")  # how a lesion looks
SHARES = (0.7, 0.2, 0.1)  # of the lesions: a nodule is rare
SIZE, PART = 28, 1_000
DOWN, ACROSS = np.mgrid[:SIZE, :SIZE] + 0.5
Array = np.ndarray


class Phantoms(NamedTuple):
    """``x`` (N, 1, 28, 28) uint8; ``y`` (N,) int64: 1 with a lesion.

    ``kind`` (N,) numbers ``KINDS``, -1 without a lesion; ``large`` (N,) bool tells a
    large body from a small one; ``mask`` and ``lungs`` (N, 28, 28) bool are where the
    lesion is, and the lungs.
    """

    x: Tensor
    y: Tensor
    kind: Tensor
    large: Tensor
    mask: Tensor
    lungs: Tensor


def phantoms(
    n: int,
    *,
    seed: int = 0,
    ill: float = 0.5,
    shares: tuple[float, ...] = SHARES,
) -> Phantoms:
    """Draw ``n`` chests, each with a lesion by the chance ``ill``, its kind by shares.

    Raises:
        ValueError: ``n`` < 1, ``ill`` outside [0, 1], or shares that are not three
            numbers of 0 or more with the sum 1.
    """
    n = whole("n", n, 1)
    finite("ill", ill, least=0, most=1)
    for share in shares:
        finite("shares", share, least=0)
    if len(shares) != len(KINDS) or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"shares={shares}: give {len(KINDS)} numbers with the sum 1")
    random = np.random.default_rng(whole("seed", seed, 0))
    sick = random.random(n) < ill
    kinds = np.where(sick, random.choice(len(KINDS), n, p=shares), -1)
    large = random.random(n) < 0.5
    parts = [
        _chests(random, kinds[i : i + PART], large[i : i + PART])
        for i in range(0, n, PART)
    ]
    pictures, *masks = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Phantoms(
        torch.from_numpy(pictures)[:, None],
        torch.from_numpy(sick.astype(np.int64)),
        torch.from_numpy(kinds.astype(np.int64)),
        torch.from_numpy(large),
        *map(torch.from_numpy, masks),
    )


def _oval(x: Array, y: Array, width: Array, height: Array) -> Array:
    """Return 1 inside ellipses, 0 outside, with a soft edge: centre and half axes."""
    far = np.hypot((ACROSS - x) / width, (DOWN - y) / height)
    return 1 / (1 + np.exp(8 * (far - 1)))


def _blurred(pictures: Array, width: float) -> Array:
    return gaussian_filter(pictures, (0, width, width))


def _chests(
    random: np.random.Generator, kinds: Array, large: Array
) -> tuple[Array, Array, Array]:
    """Draw chests: pictures (N, 28, 28) uint8; where lesions are, and lungs."""
    n = len(kinds)

    def between(low: float, high: float) -> Array:
        return random.uniform(low, high, (n, 1, 1))

    def spread() -> Array:
        return random.standard_normal((n, SIZE, SIZE))

    large = large[:, None, None]
    grow = np.where(large, 1.08, 0.88) * between(0.96, 1.04)
    x0, y0 = 14 + between(-1, 1), 14 + between(-1, 1)
    body = _oval(x0, y0 + 2, 13.5 * grow, 15 * grow)
    lungs = [
        (
            x0 + side * 5.6 * grow,
            y0 - 0.5,
            grow * between(4.0, 4.8),
            grow * between(8.0, 9.2),
        )
        for side in (-1, 1)
    ]
    air = np.maximum(*(_oval(*lung) for lung in lungs))
    heart = _oval(x0 + 1.8 * grow, y0 + 4.5, 4.2 * grow * between(0.9, 1.1), 4.6)
    spine = np.exp(-(((ACROSS - x0) / 1.5) ** 2))
    ribs = np.cos(2 * np.pi * (DOWN + 0.12 * (ACROSS - x0) ** 2 / grow) / 3.6)
    picture = 0.55 * body - 0.38 * air + 0.25 * heart + 0.14 * spine * body
    picture += between(0.015, 0.04) * ribs * air
    vessels = _blurred(spread(), 1.6)
    picture += 0.04 * vessels / vessels.std() * air
    left = random.random((n, 1, 1)) < 0.5
    lung = tuple(np.where(left, *pair) for pair in zip(*lungs, strict=True))
    looks = [_patch(between, lung), _effusion(between, lung), _nodule(between, lung)]
    lesion = np.choose(kinds[:, None, None] + 1, [np.zeros_like(picture), *looks])
    lesion = lesion * _oval(*lung)
    picture += lesion
    picture = np.where(large, 0.9 * picture + 0.06, picture)  # more tissue scatters
    picture = _blurred(picture, 0.5)
    picture += np.where(large, 0.035, 0.02) * spread()  # and lets fewer rays through
    picture = between(0.9, 1.1) * picture + between(-0.03, 0.03) + 0.08
    return (255 * picture).clip(0, 255).astype(np.uint8), lesion > 0.04, air > 0.5


# ---- lesions: how much harder for rays each place becomes, before the lung cuts them


def _patch(between: Callable[..., Array], lung: tuple[Array, ...]) -> Array:
    """A cloud with a soft edge."""
    x, y, width, height = lung
    x, y = x + between(-0.4, 0.4) * width, y + between(-0.5, 0.5) * height
    far = np.hypot(ACROSS - x, DOWN - y) / between(2.0, 3.4)
    return between(0.13, 0.26) * np.exp(-(far**2))


def _effusion(between: Callable[..., Array], lung: tuple[Array, ...]) -> Array:
    """Fluid below, higher at the walls."""
    x, y, _, height = lung
    level = y + between(0.15, 0.6) * height - 0.06 * (ACROSS - x) ** 2
    return between(0.16, 0.3) / (1 + np.exp(-2.0 * (DOWN - level)))


def _nodule(between: Callable[..., Array], lung: tuple[Array, ...]) -> Array:
    """Small and round."""
    x, y, width, height = lung
    x, y = x + between(-0.5, 0.5) * width, y + between(-0.6, 0.6) * height
    far = np.hypot(ACROSS - x, DOWN - y)
    return between(0.2, 0.34) / (1 + np.exp(4 * (far - between(1.0, 1.5))))


def read_phantoms(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Draw a split of phantoms, by a seed of its own.

    Raises:
        ValueError: ``card.shape`` is not (1, 28, 28).
    """
    if card.shape != (1, SIZE, SIZE):
        raise ValueError(f"shape={card.shape}: phantoms are (1, {SIZE}, {SIZE})")
    seed = card.parameters["seed"] + list(card.splits).index(split)
    made = phantoms(card.splits[split], seed=seed, ill=card.parameters["ill"])
    return made.x, made.y
