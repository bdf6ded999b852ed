"""What can be counted of generated texts: how varied they are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from ..arguments import at_least, finite


def ngrams(text: str, n: int) -> list[str]:
    """Return all runs of ``n`` characters of ``text``, in order.

    Raises:
        ValueError: ``n`` < 1.
    """
    at_least(1, n=n)
    _text("text", text)
    return [text[i : i + n] for i in range(len(text) - n + 1)]


def distinct_lines(texts: Sequence[str]) -> float:
    """Share of different texts among all, in (0, 1].

    Raises:
        ValueError: no texts, or one string instead of several.
    """
    texts = _several(texts)
    if not texts:
        raise ValueError("texts is empty: give at least one")
    return len(set(texts)) / len(texts)


def distinct(texts: Iterable[str], n: int = 2) -> float:
    """Distinct-n: different runs of ``n`` characters among all (Li et al. 2016).

    It falls as texts are added, so that only equally many may be compared.

    Raises:
        ValueError: ``n`` < 1, no text holds a run of ``n``, or one string instead of
            several.
    """
    texts = _several(texts)
    at_least(1, n=n)
    grams = [gram for text in texts for gram in ngrams(text, n)]
    if not grams:
        raise ValueError(f"n={n}: no text is so long")
    return len(set(grams)) / len(grams)


def nats_by_pairs(
    train: Sequence[str], test: Sequence[str], *, size: int, trust: float = 100.0
) -> float:
    """Nats per character of ``test`` by a model that counts pairs in ``train``.

    It sees one character back, and a line break before and after each text. Pairs are
    interpolated with single characters, these with 1 / ``size``, the number of
    characters there are; ``trust`` is how often a context must be seen to count for
    half (Jelinek & Mercer 1980; MacKay & Peto 1995).

    Raises:
        ValueError: no ``test``, ``size`` or ``trust`` not above 0, or one string
            instead of several.
    """
    train, test = _several(train), _several(test)
    at_least(1, size=size)
    trust = finite("trust", trust, above=0)
    if not test:
        raise ValueError("test is empty: give at least one text")
    pairs, singles, firsts = Counter(), Counter(), Counter()
    for text in train:
        singles.update(text + "\n")
        firsts.update("\n" + text)
        pairs.update(zip("\n" + text, text + "\n", strict=True))
    total, nats = singles.total(), []
    for text in test:
        for before, char in zip("\n" + text, text + "\n", strict=True):
            p = (singles[char] + trust / size) / (total + trust)
            p = (pairs[before, char] + trust * p) / (firsts[before] + trust)
            nats.append(-math.log(p))
    return sum(nats) / len(nats)


def _several(texts: Iterable[str]) -> list[str]:
    """Refuse one string, which would pass for many texts of one character."""
    if isinstance(texts, str):
        raise ValueError(f"texts={texts[:20]!r}: give a list of texts, such as [text]")
    texts = list(texts)
    for k, text in enumerate(texts):
        _text(f"texts[{k}]", text)
    return texts


def _text(name: str, text: str) -> str:
    if not isinstance(text, str):
        raise ValueError(f"{name}={text!r:.40}: give a string")
    return text


def rouge(summary: str, reference: str) -> dict[str, float]:
    """How much of a reference a summary repeats, by characters: three F1, 0 to 1.

    ``rouge1`` and ``rouge2`` count common characters and pairs of neighbours, each at
    most as often as both texts have it; ``rougeL`` is the longest run of characters
    that both hold in this order, with gaps. Letters, digits and characters count, signs
    and spaces do not. It knows nothing of truth: a wrong digit costs one character.

    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".

    Raises:
        ValueError: a text without a single character that counts.
    """
    both = {"summary": summary, "reference": reference}
    texts = [
        "".join(c for c in _text(name, text) if c.isalnum())
        for name, text in both.items()
    ]
    for name, text in zip(both, texts, strict=True):
        if not text:
            raise ValueError(f"{name}={both[name][:20]!r} is empty: give a text")
    figures = {}
    for n in (1, 2):
        first, second = (Counter(ngrams(text, n)) for text in texts)
        common = (first & second).total()
        figures[f"rouge{n}"] = _f1(common, first.total(), second.total())
    common = _longest_common(*texts)
    figures["rougeL"] = _f1(common, *map(len, texts))
    return figures


def _f1(common: int, first: int, second: int) -> float:
    return 2 * common / (first + second) if first + second else 0.0


def _longest_common(first: str, second: str) -> int:
    """Length of the longest common subsequence, a row of the table at a time."""
    row = [0] * (len(second) + 1)
    for a in first:
        corner = 0
        for j, b in enumerate(second, 1):
            above = row[j]
            row[j] = corner + 1 if a == b else max(above, row[j - 1])
            corner = above
    return row[-1]
