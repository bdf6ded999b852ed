"""A small UNet that looks at an image and a time (Ronneberger 2015, Ho et al. 2020).

It serves diffusion and flow matching alike: what its output means is the model's
business.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ...arguments import multiple_of
from ...nets.conv import halvings
from .embedding import TimeAndLabel

# Few and large groups: where the channels of a pixel lie side by side in memory, as
# convolutions on a processor like them, small groups cost more than the convolutions.
GROUPS = 2


class UNet(nn.Module):
    """Images (B, C, S, S), times (B,) in [0, 1] and labels -> (B, C, S, S) float32.

    The image is first folded: every ``patch`` x ``patch`` patch becomes one pixel. The
    full resolution is where convolutions cost most and see least. Two levels follow,
    with ``width`` and 2 * ``width`` channels; for each doubling beyond 16 folded pixels
    one more, with up to 4 * ``width``.

    ``given`` more channels of x are looked at and not answered: (B, C + given, S, S).
    With ``classes`` the net takes labels (B,) int64 in [0, classes]; the last one means
    "no label". ``condition`` may be a module of your own, which makes of times and
    labels, whatever these are, (B, 4 * ``width``).

    Raises:
        ValueError: S no multiple of 2 * ``patch``, or ``width`` odd.
    """

    inner = ("fine", "down", "coarse", "joined")  # layers whose matrices Muon may train

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int,
        classes: int | None = None,
        *,
        patch: int = 2,
        given: int = 0,
        condition: nn.Module | None = None,
    ):
        super().__init__()
        multiple_of(2 * patch, image_size=image_size)
        multiple_of(GROUPS, width=width)
        embedding, inputs = 4 * width, patch**2 * (channels + given)
        self.condition = condition or TimeAndLabel(embedding, classes)
        self.fold = nn.PixelUnshuffle(patch)
        self.enter = nn.Conv2d(inputs, width, 3, padding=1)
        levels = halvings(image_size * 2 // patch)
        widths = [width * min(4, 2**k) for k in range(levels)]
        steps = list(pairwise(widths))  # (finer, coarser)
        self.fine = nn.ModuleList(ResidualBlock(a, a, embedding) for a, _ in steps)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in steps)
        last = widths[-1]
        self.coarse = nn.ModuleList(
            ResidualBlock(last, last, embedding) for _ in range(3)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in steps)
        self.joined = nn.ModuleList(
            ResidualBlock(2 * a, a, embedding) for a, _ in steps
        )
        self.leave = nn.Sequential(
            nn.GroupNorm(GROUPS, width),
            nn.SiLU(),
            zeroed(nn.Conv2d(width, patch**2 * channels, 3, padding=1)),
            nn.PixelShuffle(patch),
        )

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        condition = self.condition(t, labels)  # (B, 4 width)
        folded = self.fold(x).contiguous(memory_format=torch.channels_last)
        h, kept = self.enter(folded), []  # (B, width, S/2, S/2) for patches of 2
        for fine, down in zip(self.fine, self.down, strict=True):
            kept.append(fine(h, condition))
            h = down(kept[-1])  # (B, 2 width, S/4, S/4), ...
        for block in self.coarse:
            h = block(h, condition)
        for up, joined in zip(reversed(self.up), reversed(self.joined), strict=True):
            h = joined(torch.cat([kept.pop(), up(h)], 1), condition)
        return self.leave(h).float()


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; the condition scales and shifts between."""

    def __init__(self, inputs: int, outputs: int, embedding: int):
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.conv2 = zeroed(nn.Conv2d(outputs, outputs, 3, padding=1))
        same = inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.conv1(silu(self.norm1(x)))
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, 1)
        h = self.conv2(silu(torch.addcmul(shift, self.norm2(h), 1 + scale)))
        return self.shortcut(x) + h


def zeroed(layer: nn.Module) -> nn.Module:
    """Let a layer begin as the constant 0, so that its block begins as its shortcut."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
