"""A generator and a discriminator that grow from 7 or 8 pixels to the full size."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from ...nets.conv import normalised, stage_widths


class GrowingGenerator(nn.Module):
    """Noise (B, latent_dim) -> images of ``stage`` 0, 1, ..., in [-1, 1].

    Three stages for 28 or 32 pixels, one more for each doubling. While a stage is new,
    its image is blended with the enlarged image of the stage before: ``alpha`` goes
    from 0 (old) to 1 (new) (Karras et al. 2018, figure 2).
    """

    def __init__(self, image_size: int, channels: int, latent_dim: int, width: int):
        super().__init__()
        widths = [*stage_widths(image_size, width), width]
        start = image_size // 2 ** (len(widths) - 1)
        self.start = nn.Sequential(
            nn.Linear(latent_dim, widths[0] * start**2, bias=False),
            nn.Unflatten(1, (widths[0], start, start)),
            *normalised(widths[0]),
            nn.Conv2d(widths[0], widths[0], 3, padding=1, bias=False),
            *normalised(widths[0]),
        )
        self.doublings = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False),
                *normalised(b),
            )
            for a, b in pairwise(widths)
        )
        self.to_image = nn.ModuleList(
            nn.Sequential(nn.Conv2d(w, channels, 3, padding=1), nn.Tanh())
            for w in widths
        )

    def forward(
        self, noise: Tensor, stage: int | None = None, alpha: float = 1.0
    ) -> Tensor:
        stage = len(self.doublings) if stage is None else stage  # the last
        features = before = self.start(noise)
        for double in self.doublings[:stage]:
            before, features = features, double(features)
        image = self.to_image[stage](features)
        if stage and alpha < 1:
            old = enlarged(self.to_image[stage - 1](before))
            image = torch.lerp(old, image, alpha)
        return image


class GrowingDiscriminator(nn.Module):
    """Images of ``stage`` 0, 1, ... -> logits (B,) in float32; it grows alike."""

    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__()
        widths = [*stage_widths(image_size, width), width]
        start = image_size // 2 ** (len(widths) - 1)
        self.from_image = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, w, 3, padding=1), nn.LeakyReLU(0.2))
            for w in widths
        )
        self.halvings = nn.ModuleList(
            nn.Sequential(nn.Conv2d(b, a, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
            for a, b in pairwise(widths)
        )
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(widths[0] * start**2, 1), nn.Flatten(0)
        )

    def forward(
        self, images: Tensor, stage: int | None = None, alpha: float = 1.0
    ) -> Tensor:
        stage = len(self.halvings) if stage is None else stage  # the last
        features = self.from_image[stage](images)
        for k in reversed(range(stage)):
            features = self.halvings[k](features)
            if k == stage - 1 and alpha < 1:
                old = self.from_image[k](avg_pool2d(images, 2))
                features = torch.lerp(old, features, alpha)
        return self.head(features).float()


def enlarged(images: Tensor, times: int = 2) -> Tensor:
    """Repeat every pixel: (B, C, S, S) -> (B, C, times S, times S)."""
    return interpolate(images, scale_factor=times, mode="nearest")
