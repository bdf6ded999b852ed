"""The exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def mover(average: nn.Module, network: nn.Module) -> Callable[[float], None]:
    """Return ``move(decay)``, which takes ``average`` towards ``network``.

    average <- decay * average + (1 - decay) * network, in place. Buffers are copied: a
    running statistic of a batch normalisation is an average already, and a counter is
    no weight. To find all of them in a network takes longer than to move them, so it
    is done once.
    """
    mine, theirs = list(average.parameters()), list(network.parameters())
    buffers = list(zip(average.buffers(), network.buffers(), strict=True))

    @torch.no_grad()
    def move(decay: float) -> None:
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        for my, their in buffers:
            my.copy_(their)

    return move


def warmed_up(decay: float, step: int) -> float:
    """Return the decay for ``step`` >= 0: short at first, so that the random initial
    weights are forgotten in a short run too."""
    return min(decay, (1 + step) / (10 + step))
