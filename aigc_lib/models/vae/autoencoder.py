"""Bodies of autoencoders: image -> vector, vector -> image, dense or convolutional."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ...nets.conv import stage_widths


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
    """Images (B, C, S, S), S a multiple of 4 -> (B, outputs) by ``halvings``."""
    channels, size, _ = shape
    widths = _widths(size, hidden)[::-1]
    net = nn.Sequential()
    for a, b in pairwise([channels, *widths]):
        net.extend([nn.Conv2d(a, b, 4, stride=2, padding=1), nn.SiLU()])
    inputs = widths[-1] * (size // 2 ** len(widths)) ** 2
    net.extend([nn.Flatten(), nn.Linear(inputs, hidden), nn.SiLU()])
    return net.append(nn.Linear(hidden, outputs))


def conv_decoder(inputs: int, hidden: int, shape: tuple[int, ...]) -> nn.Sequential:
    """Vectors (B, inputs) -> (B, C, S, S), unbounded, by as many doublings."""
    channels, size, _ = shape
    widths = _widths(size, hidden)
    start = size // 2 ** len(widths)
    net = nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.SiLU(),
        nn.Linear(hidden, widths[0] * start**2),
        nn.SiLU(),
        nn.Unflatten(1, (widths[0], start, start)),
    )
    for a, b in pairwise(widths):
        net.extend([nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.SiLU()])
    return net.append(nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1))


def _widths(size: int, hidden: int) -> list[int]:
    """Channels from the smallest stage up: [hidden / 8, hidden / 16] at 28 pixels."""
    return [count // 2 for count in stage_widths(size, hidden // 16)]


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
