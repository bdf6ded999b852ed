"""Pictures with words: every look at a picture may come with other words of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .catalog import lookup
from .readers.images import emoji_words
from .samples import Images
from .store import obtain

Encode = Callable[[Sequence[str]], Tensor]  # texts -> tokens (N, T)


class Captioned:
    """Pictures (N, C, S, S) and texts: ``captioned[rows]`` gives pictures and tokens.

    Each text is drawn anew from those that belong to the picture: its name half of the
    time, else one to three of its words. ``encode`` makes tokens (B, T) of them.

    Raises:
        ValueError: pictures, names and words of different numbers.
    """

    def __init__(
        self,
        x: Tensor,
        names: Sequence[str],
        words: Sequence[Sequence[str]],
        encode: Encode,
    ):
        if not len(x) == len(names) == len(words):
            raise ValueError(
                f"{len(x)} pictures, {len(names)} names, words of {len(words)}: give "
                "one of each"
            )
        self.images = Images(x)
        self.names, self.words, self.encode = list(names), list(words), encode

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.images[rows], self.encode([self.text(k) for k in rows.tolist()])

    def text(self, k: int) -> str:
        """Draw a text of picture ``k`` from torch's generator."""
        words = self.words[k]
        if not words or torch.rand(()) < 0.5:
            return self.names[k]
        count = int(torch.randint(1, min(3, len(words)) + 1, ()))
        return " ".join(words[i] for i in torch.randperm(len(words))[:count].tolist())


def words_of_emoji() -> dict[str, tuple[str, ...]]:
    """Return the Chinese keywords of each emoji of ``openmoji`` by its Chinese name."""
    card = lookup("openmoji")
    return emoji_words(card, obtain(card))
