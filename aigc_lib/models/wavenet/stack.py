"""Dilated causal convolutions with gates (van den Oord et al. 2016, WaveNet)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...nets.direct import direct

Map = Callable[[Tensor], Tensor]
Memory = list[tuple[deque[Tensor], Tensor, Map]]


class GatedLayer(nn.Module):
    """One causal convolution of width 2 with a gate and a way around it.

    A convolution of width 2 is a linear map of two moments: of now, and of
    ``dilation`` samples ago. So the same few lines serve a whole sound and one moment.
    """

    def __init__(self, channels: int, dilation: int, conditions: int):
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Linear(2 * channels, 2 * channels)
        self.condition = nn.Linear(conditions, 2 * channels, bias=False)
        self.out = nn.Linear(channels, channels)

    def forward(
        self, x: Tensor, past: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x, past (..., C), condition (..., 2C) -> output and gated, both (..., C)."""
        mixed = self.conv(torch.cat([past, x], -1)) + condition
        return self.passed(x, mixed, self.out)

    @staticmethod
    def passed(x: Tensor, mixed: Tensor, out: Map) -> tuple[Tensor, Tensor]:
        """Open or close the gate on ``mixed`` (..., 2C), and go around it with x."""
        filtered, gate = mixed.chunk(2, -1)
        gated = filtered.tanh() * gate.sigmoid()
        return x + out(gated), gated


class WaveNetStack(nn.Module):
    """Codes (B, T) -> logits (B, T, levels) of the code that follows each.

    ``condition`` is (B, T, conditions), or (B, 1, conditions) for the whole sound. All
    layers' gated outputs meet in one linear map: the sum of the paper's skip
    connections, computed at once.
    """

    def __init__(
        self,
        *,
        levels: int,
        channels: int,
        skip_channels: int,
        dilations: tuple[int, ...],
        conditions: int,
    ):
        super().__init__()
        self.embedding = nn.Embedding(levels, channels)
        # neighbours begin alike: cosines of the code, slow ones and fast ones
        place = (torch.arange(levels) + 0.5)[:, None] / levels
        waves = 2**0.5 * torch.cos(math.pi * torch.arange(1, channels + 1) * place)
        self.embedding.weight.data.copy_(waves)  # (levels, C)
        self.layers = nn.ModuleList(
            GatedLayer(channels, dilation, conditions) for dilation in dilations
        )
        self.layers[-1].out = nn.Identity()  # nobody reads its output
        self.head = nn.Sequential(
            nn.Linear(channels * len(dilations), skip_channels),
            nn.ReLU(),
            nn.Linear(skip_channels, skip_channels),
            nn.ReLU(),
            nn.Linear(skip_channels, levels),
        )
        # at first no code is preferred, so that training starts at ln(levels)
        nn.init.zeros_(self.head[-1].weight)
        nn.init.zeros_(self.head[-1].bias)

    @property
    def receptive_field(self) -> int:
        """How many codes, the newest included, the next one depends on."""
        return 1 + sum(layer.dilation for layer in self.layers)

    def forward(self, codes: Tensor, condition: Tensor) -> Tensor:
        x = self.embedding(codes)  # (B, T) -> (B, T, C)
        every_gated = []
        for layer in self.layers:
            # before the first sample there was silence: zeros on the left alone
            past = pad(x, (0, 0, layer.dilation, 0))[:, : x.shape[1]]
            x, gated = layer(x, past, layer.condition(condition))
            every_gated.append(gated)
        return self.head(torch.cat(every_gated, -1))  # (B, T, L C) -> (B, T, levels)

    def silence(self, n: int) -> Memory:
        """The memory of ``n`` sounds that begin: per layer its last inputs, zeros.

        What each layer has learned lies beside them, without modules.
        """
        zeros = self.embedding.weight.new_zeros(n, self.embedding.embedding_dim)
        pasts = [deque([zeros] * la.dilation, la.dilation) for la in self.layers]
        return [
            (past, la.conv.weight.T, direct(la.out))
            for past, la in zip(pasts, self.layers, strict=True)
        ]

    def project(self, condition: Tensor) -> Tensor:
        """Condition (B, T or 1, K) -> (B, T or 1, L, 2C): what each layer adds."""
        parts = [la.condition(condition) + la.conv.bias for la in self.layers]
        return torch.stack(parts, 2)

    def step(
        self, codes: Tensor, time: int, memory: Memory, projected: Tensor
    ) -> Tensor:
        """Codes (B,) of moment ``time`` -> logits (B, levels) of the next.

        ``memory`` holds each layer's last inputs and is written to: one step costs the
        same however long the sound is (Le Paine et al. 2016). ``projected`` is what
        ``project`` makes of the condition.
        """
        x = self.embedding(codes)  # (B,) -> (B, C)
        told = projected[:, time if projected.shape[1] > 1 else 0].unbind(1)
        every_gated = []
        for (inputs, weight, out), added in zip(memory, told, strict=True):
            both = torch.cat([inputs[0], x], -1)  # from `dilation` steps ago, and now
            inputs.append(x)  # and the oldest falls out
            x, gated = GatedLayer.passed(x, torch.addmm(added, both, weight), out)
            every_gated.append(gated)
        return self.head(torch.cat(every_gated, -1))
