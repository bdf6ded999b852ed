"""Convolutional generator and discriminator for small images (Radford et al. 2016)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


def halvings(image_size: int) -> int:
    """How often an image is halved until at most 8 pixels a side are left: at least 2.

    28 and 32 pixels twice, 64 three times, 128 four times: what is drawn in one piece
    is always small, or large images would be tiled by it.
    """
    count = 2
    while image_size // 2**count > 8 and image_size % 2 ** (count + 1) == 0:
        count += 1
    return count


def stage_widths(image_size: int, width: int, most: int = 8) -> list[int]:
    """Channels of the stages from the smallest up to half of the image size.

    [4 width, 2 width] for 28 and 32 pixels; twice as many for each halving more, but no
    more than ``most`` times ``width``.
    """
    return [width * min(most, 2**k) for k in range(halvings(image_size), 0, -1)]


class ConvGenerator(nn.Sequential):
    """Noise (B, latent_dim) -> images (B, channels, S, S) in [-1, 1].

    It begins at 7 or 8 pixels and doubles them (see ``halvings``). That size is where
    convolutions are cheap, so one more is spent there than in the paper: per second of
    training it gains more than greater width.
    """

    def __init__(self, image_size: int, channels: int, latent_dim: int, width: int):
        widths = stage_widths(image_size, width)
        first, start = widths[0], image_size // 2 ** len(widths)
        super().__init__(
            nn.Linear(latent_dim, first * start**2, bias=False),
            nn.Unflatten(1, (first, start, start)),
            *normalised(first),
            nn.Conv2d(first, first, 3, padding=1, bias=False),
            *normalised(first),
        )
        for a, b in pairwise(widths):
            self.append(nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False))
            self.extend(normalised(b))
        self.append(nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1))
        self.append(nn.Tanh())


def normalised(channels: int) -> tuple[nn.Module, nn.Module]:
    """What follows each layer of a generator but the last; it needs no bias before."""
    return nn.BatchNorm2d(channels), nn.ReLU()


class ConvDiscriminator(nn.Sequential):
    """Images (B, channels, S, S) -> logits (B,) in float32.

    Without batch normalisation: real and generated batches have different statistics,
    and gradient penalties are defined per sample.
    """

    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__()
        widths = stage_widths(image_size, width)[::-1]
        for a, b in pairwise([channels, *widths]):
            self.append(nn.Conv2d(a, b, 4, stride=2, padding=1))
            self.append(nn.LeakyReLU(0.2))
        rest = image_size // 2 ** len(widths)
        self.append(nn.Flatten())
        self.append(nn.Linear(widths[-1] * rest**2, 1))
        self.append(nn.Flatten(0))

    def features(self, images: Tensor) -> Tensor:
        """Return what the last layer judges, flat: (B, C, S, S) -> (B, D)."""
        for layer in list(self)[:-2]:
            images = layer(images)
        return images

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).float()  # losses are no place for bfloat16


class ConvReader(nn.Sequential):
    """Images (B, channels, S, S) -> logits (B, classes)."""

    def __init__(self, image_size: int, channels: int, width: int, classes: int):
        slope = nn.LeakyReLU(0.2)
        super().__init__()
        widths = stage_widths(image_size, width)[::-1]
        for a, b in pairwise([channels, *widths]):
            self.append(nn.Conv2d(a, b, 4, stride=2, padding=1))
            self.extend([nn.BatchNorm2d(b), slope])
        rest = image_size // 2 ** len(widths)
        self.extend([nn.Flatten(), nn.Linear(widths[-1] * rest**2, 128)])
        self.extend([nn.BatchNorm1d(128), slope, nn.Linear(128, classes)])


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
