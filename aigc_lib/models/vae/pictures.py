"""An autoencoder that keeps where things are: pictures <-> small maps of numbers."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import silu
from torch.optim import Optimizer

from ...arguments import at_least, finite, multiple_of
from ...optim import Muon
from ..base import Trainable, Update, checked_pictures, in_parts
from .bounds import reparameterize

FACTOR = 4  # a latent pixel stands for so many a side
GROUPS = 2  # few and large, as in the UNet of ``models.diffusion``
MATRIX_RATE = 20  # times the rate of the other parameters


class MapEncoder(nn.Module):
    """Pictures (B, C, S, S) -> means and log-variances of maps (B, 2 D, S/4, S/4)."""

    inner = ("blocks", "down")

    def __init__(self, channels: int, latent_channels: int, width: int):
        super().__init__()
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, width, 3, padding=1)
        )
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.blocks = nn.ModuleList([MapBlock(width), *map(MapBlock, [2 * width] * 2)])
        self.leave = nn.Conv2d(2 * width, 2 * latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.blocks
        h = self.enter(x.contiguous(memory_format=torch.channels_last))
        h = self.down(first(h))
        for block in others:
            h = block(h)
        return self.leave(silu(h)).float()


class MapDecoder(nn.Module):
    """Maps (B, D, S/4, S/4) -> pictures (B, C, S, S), unbounded."""

    inner = ("blocks", "up")

    def __init__(self, channels: int, latent_channels: int, width: int):
        super().__init__()
        self.enter = nn.Conv2d(latent_channels, 2 * width, 3, padding=1)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.blocks = nn.ModuleList(map(MapBlock, [2 * width] * 2 + [width] * 2))
        self.leave = nn.Sequential(
            nn.SiLU(), nn.Conv2d(width, 4 * channels, 3, padding=1), nn.PixelShuffle(2)
        )

    def forward(self, z: Tensor) -> Tensor:
        h = self.enter(z.contiguous(memory_format=torch.channels_last))
        for block in self.blocks[:2]:
            h = block(h)
        h = self.up(h)
        for block in self.blocks[2:]:
            h = block(h)
        return self.leave(h).float()


class MapBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(silu(self.first(silu(self.norm(x)))))


def optimizer_of(networks: Iterable[nn.Module], rate: float) -> Muon:
    """Muon for the matrices inside encoders and decoders, AdamW for all else."""
    inner, others = [], []
    for network in networks:
        for name, p in network.named_parameters():
            matrix = p.dim() > 1 and name.startswith(network.inner)
            (inner if matrix else others).append(p)
    return Muon(inner, others, matrix_rate=MATRIX_RATE * rate, other_rate=rate)


class MapVAE(Trainable):
    """A VAE whose code is a map (D, S/4, S/4), for a prior that is learned afterwards.

    It learns by the mean absolute error of the pixels and, with the small weight
    ``beta``, the KL term a number of the code: enough that codes lie near each other
    and that the decoder forgives small errors in them, too little to blur the pictures
    (Rombach et al. 2022, section 3.1). Its own prior would draw noise: see
    ``LatentFlow``.

    Raises:
        ValueError: ``image_size`` no multiple of 4, a size below 1, an odd ``width``,
            a negative ``beta``, ``learning_rate`` of 0 or less.
    """

    sampled = ("encoder", "decoder")

    def __init__(
        self,
        image_size: int = 64,
        channels: int = 3,
        latent_channels: int = 8,
        width: int = 48,
        *,
        beta: float = 1e-3,
        learning_rate: float = 1e-3,
    ):
        multiple_of(FACTOR, image_size=image_size)
        at_least(1, channels=channels, latent_channels=latent_channels)
        multiple_of(GROUPS, width=width)
        finite("beta", beta, least=0)
        finite("learning_rate", learning_rate, above=0)
        super().__init__()
        side = image_size // FACTOR
        self.sample_shape = (channels, image_size, image_size)
        self.code_shape = (latent_channels, side, side)
        self.encoder = MapEncoder(channels, latent_channels, width)
        self.decoder = MapDecoder(channels, latent_channels, width)
        self.beta, self.learning_rate = beta, learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """Muon for the matrices inside both networks, AdamW for all else."""
        networks = (self.encoder, self.decoder)
        return {"bound": optimizer_of(networks, self.learning_rate)}

    def training_step(self, x: Tensor, update: Update) -> None:
        """One step: the error of the pictures, and beta times the rate."""
        mu, log_var = self.encoder(x).chunk(2, 1)
        log_var = log_var.clamp(-12, 6)
        error = (self.decoder(reparameterize(mu, log_var)) - x).abs().mean()
        rate = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).mean()
        update("bound", error + self.beta * rate)

    def encode(self, x: Tensor) -> Tensor:
        """Return the means of the codes: (N, C, S, S) -> (N, D, S/4, S/4).

        Pictures are uint8 or in [-1, 1].

        Raises:
            ValueError: other pictures.
        """
        x = checked_pictures(x, self.sample_shape, self.device)
        with self.for_sampling("encoder") as encoder:
            return in_parts(lambda part: encoder(part).chunk(2, 1)[0], x)

    def decode(self, z: Tensor) -> Tensor:
        """Return pictures in [-1, 1] of codes (N, D, S/4, S/4).

        Raises:
            ValueError: codes of another shape.
        """
        if z.shape[1:] != self.code_shape:
            shape = ", ".join(map(str, self.code_shape))
            raise ValueError(f"z has shape {tuple(z.shape)}: give (N, {shape})")
        with self.for_sampling("decoder") as decoder:
            return in_parts(decoder, z).clamp(-1, 1)
