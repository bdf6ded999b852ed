"""What a detector of lesions is worth: for all, for a group, and as a probability."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from ..arrays import array
from .calibration import expected_calibration_error
from .fairness import named


def scaled(x: Tensor, size: int = 28) -> Tensor:
    """Turn grey pictures (N, 1, size, size) of 8 bits into numbers in [-1, 1].

    Raises:
        ValueError: another size, or another depth: what 12 or 16 bits mean must be
            decided by who knows the machine, not by a cast.
    """
    if x.dim() != 4 or x.shape[1:] != (1, size, size) or not len(x):
        raise ValueError(
            f"x has shape {tuple(x.shape)}: give grey pictures (N, 1, {size}, {size})"
        )
    if x.dtype != torch.uint8:
        raise ValueError(
            f"x is {x.dtype}: give 8 bits (uint8); choose the window of a picture of "
            "12 or 16 bits first, a cast would wrap it around"
        )
    return x.float() / 127.5 - 1


@torch.no_grad()
def chances(net: nn.Module, x: Tensor) -> np.ndarray:
    """Return the probability of class 1 of two, (N,), for pictures in [-1, 1]."""
    return torch.cat([net(part).softmax(1)[:, 1] for part in x.split(500)]).numpy()


def detection(
    p: ArrayLike, y: ArrayLike, kinds: ArrayLike | None = None
) -> dict[str, float]:
    """Judge probabilities p (N,) of a lesion by what is true, y (N,) of 0 and 1.

    ``auc``: the chance that an ill one gets a higher p than a healthy one. ``ece``: the
    mean distance between p and what happens (see ``expected_calibration_error``).
    ``brier``: the mean squared error of p. With ``kinds`` (N,), names: ``auc NAME`` of
    the ill ones of that kind against **all** healthy ones; names of healthy ones do not
    count.

    Raises:
        ValueError: other shapes, probabilities outside [0, 1], labels other than 0 and
            1, or one class is absent, so that there is nothing to tell apart.
    """
    p, y = _checked(p, y)
    if len({*y.tolist()}) < 2:
        raise ValueError(
            f"y holds {y[0]:g} only: give healthy (0) and ill (1) ones, both; without "
            "one of them no AUC exists"
        )
    rows = torch.from_numpy(np.stack([1 - p, p], 1))
    found = {
        "auc": float(roc_auc_score(y, p)),
        "ece": expected_calibration_error(rows, torch.from_numpy(y.astype(np.int64))),
        "brier": float(np.mean((p - y) ** 2)),
    }
    if kinds is not None:
        kinds = array("kinds", kinds)
        if kinds.shape != y.shape:
            raise ValueError(f"kinds {kinds.shape}: give one of each, {y.shape}")
        for name in dict.fromkeys(kinds[y == 1].tolist()):
            own = (y == 0) | ((y == 1) & (kinds == name))
            found[f"auc {name}"] = float(roc_auc_score(y[own], p[own]))
    return found


def within(p: ArrayLike, y: ArrayLike, groups: ArrayLike) -> dict[str, float | None]:
    """Return the AUC within each group (N,) of people; None where a class is absent.

    Raises:
        ValueError: as ``detection``, but that a class may be absent; other shapes, or
            somebody whose group is missing.
    """
    (p, y), groups = _checked(p, y), array("groups", groups)
    if groups.shape != y.shape:
        raise ValueError(f"groups {groups.shape}: give one of each, {y.shape}")
    groups, found = named(groups), {}
    for name in np.unique(groups):
        own = groups == name
        both = len(set(y[own].tolist())) == 2
        found[str(name)] = float(roc_auc_score(y[own], p[own])) if both else None
    return found


def _checked(p: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    p, y = array("p", p, float), array("y", y)
    if p.ndim != 1 or p.shape != y.shape or not len(p):
        raise ValueError(f"p {p.shape} and y {y.shape}: give two (N,)")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p holds numbers outside [0, 1]: give probabilities")
    if not np.isin(y, (0, 1)).all():
        raise ValueError("y has other values than 0 and 1: give healthy (0), ill (1)")
    return p, y.astype(int)
