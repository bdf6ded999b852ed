"""Texts out of patterns: ``[one|or the other]`` is a choice, ``{slot}`` a gap."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

CHOICE = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{([^{}]*)\}")


def expanded(pattern: str) -> list[str]:
    """Return every pattern that the choices in ``pattern`` allow.

    Raises:
        ValueError: a bracket without its partner.
    """
    parts = CHOICE.split(pattern)  # fixed text at even places, choices at odd ones
    if any(bracket in text for text in parts for bracket in "[]"):
        raise ValueError(f"pattern={pattern!r}: a square bracket has no partner")
    options = [part.split("|") if i % 2 else [part] for i, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*options)]


def slots(pattern: str) -> list[str]:
    """Return the names of the gaps, in order."""
    return SLOT.findall(pattern)


def filled(pattern: str, words: dict[str, list[str]], random: Random) -> str:
    """Put a word drawn from ``words[slot]`` into every gap."""
    return SLOT.sub(lambda gap: random.choice(words[gap[1]]), pattern)


@cache
def phrases(name: str) -> Any:
    """Read ``phrases/NAME.json``, which people wrote. Do not change what you get."""
    path = Path(__file__).parent / "phrases" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))
