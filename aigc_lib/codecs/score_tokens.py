"""The tokens of ``codecs.score``: what they mean, and what becomes of them in a key."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from .piece import (
    GENRES,
    METRES,
    MODES,
    MOODS,
    NAMES,
    NO_CHORD,
    QUALITIES,
    read_key,
    split_chord,
)

# Lowest and highest note of each voice; the first sings the melody of any genre.
RANGES = {"soprano": (48, 96), "alto": (43, 81), "tenor": (38, 76), "bass": (28, 69)}
MOST_BARS = 64  # that a token can announce
BEGINNING, INSIDE = "beginning", "inside"  # where the tokens begin


def vocabulary() -> Iterator[str]:
    """Yield all tokens, as one reads them; the order is that of their numbers."""
    for name, values in (("genre", GENRES), ("metre", METRES)):
        yield from (f"{name} {value}" for value in values)
    yield from (f"key {tonic} {mode}" for mode in MODES for tonic in NAMES)
    yield from (f"mood {mood}" for mood in ("any", *MOODS))
    yield from (f"place {place}" for place in (BEGINNING, INSIDE))
    yield from (f"bar {n}" for n in range(1, MOST_BARS + 1))
    yield from (f"beat {n}" for n in range(2, 7))
    yield from ("outside", "chord -", f"chord {NO_CHORD}")
    yield from (f"chord {root}{quality}" for quality in QUALITIES for root in NAMES)
    for voice, (low, high) in RANGES.items():
        yield from (f"{voice} -", f"{voice} .")
        yield from (f"{voice} {pitch}" for pitch in range(low, high + 1))


@lru_cache(64)
def allowed(tokens: tuple[str, ...], kind: str) -> Tensor:
    """Tell which tokens (V,) may stand in a slot of this kind."""
    silent = {"outside"} if kind == "chord" or kind in RANGES else set()
    return torch.tensor([t.split(" ")[0] == kind or t in silent for t in tokens])


@lru_cache(64)
def pitches(tokens: tuple[str, ...], voice: str) -> dict[int, int]:
    """Return the tokens that begin a note of a voice, and its MIDI number."""
    parts = [token.partition(" ") for token in tokens]
    return {
        i: int(value)
        for i, (kind, _, value) in enumerate(parts)
        if kind == voice in RANGES and value.isdigit()
    }


@lru_cache(64)
def shift(tokens: tuple[str, ...], semitones: int) -> Tensor:
    """Return (V,): the token so many semitones higher, -1 if there is none."""
    numbers = {token: i for i, token in enumerate(tokens)}

    def moved(token: str) -> str:
        kind, _, value = token.partition(" ")
        if kind == "key":
            tonic, mode = read_key(value)
            return f"key {NAMES[(tonic + semitones) % 12]} {mode}"
        if kind == "chord" and value not in ("-", NO_CHORD):
            root, quality = split_chord(value)
            return f"chord {NAMES[(root + semitones) % 12]}{quality}"
        if kind in RANGES and value.isdigit():
            return f"{kind} {int(value) + semitones}"
        return token

    return torch.tensor([numbers.get(moved(token), -1) for token in tokens])
