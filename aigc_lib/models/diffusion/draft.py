"""A draft of a picture from its text alone, and a net that gets to see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import AdamW, Optimizer

from ...arguments import at_least, finite
from ...codecs.tokenizers import Tokenizer, tokenizer_from
from ..base import Batch, Trainable, Update
from .unet import UNet

PAIRS, PRIME = 8_192, 31_337  # places for pairs of tokens, by their remainder


class TextDraft(Trainable):
    """Tokens (B, T) -> the mean of the pictures that they may mean, (B, C, S, S).

    The mean over the tokens and the pairs of neighbours, one vector each (Joulin et al.
    2017, sections 2 and 2.1), and one hidden layer. Trained by squared error on pairs
    (pictures, tokens): this takes hours off a flow, which has to find out from noise
    what a name has to do with a picture. A token of -1 is an empty place; of empty
    places alone the draft is 0 everywhere.

    Raises:
        ValueError: a size below 1.
    """

    sampled = ("net",)
    tolerates_bf16 = False

    def __init__(
        self,
        tokenizer: Tokenizer | Mapping[str, Any],
        image_size: int = 32,
        channels: int = 3,
        width: int = 256,
        hidden: int = 512,
        *,
        learning_rate: float = 2e-3,
    ):
        at_least(1, image_size=image_size, channels=channels)
        at_least(1, width=width, hidden=hidden)
        finite("learning_rate", learning_rate, above=0)
        if isinstance(tokenizer, Mapping):
            tokenizer = tokenizer_from(dict(tokenizer))
        super().__init__()
        self.sample_shape = (channels, image_size, image_size)
        self.learning_rate = learning_rate
        self.net = BagNet(len(tokenizer), self.sample_shape, width, hidden)

    def optimizers(self) -> dict[str, Optimizer]:
        """One AdamW."""
        return {"net": AdamW(self.net.parameters(), self.learning_rate)}

    def training_step(self, batch: Batch, update: Update) -> None:
        """One step of least squares."""
        x, tokens = batch
        update("net", mse_loss(self.net(tokens), x))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.net(tokens)


class BagNet(nn.Module):
    """Tokens (B, T) -> (B, *shape), regardless of their order but for pairs."""

    def __init__(
        self, vocab_size: int, shape: tuple[int, ...], width: int, hidden: int
    ):
        super().__init__()
        self.vocab_size, self.shape = vocab_size, shape
        self.parts = nn.Embedding(vocab_size + PAIRS, width)
        nn.init.normal_(self.parts.weight, std=0.5)
        numbers = torch.Size(shape).numel()
        self.make = nn.Sequential(
            nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, numbers)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        seen = tokens >= 0
        pairs = (tokens[:, :-1] * PRIME + tokens[:, 1:]) % PAIRS + self.vocab_size
        parts = torch.cat([tokens.clamp_min(0), pairs], 1)  # (B, 2 T - 1)
        there = torch.cat([seen, seen[:, :-1] & seen[:, 1:]], 1)[..., None]
        bag = (self.parts(parts) * there).sum(1) / there.sum(1).clamp_min(1)
        drawn = self.make(bag).view(-1, *self.shape)
        return drawn * seen.any(1).view(-1, *[1] * len(self.shape))


class Drafted(nn.Module):
    """A UNet with as many channels ``given`` as a draft of the picture has.

    The draft stays as it is: the net learns what to make of it.
    """

    def __init__(self, unet: UNet, draft: nn.Module):
        super().__init__()
        self.unet, self.draft = unet, draft.requires_grad_(False)
        self.inner = tuple(f"unet.{name}" for name in unet.inner)

    def forward(self, x: Tensor, t: Tensor, tokens: Tensor | None = None) -> Tensor:
        seen = torch.zeros_like(x) if tokens is None else self.draft(tokens)
        return self.unet(torch.cat([x, seen.to(x.dtype)], 1), t, tokens)
