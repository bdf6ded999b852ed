"""Melodies as texts, one character for each sixteenth note, and how to hear them.

A note begins with the character whose code is its MIDI number: "<" is 60, middle C, and
"H" is 72, the C above. It goes on for as many ``HOLD`` as it lasts sixteenths longer; a
silent sixteenth is ``REST``. So everything that learns texts learns melodies.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..arguments import finite, whole
from ..files import replacing
from .abc import Event
from .sound import SAMPLE_RATE
from .synthesis import plucked

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
        steps = whole("steps", steps, 1)
        if pitch is not None and not LOWEST <= whole("pitch", pitch) <= HIGHEST:
            raise ValueError(f"pitch={pitch}: choose one from {LOWEST} to {HIGHEST}")
        text += REST * steps if pitch is None else chr(int(pitch)) + HOLD * (steps - 1)
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
    """Write events as a melody; None if it has other times or pitches than ours.

    Raises:
        ValueError: a length that is negative or not finite.
    """
    text, held = "", None  # the pitch that is tied to the next
    for pitch, quarters, tied in events:
        finite("quarters", quarters, least=0)
        steps = Fraction(quarters) * STEPS
        if not steps:  # a grace note
            continue
        too_far = pitch is not None and not LOWEST <= pitch <= HIGHEST
        if steps.denominator > 1 or too_far:
            return None
        goes_on = pitch is not None and pitch == held
        text += HOLD * int(steps) if goes_on else melody([(pitch, int(steps))])
        held = pitch if tied else None
    return text or None


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
    return finite("tempo", tempo, least=10, most=1_000)
