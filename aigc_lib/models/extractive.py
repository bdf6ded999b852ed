"""Summaries made of a text's own sentences: they say nothing that the text does not.

What is taken is cut at a number of characters, so that summaries can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from ..arguments import finite, whole

SENTENCE = re.compile(r"[^。！？!?\n]+[。！？!?]*[”」』）]*")


def sentences(text: str) -> list[str]:
    """Cut a Chinese text at full stops, exclamation and question marks.

    Raises:
        ValueError: an empty text.
    """
    found = [one.strip() for one in SENTENCE.findall(text)]
    found = [one for one in found if any(c.isalnum() for c in one)]
    if not found:
        raise ValueError(f"text={text[:20]!r} holds no sentence: give a text")
    return found


def lead(parts: Sequence[str]) -> np.ndarray:
    """Weigh sentences by their place, the first most: (S,)."""
    return -np.arange(len(parts), dtype=float)


def by_weight(parts: Sequence[str]) -> np.ndarray:
    """Weigh sentences by their likeness to the text as a whole: (S,), 0 to 1.

    The cosine of each with their mean, of TF-IDF over characters and pairs of them
    within this text (Radev et al. 2004, the centroid).
    """
    rows = _weights(parts)
    centre = rows.mean(0)
    return rows @ centre / (np.linalg.norm(centre) or 1.0)


def by_graph(parts: Sequence[str], *, damping: float = 0.85) -> np.ndarray:
    """Weigh sentences by how likely a walk along likenesses ends at them: (S,).

    The steady state of a walk over sentences, which goes to each in proportion to the
    cosine with it, or with probability 1 - ``damping`` anywhere (Erkan and Radev 2004,
    continuous LexRank). The weights add up to 1.

    Raises:
        ValueError: ``damping`` outside (0, 1).
    """
    damping = finite("damping", damping, above=0, below=1)
    rows = _weights(parts)
    like = rows @ rows.T
    steps = like / like.sum(1, keepdims=True)
    n = len(parts)
    system = np.eye(n) - damping * steps.T
    return np.linalg.solve(system, np.full(n, (1 - damping) / n))


def extract(
    text: str, room: int, weigh: Callable[[Sequence[str]], np.ndarray] = by_graph
) -> str:
    """Take the heaviest sentences that fit into ``room`` characters, in their order.

    If not even one fits, the heaviest one is cut.

    Raises:
        ValueError: an empty text, or ``room`` < 1.
    """
    room, parts = whole("room", room, 1), sentences(text)
    order = np.argsort(-weigh(parts), kind="stable")
    taken, left = [], room
    for k in order:
        if len(parts[k]) <= left:
            taken.append(int(k))
            left -= len(parts[k])
    if not taken:
        return parts[order[0]][:room]
    return "".join(parts[k] for k in sorted(taken))


def _weights(parts: Sequence[str]) -> np.ndarray:
    """TF-IDF rows of length 1, (S, W)."""
    return (
        TfidfVectorizer(analyzer="char", ngram_range=(1, 2))
        .fit_transform(parts)
        .toarray()
    )
