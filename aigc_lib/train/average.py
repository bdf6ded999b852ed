"""The exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def move_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the weights of ``average`` towards those of ``network``, in place.

    average <- decay * average + (1 - decay) * network. Buffers are copied: a running
    statistic of a batch normalisation is an average already, and a counter is no
    weight.
    """
    torch._foreach_lerp_(
        list(average.parameters()), list(network.parameters()), 1 - decay
    )
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)


def warmed_up(decay: float, step: int) -> float:
    """Return the decay for ``step`` >= 0: short at first, so that the random initial
    weights are forgotten in a short run too."""
    return min(decay, (1 + step) / (10 + step))
