"""Tokens in the shape that a language model trains on.

A sample is a run of tokens: the model reads all but the last and learns all but the
first. A negative entry ``~t`` (-1 - t) is token ``t``, to be read and not learned: so
prompts and padding are marked, with no second tensor to carry along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ..arguments import at_least, whole
from .tokenizers import Tokenizer


class Windows:
    """All runs of ``length`` consecutive tokens of one long text, by where they start.

    They overlap and are cut out only when asked for: N tokens take the memory of N.
    With ``step`` every so-manieth start is taken. ``Windows(tokens, 65, step=64)`` asks
    for no token twice, as a test of a model should; up to ``step`` - 1 at the end are
    left out.

    Raises:
        ValueError: tokens that are not (N,) whole numbers, or fewer than ``length``.
    """

    dtype = torch.long

    def __init__(self, tokens: Tensor, length: int, *, step: int = 1):
        if tokens.dim() != 1 or tokens.dtype != torch.long:
            raise ValueError(
                f"tokens {tuple(tokens.shape)} {tokens.dtype}: give (N,) int64, such "
                "as tokenizer.encode(text)"
            )
        length, step = whole("length", length, 1), whole("step", step, 1)
        if len(tokens) < length:
            raise ValueError(
                f"length={length}: there are only {len(tokens)} tokens, choose a "
                "smaller context or take more text"
            )
        self.tokens, self.length, self.step = tokens, length, step

    def to(self, device: torch.device | str) -> Windows:
        """Return the same windows on ``device``."""
        return Windows(self.tokens.to(device), self.length, step=self.step)

    def __len__(self) -> int:
        return (len(self.tokens) - self.length) // self.step + 1

    def __getitem__(self, chosen: Tensor | slice) -> Tensor:
        """Return windows (B, length) by their numbers."""
        return self.tokens.unfold(0, self.length, self.step)[chosen]

    def __repr__(self) -> str:
        return f"Windows({len(self):,} of {self.length} tokens)"


def prompted(
    pairs: Iterable[tuple[str, str]],
    tokenizer: Tokenizer,
    *,
    length: int,
    end: str = "\n",
) -> Tensor:
    """Encode (prompt, answer) pairs as samples (N, length): only answers are learned.

    ``end`` closes each answer and fills the row; the filling is not learned.

    Raises:
        ValueError: no pairs, one longer than ``length``, or ``end`` is not one token.
    """
    at_least(1, length=length)
    last = torch.tensor([tokenizer.end_token(end)])
    rows = []
    for prompt, answer in pairs:
        read, learned = tokenizer.encode(prompt), tokenizer.encode(answer)
        row = torch.cat([~read, learned, last])
        if len(row) > length:
            raise ValueError(
                f"length={length}: {prompt + answer!r} takes {len(row)} tokens, give "
                "a greater length or leave it out"
            )
        rows.append(torch.cat([row, (~last).expand(length - len(row))]))
    if not rows:
        raise ValueError("pairs is empty: give at least one (prompt, answer)")
    return torch.stack(rows)


def told(texts: str | Sequence[str], tokenizer: Tokenizer, length: int) -> Tensor:
    """Encode texts that say what to make, (N, ``length``) int64.

    Longer ones are cut, shorter ones filled up with -1, which is no token.

    Raises:
        ValueError: a text that is empty.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    found = torch.full((len(texts), length), -1)
    for row, text in zip(found, texts, strict=True):
        if not text.strip():
            raise ValueError(f"text={text!r}: say what to draw")
        tokens = tokenizer.encode(text.strip())[:length]
        row[: len(tokens)] = tokens
    return found
