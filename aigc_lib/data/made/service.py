"""What customers of a made-up shop say: 42 intents, and some things out of scope."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

from ..catalog import Card
from ..text import Record
from .grammar import expanded, filled, phrases

OUTSIDE = "范围外"


def read_service(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Draw the utterances of a split, as many of each class.

    Of the written patterns every fourth is for the test (out of scope: every second),
    so that a model is tested on ways of asking that it has not met.
    """
    yield from _utterances(card.splits["train"], card.splits["test"])[split]


@cache
def _utterances(train: int, test: int) -> dict[str, list[Record]]:
    written = phrases("service")
    random = Random(0)
    classes = written["意图"] | {OUTSIDE: written[OUTSIDE]}
    splits: dict[str, list[Record]] = {"train": [], "test": []}
    taken: set[str] = set()
    for split, total in (("train", train), ("test", test)):
        for intent, patterns in classes.items():
            every = 2 if intent == OUTSIDE else 4
            ways = [
                (core, expanded(core))
                for i, core in enumerate(patterns)
                if (i % every == every - 1) == (split == "test")
            ]
            share = total // len(classes)
            while share:
                core, chosen = random.choice(ways)  # the short ones come as often
                text = filled(random.choice(chosen), written["槽"], random)
                text = random.choice(written["开头"]) + text
                text += random.choice(written["结尾"])
                if text not in taken:
                    taken.add(text)
                    facts = {"intent": intent, "pattern": core}
                    splits[split].append(Record(text, intent, facts))
                    share -= 1
        random.shuffle(splits[split])
    return splits
