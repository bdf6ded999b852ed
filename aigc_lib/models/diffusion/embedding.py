"""What a denoising network is told besides the image: the time and the class."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class TimeAndLabel(nn.Module):
    """Times (B,) in [0, 1] and labels (B,) -> one vector (B, width) per sample.

    Times become sines and cosines of many frequencies (Vaswani et al. 2017, section
    3.5). Label number ``classes`` means "none"; it stands in where labels are dropped
    for guidance, and where none are given.
    """

    def __init__(self, width: int, classes: int | None = None):
        super().__init__()
        half = width // 2
        # From 1 radian over all of [0, 1] to a thousand: coarse position and fine.
        frequencies = torch.exp(torch.linspace(0, math.log(1000), half))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.mlp = nn.Sequential(
            nn.Linear(2 * half, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.classes = classes
        if classes:
            self.label = nn.Embedding(classes + 1, 2 * half)

    def forward(self, t: Tensor, labels: Tensor | None = None) -> Tensor:
        angles = t[:, None].float() * self.frequencies  # (B, width / 2)
        embedding = torch.cat([angles.sin(), angles.cos()], 1)
        if self.classes:
            if labels is None:
                labels = torch.full_like(t, self.classes, dtype=torch.long)
            embedding = embedding + self.label(labels)
        return self.mlp(embedding)
