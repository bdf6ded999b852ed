"""AnoGAN: a picture is as wrong as the generator's nearest picture is far from it."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from ...arguments import at_least, finite, whole
from ..base import Trainable, Update, in_parts, standard_normal
from ..vae.autoencoder import conv_encoder
from .game import GAN


class Found(NamedTuple):
    """The nearest pictures, their z, and how far they are.

    ``pictures`` (N, C, S, S) in [-1, 1], ``z`` (N, latent_dim), ``residual`` (N,) the
    sum of |x - G(z)|, ``features`` (N,) the sum of |f(x) - f(G(z))|.
    """

    pictures: Tensor
    z: Tensor
    residual: Tensor
    features: Tensor

    def scores(self, weight: float = 0.1) -> np.ndarray:
        """Return the anomaly score of each picture, (N,) (Schlegl et al. 2017, eq. 5).

        Raises:
            ValueError: ``weight`` outside [0, 1].
        """
        finite("weight", weight, least=0, most=1)
        return ((1 - weight) * self.residual + weight * self.features).cpu().numpy()


def distances(gan: GAN, x: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums of |x - G(z)| and |f(x) - f(G(z))| of each picture, twice (N,).

    f is what the last layer of the discriminator reads (feature matching).
    """
    residual = (x - pictures).abs().flatten(1).sum(1)
    real, made = (gan.discriminator.features(images) for images in (x, pictures))
    return residual, (real - made).abs().flatten(1).sum(1)


def search(
    gan: GAN,
    x: Tensor,
    *,
    steps: int = 200,
    weight: float = 0.1,
    learning_rate: float = 0.05,
    z: Tensor | None = None,
    seed: int = 0,
) -> Found:
    """Look, by gradient descent on z alone, for the generator's picture nearest to x.

    x (N, C, S, S) in [-1, 1]. Minimises (1 - weight) |x - G(z)| + weight |f(x) -
    f(G(z))| by Adam from a random z, or from ``z`` (N, latent_dim), for every picture
    on its own. Each picture gets the best z that was met. No network is changed.

    Source: AnoGAN (Schlegl et al. 2017), section 2.2, equations 2 to 4.

    Raises:
        ValueError: a shape that the GAN does not draw, values outside [-1, 1],
            ``steps`` < 1, ``weight`` outside [0, 1], a rate of 0 or less.
    """
    checked(gan, x)
    steps, weight = whole("steps", steps, 1), finite("weight", weight, least=0, most=1)
    learning_rate = finite("learning_rate", learning_rate, above=0)
    if z is None:
        z = standard_normal(len(x), gan.latent_dim, seed=seed)
    x, z = x.to(gan.device), z.to(gan.device).detach().clone().requires_grad_()
    adam = Adam([z], learning_rate)
    best, kept = torch.full((len(x),), torch.inf, device=x.device), z.detach().clone()
    with (
        gan.for_sampling("generator") as generator,
        gan.for_sampling("discriminator"),
        torch.enable_grad(),
    ):
        for _ in range(steps):
            residual, features = distances(gan, x, generator(z))
            loss = (1 - weight) * residual + weight * features
            better = loss.detach() < best
            best = torch.where(better, loss.detach(), best)
            kept[better] = z.detach()[better]
            (z.grad,) = torch.autograd.grad(loss.sum(), [z])
            adam.step()
    return found_at(gan, x, kept)


def found_at(gan: GAN, x: Tensor, z: Tensor) -> Found:
    """Compare x (N, C, S, S) with what the generator draws at z (N, latent_dim)."""
    pictures = gan.generated(z)
    with gan.for_sampling("discriminator"):
        return Found(pictures, z, *distances(gan, x, pictures))


class GANEncoder(Trainable):
    """Guesses in one step the z that ``search`` looks for in hundreds.

    An encoder E is trained on normal pictures, beside a copy of ``gan`` that stays as
    it is, to make G(E(x)) like x in pixels and, with ``weight``, in the features of D.

    Source: f-AnoGAN (Schlegl et al. 2019), the izi_f encoder, equation 3.

    Raises:
        ValueError: ``hidden`` below 16, ``weight`` below 0, a learning rate of 0 or
            less.
    """

    def __init__(
        self,
        gan: GAN,
        hidden: int = 256,
        *,
        weight: float = 1.0,
        learning_rate: float = 2e-3,
    ):
        at_least(16, hidden=hidden)  # hidden / 16 channels
        finite("weight", weight, least=0)
        finite("learning_rate", learning_rate, above=0)
        super().__init__()
        self.sample_shape = gan.sample_shape
        self.encoder = conv_encoder(gan.sample_shape, hidden, gan.latent_dim)
        self.gan = copy.deepcopy(gan).requires_grad_(False)
        self.gan.adopt_average("generator")
        self.weight, self.learning_rate = weight, learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam for the encoder alone."""
        return {"encoder": Adam(self.encoder.parameters(), self.learning_rate)}

    def training_step(self, x: Tensor, update: Update) -> None:
        """One step towards G(E(x)) = x."""
        gan = self.gan.eval()
        pictures = gan.generator(self.encoder(x))
        pixels = (x - pictures).square().mean()
        real, made = (gan.discriminator.features(i) for i in (x, pictures))
        update("encoder", pixels + self.weight * (real - made).square().mean())

    def find(self, x: Tensor) -> Found:
        """Return what the generator draws at E(x), x (N, C, S, S) in [-1, 1].

        Raises:
            ValueError: a shape that the GAN does not draw, values outside [-1, 1].
        """
        checked(self.gan, x)
        with self.for_sampling("encoder") as encoder:
            z = in_parts(encoder, x.to(self.device))
        return found_at(self.gan, x.to(self.device), z)


def checked(gan: GAN, x: Tensor) -> None:
    """Refuse pictures that ``gan`` could never draw.

    Raises:
        ValueError: another shape than (N, *sample_shape), no floats, or values outside
            [-1, 1].
    """
    shape = tuple(gan.sample_shape)
    if x.ndim != 4 or tuple(x.shape[1:]) != shape or not len(x):
        raise ValueError(f"x is {tuple(x.shape)}: this GAN draws (N, *{shape}), N >= 1")
    if not x.is_floating_point() or not x.abs().max() <= 1.001:
        raise ValueError(
            f"x is {x.dtype}, up to {float(x.abs().max()):g}: give floats in [-1, 1] "
            "(x / 127.5 - 1 of uint8)"
        )
