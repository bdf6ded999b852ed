"""A Transformer that reads a sentence and writes a picture, one token after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...arguments import at_least, finite, whole
from ...codecs.tokenizers import Tokenizer, tokenizer_from
from ...codecs.tokens import told
from ...nets.attention import KVCache
from ..base import Update, in_parts, noise_source
from ..vae.quantised import VQVAE
from .gpt import GPT
from .sampling import Sampling


class Painter(GPT):
    """A GPT over rows of text and picture tokens (Ramesh et al. 2021, section 2).

    A row is a sentence of ``room`` places and the tokens of its picture, row by row, as
    ``autoencoder``, learned before, makes them; it stays as it is. Only picture tokens
    are learned. Trains on ``prepare(pictures, texts)``. A share ``text_dropout`` of the
    rows loses its text, so that the net also knows pictures without one, and the two
    can be compared (classifier-free guidance, Ho & Salimans 2022).

    Raises:
        ValueError: as ``GPT``; ``room`` < 1, ``text_dropout`` outside [0, 1].
    """

    modality = "images"

    def __init__(
        self,
        tokenizer: Tokenizer | Mapping[str, Any],
        autoencoder: VQVAE,
        *,
        room: int = 24,
        depth: int = 3,
        heads: int = 4,
        width: int = 128,
        text_dropout: float = 0.1,
        learning_rate: float = 3e-3,
    ):
        at_least(1, room=room)
        finite("text_dropout", text_dropout, least=0, most=1)
        if isinstance(tokenizer, Mapping):
            tokenizer = tokenizer_from(dict(tokenizer))
        self.first = len(tokenizer) + 1  # of the picture tokens, behind the empty place
        super().__init__(
            vocab_size=self.first + autoencoder.num_codes,
            context=room + autoencoder.side**2 - 1,
            depth=depth,
            heads=heads,
            width=width,
            positions="learned",  # where a token stands says where in the picture
            optimizer="muon",
            learning_rate=learning_rate,
        )
        self.tokenizer, self.room, self.text_dropout = tokenizer, room, text_dropout
        self.autoencoder = autoencoder.requires_grad_(False)

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """The shape of what ``sample`` draws."""
        return self.autoencoder.sample_shape

    def read(self, texts: str | Sequence[str]) -> Tensor:
        """Return the tokens of texts, (N, room) int64, behind them the empty place.

        Raises:
            ValueError: a text that is empty, or has a character that is not known.
        """
        tokens = told(texts, self.tokenizer, self.room)
        return tokens.masked_fill(tokens < 0, self.first - 1)

    def prepare(self, x: Tensor, texts: Sequence[str]) -> Tensor:
        """Return rows to learn from, (N, room + tokens of a picture) int64.

        ``x``: pictures (N, C, S, S), uint8 or in [-1, 1]. The text is only to be read
        (see ``aigc_lib.codecs.tokens``).

        Raises:
            ValueError: not as many texts as pictures; as ``read`` and ``VQVAE.encode``.
        """
        if len(x) != len(texts):
            raise ValueError(f"{len(x)} pictures, {len(texts)} texts: give pairs")
        tokens = self.autoencoder.encode(x).flatten(1).cpu() + self.first
        return torch.cat([~self.read(texts), tokens], 1)

    def training_step(self, batch: Tensor, update: Update) -> None:
        """Predict each picture token from the text, or none, and those before it."""
        text, picture = batch.split([self.room, batch.shape[1] - self.room], 1)
        dropped = torch.rand(len(batch), 1, device=batch.device) < self.text_dropout
        text = text.masked_fill(dropped, ~(self.first - 1))
        super().training_step(torch.cat([text, picture], 1), update)

    def sample(
        self,
        n: int,
        *,
        texts: str | Sequence[str] | None = None,
        seed: int | None = None,
        guidance: float = 1.0,
        **sampling: Any,
    ) -> Tensor:
        """Draw ``n`` pictures (n, C, S, S) in [-1, 1]: of one text, of n, or of none.

        ``guidance`` w mixes the logits with and without the text, none + w (told -
        none); above 1 it exaggerates what the text changes. ``sampling`` as in
        ``Sampling``: ``temperature``, ``top_p``.

        Raises:
            ValueError: another number of texts than 1 or n, ``guidance`` without a
                text, or what ``read`` and ``Sampling`` refuse.
        """
        tokens = self.write(n, texts, seed, guidance, Sampling(**sampling))
        return self.autoencoder.decode(tokens)

    def write(
        self,
        n: int,
        texts: str | Sequence[str] | None,
        seed: int | None,
        guidance: float,
        rule: Sampling,
    ) -> Tensor:
        """Write the tokens (n, S/4, S/4) of pictures; arguments as ``sample``."""
        n, guidance = whole("n", n, 1), finite("guidance", guidance)
        if texts is None and guidance != 1:
            raise ValueError(f"guidance={guidance}: give a text to be guided by")
        empty = torch.full((n, self.room), self.first - 1)
        text = empty if texts is None else self.read(texts)
        if len(text) not in (1, n):
            raise ValueError(f"texts: {len(text)} for n={n}: give 1 or {n}")
        source, side = noise_source(seed), self.autoencoder.side

        def some(text: Tensor, empty: Tensor) -> Tensor:
            # one cache holds both readings, the one without text behind the other
            rows = (text if guidance == 1 else torch.cat([text, empty])).to(self.device)
            n, written, cache = len(text), [], KVCache(net, len(rows))
            logits = net(rows, cache)[:, -1]
            while True:
                if guidance != 1:
                    logits = torch.lerp(logits[n:], logits[:n], guidance)
                token = rule.draw(logits[:, self.first :], generator=source)
                written.append(token)
                if len(written) == side**2:
                    return torch.stack(written, 1).view(n, side, side).clone()
                both = token.repeat(len(rows) // n)
                logits = net.step(both + self.first, cache)

        with self._writing() as net:
            return in_parts(some, text.expand(n, -1), empty)
