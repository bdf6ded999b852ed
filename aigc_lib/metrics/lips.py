"""How well a mouth follows a sound: the error of its opening, and the delay in ms."""

from __future__ import annotations

import torch
from torch import Tensor

from ..arguments import whole


def opening_error(said: Tensor, wanted: Tensor) -> Tensor:
    """Root mean square error of each speech's opening (N, F, 2) -> (N,)."""
    return (said - wanted)[..., 0].square().mean(1).sqrt()


def delay(said: Tensor, wanted: Tensor, frame: float, most: int = 25) -> Tensor:
    """How many ms each mouth comes too late (negative: too early), (N,).

    The shift of up to ``most`` frames of ``frame`` seconds at which the openings
    (N, F, 2) correlate most, with a parabola between the frames.

    Raises:
        ValueError: shapes that differ, ``most`` below 1, too few frames for it.
    """
    most = whole("most", most, 1)
    if said.shape != wanted.shape or said.shape[1] < 4 * most:
        raise ValueError(
            f"said {tuple(said.shape)}, wanted {tuple(wanted.shape)}: give the same "
            f"(N, F, 2), with F of {4 * most} or more"
        )
    a, b = (part[..., 0].double() for part in (said, wanted))
    middle = b[:, most:-most]
    middle = middle - middle.mean(1, keepdim=True)
    shifts = []
    for k in range(-most, most + 1):
        part = a[:, most + k : a.shape[1] - most + k]
        part = part - part.mean(1, keepdim=True)
        size = (part.square().sum(1) * middle.square().sum(1)).sqrt().clamp(min=1e-12)
        shifts.append((part * middle).sum(1) / size)
    score = torch.stack(shifts, 1)  # (N, 2 most + 1)
    best = score.argmax(1).clamp(1, 2 * most - 1)
    low, top, high = (score.gather(1, best[:, None] + d)[:, 0] for d in (-1, 0, 1))
    bend = (low - 2 * top + high).clamp(max=-1e-12)
    finer = (0.5 * (low - high) / bend).clamp(-1, 1)
    return 1_000 * frame * (best - most + finer)
