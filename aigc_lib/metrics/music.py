"""What can be counted of pieces of music: keys, intervals, rhythms, copies, rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..arguments import whole
from ..arrays import array
from ..codecs.piece import NAMES, Piece, Sound, wide_scale

# How well each step above the tonic fits a key, as listeners judged: Krumhansl and
# Kessler 1982.
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
PERFECT = {7: "fifths", 0: "octaves"}  # intervals modulo 12


# ---- pitches and times --------------------------------------------------------------


def in_key_rate(piece: Piece) -> float:
    """Share of the notes of all voices that belong to the key, in [0, 1].

    In minor the raised sixth and seventh of the melodic scale belong to it too.

    Raises:
        ValueError: no notes.
    """
    notes = [note for voice in piece.voices for note in voice]
    if not notes:
        raise ValueError("piece has no notes: nothing to judge")
    scale = wide_scale(piece.tonic, piece.mode)
    return float(np.mean([note.pitch % 12 in scale for note in notes]))


def pitch_classes(pieces: Iterable[Piece]) -> np.ndarray:
    """Return how long each step above the tonic sounds in the first voices: (12,).

    The shares add up to 1.
    """
    times = np.zeros(12)
    for piece in pieces:
        for note in piece.voices[0]:
            times[(note.pitch - piece.tonic) % 12] += note.steps
    return _shares(times, "pieces")


def rhythms(pieces: Iterable[Piece]) -> Counter[tuple[int, int]]:
    """Count (where in the bar, how long) of the notes of the first voices."""
    counts: Counter[tuple[int, int]] = Counter()
    for piece in pieces:
        for note in piece.voices[0]:
            counts[(piece.before + note.start) % piece.bar_steps, note.steps] += 1
    return counts


def total_variation(a: Counter | np.ndarray, b: Counter | np.ndarray) -> float:
    """Half the sum of the differences of two distributions: 0 equal, 1 disjoint.

    Raises:
        ValueError: counts that are empty, or arrays of two shapes.
    """
    if isinstance(a, Counter) and isinstance(b, Counter):
        keys = sorted({*a, *b})
        a, b = (np.array([float(c[key]) for key in keys]) for c in (a, b))
    a, b = _shares(array("a", a, float), "a"), _shares(array("b", b, float), "b")
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape}: give one and the same")
    return float(np.abs(a - b).sum() / 2)


def best_key(piece: Piece) -> str:
    """Return the key whose profile goes best with the times of the pitch classes.

    Source: Krumhansl and Schmuckler, in Krumhansl 1990, chapter 4.

    Raises:
        ValueError: no notes.
    """
    times = np.zeros(12)
    for voice in piece.voices:
        for note in voice:
            times[note.pitch % 12] += note.steps
    _shares(times, "piece")
    found = {
        f"{NAMES[tonic]} {mode}": np.corrcoef(times, np.roll(profile, tonic))[0, 1]
        for mode, profile in PROFILES.items()
        for tonic in range(12)
    }
    return max(found, key=lambda key: np.nan_to_num(found[key], nan=-1))


def _shares(counts: np.ndarray, name: str) -> np.ndarray:
    if not counts.sum() > 0:
        raise ValueError(f"{name}: there is nothing to count, give some notes")
    return counts / counts.sum()


# ---- leading of voices --------------------------------------------------------------


class Parallels(NamedTuple):
    """How many parallel fifths and octaves there are, among so many changes of chord.

    ``places`` are (step, higher voice, lower voice, "fifths" or "octaves").
    """

    count: int
    changes: int
    places: tuple[tuple[int, int, int, str], ...]


def parallels(piece: Piece) -> Parallels:
    """Find pairs of voices that move in one direction from a fifth to a fifth.

    The same for octaves and unisons. A change is a step at which any voice begins a
    note. Both voices must move; a fifth may be wider by octaves.
    """
    steps = sorted({note.start for voice in piece.voices for note in voice})
    heard = [_sounding(voice, steps) for voice in piece.voices]
    places = []
    for (before, now), step in zip(
        pairwise(zip(*heard, strict=True)), steps[1:], strict=True
    ):
        for high in range(len(heard)):
            for low in range(high + 1, len(heard)):
                a, b, c, d = before[high], before[low], now[high], now[low]
                if None in (a, b, c, d) or (c - a) * (d - b) <= 0:
                    continue
                kind = PERFECT.get((a - b) % 12)
                if kind and (c - d) % 12 == (a - b) % 12:
                    places.append((step, high, low, kind))
    return Parallels(len(places), max(0, len(steps) - 1), tuple(places))


def parallels_per_100(pieces: Iterable[Piece]) -> float:
    """Return parallel fifths and octaves for every 100 changes of chord."""
    found = [parallels(piece) for piece in pieces]
    changes = sum(p.changes for p in found)
    if not changes:
        raise ValueError("pieces: no chord changes, give pieces of several voices")
    return 100 * sum(p.count for p in found) / changes


def _sounding(voice: Sequence[Sound], steps: list[int]) -> list[int | None]:
    heard, i = [], 0
    for step in steps:
        while i < len(voice) and voice[i].end <= step:
            i += 1
        sounds = i < len(voice) and voice[i].start <= step
        heard.append(voice[i].pitch if sounds else None)
    return heard


# ---- copies and likeness ------------------------------------------------------------


class Copied(NamedTuple):
    """The longest run that is shared: so many notes, from this step on, of whom."""

    notes: int
    start: int
    title: str


class Likeness:
    """Compare first voices with those of ``others``, in whatever keys they stand.

    What is compared is (interval to the next note, time to its beginning).
    """

    def __init__(self, others: Sequence[Piece]):
        self.others = list(others)
        if not self.others:
            raise ValueError("others is empty: give at least one piece")
        self.moves = [_moves(piece) for piece in self.others]
        self.places: dict[tuple, list[tuple[int, int]]] = defaultdict(list)
        for number, moves in enumerate(self.moves):
            for i in range(len(moves) - 1):
                self.places[moves[i], moves[i + 1]].append((number, i))
        counts = [Counter(_shapes(moves)) for moves in self.moves]
        seen = Counter(shape for count in counts for shape in count)
        self.rarity = {
            shape: np.log((1 + len(counts)) / (1 + n)) for shape, n in seen.items()
        }
        self.vectors = [self._vector(count) for count in counts]

    def copied(self, piece: Piece) -> Copied:
        """Return the longest run of notes that stands in one of the others too.

        0 where not even three notes in a row agree.
        """
        moves, best = _moves(piece), Copied(0, 0, "")
        for i in range(len(moves) - 1):
            if len(moves) - i + 1 <= best.notes:
                break
            for number, j in self.places.get((moves[i], moves[i + 1]), ()):
                theirs, n = self.moves[number], 2
                while (
                    i + n < len(moves)
                    and j + n < len(theirs)
                    and moves[i + n] == theirs[j + n]
                ):
                    n += 1
                if n + 1 > best.notes:
                    start = piece.voices[0][i].start
                    best = Copied(n + 1, start, self.others[number].title)
        return best

    def nearest(self, piece: Piece, k: int = 5) -> list[tuple[int, float]]:
        """Return the ``k`` others that are most alike: number and cosine in [0, 1].

        Alike are pieces that share rare turns: runs of four notes by intervals and
        rhythm, weighted by how few of the others have them.
        """
        k = min(whole("k", k, 1), len(self.others))
        own = self._vector(Counter(_shapes(_moves(piece))))
        scores = [
            sum(weight * theirs.get(shape, 0.0) for shape, weight in own.items())
            for theirs in self.vectors
        ]
        order = sorted(range(len(scores)), key=lambda i: -scores[i])
        return [(i, float(scores[i])) for i in order[:k]]

    def _vector(self, counts: Counter) -> dict[tuple, float]:
        most = np.log(1 + len(self.others))
        found = {s: n * self.rarity.get(s, most) for s, n in counts.items()}
        size = sum(value * value for value in found.values()) ** 0.5
        return {s: value / size for s, value in found.items()} if size else {}


def _moves(piece: Piece) -> list[tuple[int, int]]:
    return [
        (b.pitch - a.pitch, b.start - a.start) for a, b in pairwise(piece.voices[0])
    ]


def _shapes(moves: list[tuple[int, int]]) -> list[tuple]:
    return [tuple(moves[i : i + 3]) for i in range(len(moves) - 2)]
