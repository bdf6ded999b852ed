"""What a decoder's numbers mean: likelihoods of images, in nats."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from .bounds import normal_log_density
from .pixels import Autoregressive


class Bernoulli(nn.Module):
    """Black or white pixels: the decoder gives the logit of white.

    For binary images, where x = -1 or 1. Grey values are no Bernoulli outcomes: for
    them the sum is a surrogate, no likelihood.
    """

    maps = 1  # channels of the decoder per channel of the image

    def __init__(self, sample_shape: tuple[int, ...] = (1, 28, 28)):
        super().__init__()
        self.axes = len(sample_shape)

    def log_prob(self, x: Tensor, decoded: Tensor) -> Tensor:
        """log p(x | z) in nats, x in {-1, 1}: (..., C, S, S) -> (...)."""
        white = (x + 1) / 2
        # x log p + (1 - x) log(1 - p), from the logit, finite for any of them
        terms = white * decoded + logsigmoid(-decoded)
        return terms.flatten(-self.axes).sum(-1)

    def mean(self, decoded: Tensor) -> Tensor:
        """The expected image, in [-1, 1]."""
        return torch.tanh(decoded / 2)


class Gaussian(nn.Module):
    """Numbers with one learned deviation: the decoder gives their means.

    Those of images are pixels: ``bounded`` keeps their means in [-1, 1].

    Learning the deviation sets the balance of reconstruction and KL by maximum
    likelihood; a fixed one would be a hidden weight (Rybkin et al. 2021).
    """

    maps = 1

    def __init__(
        self, sample_shape: tuple[int, ...] = (1, 28, 28), *, bounded: bool = True
    ):
        super().__init__()
        self.axes, self.bounded = len(sample_shape), bounded
        self.log_std = nn.Parameter(torch.zeros(()))

    def log_prob(self, x: Tensor, decoded: Tensor) -> Tensor:
        """log p(x | z) in nats: (..., *sample_shape) -> (...)."""
        mean = self.mean(decoded).flatten(-self.axes)
        return normal_log_density(x.flatten(-self.axes), mean, 2 * self.log_std)

    def mean(self, decoded: Tensor) -> Tensor:
        """The expected sample; an image in [-1, 1]."""
        return torch.tanh(decoded) if self.bounded else decoded


LIKELIHOODS = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "autoregressive": Autoregressive,
}
