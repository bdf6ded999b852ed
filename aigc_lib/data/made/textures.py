"""Made textures, normal or with a defect whose place is known to the pixel."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from torch import Tensor

from ...arguments import at_least, finite, unknown, whole
from ..catalog import Card

KINDS = ("normal", "scratch", "hole", "stain", "slip")


class Textures(NamedTuple):
    """``x`` (N, 1, S, S) uint8, ``masks`` (N, S, S) bool, ``y`` (N,) int64 of KINDS."""

    x: Tensor
    masks: Tensor
    y: Tensor


def make(
    n: int, *, material: str = "cloth", size: int = 32, defects: float = 0.0, seed: int
) -> Textures:
    """Draw ``n`` pictures of ``material``, a share of ``defects`` with one defect each.

    A scratch is a thin line, brighter or darker; a hole is small and dark; a stain is
    wide and faint; at a slip a piece of the texture has moved, with its brightness
    unchanged. The mask is where a defect changed the picture.

    Raises:
        ValueError: unknown material, ``n`` < 1, ``size`` < 16, a share outside [0, 1].
    """
    if material not in MATERIALS:
        raise unknown("material", material, MATERIALS)
    at_least(1, n=n)
    at_least(16, size=size)
    finite("defects", defects, least=0, most=1)
    generator = np.random.default_rng(whole("seed", seed, 0))
    count = round(n * defects)
    y = np.zeros(n, np.int64)
    y[:count] = 1 + np.arange(count) % (len(KINDS) - 1)
    generator.shuffle(y)
    x, masks = np.zeros((n, size, size)), np.zeros((n, size, size), bool)
    for k in range(n):
        large = MATERIALS[material](2 * size, generator)
        x[k] = large[:size, :size]
        if y[k]:
            x[k], masks[k] = DEFECTS[KINDS[y[k]]](x[k], large, generator)
    x = x + generator.normal(0, 0.015, x.shape)
    pixels = np.clip(np.round(255 * x), 0, 255).astype(np.uint8)
    return Textures(
        torch.from_numpy(pixels)[:, None], torch.from_numpy(masks), torch.from_numpy(y)
    )


def read_textures(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Return cloth: normal pictures to learn from, and half of them spoilt to judge.

    As a stand-in it takes the shape and the number of channels of the card.
    """
    channels, size, _ = card.shape
    drawn = make(
        card.splits[split],
        size=size,
        defects=0.0 if split == "train" else 0.5,
        seed=list(card.splits).index(split),
    )
    return drawn.x.repeat(1, channels, 1, 1), (drawn.y > 0).long()


def cloth(size: int, generator: np.random.Generator) -> np.ndarray:
    """Draw a weave (size, size) in [0, 1]: threads of four pixels over and under."""
    rows, columns = np.mgrid[:size, :size]
    phase = generator.uniform(0, 4, 2)
    across, along = np.pi * (rows + phase[0]) / 2, np.pi * (columns + phase[1]) / 2
    over = np.sin(across) * np.sin(along)
    threads = generator.normal(0, 0.03, size)[:, None] + generator.normal(0, 0.03, size)
    light = generator.uniform(-0.1, 0.1, 2) @ np.stack([rows, columns]).reshape(2, -1)
    light = light.reshape(size, size) / size
    return 0.5 + 0.14 * over + threads + light + generator.uniform(-0.06, 0.06)


def metal(size: int, generator: np.random.Generator) -> np.ndarray:
    """Draw brushed metal (size, size) in [0, 1]: streaks from left to right."""
    noise = generator.normal(0, 1, (size, 3 * size))
    streaks = gaussian_filter1d(noise, 8, axis=1)[:, size : 2 * size]
    streaks = gaussian_filter1d(streaks, 0.5, axis=0)
    shine = gaussian_filter(generator.normal(0, 1, (size, size)), size / 4)
    return 0.55 + 0.09 * streaks / streaks.std() + 0.05 * shine / shine.std()


MATERIALS = {"cloth": cloth, "metal": metal}


