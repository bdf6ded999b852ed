"""Images as rows of numbers, by a fixed feature network, so that they can be compared.

The distances of ``metrics.distances`` are offered here too. A figure means something
only beside its feature network, its data split and its number of samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..arguments import at_least
from ..arrays import tensor
from .distances import (
    frechet_distance,
    kernel_distance,
    polynomial_mmd,
    precision_recall,
)
from .feature_net import pretrained

__all__ = [
    "check_pixels",
    "classify",
    "features",
    "frechet_distance",
    "kernel_distance",
    "polynomial_mmd",
    "precision_recall",
]


def features(images: Tensor, batch_size: int = 500) -> Tensor:
    """Compute the features of images with the committed Fashion-MNIST classifier.

    ``images``: (N, 1, 28, 28), uint8 or floating point in [-1, 1]. Returns (N, 64)
    float32, never negative, on the device of ``images``.

    Raises:
        ValueError: another shape, number type or range of values; NaN.
    """
    images = _checked_images(images, batch_size)
    return _batched(pretrained(images.device).body, images, batch_size)


def classify(images: Tensor, batch_size: int = 500) -> Tensor:
    """Name the Fashion-MNIST class, 0 to 9, that each image resembles most.

    ``images`` as for ``features``. Returns (N,) int64.

    Raises:
        ValueError: as ``features``.
    """
    images = _checked_images(images, batch_size)
    return _batched(pretrained(images.device), images, batch_size).argmax(1)


@torch.no_grad()
def _batched(net: nn.Module, images: Tensor, batch_size: int) -> Tensor:
    def to_model(batch: Tensor) -> Tensor:
        if batch.dtype == torch.uint8:
            return batch.float() / 127.5 - 1
        return batch.float()

    return torch.cat([net(to_model(batch)) for batch in images.split(batch_size)])


def _checked_images(images: Tensor, batch_size: int) -> Tensor:
    images = tensor("images", images)
    if images.ndim != 4 or images.shape[1:] != (1, 28, 28) or not len(images):
        raise ValueError(
            f"images has shape {tuple(images.shape)}: give (N, 1, 28, 28), N >= 1"
        )
    at_least(1, batch_size=batch_size)
    check_pixels("images", images)
    return images


def check_pixels(name: str, images: Tensor) -> None:
    """Refuse images that are neither uint8 nor floating point in [-1, 1].

    Raises:
        ValueError: another number type or range of values; NaN.
    """
    if images.dtype == torch.uint8:
        return
    if not images.is_floating_point():
        raise ValueError(
            f"{name} has dtype {images.dtype}: give uint8 (0 to 255), as data.load "
            "does, or floating point in [-1, 1], as models make them"
        )
    low, high = (bound.item() for bound in images.aminmax())
    if math.isnan(low):
        raise ValueError(f"{name} holds NaN: see whether the model diverged")
    # Images in [0, 1] are valid numbers in [-1, 1], but no garment has only bright
    # pixels: black, the background, is -1.
    if max(-low, high) > 1.001 or (0 <= low < 0.1 and high > 0.5):
        raise ValueError(
            f"{name} has values from {low:.4g} to {high:.4g}: give floating point in "
            "[-1, 1] with black at -1 (images * 2 - 1 for images in [0, 1]), or uint8"
        )
