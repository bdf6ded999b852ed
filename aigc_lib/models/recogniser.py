"""Hears which of a few words a short sound is: spoken digits, yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample
from torch.optim import AdamW, Optimizer

from ..arguments import finite, whole
from ..codecs.spectrum import log_mel
from .base import Trainable, Update

BANDS = 28  # too few to tell the harmonics of one voice from another's
RANGE = 5.0  # nats of magnitude, 43 dB
COLOUR = 0.1  # of that range


def stretched(mel: Tensor, amount: float) -> Tensor:
    """Change the speakers: (B, bands, F) of other throats, paces and beginnings.

    Bands are stretched by up to ``amount`` (a shorter throat lifts the formants; Jaitly
    and Hinton 2013), time likewise, and the beginning moves by up to a tenth.
    """
    b = len(mel)
    drawn = 2 * torch.rand(3, b, device=mel.device) - 1
    to = mel.new_zeros(b, 2, 3)  # affine, of (time, band) in [-1, 1]
    to[:, 0, 0], to[:, 1, 1] = 1 + amount * drawn[0], 1 + amount * drawn[1]
    to[:, 1, 2] = to[:, 1, 1] - 1  # the lowest band stays where it is
    to[:, 0, 2] = 0.2 * drawn[2]
    grid = affine_grid(to, [b, 1, *mel.shape[1:]], align_corners=True)
    return grid_sample(
        mel[:, None], grid, padding_mode="border", align_corners=True
    ).squeeze(1)


def coloured(mel: Tensor, amount: float) -> Tensor:
    """Change the room and the microphone: (B, bands, F), each band louder or softer.

    A random curve over the bands, a slope and two waves, of deviation ``amount``.
    """
    place = torch.linspace(-1, 1, mel.shape[1], device=mel.device)
    shapes = torch.stack(
        [place, (torch.pi * place).sin(), (torch.pi * place).cos()]
    )  # (3, bands)
    weights = amount * torch.randn(len(mel), 3, device=mel.device)
    return mel + (weights @ shapes)[:, :, None]


def gapped(mel: Tensor, bands: int = 6, frames: int = 16) -> Tensor:
    """Silence a random run of bands and one of frames in each of (B, bands, F).

    Source: Park et al. 2019 (SpecAugment).
    """
    mask = torch.zeros_like(mel, dtype=torch.bool)
    for axis, most in ((1, bands), (2, frames)):
        size = mel.shape[axis]
        begin = torch.randint(size, (len(mel), 1, 1), device=mel.device)
        length = torch.randint(most + 1, (len(mel), 1, 1), device=mel.device)
        place = torch.arange(size, device=mel.device)
        place = place.view(1, -1, 1) if axis == 1 else place.view(1, 1, -1)
        mask |= (place >= begin) & (place < begin + length)
    return mel.masked_fill(mask, 0.0)


class Ear(nn.Module):
    """Sounds (B, T) in [-1, 1] -> logits (B, classes), by convolutions over time.

    Of the log-mel spectrogram only what is within ``RANGE`` of its loudest place is
    kept, from 0 to 1: neither loudness nor the noise of a room counts. In training a
    little noise is added, and it is ``coloured``, ``stretched`` and ``gapped``. Each
    sound is normalised by itself, so that clean ones are no strangers afterwards. Of
    what the last layer hears a learned weight says which moments count.
    """

    def __init__(self, classes: int, width: int, dropout: float, stretch: float):
        super().__init__()
        self.stretch = stretch
        layers: list[nn.Module] = []
        sizes = (BANDS, width, width, 2 * width, 2 * width)
        for i, (before, after) in enumerate(pairwise(sizes)):
            layers += [
                nn.Conv1d(before, after, 5, stride=2 if i else 1, padding=2),
                nn.GroupNorm(1, after),
                nn.GELU(),
                nn.Dropout(dropout / 2),
            ]
        self.body = nn.Sequential(*layers)
        self.counts = nn.Conv1d(sizes[-1], 1, 1)
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(2 * sizes[-1], classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.training:  # 30 to 60 dB below the loudest sample
            drawn = torch.rand(len(x), 1, device=x.device)
            level = x.abs().amax(1, keepdim=True) * 10 ** (-1.5 - 1.5 * drawn)
            x = x + level * torch.randn_like(x)
        mel = log_mel(x, bands=BANDS)
        mel = (mel - mel.amax((1, 2), keepdim=True)).clamp(min=-RANGE) / RANGE + 1
        if self.training:
            mel = gapped(stretched(coloured(mel, COLOUR), self.stretch))
        heard = self.body(mel)  # (B, 2 width, F / 8)
        weight = self.counts(heard).softmax(2)
        parts = [(heard * weight).sum(2), heard.amax(2)]
        return self.head(torch.cat(parts, 1)).float()


class SoundClassifier(Trainable):
    """Sorts short sounds (N, T) at 8 kHz into ``classes``; trains on pairs with labels.

    Raises:
        ValueError: arguments that do not fit together.
    """

    modality = "sounds"
    conditional = True
    sampled = ("net",)
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 64, "ema": 0.99}

    def __init__(
        self,
        classes: Sequence[str] = tuple("0123456789"),
        *,
        width: int = 64,
        dropout: float = 0.2,
        stretch: float = 0.3,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.02,
    ):
        classes = tuple(classes)
        if len(classes) < 2 or len(set(classes)) < len(classes):
            raise ValueError(f"classes={classes}: give at least two, all different")
        width = whole("width", width, 1)
        finite("learning_rate", learning_rate, above=0)
        finite("weight_decay", weight_decay, least=0)
        for name, share in {"dropout": dropout, "stretch": stretch}.items():
            if not 0 <= share < 1:
                raise ValueError(f"{name}={share}: a share lies in [0, 1)")
        super().__init__()
        self.classes = classes
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.net = Ear(len(classes), width, dropout, stretch)

    def optimizers(self) -> dict[str, Optimizer]:
        """One AdamW."""
        options = {"weight_decay": self.weight_decay, "fused": True}
        return {"net": AdamW(self.parameters(), self.learning_rate, **options)}

    def training_step(self, batch: tuple[Tensor, Tensor], update: Update) -> None:
        """Sort the sounds (B, T) as their labels (B,) say."""
        x, y = batch
        update("net", cross_entropy(self.net(x), y, label_smoothing=0.05))

    def logits(self, x: Tensor, *, batch_size: int = 256) -> Tensor:
        """Return logits (N, classes) of sounds (N, T), on the CPU."""
        with self.for_sampling("net") as net:
            return torch.cat(
                [net(p.to(self.device)).cpu() for p in x.split(batch_size)]
            )

    def predict(self, x: Tensor) -> list[tuple[str, float]]:
        """Return of each sound (N, T) its class, and how likely that is."""
        sure, guess = self.logits(x).softmax(1).max(1)
        rows = zip(guess.tolist(), sure.tolist(), strict=True)
        return [(self.classes[i], p) for i, p in rows]