def _spot(size: int, radius: float, generator: np.random.Generator) -> np.ndarray:
    """Distances from an ellipse's middle, 1 on its edge; the middle is well inside."""
    rows, columns = np.mgrid[:size, :size]
    r, c = generator.uniform(radius, size - radius, 2)
    turn, flat = generator.uniform(0, np.pi), generator.uniform(0.6, 1)
    u = (rows - r) * np.cos(turn) + (columns - c) * np.sin(turn)
    v = (columns - c) * np.cos(turn) - (rows - r) * np.sin(turn)
    return np.hypot(u, v / flat) / radius


def scratch(x, large, generator):
    """A thin line of a third of the picture or more."""
    size = len(x)
    rows, columns = np.mgrid[:size, :size]
    length, turn = generator.uniform(size / 3, size / 1.5), generator.uniform(0, np.pi)
    r, c = generator.uniform(size / 4, 3 * size / 4, 2)
    along = (rows - r) * np.cos(turn) + (columns - c) * np.sin(turn)
    across = (columns - c) * np.cos(turn) - (rows - r) * np.sin(turn)
    mask = (np.abs(along) < length / 2) & (np.abs(across) < 0.8)
    return x + mask * generator.choice([-1, 1]) * generator.uniform(0.15, 0.3), mask


def hole(x, large, generator):
    """A dark spot with a hard edge."""
    mask = _spot(len(x), generator.uniform(1.8, 3.2), generator) <= 1
    return np.where(mask, 0.4 * x, x), mask


def stain(x, large, generator):
    """A faint spot without an edge; what counts as stained is its inner part."""
    far = _spot(len(x), len(x) / generator.uniform(4, 6), generator)
    depth = generator.choice([-1, 1]) * generator.uniform(0.08, 0.16)
    return x + depth * np.exp(-((far) ** 2)), far <= 1


def slip(x, large, generator):
    """A piece of the same texture from elsewhere: only the pattern is out of step."""
    size = len(x)
    height, width = generator.integers(size // 5, size // 3 + 1, 2)
    r, c = generator.integers(size - height), generator.integers(size - width)
    down, right = 2 * generator.integers(1, size // 4, 2) + 1  # odd: out of step
    mask = np.zeros((size, size), bool)
    mask[r : r + height, c : c + width] = True
    piece = large[r + down : r + down + height, c + right : c + right + width]
    level = x[mask].mean() - piece.mean()
    x = x.copy()
    x[r : r + height, c : c + width] = piece + level
    return x, mask


DEFECTS = {"scratch": scratch, "hole": hole, "stain": stain, "slip": slip}


def paste_defects(x: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
    """Spoil each of x (N, 1, S, S) uint8: a piece of another one is put at some place.

    Returns pictures and masks (N, S, S) bool. No real defect is needed, so that
    detectors can be tuned on the result, or a classifier trained. The pieces are of any
    form between a stripe and a square, turned in half of the cases, and a little
    brighter or darker.

    Source: CutPaste (Li et al. 2021).

    Raises:
        ValueError: other pictures, or fewer than 2.
    """
    if x.ndim != 4 or x.dtype != torch.uint8 or x.shape[1] != 1 or len(x) < 2:
        raise ValueError(
            f"x is {tuple(x.shape)} {x.dtype}: give (N, 1, S, S) uint8, N >= 2"
        )
    generator = np.random.default_rng(whole("seed", seed, 0))
    n, size = len(x), x.shape[-1]
    spoilt, masks = x.clone().numpy(), np.zeros((n, size, size), bool)
    for k in range(n):
        other = x[(k + generator.integers(1, n)) % n, 0].numpy().astype(float)
        area = generator.uniform(0.01, 0.1) * size**2
        form = np.exp(generator.uniform(-1.6, 1.6))
        height = int(np.clip(np.sqrt(area * form), 2, size // 2))
        width = int(np.clip(np.sqrt(area / form), 2, size // 2))
        r, c = generator.integers(size - height), generator.integers(size - width)
        if generator.random() < 0.5:
            other = other.T
        up, left = generator.integers(size - height), generator.integers(size - width)
        piece = other[up : up + height, left : left + width]
        piece = piece * generator.uniform(0.6, 1.25)
        spoilt[k, 0, r : r + height, c : c + width] = np.clip(piece, 0, 255)
        masks[k, r : r + height, c : c + width] = True
    return torch.from_numpy(spoilt), torch.from_numpy(masks)
