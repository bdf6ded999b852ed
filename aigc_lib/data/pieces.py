"""Pieces of music to learn from: folk tunes, Bach's chorales, songs of a grammar."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

from ..arguments import unknown
from ..codecs.abc import read_abc
from ..codecs.melody import STEPS, notes_of, on_grid
from ..codecs.piece import (
    GENRES,
    HIGHEST,
    LOWEST,
    METRES,
    MOST_STEPS,
    NAMES,
    Piece,
    Sign,
    Sound,
    split_chord,
)
from ..metrics.music import best_key
from .made.songs import song
from .own.folder import LeftOut
from .own.midi import off_grid, too_long, upper_voice
from .readers.music import over_and_under, parsed_chorales

SPLITS = ("train", "validation", "test")
SHARES = (229, 76, 77)  # of the chorales, as Boulanger-Lewandowski et al. (2012)
SONGS = {"train": range(400), "validation": range(400, 440), "test": range(440, 480)}
BESIDE = 1 / 4  # of the bar lines of a tune: repeats stand within bars
TONICS = {  # of a mode, in semitones above the tonic of the major key of its signature
    "major": (0, "major"), "minor": (9, "minor"), "dorian": (2, "minor"),
    "phrygian": (4, "minor"), "lydian": (5, "major"), "mixolydian": (7, "major"),
    "aeolian": (9, "minor"), "ionian": (0, "major"), "locrian": (11, "minor")
}  # fmt: skip


def pieces(genre: str, split: str = "train", *, apart: bool = True) -> list[Piece]:
    """Return the pieces of a genre, in the keys in which they are written.

    "folk" are the tunes of ``nottingham`` whose bars are regular, with their chords;
    "chorale" are Bach's in four voices; "pop" is made up with a seed
    (``made.songs``). Tunes that begin with the same eight intervals lie in one split;
    without ``apart`` chorales are drawn freely instead, in the shares of the split of
    Boulanger-Lewandowski et al. (2012), as theirs seem to be.

    Raises:
        ValueError: no such genre or split.
        ModuleNotFoundError: chorales without music21.
        FileNotFoundError and the like: folk tunes as ``data.load("nottingham")``.
    """
    if genre not in GENRES:
        raise unknown("genre", genre, GENRES)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if genre == "pop":
        return [song(seed) for seed in SONGS[split]]
    return list(_folk(split) if genre == "folk" else _chorales(split, apart))


# ---- folk tunes ---------------------------------------------------------------------


def _folk(split: str) -> list[Piece]:
    if split == "test":
        return list(_tunes("test"))
    found = _tunes("train")
    groups = _numbered(found)  # a tenth of the groups of the training tunes
    held = split == "validation"
    return [p for p, g in zip(found, groups, strict=True) if (g % 10 == 0) == held]


@cache
def _tunes(split: str) -> tuple[Piece, ...]:
    from . import load  # the front door; it loads this package

    tunes = load("nottingham", split=split)
    pairs = zip(tunes.texts, tunes.facts, strict=True)
    return tuple(piece for pair in pairs if (piece := _tune(*pair)))


def _tune(text: str, facts: dict[str, Any]) -> Piece | None:
    """Return a tune as a piece; None if its metre is not ours or its bars irregular."""
    size = METRES.get(facts["meter"])
    tonic, mode = TONICS.get(facts["mode"], (0, "major"))
    if size is None:
        return None
    bars = [bar for bar in facts["bars"] if bar > 0]
    pickup = bars[0] if bars and bars[0] < size else 0
    beside = sum((bar - pickup) % size > 0 for bar in bars)
    if pickup % 1 or beside > BESIDE * len(bars):
        return None
    sounds, at = [], 0
    for pitch, steps in notes_of(text):
        if pitch is not None:
            sounds.append(Sound(at, steps, pitch))
        at += steps
    return Piece(
        voices=(tuple(sounds),),
        length=at,
        metre=facts["meter"],
        key=f"{NAMES[(7 * facts['sharps'] + tonic) % 12]} {mode}",
        chords=_chords(facts["chords"], at),
        genre="folk",
        pickup=int(pickup),
        title=facts["title"][:200],
    )


def _chords(signs: Iterable[tuple[float, str]], length: int) -> tuple[Sign, ...]:
    found: dict[int, str] = {}
    for at, text in signs:
        name = chord_name(text)
        if name and int(at) < length:
            found[int(at)] = name
    return tuple(Sign(at, found[at]) for at in sorted(found))


def chord_name(text: str) -> str | None:
    """Return our name of a chord as Nottingham writes it; None for an annotation.

    The bass behind a slash goes, and with it what our few kinds of chords cannot say.
    """
    name = text.strip("() ").partition("/")[0]
    for old, new in (("7b9", "7"), ("m6", "m"), ("6", ""), ("maj7", "maj7")):
        name = name.removesuffix(old) + new if name.endswith(old) else name
    if len(name) > 1 and name.endswith("d") and not name.endswith("dd"):
        name = f"{name[:-1]}dim"
    try:
        root, quality = split_chord(name)
    except ValueError:
        return None
    return NAMES[root] + quality


# ---- chorales -----------------------------------------------------------------------


@cache
def _chorales(split: str, apart: bool) -> tuple[Piece, ...]:
    found = []
    seen = set()
    for facts in parsed_chorales():
        piece = _chorale(facts)
        if piece is None:
            continue
        low = min(note.pitch for voice in piece.voices for note in voice)
        same = piece.transposed(60 - low).voices
        if same not in seen:
            seen.add(same)
            found.append(piece)
    groups = _numbered(found) if apart else list(range(len(found)))
    order = sorted(set(groups))
    random.Random(0).shuffle(order)
    ends = [round(sum(SHARES[: i + 1]) / sum(SHARES) * len(order)) for i in range(3)]
    first, last = dict(zip(SPLITS, pairwise([0, *ends]), strict=True))[split]
    kept = set(order[first:last])
    return tuple(p for p, g in zip(found, groups, strict=True) if g in kept)


def _chorale(facts: dict[str, Any]) -> Piece | None:
    if facts["meter"] not in METRES:
        return None
    voices, lengths = [], []
    for events in facts["voices"]:
        sounds, at, tied = [], Fraction(0), False
        for pitch, quarters, goes_on in events:
            start, at = at, at + STEPS * Fraction(quarters)
            a, b = round(start), round(at)
            if pitch is not None and a < b:
                if tied and sounds and sounds[-1][2] == pitch:
                    sounds[-1] = (sounds[-1][0], b - sounds[-1][0], pitch)
                else:
                    sounds.append((a, b - a, pitch))
            tied = goes_on
        voices.append(tuple(Sound(*sound) for sound in sounds))
        lengths.append(round(at))
    pitches = [note.pitch for voice in voices for note in voice]
    if not all(voices) or not LOWEST <= min(pitches) <= max(pitches) <= HIGHEST:
        return None
    tonic, mode = TONICS.get(facts["mode"], (0, "major"))
    return Piece(
        voices=tuple(voices),
        length=max(lengths),
        metre=facts["meter"],
        key=f"{NAMES[(7 * facts['sharps'] + tonic) % 12]} {mode}",
        genre="chorale",
        pickup=int(STEPS * Fraction(facts["pickup"])) % METRES[facts["meter"]],
        tempo=80,
        title=facts["title"],
    )


def _numbered(found: Sequence[Piece]) -> list[int]:
    """Number the groups of pieces whose first voices begin with the same intervals."""
    numbers: dict[tuple[int, ...], int] = {}
    groups = []
    for piece in found:
        pitches = [note.pitch for note in piece.voices[0][:9]]
        steps = tuple(b - a for a, b in pairwise(pitches))
        groups.append(numbers.setdefault(steps, len(numbers)))
    return groups


# ---- one's own ----------------------------------------------------------------------


def pieces_from_midi(raw: bytes, *, title: str = "") -> Piece:
    """Return the upper voice of a MIDI file as a folk tune in 4/4, its key guessed.

    The key is the one whose scale holds most of the notes, by their lengths
    (Krumhansl's profiles); the file's own signs of metre and key are not read.

    Raises:
        LeftOut: as ``own.midi.upper_voice``.
        ModuleNotFoundError: music21 is missing.
    """
    text = upper_voice(raw)
    sounds, at = [], 0
    for pitch, steps in notes_of(text):
        if pitch is not None:
            sounds.append(Sound(at, steps, pitch))
        at += steps
    if at > MOST_STEPS:
        raise too_long()
    piece = Piece(voices=(tuple(sounds),), length=at, title=title)
    return replace(piece, key=best_key(piece))


def piece_from_abc(text: str, *, title: str = "") -> Piece:
    """Return the first tune of an ABC text as a folk tune, with its chords.

    ``title`` is for a tune that has none. A tune whose bars are not whole, or not of
    our metres, is written in 4/4.

    Raises:
        LeftOut: no tune, one that cannot be read, or that is no melody in sixteenths.
    """
    refused: list[ValueError] = []
    try:
        tune = next(read_abc(text, left_out=refused), None)
    except ValueError:
        tune = None
    if tune is None:
        why = str(refused[0]) if refused else "no tune"
        raise LeftOut(f"no tune that can be read ({why})", "没有能读懂的曲子")
    if sum(event.quarters for event in tune.events) * STEPS > MOST_STEPS:
        raise too_long()
    melody = on_grid(tune.events)
    if melody is None:
        raise off_grid()
    facts = tune.facts | over_and_under(tune)
    facts["title"] = facts["title"] or title
    return _tune(melody, facts) or _tune(melody, facts | {"meter": "4/4", "bars": []})
