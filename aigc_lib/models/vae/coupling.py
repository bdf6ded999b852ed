"""An invertible network: vectors to vectors, both ways, with the change of volume."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...arguments import at_least


class CouplingFlow(nn.Module):
    """Affine couplings (B, dim) -> (B, dim), dim even (Dinh et al. 2017, section 3.2).

    Each coupling keeps one half, and stretches and shifts the other by amounts that a
    small net reads from the kept half; then the halves change places. It begins as the
    identity up to that exchange. Runs in float32, outside autocast: errors of many
    layers would add up.

    Raises:
        ValueError: odd ``dim``, or a size below 1.
    """

    def __init__(self, dim: int, couplings: int, hidden: int):
        at_least(1, dim=dim, couplings=couplings, hidden=hidden)
        if dim % 2:
            raise ValueError(f"dim={dim}: give an even number, it is split into halves")
        super().__init__()
        self.nets = nn.ModuleList(
            nn.Sequential(
                nn.Linear(dim // 2, hidden),
                nn.SiLU(),
                nn.Linear(hidden, hidden),
                nn.SiLU(),
                nn.Linear(hidden, dim),
            )
            for _ in range(couplings)
        )
        for net in self.nets:
            nn.init.zeros_(net[-1].weight)
            nn.init.zeros_(net[-1].bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map simple noise to what it shall become."""
        with torch.autocast(x.device.type, enabled=False):
            for net in self.nets:
                kept, moved = x.chunk(2, -1)
                shift, log_scale = motion(net, kept)
                x = torch.cat([moved * log_scale.exp() + shift, kept], -1)
        return x

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return x with forward(x) = y, (..., dim), and log |det dx/dy|, (...)."""
        log_volume = torch.zeros(y.shape[:-1], device=y.device)
        with torch.autocast(y.device.type, enabled=False):
            for net in reversed(self.nets):
                moved, kept = y.float().chunk(2, -1)
                shift, log_scale = motion(net, kept)
                y = torch.cat([kept, (moved - shift) * (-log_scale).exp()], -1)
                log_volume = log_volume - log_scale.sum(-1)
        return y, log_volume


def motion(net: nn.Module, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Return shift and log scale; the scale stays between exp(-2) and exp(2)."""
    shift, log_scale = net(kept).chunk(2, -1)
    return shift, 2 * torch.tanh(log_scale / 2)
