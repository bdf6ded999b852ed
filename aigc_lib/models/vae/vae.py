"""Variational autoencoders: explicit likelihoods, every bound in nats.

Sums run over dimensions, means over the batch (Kingma & Welling 2014).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ...arguments import at_least, finite, unknown, whole
from ..base import (
    Batch,
    GenerativeModel,
    Seed,
    Update,
    in_parts,
    shape_of,
    standard_normal,
)
from .autoencoder import BODIES
from .bounds import kl_to_standard_normal, normal_log_density, reparameterize
from .likelihoods import LIKELIHOODS

Labels = Tensor | None  # (B,) int64 for a conditional model, else None


def given(x: Tensor, labels: Labels) -> tuple[Tensor, ...]:
    """What a network gets: its input, and the labels where there are any."""
    return (x,) if labels is None else (x, labels)


def mean_and_log_var(encoded: Tensor) -> tuple[Tensor, Tensor]:
    """Read q(z | x) from what an encoder gives: (B, 2 d) -> twice (B, d)."""
    # a bound is a sum over 784 pixels: no place for bfloat16, unlike the networks
    mu, log_var = encoded.float().chunk(2, -1)
    return mu, log_var.clamp(-12, 12)


class VAE(GenerativeModel):
    """Variational autoencoder (Kingma & Welling 2014; Rezende et al. 2014).

    The encoder gives mean and log-variance of q(z | x), the decoder what ``likelihood``
    needs of p(x | z). ``beta`` weighs the KL term: at 1 the objective is the evidence
    lower bound; above 1 it is a looser lower bound (beta-VAE, Higgins et al. 2017);
    below 1 nothing holds it below log p(x). ``importance_samples`` > 1 trains
    the tighter bound of the IWAE (Burda et al. 2016) instead. A mean rate below
    ``free_nats`` earns nothing: a decoder that does without z at first does not empty
    it (free bits, Kingma et al. 2016).

    Made for images unless ``sample_shape`` says otherwise: (D,) for rows, (C, T) for
    series, whose values are not bounded. (C, H, W) are images, with values in [-1, 1],
    unless ``images=False`` says that they are not. ``encoder`` and ``decoder`` may be
    networks of your own: (B, *sample_shape) -> (B, 2 latent_dim), and (B, latent_dim)
    -> (B, *sample_shape); then ``body`` and ``hidden`` do not count. What is not square
    gets the body "mlp".

    Raises:
        ValueError: unknown ``body`` or ``likelihood``, the autoregressive likelihood
            for what is no image of one channel, an ``image_size`` that is no multiple
            of 4, ``hidden`` below 16 with convolutions, another size below 1, negative
            ``beta`` or ``free_nats``, fewer than one importance sample, or several
            together with another ``beta`` than 1 or with ``free_nats``.
    """

    sampled = ("decoder",)

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 16,
        hidden: int = 512,
        *,
        sample_shape: tuple[int, ...] | None = None,
        images: bool | None = None,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        body: str = "conv",
        likelihood: str = "gaussian",
        beta: float = 1.0,
        importance_samples: int = 1,
        free_nats: float = 0.0,
        learning_rate: float = 2e-3,
    ):
        shape = shape_of(sample_shape, image_size, channels)
        images = len(shape) == 3 if images is None else images
        square = len(shape) == 3 and shape[1] == shape[2]
        if not square and body == "conv":
            body = "mlp"
        for name, value, known in (
            ("body", body, BODIES),
            ("likelihood", likelihood, LIKELIHOODS),
        ):
            if value not in known:
                raise unknown(name, value, known)
        at_least(1, latent_dim=latent_dim)
        if encoder is None or decoder is None:
            at_least(16 if body == "conv" else 1, hidden=hidden)  # hidden / 16 channels
        if likelihood == "autoregressive" and (not images or shape[0] != 1):
            raise ValueError(
                f"likelihood='autoregressive' with samples {shape}: it takes images of "
                "1 channel"
            )
        finite("learning_rate", learning_rate, above=0)
        finite("beta", beta, least=0)
        finite("free_nats", free_nats, least=0)
        plain = (beta, free_nats) == (1, 0)
        if whole("importance_samples", importance_samples, 1) > 1 and not plain:
            raise ValueError(
                f"importance_samples={importance_samples}, beta={beta}, "
                f"free_nats={free_nats}: give beta=1 and free_nats=0 with more than one"
            )
        super().__init__()
        self.sample_shape = shape
        self.modality = "images" if images else "points"
        make_encoder, make_decoder = BODIES[body]
        self.encoder = encoder or make_encoder(shape, hidden, 2 * latent_dim)
        options = {"bounded": images} if likelihood == "gaussian" else {}
        self.likelihood = LIKELIHOODS[likelihood](shape, **options)
        maps = (shape[0] * self.likelihood.maps, *shape[1:])
        self.decoder = decoder or make_decoder(latent_dim, hidden, maps)
        self.body = body
        self.latent_dim = latent_dim
        self.beta = beta
        self.importance_samples = importance_samples
        self.free_nats = free_nats
        self.learning_rate = learning_rate
        if likelihood == "autoregressive":  # its net belongs to the decoder's numbers
            self.sampled = (*self.sampled, "likelihood")

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam for encoder and decoder: they share one objective."""
        parts = nn.ModuleList([self.encoder, self.decoder, self.likelihood])
        adam = Adam(parts.parameters(), self.learning_rate, fused=True)
        return {"negative_elbo": adam}

    def encode(self, x: Tensor, labels: Labels = None) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z | x): images -> twice (B, latent_dim).

        Raises:
            ValueError: images of whole numbers, a conditional model without labels, or
                another one with them.
        """
        if not x.is_floating_point():
            raise ValueError(
                f"x has dtype {x.dtype}: give floating point, images as x / 127.5 - 1"
            )
        if self.conditional and labels is None:
            raise ValueError("labels=None: this model needs the class of each image")
        if not self.conditional and labels is not None:
            raise ValueError(
                f"labels has shape {tuple(labels.shape)}: give none, the model was "
                "made without classes"
            )
        return mean_and_log_var(self.encoder(*given(x, labels)))

    def decode(self, z: Tensor, labels: Labels = None) -> Tensor:
        """Return expected images in [-1, 1]: (B, latent_dim) -> (B, C, S, S)."""
        return self.likelihood.mean(self.decoded(z, labels))

    def decoded(self, z: Tensor, labels: Labels = None) -> Tensor:
        """Return what the likelihood reads, (B, latent_dim) -> (B, C, S, S)."""
        return self.decoder(*given(z, labels)).float()

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z) in nats, p = N(0, I): (..., latent_dim) -> (...)."""
        zero = torch.zeros(1, device=z.device)
        return normal_log_density(z, zero, zero)

    def rate_distortion(
        self, x: Tensor, labels: Labels = None
    ) -> tuple[Tensor, Tensor]:
        """Return KL and -log p(x | z) in nats per image, each (B,), from one z each."""
        mu, log_var = self.encode(x, labels)
        decoded = self.decoded(reparameterize(mu, log_var), labels)
        return kl_to_standard_normal(mu, log_var), -self.likelihood.log_prob(x, decoded)

    def elbo(self, x: Tensor, labels: Labels = None) -> Tensor:
        """Evidence lower bound in nats per image, (B,) (Kingma & Welling, eq. 10)."""
        rate, distortion = self.rate_distortion(x, labels)
        return -(rate + distortion)

    def iwae_bound(
        self,
        x: Tensor,
        k: int,
        generator: torch.Generator | None = None,
        labels: Labels = None,
    ) -> Tensor:
        """Importance-weighted bound on log p(x) in nats, (B,); k = 1 is the ELBO.

        log (1/k) sum p(x, z_i) / q(z_i | x) with z_i from q: below log p(x) on average,
        and tighter with every k (Burda et al. 2016, equation 8).

        Raises:
            ValueError: ``k`` < 1.
        """
        k = whole("k", k)
        if k < 1:
            raise ValueError(f"k={k}: give at least one sample")
        mu, log_var = (v.expand(k, *v.shape) for v in self.encode(x, labels))
        z = reparameterize(mu, log_var, generator)  # (k, B, d)
        repeated = None if labels is None else labels.repeat(k)
        decoded = self.decoded(z.flatten(0, 1), repeated).unflatten(0, (k, len(x)))
        log_weight = (
            self.likelihood.log_prob(x, decoded)
            + self.log_prior(z)
            - normal_log_density(z, mu, log_var)
        )  # (k, B)
        return log_weight.logsumexp(0) - math.log(k)

    def training_step(self, batch: Batch, update: Update) -> None:
        """One step up the bound."""
        x, labels = batch if self.conditional else (batch, None)
        if self.importance_samples > 1:
            bound = self.iwae_bound(x, self.importance_samples, labels=labels)
            update("negative_elbo", -bound.mean())
        else:
            rate, distortion = self.rate_distortion(x, labels)
            paid = rate.mean().clamp_min(self.free_nats)
            update("negative_elbo", distortion.mean() + self.beta * paid)

    @torch.no_grad()
    def nll(
        self,
        x: Tensor,
        k: int = 200,
        seed: int = 0,
        batch_size: int = 50,
        labels: Labels = None,
    ) -> Tensor:
        """Estimate -log p(x) in nats, (N,), from ``k`` importance samples each.

        ``x``: samples (N, *sample_shape) on any device. With the averaged weights, as
        ``sample``; the encoder only proposes. Never below the truth on average.

        Raises:
            ValueError: ``k`` or ``batch_size`` < 1, or what ``encode`` refuses.
        """
        batch_size = whole("batch_size", batch_size, 1)
        source = torch.Generator(self.device).manual_seed(whole("seed", seed))
        parts = [
            [part.to(self.device) for part in v.split(batch_size)]
            for v in given(x, labels)
        ]
        with self.averaged():
            return torch.cat(
                [
                    -self.iwae_bound(part, k, source, *label)
                    for part, *label in zip(*parts, strict=True)
                ]
            )

    def prior(self, n: int, *, seed: Seed = None) -> Tensor:
        """Draw z from the prior, (n, latent_dim), the same on every device."""
        return standard_normal(n, self.latent_dim, seed=seed).to(self.device)

    def sample(self, n: int, *, seed: int | None = None) -> Tensor:
        """Draw ``n`` expected images in [-1, 1] for z from the prior.

        Raises:
            ValueError: ``n`` < 1.
        """
        return self.drawn(self.prior(n, seed=seed))

    def drawn(self, z: Tensor, labels: Labels = None) -> Tensor:
        """``decode`` with averaged weights: (B, latent_dim) -> (B, *sample_shape)."""
        with (
            self.for_sampling("decoder") as decoder,
            self.for_sampling("likelihood") as likelihood,
        ):
            return in_parts(
                lambda *part: likelihood.mean(decoder(*part)), *given(z, labels)
            )


class BetaVAE(VAE):
    """A VAE whose KL term weighs ``beta`` = 4 by default (Higgins et al. 2017)."""

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 16,
        hidden: int = 512,
        *,
        beta: float = 4.0,
        **options,
    ):
        super().__init__(image_size, channels, latent_dim, hidden, beta=beta, **options)
