"""Pictures with words: every look at a picture may come with other words of its own."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .catalog import lookup
from .readers.images import emoji_words
from .samples import Images, Samples
from .store import obtain

Encode = Callable[[Sequence[str]], Tensor]  # texts -> tokens (N, T)


class Captioned:
    """Pictures (N, C, S, S) and texts: ``captioned[rows]`` gives pictures and tokens.

    Each text is drawn anew from those that belong to the picture: its name half of the
    time, else one to three of its words. ``encode`` makes tokens (B, T) of them. Each
    look may be another one, too, as ``change`` makes it of pictures in [-1, 1]; with
    ``groups`` (N,), which tell what is of one kind, these come as a third part.

    Raises:
        ValueError: pictures, names, words and groups of different numbers.
    """

    def __init__(
        self,
        x: Tensor,
        names: Sequence[str],
        words: Sequence[Sequence[str]],
        encode: Encode,
        *,
        change: Callable[[Tensor], Tensor] | None = None,
        groups: Tensor | None = None,
    ):
        lengths = {len(x), len(names), len(words)}
        if len(lengths if groups is None else lengths | {len(groups)}) > 1:
            raise ValueError(
                f"{len(x)} pictures, {len(names)} names, words of {len(words)}: give "
                "one of each, and groups of as many"
            )
        self.images, self.change, self.groups = Images(x), change, groups
        self.names, self.words, self.encode = list(names), list(words), encode

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, ...]:
        x = self.images[rows]
        x = x if self.change is None else self.change(x)
        told = self.encode([self.text(k) for k in rows.tolist()])
        return (x, told) if self.groups is None else (x, told, self.groups[rows])

    def text(self, k: int) -> str:
        """Draw a text of picture ``k`` from torch's generator."""
        words = self.words[k]
        if not words or torch.rand(()) < 0.5:
            return self.names[k]
        count = int(torch.randint(1, min(3, len(words)) + 1, ()))
        return " ".join(words[i] for i in torch.randperm(len(words))[:count].tolist())


class Twinned:
    """Samples of which every batch holds twins: what differs in one thing only.

    ``twinned[rows]`` gives the samples of the first half of ``rows``, and of each a
    twin: row k of one of ``twins``, drawn anew. Whoever is to tell the rows of a batch
    apart has to look at what makes twins differ.

    Raises:
        ValueError: no twins, or another number of them than of samples.
    """

    def __init__(self, samples: Samples, *twins: Samples):
        if not twins or {len(samples)} != {len(each) for each in twins}:
            lengths = [len(each) for each in twins]
            raise ValueError(
                f"{len(samples)} samples, twins {lengths}: give one twin of each"
            )
        self.samples, self.twins = samples, twins

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, ...]:
        half = rows[: (len(rows) + 1) // 2]
        lot = torch.randint(len(self.twins), (len(half),))
        order = lot.argsort(stable=True)  # twins of one kind together
        others = [each[half[lot == k]] for k, each in enumerate(self.twins)]
        return tuple(
            map(torch.cat, zip(self.samples[half[order]], *others, strict=True))
        )


def words_of_emoji() -> dict[str, tuple[str, ...]]:
    """Return the Chinese keywords of each emoji of ``openmoji`` by its Chinese name."""
    card = lookup("openmoji")
    return emoji_words(card, obtain(card))


def kinds_of_emoji() -> dict[str, str]:
    """Return the group of each emoji of ``openmoji``, "flags" say, by Chinese name."""
    card = lookup("openmoji")
    with obtain(card)[1].open(encoding="utf-8", newline="") as file:
        return {row["name_zh"]: row["group"] for row in csv.DictReader(file)}
