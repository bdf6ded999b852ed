"""A flow over the codes of an autoencoder: the expensive part runs on small maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ...codecs.tokenizers import Tokenizer
from ..base import noise_source
from ..vae.pictures import FACTOR, MapVAE
from .denoiser import masked
from .flow import FlowMatching
from .text import TextFlow

REFINED = 0.3  # share of the way that a painted picture goes back to be smoothed


class OverCodes:
    """What makes a flow one over the maps of an autoencoder; goes before ``Denoiser``.

    The autoencoder is learned first and then stays as it is; the flow trains on what
    ``prepare`` makes of the pictures. Everything else takes and gives pictures in
    [-1, 1].
    """

    rough_steps = True
    draws = "images"

    def adopt(self, autoencoder: MapVAE) -> None:
        """Keep a trained autoencoder, with its averaged weights."""
        self.modality = "points"  # codes are not bounded
        for name in autoencoder.sampled:
            autoencoder.adopt_average(name)
        self.autoencoder = autoencoder.requires_grad_(False)
        each = (autoencoder.code_shape[0], 1, 1)
        self.register_buffer("middle", torch.zeros(each))
        self.register_buffer("spread", torch.ones(each))

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """The shape of what ``sample`` draws."""
        return self.autoencoder.sample_shape

    def prepare(self, x: Tensor) -> Tensor:
        """Return the codes to train on, and keep their mean and spread a channel.

        ``x``: pictures (N, C, S, S), uint8 or in [-1, 1] -> (N, D, S/4, S/4).
        """
        codes = self.autoencoder.encode(x)
        self.middle.copy_(codes.mean((0, 2, 3), keepdim=True)[0])
        self.spread.copy_(codes.std((0, 2, 3), keepdim=True)[0])
        return (codes - self.middle) / self.spread

    def coded(self, x: Tensor) -> Tensor:
        """Encode pictures (N, C, S, S) in [-1, 1] as normalised codes."""
        return (self.autoencoder.encode(x.to(self.device)) - self.middle) / self.spread

    def pictured(self, z: Tensor) -> Tensor:
        """Decode normalised codes to pictures in [-1, 1]."""
        return self.autoencoder.decode(z * self.spread + self.middle)

    def sample(self, n: int, **options) -> Tensor:
        """Draw ``n`` pictures in [-1, 1]; options and errors as ``FlowMatching``."""
        return self.pictured(super().sample(n, **options))

    def inpaint(
        self,
        x: Tensor,
        known: Tensor,
        *,
        seed: int | None = None,
        labels: int | Tensor | None = None,
        guidance: float = 1.0,
        steps: int = 20,
    ) -> Tensor:
        """Draw anew what is not ``known`` of pictures (N, C, S, S) in [-1, 1].

        A code counts as known where all of its pixels are. What was drawn is put into
        the picture, which goes a part of the way back to noise and again to the data,
        so that the edge is smoothed. The known part equals x exactly.

        Raises:
            ValueError: as ``FlowMatching.inpaint``.
        """
        x, known = masked(x, known, self.picture_shape)
        x, known = x.to(self.device), known.to(self.device)
        source = noise_source(seed)
        labels = self.labels_for(labels, len(x), source)
        hidden = (~known).any(1, keepdim=True).float()
        inside = max_pool2d(hidden, FACTOR) > 0  # (N, 1, S/4, S/4)
        shown = known.float().sum((2, 3), keepdim=True).clamp_min(1)
        mean = (x * known).sum((2, 3), keepdim=True) / shown
        codes = self.coded(torch.where(known, x, mean))
        options = {"labels": labels, "guidance": guidance}
        drawn = super().inpaint(codes, ~inside, seed=source, steps=steps, **options)
        first = torch.where(known, x, self.pictured(drawn))
        z = self.coded(first)
        t = 1 - REFINED
        noised = t * z + REFINED * self.noise(len(z), source)
        few = max(2, round(REFINED * steps))
        smooth = self.follow(noised, t, 1.0, steps=few, **options)
        z = torch.where(inside, smooth, z)
        return torch.where(known, x, self.pictured(z))


class LatentFlow(OverCodes, FlowMatching):
    """Flow matching over the maps of a ``MapVAE`` (Rombach et al. 2022, section 3).

    See ``OverCodes`` for what it trains on.

    Raises:
        ValueError: as ``FlowMatching``.
    """

    def __init__(
        self,
        autoencoder: MapVAE,
        width: int = 128,
        *,
        net: str = "unet",
        classes: int | None = None,
        label_dropout: float = 0.1,
        learning_rate: float = 2e-3,
    ):
        super().__init__(
            width=width,
            sample_shape=autoencoder.code_shape,
            net=net,
            classes=classes,
            label_dropout=label_dropout,
            learning_rate=learning_rate,
        )
        self.adopt(autoencoder)


class LatentTextFlow(OverCodes, TextFlow):
    """A flow over the maps of a ``MapVAE`` that is told in words what to draw.

    Trains on pairs (``prepare(x)``, ``read(texts)``): see ``OverCodes``, ``TextFlow``.
    Source: Rombach et al. 2022, sections 3 and 4.3.

    Raises:
        ValueError: as ``TextFlow``.
    """

    def __init__(
        self,
        tokenizer: Tokenizer | Mapping[str, Any],
        autoencoder: MapVAE,
        width: int = 64,
        *,
        context: int = 24,
        text_width: int = 128,
        early: float = 0.0,
        label_dropout: float = 0.1,
        learning_rate: float = 2e-3,
    ):
        channels, side, _ = autoencoder.code_shape
        super().__init__(
            tokenizer,
            side,
            channels,
            width,
            context=context,
            text_width=text_width,
            patch=1,
            early=early,
            label_dropout=label_dropout,
            learning_rate=learning_rate,
        )
        self.adopt(autoencoder)
