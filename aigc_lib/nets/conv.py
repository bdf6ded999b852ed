"""Convolutional generator and discriminator for small images (Radford et al. 2016)."""

from __future__ import annotations

from torch import Tensor, nn


class ConvGenerator(nn.Sequential):
    """Noise (B, latent_dim) -> images (B, channels, S, S) in [-1, 1]."""

    def __init__(self, image_size: int, channels: int, latent_dim: int, width: int):
        start = image_size // 4
        super().__init__(
            nn.Linear(latent_dim, 4 * width * start**2, bias=False),
            nn.Unflatten(1, (4 * width, start, start)),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )


class ConvDiscriminator(nn.Sequential):
    """Images (B, channels, S, S) -> logits (B,), without batch normalisation."""

    def __init__(self, image_size: int, channels: int, width: int):
        end = image_size // 4
        super().__init__(
            nn.Conv2d(channels, 2 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(4 * width * end**2, 1),
            nn.Flatten(0),
        )
