"""Dilated causal convolutions with gates (van den Oord et al. 2016, WaveNet)."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

Memory = list[deque[Tensor]]


class GatedLayer(nn.Module):
    """One dilated causal convolution with a gate and a way around it.

    At time t it sees its input at t and at t - ``dilation``, and nothing later.
    """

    def __init__(self, channels: int, dilation: int, conditions: int):
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv1d(channels, 2 * channels, 2, dilation=dilation)
        self.condition = nn.Conv1d(conditions, 2 * channels, 1, bias=False)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, C, T), condition (B, K, T or 1) -> output and gated, both (B, C, T)."""
        # the past of the first samples is silence: zeros on the left alone
        mixed = self.conv(pad(x, (self.dilation, 0))) + self.condition(condition)
        filtered, gate = mixed.chunk(2, 1)
        gated = filtered.tanh() * gate.sigmoid()
        return x + self.out(gated), gated

    def step(self, x: Tensor, past: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """The same for one moment: x, past (B, C), condition (B, 2C) -> two (B, C)."""
        before, now = self.conv.weight.unbind(2)
        mixed = linear(past, before) + linear(x, now, self.conv.bias) + condition
        filtered, gate = mixed.chunk(2, 1)
        gated = filtered.tanh() * gate.sigmoid()
        return x + linear(gated, self.out.weight[:, :, 0], self.out.bias), gated


class WaveNetStack(nn.Module):
    """Codes (B, T) -> logits (B, levels, T) of the code that follows each.

    ``condition`` is (B, conditions, T), or (B, conditions, 1) for the whole sound.
    All layers' gated outputs meet in one 1 x 1 convolution: the sum of the paper's
    skip connections, computed at once.
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
        self.layers = nn.ModuleList(
            GatedLayer(channels, dilation, conditions) for dilation in dilations
        )
        self.head = nn.Sequential(
            nn.Conv1d(channels * len(dilations), skip_channels, 1),
            nn.ReLU(),
            nn.Conv1d(skip_channels, skip_channels, 1),
            nn.ReLU(),
            nn.Conv1d(skip_channels, levels, 1),
        )
        # at first no code is preferred, so that training starts at ln(levels)
        nn.init.zeros_(self.head[-1].weight)
        nn.init.zeros_(self.head[-1].bias)

    @property
    def receptive_field(self) -> int:
        """How many codes, the newest included, the next one depends on."""
        return 1 + sum(layer.dilation for layer in self.layers)

    def forward(self, codes: Tensor, condition: Tensor) -> Tensor:
        x = self.embedding(codes).transpose(1, 2)  # (B, T) -> (B, C, T)
        every_gated = []
        for layer in self.layers:
            x, gated = layer(x, condition)
            every_gated.append(gated)
        return self.head(torch.cat(every_gated, 1))  # (B, L C, T) -> (B, levels, T)

    def silence(self, n: int) -> Memory:
        """The memory of ``n`` sounds that begin: per layer its last inputs, zeros."""
        zeros = self.embedding.weight.new_zeros(n, self.embedding.embedding_dim)
        return [deque([zeros] * la.dilation, la.dilation) for la in self.layers]

    def step(
        self, codes: Tensor, time: int, memory: Memory, projected: list[Tensor]
    ) -> Tensor:
        """Codes (B,) of moment ``time`` -> logits (B, levels) of the next.

        ``memory`` holds each layer's last inputs and is written to: one step costs the
        same however long the sound is (Le Paine et al. 2016). ``projected`` is the
        condition as each layer sees it, from ``project``.
        """
        x = self.embedding(codes)  # (B,) -> (B, C)
        every_gated = []
        for layer, inputs, condition in zip(
            self.layers, memory, projected, strict=True
        ):
            past = inputs[0]  # from `dilation` steps ago
            inputs.append(x)  # and the oldest falls out
            now = condition[:, :, time if condition.shape[2] > 1 else 0]
            x, gated = layer.step(x, past, now)
            every_gated.append(gated)
        return self.head(torch.cat(every_gated, 1)[:, :, None])[:, :, 0]

    def project(self, condition: Tensor) -> list[Tensor]:
        """Condition (B, K, T or 1) -> (B, 2C, T or 1) for each layer."""
        return [layer.condition(condition) for layer in self.layers]
