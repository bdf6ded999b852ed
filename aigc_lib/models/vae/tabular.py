"""A variational autoencoder of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...arguments import at_least
from ...codecs.tables import TableCodec
from ..base import Seed, parts_of
from ..tabular import OneHotCells, Tabular, codec_of, draw_cells
from .autoencoder import mlp_decoder, mlp_encoder
from .vae import VAE, Labels, mean_and_log_var


class Cells(nn.Module):
    """Cells of a table: the decoder gives the logits of every column's codes.

    Each cell is drawn given z alone, by the softmax of its column.
    """

    def __init__(self, sizes: list[int]):
        super().__init__()
        self.sizes = sizes

    def log_prob(self, x: Tensor, decoded: Tensor) -> Tensor:
        """log p(x | z) in nats: codes (..., C), logits (..., S) -> (...)."""
        x = x.expand(*decoded.shape[:-1], len(self.sizes))
        terms = [
            logits.log_softmax(-1).gather(-1, x[..., k, None])
            for k, logits in enumerate(decoded.split(self.sizes, -1))
        ]
        return torch.cat(terms, -1).sum(-1)

    def mean(self, decoded: Tensor) -> Tensor:
        """Logits, as they are: there is no mean of categories."""
        return decoded


class TVAE(Tabular, VAE):
    """A VAE of the rows of a table (Xu et al. 2019, section 4.4).

    Every cell is a softmax over its column's codes, those of numbers too: where TVAE
    has a Gaussian within each mode, the codec has bins. ``beta`` below 1, as there,
    makes rows sharper; 0.5 is TVAE's loss factor of 2.

    Trained on ``codec.encode(frame)``; without a ``codec`` on two numbers from 0 to 1.

    Raises:
        ValueError: no such ``codec``, and all that ``VAE`` refuses.
    """

    modality = "tables"
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 500, "cooldown": 0.5}

    def __init__(
        self,
        codec: TableCodec | Mapping | None = None,
        latent_dim: int = 32,
        hidden: int = 256,
        *,
        beta: float = 0.5,
        free_nats: float = 0.0,
        learning_rate: float = 2e-3,
    ):
        at_least(1, latent_dim=latent_dim, hidden=hidden)
        codec = codec_of(codec)
        total, shape = sum(codec.sizes), (len(codec.sizes),)
        super().__init__(
            latent_dim=latent_dim,
            hidden=hidden,
            sample_shape=shape,
            encoder=nn.Sequential(
                OneHotCells(codec.sizes),
                mlp_encoder((total,), hidden, 2 * latent_dim),
            ),
            decoder=mlp_decoder(latent_dim, hidden, (total,)),
            beta=beta,
            free_nats=free_nats,
            learning_rate=learning_rate,
        )
        self.modality = "tables"
        self.codec = codec
        self.likelihood = Cells(codec.sizes)

    def encode(self, x: Tensor, labels: Labels = None) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z | x): codes (B, C) -> twice (B, d)."""
        return mean_and_log_var(self.encoder(x))

    def drawn_codes(
        self, n: int, source: Seed, allowed: Mapping[int, Tensor]
    ) -> Tensor:
        """Draw ``n`` rows of codes; z does not know what is ``allowed``."""
        return torch.cat(
            [
                draw_cells(
                    self.drawn(self.prior(k, seed=source)), self.codec.sizes, source
                )
                for k in parts_of(n)
            ]
        )
