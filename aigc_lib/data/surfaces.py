"""Pictures as an inspection reads them: grey and small; and where each was taken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ..arguments import at_least, whole
from .catalog import lookup
from .dataset import load
from .readers.surfaces import rows_of
from .store import obtain


class Surfaces(NamedTuple):
    """``x`` (N, 1, S, S) uint8, ``defect`` (N,) bool and ``place`` (N,) of each."""

    x: Tensor
    defect: np.ndarray
    place: np.ndarray


def grey(x: Tensor, size: int) -> Tensor:
    """Return (N, C, S, S) uint8 as grey pictures (N, 1, size, size) uint8.

    By the weights of ITU-R BT.601, and the mean of the pixels that become one.

    Raises:
        ValueError: pictures that are no uint8 of 1 or 3 channels, or of no more than
            ``size`` pixels a side.
    """
    at_least(4, size=size)
    good = x.ndim == 4 and x.dtype == torch.uint8 and x.shape[1] in (1, 3)
    if not good or min(x.shape[2:]) < size:
        raise ValueError(
            f"x is {tuple(x.shape)} {x.dtype}: give uint8 (N, C, H, W) of 1 or 3 "
            f"channels (8 bits each) and at least size={size} pixels a side"
        )
    x = x.float()
    if x.shape[1] == 3:
        x = (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    return adaptive_avg_pool2d(x, size).round().to(torch.uint8)


def surfaces(size: int = 32) -> Surfaces:
    """Return all patches of ``bsdata``, grey, with the place on the spindle of each.

    Raises:
        ValueError: as ``grey``.
        DataUnavailable: the set is not here.
    """
    card = lookup("bsdata")
    parts = [load("bsdata", split=split) for split in card.splits]
    rows = [r for split in card.splits for r in rows_of(card, split, obtain(card))]
    x = grey(torch.cat([part.x for part in parts]), size)
    defect = torch.cat([part.y for part in parts]).numpy() == 1
    return Surfaces(x, defect, np.array([row["place"] for row in rows]))


def folds(place: np.ndarray, n: int, *, seed: int = 0) -> list[np.ndarray]:
    """Divide the places into ``n`` groups, each (N,) bool over the pictures.

    Every picture of a place is in one group: whoever learns from a place has seen it.

    Raises:
        ValueError: ``n`` below 2 or above the number of places.
    """
    names = np.unique(place)
    if not 2 <= n <= len(names):
        raise ValueError(f"n={n} groups of {len(names)} places: give 2 to {len(names)}")
    order = np.random.default_rng(whole("seed", seed, 0)).permutation(names)
    return [np.isin(place, part) for part in np.array_split(order, n)]
