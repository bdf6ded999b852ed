"""A small style-based GAN (Karras et al. 2019, 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...arguments import at_least, multiple_of
from ...nets.conv import ConvDiscriminator
from ..base import Update
from .game import HingeGAN
from .style_nets import StyleGenerator


class StyleGAN(HingeGAN):
    """A DCGAN whose generator is told its style layer by layer.

    In training half of the batches mix two styles at a random layer, so that a layer
    cannot rely on its neighbours having the same one.

    Raises:
        ValueError: ``image_size`` is no multiple of 4, or another size is below 1.
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 64,
        width: int = 16,
        *,
        learning_rates: tuple[float, float] = (2e-3, 8e-3),
        betas: tuple[float, float] = (0.0, 0.9),
    ):
        multiple_of(4, image_size=image_size)
        at_least(1, channels=channels, latent_dim=latent_dim, width=width)
        super().__init__(
            StyleGenerator(image_size, channels, latent_dim, width),
            ConvDiscriminator(image_size, channels, width),
            sample_shape=(channels, image_size, image_size),
            latent_dim=latent_dim,
            learning_rates=learning_rates,
            betas=betas,
        )

    def training_step(self, real: Tensor, update: Update) -> None:
        """One step of each player; half of the batches mix two styles."""
        layers, noise = self.generator.layers, self.prior(len(real))
        if torch.rand(()) < 0.5:
            crossover = int(torch.randint(1, layers, ()))
            fake = self.generator(noise, self.prior(len(real)), crossover)
        else:
            fake = self.generator(noise)
        update("discriminator", self.discriminator_loss(real, fake.detach()))
        update("generator", self.loss.generator(self.discriminator(fake)))

    def mix(self, coarse: Tensor, fine: Tensor, crossover: int = 2) -> Tensor:
        """Draw images (N, C, S, S) from noise (N, latent_dim), twice.

        The layers before ``crossover`` follow ``coarse``, the others ``fine``.

        Raises:
            ValueError: ``crossover`` is no layer, or the two differ in shape.
        """
        if not 0 <= crossover <= self.generator.layers:
            raise ValueError(
                f"crossover={crossover}: choose from 0 to {self.generator.layers}"
            )
        if coarse.shape != fine.shape:
            raise ValueError(
                f"fine has shape {tuple(fine.shape)}, coarse {tuple(coarse.shape)}: "
                "give as many of each"
            )
        with self.for_sampling("generator") as generator:
            return generator(coarse.to(self.device), fine.to(self.device), crossover)
