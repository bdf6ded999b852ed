"""A small diffusion Transformer: patches as tokens (Peebles & Xie 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...arguments import multiple_of
from ...nets.attention import attention
from .embedding import TimeAndLabel
from .unet import zeroed


class DiT(nn.Module):
    """Images (B, C, S, S), times (B,) in [0, 1] and labels -> (B, C, S, S) float32.

    Every ``patch`` x ``patch`` patch is one token of ``width`` numbers. The condition
    enters through the scale, shift and gate of each layer ("adaLN-Zero"): the gates
    begin at 0, so that every block begins as the identity.

    Raises ``ValueError`` if S is no multiple of ``patch``, or ``width`` of ``heads``.
    """

    inner = ("blocks",)  # layers whose matrices Muon may train

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int,
        classes: int | None = None,
        *,
        depth: int = 4,
        heads: int = 4,
        patch: int = 4,
    ):
        super().__init__()
        multiple_of(patch, image_size=image_size)
        multiple_of(heads, width=width)
        side = image_size // patch
        self.condition = TimeAndLabel(width, classes)
        self.enter = nn.Sequential(nn.PixelUnshuffle(patch), nn.Flatten(2))
        self.embed = nn.Linear(channels * patch**2, width)
        self.position = nn.Parameter(0.02 * torch.randn(1, side**2, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = zeroed(nn.Linear(width, 2 * width))
        self.leave = zeroed(nn.Linear(width, channels * patch**2))
        self.unfold = nn.Sequential(
            nn.Unflatten(2, (side, side)), nn.PixelShuffle(patch)
        )

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        condition = self.condition(t, labels)  # (B, width)
        tokens = self.enter(x).transpose(1, 2)  # (B, tokens, C patch²)
        h = self.embed(tokens) + self.position  # (B, tokens, width)
        for block in self.blocks:
            h = block(h, condition)
        scale, shift = self.modulation(condition)[:, None].chunk(2, 2)
        h = self.leave(modulated(self.norm(h), scale, shift))
        return self.unfold(h.transpose(1, 2)).float()


class Block(nn.Module):
    """Attention between tokens, then a perceptron on each, both gated."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.modulation = zeroed(nn.Linear(width, 6 * width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        a, b, gate, c, d, gate2 = self.modulation(condition)[:, None].chunk(6, 2)
        x = x + gate * self.attention(modulated(self.norm(x), a, b))
        return x + gate2 * self.mlp(modulated(self.norm(x), c, d))

    def attention(self, x: Tensor) -> Tensor:
        # (B, T, 3 C) -> three times (B, H, T, C / H)
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = attention(q, k, v)
        return self.mix(mixed.transpose(1, 2).flatten(2))


def modulated(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Scale and shift around the identity."""
    return torch.addcmul(shift, x, 1 + scale)
