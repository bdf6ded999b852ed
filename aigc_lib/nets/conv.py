"""Convolutional generator and discriminator for small images (Radford et al. 2016)."""

from __future__ import annotations

from torch import Tensor, nn


class ConvGenerator(nn.Sequential):
    """Noise (B, latent_dim) -> images (B, channels, S, S) in [-1, 1].

    A quarter of the resolution is where convolutions are cheap, so one more is spent
    there than in the paper: per second of training it gains more than greater width.
    """

    def __init__(self, image_size: int, channels: int, latent_dim: int, width: int):
        quarter = image_size // 4
        super().__init__(
            nn.Linear(latent_dim, 4 * width * quarter**2, bias=False),
            nn.Unflatten(1, (4 * width, quarter, quarter)),
            *normalised(4 * width),
            nn.Conv2d(4 * width, 4 * width, 3, padding=1, bias=False),
            *normalised(4 * width),
            nn.ConvTranspose2d(
                4 * width, 2 * width, 4, stride=2, padding=1, bias=False
            ),
            *normalised(2 * width),
            nn.ConvTranspose2d(2 * width, channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )


def normalised(channels: int) -> tuple[nn.Module, nn.Module]:
    """What follows each layer of a generator but the last; it needs no bias before."""
    return nn.BatchNorm2d(channels), nn.ReLU()


class ConvDiscriminator(nn.Sequential):
    """Images (B, channels, S, S) -> logits (B,) in float32.

    Without batch normalisation: real and generated batches have different statistics,
    and gradient penalties are defined per sample.
    """

    def __init__(self, image_size: int, channels: int, width: int):
        quarter = image_size // 4
        super().__init__(
            nn.Conv2d(channels, 2 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(4 * width * quarter**2, 1),
            nn.Flatten(0),
        )

    def features(self, images: Tensor) -> Tensor:
        """Return what the last layer judges: (B, C, S, S) -> (B, 4 width (S/4)^2)."""
        for layer in list(self)[:-2]:
            images = layer(images)
        return images

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).float()  # losses are no place for bfloat16


class ConvReader(nn.Sequential):
    """Images (B, channels, S, S) -> logits (B, classes)."""

    def __init__(self, image_size: int, channels: int, width: int, classes: int):
        slope = nn.LeakyReLU(0.2)
        super().__init__(
            nn.Conv2d(channels, 2 * width, 4, stride=2, padding=1),
            nn.BatchNorm2d(2 * width),
            slope,
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1),
            nn.BatchNorm2d(4 * width),
            slope,
            nn.Flatten(),
            nn.Linear(4 * width * (image_size // 4) ** 2, 128),
            nn.BatchNorm1d(128),
            slope,
            nn.Linear(128, classes),
        )


class ProjectionDiscriminator(nn.Module):
    """Images (B, channels, S, S) and labels (B,) -> logits (B,) in float32.

    The logit is head(h) + <e_y, h> for the features h: each class has a direction of
    its own (Miyato & Koyama 2018, equation 3). Row y of ``classes.weight`` is e_y.
    """

    def __init__(self, image_size: int, channels: int, width: int, classes: int):
        super().__init__()
        self.body = ConvDiscriminator(image_size, channels, width)
        inputs = self.body[-2].in_features
        self.classes = nn.Linear(inputs, classes, bias=False)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        features = self.body.features(images)
        projection = self.classes(features).gather(1, labels[:, None])  # (B, 1)
        return (self.body[-2](features) + projection).flatten().float()
