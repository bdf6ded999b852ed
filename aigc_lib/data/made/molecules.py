"""Molecules by a grammar that knows valences and nothing else of chemistry.

All of them are valid, few of them could be a drug: the baseline against which "valid"
has to be read, and the stand-in where MOSES is not at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

from ...arguments import whole
from ..catalog import Card
from ..text import Record

VALENCE = {"C": 4, "N": 3, "O": 2, "S": 2, "F": 1, "Cl": 1, "Br": 1}
COMMON = {"C": 12, "N": 3, "O": 3, "S": 1, "F": 1, "Cl": 1, "Br": 1}  # how often
RINGS = ("c1ccccc1", "c1ccncc1", "c1ccsc1", "C1CCNCC1", "C1CCCCC1", "C1COCCN1")
LONGEST = 54  # characters, as in MOSES


def random_molecule(random: Random, size: int) -> str:
    """Draw a molecule of about ``size`` atoms: chains, branches, and ready-made rings.

    A bond is opened only where both ends have a valence left; a ring stands at an end.
    """
    if random.random() < 0.4:
        begin, left = random.choice(RINGS), size - 6
        return begin + (_grown(random, left, 1)[0] if left > 0 else "")
    return _grown(random, size, None)[0]


def _grown(random: Random, size: int, bond: int | None) -> tuple[str, int]:
    """Return a piece that hangs on a bond of order 1 or 2, and its number of atoms."""
    if bond == 1 and size >= 6 and random.random() < 0.35:
        return random.choice(RINGS), 6
    fits = [a for a in COMMON if VALENCE[a] >= (bond or 1) + (size > 1)] or ["C"]
    atom = random.choices(fits, [COMMON[a] for a in fits])[0]
    text, used, free = atom, 1, VALENCE[atom] - (bond or 0)
    parts = []
    while used < size and free > 0:
        order = 2 if free >= 2 and random.random() < 0.15 else 1
        room = size - used
        wanted = room if free == order else random.randint(1, room)
        part, took = _grown(random, wanted, order)
        parts.append(("=" if order == 2 else "") + part)
        used, free = used + took, free - order
    *branches, last = parts or [""]
    return text + "".join(f"({part})" for part in branches) + last, used


@cache
def random_molecules(n: int, seed: int = 0) -> tuple[str, ...]:
    """Draw ``n`` different SMILES strings of 8 to 20 atoms, at most 54 characters."""
    n, random, found = whole("n", n, 1), Random(whole("seed", seed, 0)), {}
    while len(found) < n:
        text = random_molecule(random, random.randint(8, 20))
        if len(text) <= LONGEST:
            found[text] = None
    return tuple(found)


def read_made(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Draw all molecules of the card; the splits share none."""
    names = list(card.splits)
    texts = random_molecules(sum(card.splits.values()), card.parameters["seed"])
    start = sum(card.splits[name] for name in names[: names.index(split)])
    for text in texts[start : start + card.splits[split]]:
        yield Record(text, None, {})
