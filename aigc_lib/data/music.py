"""Melodies as texts, one character for each sixteenth note, and how to hear them.

A note begins with the character whose code is its MIDI number: "<" is 60, middle C, and
"H" is 72, the C above. It goes on for as many ``HOLD`` as it lasts sixteenths longer; a
silent sixteenth is ``REST``. So everything that learns texts learns melodies.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..files import replacing
from .abc import Event, read_abc
from .audio import SAMPLE_RATE, plucked
from .catalog import Card
from .store import cache_dir
from .text import Record

HOLD, REST = "-", "."
STEPS = 4  # characters per quarter note
LOWEST, HIGHEST = 48, 107  # C3, clear of HOLD and REST; B7, still below 4,000 Hz
TICKS = 120  # of a MIDI file, per character
LOUDNESS = 80  # of 127


class Note(NamedTuple):
    """A MIDI number, or None for silence, and its length in sixteenth notes."""

    pitch: int | None
    steps: int


def melody(notes: Iterable[Note | tuple[int | None, int]]) -> str:
    """Write notes as a melody.

    Raises:
        ValueError: a pitch that has no character, or a length below 1.
    """
    text = ""
    for pitch, steps in notes:
        if steps < 1:
            raise ValueError(f"steps={steps}: a note lasts at least one sixteenth")
        if pitch is not None and not LOWEST <= pitch <= HIGHEST:
            raise ValueError(f"pitch={pitch}: choose one from {LOWEST} to {HIGHEST}")
        text += REST * steps if pitch is None else chr(pitch) + HOLD * (steps - 1)
    return text


def notes_of(text: str) -> list[Note]:
    """Read the notes of a melody. What is held after silence is silence.

    Raises:
        ValueError: no character, or one that means nothing.
    """
    notes: list[Note] = []
    for i, character in enumerate(text):
        silent = character == REST or (character == HOLD and not notes)
        if character not in (HOLD, REST) and not LOWEST <= ord(character) <= HIGHEST:
            raise ValueError(
                f"melody has {character!r} at {i}: give {HOLD!r}, {REST!r} and the "
                f"notes {chr(LOWEST)!r} to {chr(HIGHEST)!r}, of one tune only"
            )
        if notes and (character == HOLD or (silent and notes[-1].pitch is None)):
            notes[-1] = Note(notes[-1].pitch, notes[-1].steps + 1)
        else:
            notes.append(Note(None if silent else ord(character), 1))
    if not notes:
        raise ValueError("melody='': give at least one character")
    return notes


def transposed(text: str, semitones: int) -> str:
    """Return the melody so many semitones higher.

    Raises:
        ValueError: as ``melody`` and ``notes_of``.
    """
    return melody(
        Note(None if pitch is None else pitch + semitones, steps)
        for pitch, steps in notes_of(text)
    )


def on_grid(events: Iterable[Event]) -> str | None:
    """Write events as a melody; None if it has other times or pitches than ours."""
    text, held = "", None  # the pitch that is tied to the next
    for pitch, quarters, tied in events:
        steps = Fraction(quarters) * STEPS
        if not steps:  # a grace note
            continue
        if steps.denominator > 1 or not LOWEST <= (pitch or LOWEST) <= HIGHEST:
            return None
        goes_on = pitch is not None and pitch == held
        text += HOLD * int(steps) if goes_on else melody([(pitch, int(steps))])
        held = pitch if tied else None
    return text or None


# ---- readers: (card, split, paths) -> records ---------------------------------------


def read_tunes(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read ABC files; the class of a tune is the file that it stands in."""
    yield from divided(_tunes(paths), split)


def _tunes(paths: list[Path]) -> Iterator[Record]:
    for path in paths:
        kind = "reels" if path.stem.startswith("reels") else path.stem
        for tune in read_abc(path.read_text(encoding="utf-8")):
            if text := on_grid(tune.events):
                yield Record(text, kind, tune.facts)


