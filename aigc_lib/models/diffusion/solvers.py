"""Numerical solvers of dx/dt = v(x, t): how a flow is followed in few steps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]  # (x (B, ...), t (B,)) -> (B, ...)


def euler(velocity: Velocity, x: Tensor, times: Tensor) -> Tensor:
    """Follow ``velocity`` through ``times``: one evaluation a step, order 1."""
    for t, after in pairwise(times):
        x = x + (after - t) * velocity(x, t.expand(len(x)))
    return x


def heun(velocity: Velocity, x: Tensor, times: Tensor) -> Tensor:
    """As ``euler``, with the mean of both ends of a step: two evaluations, order 2."""
    for t, after in pairwise(times):
        here = velocity(x, t.expand(len(x)))
        there = velocity(x + (after - t) * here, after.expand(len(x)))
        x = x + (after - t) * 0.5 * (here + there)
    return x


def midpoint(velocity: Velocity, x: Tensor, times: Tensor) -> Tensor:
    """As ``euler``, with the velocity half a step ahead: two evaluations, order 2.

    Unlike ``heun`` it never asks for the velocity at the very end.
    """
    for t, after in pairwise(times):
        half = (after - t) / 2
        middle = x + half * velocity(x, t.expand(len(x)))
        x = x + (after - t) * velocity(middle, (t + half).expand(len(x)))
    return x


SOLVERS = {"euler": euler, "heun": heun, "midpoint": midpoint}


def uniform_times(steps: int, device: torch.device | None = None) -> Tensor:
    """Return steps + 1 times from 0 to 1."""
    return torch.linspace(0, 1, steps + 1, device=device)
