"""Chinese product copy from a grammar of attributes: every line tells what is true.

The products do not exist. Each line speaks of exactly the attributes in its facts, in
the words of the grammar, so ``check_copy`` can count what a model left out or made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from ...arguments import unknown
from ...metrics.claims import Verdict, check_claims, stated
from ..catalog import Card
from ..text import Record
from .grammar import expanded, phrases, slots

ATTRIBUTES = ("品类", "颜色", "材质", "卖点", "场景", "人群")

SLOT_OF = {"色": "颜色", "材": "材质", "景": "场景", "人": "人群"}

SEED = 0


def read_product_copy(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Draw the lines of a split; no two have the same facts, in either split."""
    n = card.splits["train"]
    lines = _lines(sum(card.splits.values()))
    for text, facts in lines[:n] if split == "train" else lines[n:]:
        yield Record(text, facts["品类"], dict(facts))


@cache
def _lines(n: int) -> list[tuple[str, dict[str, Any]]]:
    grammar = phrases("product_copy")
    patterns = [p for written in grammar["句式"] for p in expanded(written)]
    gaps_of = {pattern: slots(pattern) for pattern in patterns}
    products = list(grammar["品类"])
    random = Random(SEED)
    lines: dict[frozenset, tuple[str, dict[str, Any]]] = {}
    while len(lines) < n:
        pattern, product = random.choice(patterns), random.choice(products)
        known = {"颜色": grammar["颜色"]} | grammar["品类"][product]
        gaps = gaps_of[pattern]
        facts: dict[str, Any] = {"品类": product}
        filled = {"品": product, "量": known["量"]}
        for gap, attribute in SLOT_OF.items():
            if gap in gaps:
                filled[gap] = facts[attribute] = random.choice(known[attribute])
        points = random.sample(list(known["卖点"]), 2 if "卖2" in gaps else 1)
        facts["卖点"] = tuple(points)
        for gap, point in zip(("卖", "卖2"), points, strict=False):
            filled[gap] = random.choice(known["卖点"][point])
        said = frozenset(stated(facts))  # two 卖点 are the same in either order
        lines.setdefault(said, (pattern.format(**filled), facts))
    return list(lines.values())


def prompt_of(facts: dict[str, Any]) -> str:
    """Write the attributes as a prompt: ``品类=雨伞；颜色=墨绿；…→``."""
    said = {name: facts[name] for name in ATTRIBUTES if name in facts}
    pairs = [
        f"{name}={'、'.join(value) if isinstance(value, tuple) else value}"
        for name, value in said.items()
    ]
    return "；".join(pairs) + "→"


def check_copy(text: str, facts: dict[str, Any]) -> Verdict:
    """Compare what ``text`` says with what it should, by the words of the grammar.

    What judges is the metric ``check_claims``. It stands below the data and cannot read
    the grammar, so the words are handed to it here.

    A value that the grammar does not know is not noticed: what is checked is whether a
    line keeps to its attributes, not whether its Chinese is good.

    Raises:
        ValueError: a fact of an unknown kind, or a product that is not in the grammar.
    """
    grammar = phrases("product_copy")
    for name in facts:
        if name not in ATTRIBUTES:
            raise unknown("facts", name, ATTRIBUTES)
    if facts.get("品类") not in grammar["品类"]:
        raise unknown("品类", facts.get("品类"), grammar["品类"])
    return check_claims(text, facts, vocabulary())


@cache
def vocabulary() -> frozenset[tuple[str, str]]:
    """Return all (attribute, value) pairs of the grammar: what the judge knows."""
    grammar = phrases("product_copy")
    pairs = {("颜色", colour) for colour in grammar["颜色"]}
    for product, known in grammar["品类"].items():
        pairs.add(("品类", product))
        for attribute in ("材质", "卖点", "场景", "人群"):
            pairs |= {(attribute, value) for value in known[attribute]}
    return frozenset(pairs)