def read_chorales(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read the upper voice of the four-part chorales that come with music21.

    Raises:
        ModuleNotFoundError: music21 is missing.
    """
    yield from divided(_chorales(), split)


def _chorales() -> Iterator[Record]:
    for facts in parsed_chorales():
        events = [Event(p, Fraction(q), tied) for p, q, tied in facts.pop("events")]
        if text := on_grid(events):
            yield Record(text, None, facts)


def parsed_chorales() -> list[dict[str, Any]]:
    """Return title, meter, sharps, mode and events of each four-part piece of Bach.

    music21 takes the better part of a minute, so the result is kept in the cache.

    Raises:
        ModuleNotFoundError: music21 is missing.
    """
    try:
        version = importlib.metadata.version("music21")
    except importlib.metadata.PackageNotFoundError as error:
        raise ModuleNotFoundError("music21 is missing: pip install music21") from error
    path = cache_dir() / f"bach_chorales-music21-{version}.json"
    with suppress(OSError, ValueError):  # not there, or not whole
        return json.loads(path.read_text(encoding="utf-8"))
    found = list(_parse())
    with suppress(OSError), replacing(path) as temporary:  # a cache may be read-only
        temporary.write_text(json.dumps(found), encoding="utf-8")
    return found


def _parse() -> Iterator[dict[str, Any]]:
    from music21 import converter, corpus, key, meter

    for path in sorted(map(Path, corpus.getComposer("bach"))):
        parts = converter.parse(path).parts
        if len(parts) != 4:
            continue
        upper = parts[0]
        signature = upper[key.KeySignature].first()
        measure = upper[meter.TimeSignature].first()
        yield {
            "title": path.stem.replace("bwv", "BWV "),
            "meter": measure.ratioString if measure else "",
            "sharps": signature.sharps if signature else 0,
            "mode": getattr(signature, "mode", None) or "",
            "events": [
                [
                    max((p.midi for p in sound.pitches), default=None),
                    str(Fraction(sound.quarterLength)),
                    bool(sound.tie and sound.tie.type != "stop"),
                ]
                for sound in upper.flatten().notesAndRests
            ],
        }


def divided(records: Iterable[Record], split: str) -> Iterator[Record]:
    """Pass on the melodies of ``split``, none twice; a tenth are for the test.

    Melodies that begin with the same eight intervals are often one and the same tune,
    in another key or with another ending: they go to the same split.
    """
    seen: set[str] = set()
    numbers: dict[tuple[int, ...], int] = {}  # of the beginnings
    for record in records:
        if record.text in seen:
            continue
        seen.add(record.text)
        pitches = [note.pitch for note in notes_of(record.text) if note.pitch]
        beginning = tuple(b - a for a, b in pairwise(pitches[:9]))
        number = numbers.setdefault(beginning, len(numbers))
        if (number % 10 == 9) == (split == "test"):
            yield record


# ---- to be heard --------------------------------------------------------------------


def to_sound(text: str, *, tempo: float = 100.0) -> Tensor:
    """Play a melody on plucked strings: (T,) in [-1, 1] at ``SAMPLE_RATE``.

    ``tempo`` is in quarter notes a minute.

    Raises:
        ValueError: no melody (see ``notes_of``), or no such ``tempo``.
    """
    notes = notes_of(text)
    step = 60 / _checked(tempo) / STEPS * SAMPLE_RATE  # samples per character
    x, end = torch.zeros(round(len(text) * step)), 0
    for pitch, steps in notes:
        start, end = end, end + steps
        if pitch is not None:
            here = slice(round(start * step), round(end * step))
            length = here.stop - here.start
            hertz = torch.tensor([[440 * 2 ** ((pitch - 69) / 12)]])
            sound = plucked(hertz, length / SAMPLE_RATE)[0]
            fade = torch.arange(length - 1, -1, -1) / (0.01 * SAMPLE_RATE)
            x[here] = sound * fade.clamp(max=1)  # a sudden end would click
    return x


def write_midi(path: str | os.PathLike, text: str, *, tempo: float = 100.0) -> Path:
    """Write a melody as a MIDI file (format 0, one track), atomically.

    ``tempo`` is in quarter notes a minute. Source: Standard MIDI Files 1.0, 1988.

    Raises:
        ValueError: as ``to_sound``.
    """
    notes = notes_of(text)
    pace = round(60e6 / _checked(tempo))  # microseconds per quarter note
    track = b"\0\xff\x51\x03" + pace.to_bytes(3, "big")
    waiting = 0
    for pitch, steps in notes:
        if pitch is None:
            waiting += steps * TICKS
            continue
        track += delta(waiting) + bytes([0x90, pitch, LOUDNESS])
        track += delta(steps * TICKS) + bytes([0x80, pitch, 0])
        waiting = 0
    track += delta(waiting) + b"\xff\x2f\0"  # the end
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, STEPS * TICKS)
    with replacing(path) as temporary:
        temporary.write_bytes(header + struct.pack(">4sI", b"MTrk", len(track)) + track)
    return Path(path)


def delta(ticks: int) -> bytes:
    """Write a time as MIDI does: seven bits a byte; the eighth says that more come."""
    last = [ticks & 0x7F]
    while ticks := ticks >> 7:
        last.append(ticks & 0x7F | 0x80)
    return bytes(reversed(last))


def _checked(tempo: float) -> float:
    if not (math.isfinite(tempo) and 10 <= tempo <= 1_000):
        raise ValueError(f"tempo={tempo}: give 10 to 1,000 quarter notes a minute")
    return tempo
