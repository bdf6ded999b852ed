"""What the keeper of a store says: one fact a line, in wordings that people wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from ...arguments import unknown, whole
from .grammar import expanded, phrases

GAP = "#"  # stands for the value where the program fills it in
ASKED = {"hint": "提示", "pushes": "次数"}
VALUES = {
    "hint": tuple("上下左右"),
    "pushes": tuple(str(n) for n in range(1, 61) if n % 7 != 3),
}  # that a model may learn
UNSEEN = tuple(str(n) for n in range(1, 61) if n % 7 == 3)


def wordings(name: str) -> list[str]:
    """Return every wording of a fact, ``GAP`` where its value stands.

    Raises:
        ValueError: a fact other than "hint" and "pushes".
    """
    if name not in ASKED:
        raise unknown("name", name, ASKED)
    each = (p for core in phrases("keeper")[name] for p in expanded(core))
    return [pattern.replace(f"{{{name}}}", GAP) for pattern in each]


def prompt_of(name: str, value: str) -> str:
    """Return the prompt that asks a model for a line: "提示左：", "次数#："."""
    return f"{ASKED[name]}{value}："


def pairs(
    n: int, written: Mapping[str, Sequence[str]], seed: int = 0
) -> list[tuple[str, str]]:
    """Draw ``n`` (prompt, line) pairs to learn from, half of them with a gap.

    ``written`` lists the wordings of each fact.

    Raises:
        ValueError: a negative ``n`` or seed.
    """
    random, found = Random(whole("seed", seed, 0)), []
    for _ in range(whole("n", n, 0)):
        name = random.choice(list(written))
        value = random.choice(VALUES[name]) if random.random() < 0.5 else GAP
        line = random.choice(written[name]).replace(GAP, value)
        found.append((prompt_of(name, value), line))
    return found
