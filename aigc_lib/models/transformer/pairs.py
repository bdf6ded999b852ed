"""Texts as points: what belongs together lies close (a question and its passage)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from zlib import crc32

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding_bag, normalize
from torch.nn.utils.rnn import pad_sequence
from torch.optim import AdamW, Optimizer
from torch.utils.data import TensorDataset

from ...arguments import at_least, finite, whole
from ...codecs.tokenizers import check_several, check_text
from ..base import Trainable, Update

EMPTY = -1  # a place without a run of letters


def contrast(logits: Tensor, group: Tensor | None = None) -> Tensor:
    """Mean nats to find the partner in a batch: logits (B, B) of all with all.

    Row i belongs to column i; the others of the batch are the wrong answers, but for
    those of the same ``group`` (B,), which would be right as well. Rows look for their
    column and columns for their row, half and half. Source: van den Oord et al. 2018
    (InfoNCE); both ways as in Radford et al. 2021.
    """
    if group is not None:
        same = group[:, None] == group[None]
        same.fill_diagonal_(False)
        logits = logits.masked_fill(same, -torch.inf)
    right = torch.arange(len(logits), device=logits.device)
    return (cross_entropy(logits, right) + cross_entropy(logits.T, right)) / 2


class Bag(nn.Module):
    """Numbers of runs (B, N), -1 where there are none -> points (B, ``width``).

    Each run has a direction and a weight; a text is their weighted sum, bent by a small
    net that adds nothing at first, and scaled to length 1. Before training, with the
    weights of ``rarity``, this is TF-IDF looked at through a random projection.
    """

    def __init__(self, buckets: int, width: int, spread: float):
        super().__init__()
        self.direction = nn.Embedding(buckets, width)
        self.weight = nn.Parameter(torch.ones(buckets))
        self.bend = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )
        nn.init.normal_(self.direction.weight, std=spread * width**-0.5)
        nn.init.zeros_(self.bend[-1].weight)
        nn.init.zeros_(self.bend[-1].bias)

    def forward(self, runs: Tensor) -> Tensor:
        there, runs = runs >= 0, runs.clamp(min=0)
        weights = self.weight[runs] * there  # (B, N)
        x = embedding_bag(
            runs, self.direction.weight, mode="sum", per_sample_weights=weights
        )
        x = normalize(x, dim=1)
        return normalize(x + self.bend(x), dim=1)


class PairEncoder(Trainable):
    """Places texts so that the two of a pair lie close, and others do not.

    Read are the runs of 1 to ``ngrams`` letters of a text (in scripts with spaces: of
    each word), upper case or lower, each once; a hash gives them one of ``buckets``
    numbers (Huang et al. 2013). Trains on ``pairs`` by ``contrast``; how sharply it
    compares, ``scale``, is learned. With a ``spread`` below 1 runs that training never
    met weigh little beside those that it did. ``points`` are compared by their inner
    products, which lie in [-1, 1].

    Raises:
        ValueError: arguments that do not fit together.
    """

    modality = "text"
    sampled = ("net",)
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 64}

    def __init__(
        self,
        *,
        ngrams: int = 2,
        buckets: int = 2**16,
        width: int = 192,
        longest: int = 1_000,
        spread: float = 1.0,
        learning_rate: float = 1e-3,
        scale: float = 20.0,
    ):
        at_least(1, ngrams=ngrams, buckets=buckets, width=width, longest=longest)
        finite("learning_rate", learning_rate, above=0)
        finite("scale", scale, above=0)
        finite("spread", spread, above=0)
        super().__init__()
        self.ngrams, self.buckets, self.longest = ngrams, buckets, longest
        self.learning_rate = learning_rate
        self.net = Bag(buckets, width, spread)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam: nothing decays, rare runs would be forgotten."""
        return {"net": AdamW(self.parameters(), self.learning_rate, weight_decay=0.0)}

    def training_step(self, batch: tuple[Tensor, ...], update: Update) -> None:
        """Bring pairs together: runs (B, N) and (B, M), perhaps groups (B,)."""
        first, second = (self.net(_cut(runs)) for runs in batch[:2])
        logits = self.log_scale.exp().clamp(max=100) * first @ second.T
        update("net", contrast(logits, *batch[2:]))

    def runs(self, text: str) -> Tensor:
        """Return the numbers (N,) of the runs of ``text``, each once, in order."""
        found = {}
        for word in check_text("text", text).lower().split():
            letters = word if not word.isascii() else f" {word} "
            # words of letters need longer runs than Chinese characters
            most = self.ngrams if not word.isascii() else self.ngrams + 2
            for n in range(1, most + 1):
                for i in range(len(letters) - n + 1):
                    found[letters[i : i + n]] = None
        numbers = [crc32(run.encode()) % self.buckets for run in found]
        return torch.tensor(numbers[: self.longest], dtype=torch.long)

    def encode(self, texts: Iterable[str]) -> Tensor:
        """Return the runs (N, L) of texts, -1 behind their ends.

        Raises:
            ValueError: no texts, or one string instead of several.
        """
        check_several(texts)
        texts = list(texts)
        if not texts:
            raise ValueError("texts is empty: give at least one")
        # many questions share an answer, which is read once
        known = {text: self.runs(text) for text in dict.fromkeys(texts)}
        # a text without a letter has an empty row of one place
        rows = [row if len(row := known[t]) else torch.tensor([EMPTY]) for t in texts]
        return pad_sequence(rows, batch_first=True, padding_value=EMPTY)

    def pairs(
        self,
        first: Sequence[str],
        second: Sequence[str],
        group: Sequence[int] | None = None,
    ) -> TensorDataset:
        """Return what ``fit`` takes: text i of ``first`` belongs to i of ``second``.

        Pairs of one ``group``, a number each, are no wrong answers to each other.

        Raises:
            ValueError: not as many of the one as of the other.
        """
        if len(first) != len(second) or len(first) != len(group or first):
            raise ValueError(
                f"first has {len(first)} texts, second {len(second)}, group "
                f"{len(group or first)}: give pairs"
            )
        groups = [] if group is None else [torch.tensor(list(group))]
        return TensorDataset(self.encode(first), self.encode(second), *groups)

    def rarity(self, texts: Iterable[str]) -> None:
        """Weigh each run by how few of ``texts`` have it: its IDF, 0 to 1.

        Source: Spärck Jones 1972; smoothed, so that an unknown run is the weightiest.

        Raises:
            ValueError: no texts, or one string instead of several.
        """
        check_several(texts)
        counts, n = Counter(), 0
        for text in texts:
            n += 1
            counts.update(set(self.runs(text).tolist()))
        at_least(1, texts=n)
        weight = torch.full((self.buckets,), math.log(n + 1.0))
        for run, count in counts.items():
            weight[run] = math.log((n + 1.0) / (count + 1.0)) + 1e-2
        with torch.no_grad():
            self.net.weight.copy_(weight / math.log(n + 1.0))

    def points(self, texts: Iterable[str], *, batch_size: int = 128) -> Tensor:
        """Place texts: (N, width) of length 1, on the CPU; 0 without letters."""
        runs = self.encode(texts)
        batch_size = whole("batch_size", batch_size, 1)
        with self.for_sampling("net") as net:
            parts = [
                net(_cut(part).to(self.device)).cpu() for part in runs.split(batch_size)
            ]
        return torch.cat(parts) * (runs >= 0).any(1, keepdim=True)


def _cut(runs: Tensor) -> Tensor:
    """Cut (B, L) to its longest row; not on a GPU, where that would mean waiting."""
    if runs.device.type != "cpu":
        return runs
    return runs[:, : max(1, int((runs >= 0).sum(1).max()))]
