"""Bodies of autoencoders: image -> vector, vector -> image, dense or convolutional."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


def mlp_encoder(shape: tuple[int, ...], hidden: int, outputs: int) -> nn.Sequential:
    """Images (B, C, S, S) -> (B, outputs) through two hidden layers."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(shape), hidden),
        nn.SiLU(),
        nn.Linear(hidden, hidden),
        nn.SiLU(),
        nn.Linear(hidden, outputs),
    )


def mlp_decoder(inputs: int, hidden: int, shape: tuple[int, ...]) -> nn.Sequential:
    """Vectors (B, inputs) -> (B, C, S, S), unbounded, through two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.SiLU(),
        nn.Linear(hidden, hidden),
        nn.SiLU(),
        nn.Linear(hidden, math.prod(shape)),
        nn.Unflatten(1, shape),
    )


def conv_encoder(shape: tuple[int, ...], hidden: int, outputs: int) -> nn.Sequential:
    """Images (B, C, S, S), S a multiple of 4 -> (B, outputs) by two halvings."""
    channels, size, _ = shape
    width = hidden // 16
    return nn.Sequential(
        nn.Conv2d(channels, width, 4, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(2 * width * (size // 4) ** 2, hidden),
        nn.SiLU(),
        nn.Linear(hidden, outputs),
    )


def conv_decoder(inputs: int, hidden: int, shape: tuple[int, ...]) -> nn.Sequential:
    """Vectors (B, inputs) -> (B, C, S, S), unbounded, by two doublings."""
    channels, size, _ = shape
    width, quarter = hidden // 16, size // 4
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.SiLU(),
        nn.Linear(hidden, 2 * width * quarter**2),
        nn.SiLU(),
        nn.Unflatten(1, (2 * width, quarter, quarter)),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
        nn.SiLU(),
        nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
    )


BODIES = {"mlp": (mlp_encoder, mlp_decoder), "conv": (conv_encoder, conv_decoder)}


class LabelledEncoder(nn.Module):
    """Images (B, C, S, S) and labels (B,) -> (B, outputs).

    The label comes as one more channel: a picture that is learned for each class.
    """

    def __init__(
        self, body: str, shape: tuple[int, ...], hidden: int, outputs: int, classes: int
    ):
        super().__init__()
        channels, *plane = shape
        self.planes = nn.Embedding(classes, math.prod(plane))
        self.body = BODIES[body][0]((channels + 1, *plane), hidden, outputs)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        plane = self.planes(labels).view(-1, 1, *images.shape[2:])
        return self.body(torch.cat([images, plane], 1))


class LabelledDecoder(nn.Module):
    """Vectors (B, inputs) and labels (B,) -> (B, C, S, S); labels as one-hot codes."""

    def __init__(
        self, body: str, inputs: int, hidden: int, shape: tuple[int, ...], classes: int
    ):
        super().__init__()
        self.classes = classes
        self.body = BODIES[body][1](inputs + classes, hidden, shape)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.body(torch.cat([z, one_hot(labels, self.classes).to(z)], 1))
