"""Convolutional generator and discriminator for small images (Radford et al. 2016)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization


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
    training it gains more than greater width. Above 32 pixels the doublings are even
    (``EvenSums``): plain ones begin with a lattice of dots, which 1,200 steps on
    photographs of 64 pixels do not wipe out.
    """

    def __init__(self, image_size: int, channels: int, latent_dim: int, width: int):
        widths = stage_widths(image_size, width)
        first, start = widths[0], image_size // 2 ** len(widths)
        even = image_size > 32
        super().__init__(
            nn.Linear(latent_dim, first * start**2, bias=False),
            nn.Unflatten(1, (first, start, start)),
            *normalised(first),
            nn.Conv2d(first, first, 3, padding=1, bias=False),
            *normalised(first),
        )
        for a, b in pairwise(widths):
            self.append(doubling(a, b, even, bias=False))
            self.extend(normalised(b))
        self.append(doubling(widths[-1], channels, even))
        self.append(nn.Tanh())


class EvenSums(nn.Module):
    """Kernels (I, O, 4, 4) of doublings -> the same, but that even stays even.

    A transposed convolution of kernel 4 and stride 2 adds up four weights in every
    pixel, but other four in even and odd rows and columns: out of an even surface it
    makes a lattice of period 2, and every further doubling adds its own (Odena et al.
    2016). Here the mean of all takes the place of the means of these four, and the rest
    of a kernel stays as it is. Repeating pixels and convolving 3x3 draws no lattice
    either, at the price of seven weights of sixteen.
    """

    def forward(self, weight: Tensor) -> Tensor:
        four = weight.unflatten(3, (2, 2)).unflatten(2, (2, 2))  # rows 2 a + p, so q
        means = four.mean((2, 4), keepdim=True)
        even = four - means + means.mean((3, 5), keepdim=True)
        return even.flatten(4, 5).flatten(2, 3)


def doubling(a: int, b: int, even: bool, bias: bool = True) -> nn.ConvTranspose2d:
    """Return a layer (B, a, S, S) -> (B, b, 2S, 2S)."""
    layer = nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=bias)
    if even:
        register_parametrization(layer, "weight", EvenSums())
    return layer


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
