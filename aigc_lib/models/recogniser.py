"""Hears which of a few words a short sound is: spoken digits, yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from torch.optim import AdamW, Optimizer

from ..arguments import finite, whole
from ..codecs.spectrum import log_mel
from .base import Trainable, Update

BANDS = 28  # too few to tell the harmonics of one voice from another's
RANGE = 5.0  # nats of magnitude, 43 dB
# With fewer frames the last layer would get one, and from one moment its kind of layer,
# in bfloat16 on processors with AMX, learns from memory that nobody has written (NaN).
FRAMES = 8


class Ear(nn.Module):
    """Sounds (B, T) in [-1, 1] -> logits (B, classes), by convolutions over time.

    Of the log-mel spectrogram only what is within ``RANGE`` of its loudest place is
    kept, from 0 to 1: neither loudness nor the noise of a room counts. Each sound is
    normalised by itself. Of what the last layer hears a learned weight says which
    moments count, and the maximum is taken besides. A sound of fewer than ``FRAMES``
    frames is followed by silence.
    """

    def __init__(self, classes: int, width: int, dropout: float):
        super().__init__()
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
        mel = log_mel(x, bands=BANDS)
        mel = (mel - mel.amax((1, 2), keepdim=True)).clamp(min=-RANGE) / RANGE + 1
        mel = pad(mel, (0, max(0, FRAMES - mel.shape[2])))  # by silence
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
        learning_rate: float = 2e-3,
        weight_decay: float = 0.02,
    ):
        classes = tuple(classes)
        if len(classes) < 2 or len(set(classes)) < len(classes):
            raise ValueError(f"classes={classes}: give at least two, all different")
        width = whole("width", width, 1)
        finite("learning_rate", learning_rate, above=0)
        finite("weight_decay", weight_decay, least=0)
        finite("dropout", dropout, least=0, below=1)
        super().__init__()
        self.classes = classes
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.net = Ear(len(classes), width, dropout)

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
