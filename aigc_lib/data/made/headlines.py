"""Finance headlines about companies that do not exist, with topic and sentiment."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

from ..catalog import Card
from ..text import Record
from .grammar import expanded, filled, phrases


def read_headlines(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Draw the headlines of a split, as many of each topic and sentiment.

    Of the written patterns the last two of each kind are for the test: they are
    wordings that a model has not met.
    """
    yield from _headlines(card.splits["train"], card.splits["test"])[split]


@cache
def _headlines(train: int, test: int) -> dict[str, list[Record]]:
    written = phrases("headlines")
    random = Random(0)
    kinds = [
        (topic, sentiment, patterns)
        for topic, sentiments in written["题"].items()
        for sentiment, patterns in sentiments.items()
    ]
    splits: dict[str, list[Record]] = {"train": [], "test": []}
    taken: set[str] = set()
    for split, total in (("train", train), ("test", test)):
        for topic, sentiment, patterns in kinds:
            cores = patterns[-2:] if split == "test" else patterns[:-2]
            chosen = [(core, p) for core in cores for p in expanded(core)]
            share = total // len(kinds)
            while share:
                core, pattern = random.choice(chosen)
                text = filled(pattern, written["槽"], random)
                if text not in taken:
                    taken.add(text)
                    facts = {"topic": topic, "sentiment": sentiment, "pattern": core}
                    splits[split].append(Record(text, sentiment, facts))
                    share -= 1
        random.shuffle(splits[split])
    return splits
