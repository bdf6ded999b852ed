"""How well a mouth follows a sound: the error of its opening, and the delay in ms."""

from __future__ import annotations

import torch
from torch import Tensor

from ..arguments import finite, whole
from ..arrays import tensor


def opening_error(said: Tensor, wanted: Tensor) -> Tensor:
    """Root mean square error of each speech's opening (N, F, 2) -> (N,).

    Raises:
        ValueError: shapes that differ.
    """
    said, wanted = _checked(said, wanted)
    return (said - wanted)[..., 0].square().mean(1).sqrt()


def delay(said: Tensor, wanted: Tensor, frame: float, most: int = 25) -> Tensor:
    """How many ms each mouth comes too late (negative: too early), (N,).

    The shift of up to ``most`` frames of ``frame`` seconds at which the openings
    (N, F, 2) correlate most, with a parabola between the frames. NaN where one of the
    two does not move.

    Raises:
        ValueError: shapes that differ, ``most`` below 1, too few frames for it, a
            ``frame`` of 0 or less.
    """
    most, frame = whole("most", most, 1), finite("frame", frame, above=0)
    said, wanted = _checked(said, wanted, 4 * most)
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
    still = score.abs().amax(1) == 0
    return (1_000 * frame * (best - most + finer)).masked_fill(still, torch.nan)


def _checked(said: Tensor, wanted: Tensor, frames: int = 1) -> tuple[Tensor, Tensor]:
    said, wanted = tensor("said", said), tensor("wanted", wanted)
    fits = said.dim() == 3 and said.shape[2] == 2 and said.shape[1] >= frames
    if said.shape != wanted.shape or not fits:
        raise ValueError(
            f"said {tuple(said.shape)}, wanted {tuple(wanted.shape)}: give the same "
            f"(N, F, 2), with F of {frames} or more"
        )
    return said, wanted
