"""Encoders: every token is described in the light of all others, on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, linear, pad
from torch.nn.utils.rnn import pad_sequence

from ...arguments import at_least, finite
from ...nets.attention import Block, initialize, rotations
from ...runtime import optional


class Encoder(nn.Module):
    """Tokens (B, T) int64 -> their descriptions (B, T, ``width``) float32.

    A bidirectional Transformer (Devlin et al. 2019) with the blocks and the rotary
    positions of our GPT. A token of -1 stands for an empty place: nobody looks at it.
    ``mask`` is the number of a token that means "what was here?"; it is one more than
    the vocabulary has. Tokens in ``spared`` are never hidden: here, none.

    Raises ``ValueError`` for arguments that do not fit together, and for more tokens
    than ``context``.
    """

    def __init__(
        self,
        vocab_size: int,
        context: int,
        *,
        depth: int,
        heads: int,
        width: int,
        dropout: float = 0.0,
    ):
        super().__init__()
        at_least(1, vocab_size=vocab_size, context=context)
        at_least(1, depth=depth, heads=heads, width=width)
        if width % (2 * heads):
            raise ValueError(
                f"width={width}, heads={heads}: give an even multiple of heads"
            )
        finite("dropout", dropout, least=0, below=1)
        self.vocab_size, self.context, self.width = vocab_size, context, width
        self.mask, self.spared = vocab_size, []
        self.token = nn.Embedding(vocab_size + 1, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.register_buffer(
            "turns", rotations(context, width // heads), persistent=False
        )
        self.apply(initialize)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        check_length(length, self.context)
        seen = tokens >= 0
        x = self.dropout(self.token(tokens.clamp(min=0)))  # (B, T, C)
        for block in self.blocks:
            x = block(x, self.turns[:, :length], seen=seen)
        return self.norm(x).float()

    def logits(self, x: Tensor) -> Tensor:
        """Guess from descriptions (..., C) what the tokens are: (..., vocab_size)."""
        return linear(x, self.token.weight[:-1])  # never "mask"


class Bert(nn.Module):
    """The same over transformers' BERT, built from its configuration (a dict).

    ``mask`` is the number of its mask token; those in ``spared`` frame every text.

    Raises:
        ModuleNotFoundError: transformers is missing.
    """

    def __init__(self, config: dict[str, Any], mask: int, spared: list[int]):
        super().__init__()
        transformers = optional("transformers")
        whole = transformers.BertForMaskedLM(transformers.BertConfig(**config))
        self.vocab_size, self.width = config["vocab_size"], config["hidden_size"]
        self.context, self.mask = config["max_position_embeddings"], mask
        self.spared = spared
        self.body, head = whole.bert, whole.cls.predictions
        # its output layer is the token embedding, which must not be saved twice
        self.transform, self.bias = head.transform, nn.Parameter(head.bias.detach())

    def forward(self, tokens: Tensor) -> Tensor:
        check_length(tokens.shape[1], self.context)
        seen = (tokens >= 0).long()
        read = self.body(input_ids=tokens.clamp(min=0), attention_mask=seen)
        return read.last_hidden_state.float()

    def logits(self, x: Tensor) -> Tensor:
        """Guess from descriptions (..., C) what the tokens are: (..., vocab_size)."""
        weight = self.body.embeddings.word_embeddings.weight
        return linear(self.transform(x), weight, self.bias)


class NGrams(nn.Module):
    """Tokens (B, T) -> logits (B, classes): every run of letters has a vote.

    ``spelling[i]`` is what token i adds to a text, as letters or as UTF-8 bytes: a
    letter may be spread over several tokens. Read are all runs of 1 to ``longest``
    letters, upper case or lower; each run has a weight for each class, 0 at first. No
    list of runs is kept: a hash says in which of the ``buckets`` the weights of a run
    are, and runs that meet there share them. Source: Joulin et al. 2017.
    """

    def __init__(
        self,
        spelling: Sequence[str | bytes],
        longest: int,
        classes: int,
        *,
        dropout: float = 0.0,
        buckets: int = 2**16,
    ):
        super().__init__()
        # token -1, an empty place, finds the last row, which spells nothing
        texts = (
            text if isinstance(text, bytes) else text.encode() for text in spelling
        )
        rows = [torch.tensor([*text], dtype=torch.long) for text in (*texts, b"")]
        rows = pad_sequence(rows, batch_first=True, padding_value=-1)  # (V + 1, L)
        self.register_buffer("spelling", rows, persistent=False)
        self.register_buffer("lower", lower_case(), persistent=False)
        self.longest = longest
        self.dropout = nn.Dropout(dropout)
        self.votes = nn.Embedding(buckets, classes)
        nn.init.zeros_(self.votes.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        letters = self.letters(together(self.spelling[tokens].flatten(1)))
        seen = (letters >= 0).repeat(1, self.longest).float()  # (B, longest S)
        total = embedding_bag(
            self.buckets(letters),
            self.votes.weight,
            mode="sum",
            per_sample_weights=self.dropout(seen),
        )
        # a step of Adam moves all weights alike: rare ones need a longer one
        return 5 * total / seen.sum(1, keepdim=True).clamp(min=1).sqrt()

    def letters(self, units: Tensor) -> Tensor:
        """Read UTF-8, bytes (B, N) with -1 at the end: small letters (B, S), S <= N."""
        more = sum((units >= first).long() for first in (0xC0, 0xE0, 0xF0))  # to follow
        code = units - 0xC0 * (more > 0) - 0x20 * (more > 1) - 0x10 * (more > 2)
        for k in (1, 2, 3):
            byte = pad(units, (0, k), value=-1)[:, k:]
            goes_on = (more >= k) & (byte >= 0x80) & (byte < 0xC0)
            code = torch.where(goes_on, code << 6 | byte & 0x3F, code)
        small = self.lower[code.clamp(0, len(self.lower) - 1)]
        code = torch.where(code < len(self.lower), small, code)
        begins = (units >= 0) & ((units < 0x80) | (units >= 0xC0))
        return together(torch.where(begins, code, -1))

    def buckets(self, letters: Tensor) -> Tensor:
        """Return where the runs that end at each of the ``letters`` (B, S) vote.

        (B, ``longest`` S): first the single letters, then the pairs, and so on.
        """
        letters = letters + 1  # 0 stands before the text
        number, found = letters, []
        for n in range(self.longest):
            if n:  # one more letter, to the left
                number = number * 1_000_003 + pad(letters, (n, 0))[:, :-n]
            found.append((number * -7046029254386353131 >> 32) % len(self.votes.weight))
        return torch.cat(found, 1)


def together(x: Tensor) -> Tensor:
    """Move the negative entries of (B, N) behind the others, and cut what is empty."""
    order = (x < 0).int().argsort(dim=1, stable=True)
    return x.gather(1, order)[:, : max(1, (x >= 0).sum(1).max())]


@lru_cache
def lower_case() -> Tensor:
    """The small letter of each character below U+20000; none has one beyond."""
    small = ((c, chr(c).lower()) for c in range(0x20000))
    return torch.tensor([ord(s) if len(s) == 1 else c for c, s in small])


class Classifier(nn.Module):
    """Tokens (B, T) -> logits (B, classes), from the mean description of the tokens.

    With ``ngrams`` these add their votes: they know the words, the encoder what stands
    beside what ("wide and deep", Cheng et al. 2016). In training a share ``hidden`` of
    the tokens is masked for the encoder, so that it trusts no single one.
    """

    def __init__(
        self,
        encoder: Encoder | Bert,
        classes: int,
        dropout: float,
        ngrams: NGrams | None = None,
        hidden: float = 0.0,
    ):
        super().__init__()
        self.encoder, self.ngrams, self.hidden = encoder, ngrams, hidden
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.width, classes)
        initialize(self.head)

    def opinions(self, tokens: Tensor) -> list[Tensor]:
        """Return logits (B, classes) of the encoder and, if there are any, n-grams."""
        seen, read = (tokens >= 0)[..., None], tokens
        if self.training and self.hidden:
            gone = torch.rand(tokens.shape, device=tokens.device) < self.hidden
            read = tokens.masked_fill(gone & (tokens >= 0), self.encoder.mask)
        x = (self.encoder(read) * seen).sum(1) / seen.sum(1)  # (B, C)
        logits = self.head(self.dropout(x)).float()
        return [logits, self.ngrams(tokens)] if self.ngrams else [logits]

    def forward(self, tokens: Tensor) -> Tensor:
        return sum(self.opinions(tokens))


def check_length(length: int, context: int) -> None:
    """Refuse more tokens than ``context``."""
    if length > context:
        raise ValueError(
            f"tokens: {length} of them are more than context={context}, cut them or "
            "make the model with a longer one"
        )
