"""A variational autoencoder whose pictures are judged by a discriminator."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from ...arguments import at_least, finite, multiple_of
from ...nets.conv import ConvDiscriminator, ConvGenerator
from ..base import Update, in_parts
from ..gan.game import HingeGAN
from .autoencoder import conv_encoder
from .bounds import kl_to_standard_normal, reparameterize
from .vae import mean_and_log_var


class VAEGAN(HingeGAN):
    """Encoder, decoder and discriminator in one model (Larsen et al. 2016).

    A VAE compares pixels, and a blurred image is the safest guess of them. Here the
    reconstruction error is a Gaussian -log p(h(x) | z) of the features h that the
    discriminator has learned, and the decoder must also deceive it. Fakes are both
    decoded codes of images and decoded draws from the prior. The decoder is called
    ``generator``, as in every GAN; the game is that of ``HingeGAN``. The deviation of
    the features is the most likely one for each batch, in place of the paper's 1, so
    that their scale does not matter (Rybkin et al. 2021).

    ``similarity`` weighs the reconstruction against the game in the decoder's
    objective (gamma in algorithm 1 of the paper).

    Raises:
        ValueError: negative ``similarity``, ``image_size`` is no multiple of 4, or
            another size is below 1.
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 64,
        width: int = 16,
        *,
        similarity: float = 1e-3,
        learning_rates: tuple[float, float] = (8e-3, 8e-3),
        betas: tuple[float, float] = (0.0, 0.9),
        encoder_learning_rate: float = 2e-3,
    ):
        multiple_of(4, image_size=image_size)
        at_least(1, channels=channels, latent_dim=latent_dim, width=width)
        finite("similarity", similarity, least=0)
        finite("encoder_learning_rate", encoder_learning_rate, above=0)
        shape = (channels, image_size, image_size)
        super().__init__(
            ConvGenerator(image_size, channels, latent_dim, width),
            ConvDiscriminator(image_size, channels, width),
            sample_shape=shape,
            latent_dim=latent_dim,
            learning_rates=learning_rates,
            betas=betas,
        )
        self.encoder = conv_encoder(shape, 16 * width, 2 * latent_dim)
        self.similarity = similarity
        self.encoder_learning_rate = encoder_learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam per player: encoder, generator, discriminator."""
        parameters = self.encoder.parameters()
        encoder = Adam(parameters, self.encoder_learning_rate, fused=True)
        return {"encoder": encoder, **super().optimizers()}

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z | x): images -> twice (B, latent_dim)."""
        return mean_and_log_var(self.encoder(x))

    def training_step(self, real: Tensor, update: Update) -> None:
        """One step of each player; the encoder does not learn to deceive."""
        mu, log_var = self.encode(real)
        z = reparameterize(mu, log_var)
        fakes = self.generator(torch.cat([z.detach(), self.prior(len(real))]))
        update("discriminator", self.discriminator_loss(real, fakes.detach()))

        deception = self.loss.generator(self.discriminator(fakes))
        distortion = self.distortion(real, fakes[: len(real)])
        update("generator", self.similarity * distortion + deception)

        rate = kl_to_standard_normal(mu, log_var).mean()
        distortion = self.distortion(real, self.generator(z))
        update("encoder", rate + distortion)

    def distortion(self, x: Tensor, rebuilt: Tensor) -> Tensor:
        """Return -log p(h(x) | z) in nats per image, a scalar, of two image batches.

        Where the mean squared error s² of D features is their variance, it is
        D (log 2 pi s² + 1) / 2. D counts the pixels instead: there are more features,
        but they overlap and are no independent witnesses. Counting them all, codes of
        160 nats came out that the prior cannot draw.
        """
        h = self.discriminator.features(torch.cat([x, rebuilt])).float()
        real, fake = h.chunk(2)  # (B, D) each
        error = (real - fake).square().mean()
        return 0.5 * x[0].numel() * ((2 * math.pi * error).log() + 1)

    def reconstruct(self, x: Tensor, *, seed: int | None = None) -> Tensor:
        """Decode one draw of q(z | x) for each image (N, C, S, S) in [-1, 1].

        A draw, for the decoder has learned from nothing else: most means lie nearer to
        the origin than any code that it has seen.
        """

        def rebuilt(x: Tensor, eps: Tensor) -> Tensor:
            mu, log_var = mean_and_log_var(encoder(x.to(self.device)))
            return generator(mu + (0.5 * log_var).exp() * eps)

        with (
            self.for_sampling("encoder") as encoder,
            self.for_sampling("generator") as generator,
        ):
            return in_parts(rebuilt, x, self.prior(len(x), seed=seed))
