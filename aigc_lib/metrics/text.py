"""What can be counted of generated texts: how varied they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def ngrams(text: str, n: int) -> list[str]:
    """Return all runs of ``n`` characters of ``text``, in order."""
    return [text[i : i + n] for i in range(len(text) - n + 1)]


def distinct_lines(texts: Sequence[str]) -> float:
    """Share of different texts among all, in (0, 1].

    Raises:
        ValueError: no texts.
    """
    if not texts:
        raise ValueError("texts is empty: give at least one")
    return len(set(texts)) / len(texts)


def distinct(texts: Iterable[str], n: int = 2) -> float:
    """Distinct-n: different runs of ``n`` characters among all (Li et al. 2016).

    It falls as texts are added, so that only equally many may be compared.

    Raises:
        ValueError: ``n`` < 1, or no text holds a run of ``n``.
    """
    if n < 1:
        raise ValueError(f"n={n}: give a number above 0")
    grams = [gram for text in texts for gram in ngrams(text, n)]
    if not grams:
        raise ValueError(f"n={n}: no text is so long")
    return len(set(grams)) / len(grams)
