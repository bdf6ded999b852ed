"""Instruments made of sines: pieces become sounds.

Sounds are float32 in [-1, 1] at ``SAMPLE_RATE``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..arguments import finite, unknown
from .melody import STEPS
from .piece import Piece
from .scores import sounding_chords
from .sound import SAMPLE_RATE
from .synthesis import plucked

RELEASE = 0.06  # seconds in which a note dies away
PEAK = 0.85
Note = Callable[[int, float], Tensor]


class Instrument(NamedTuple):
    """How a note sounds: its harmonics, its swelling, its dying.

    ``harmonics`` are their amplitudes, ``attack`` is in seconds, ``decay`` the share
    that is lost in a second as a power of e. With ``ratio`` and ``index`` it is one
    sine whose phase another one bends (Chowning 1973): ``index`` radians, at ``ratio``
    times its frequency.
    """

    title: str
    harmonics: tuple[float, ...] = (1.0,)
    attack: float = 0.01
    decay: float = 0.0
    ratio: float = 0.0
    index: float = 0.0


INSTRUMENTS = {
    "strings": Instrument("拨弦"),  # of ``synthesis.plucked``
    "organ": Instrument("管风琴", (1, 0.6, 0.35, 0.3, 0.1, 0.15), attack=0.03),
    "flute": Instrument("长笛", (1, 0.25, 0.1, 0.03), attack=0.06),
    "bells": Instrument("钟琴（FM）", decay=2.5, ratio=3.5, index=2.0),
    "piano": Instrument("电钢琴（FM）", decay=1.8, ratio=1.0, index=1.2),
}
LOUDNESS = {"melody": 1.0, "voice": 0.75, "chord": 0.3}


def tone(pitch: int, seconds: float, instrument: str = "organ") -> Tensor:
    """Return one note (T,), of MIDI number ``pitch``: about 1 at most.

    Raises:
        ValueError: no such instrument, a pitch that is no MIDI number, seconds that are
            not above 0.
    """
    if instrument not in INSTRUMENTS:
        raise unknown("instrument", instrument, INSTRUMENTS)
    pitch = finite("pitch", pitch, least=0, most=127)
    seconds = finite("seconds", seconds, above=0)
    hertz, n = 440 * 2 ** ((pitch - 69) / 12), max(2, round(seconds * SAMPLE_RATE))
    if instrument == "strings":
        return faded(plucked(torch.tensor([[hertz]]), n / SAMPLE_RATE)[0])
    kind = INSTRUMENTS[instrument]
    t = torch.arange(n, dtype=torch.float64) / SAMPLE_RATE
    angle = 2 * math.pi * hertz * t
    dying = (-kind.decay * t).exp()
    if kind.index:
        bend = kind.index * dying * torch.sin(kind.ratio * angle)
        x = torch.sin(angle + bend)
    else:
        heard = [
            amplitude * torch.sin((k + 1) * angle)
            for k, amplitude in enumerate(kind.harmonics)
            if (k + 1) * hertz < SAMPLE_RATE / 2  # beyond, they would come back lower
        ]
        x = sum(heard, torch.zeros(n, dtype=torch.float64)) / sum(kind.harmonics)
    x = x * dying * (t / kind.attack).clamp(max=1)
    return faded(x.float())


def to_sound(piece: Piece, instrument: str = "strings") -> Tensor:
    """Play a piece with one instrument, chords softly below: (T,) in [-1, 1].

    Raises:
        ValueError: no such instrument.
    """
    if instrument not in INSTRUMENTS:
        raise unknown("instrument", instrument, INSTRUMENTS)
    return played(piece, lambda pitch, seconds: tone(pitch, seconds, instrument))


def played(piece: Piece, note: Note, *, others: Note | None = None) -> Tensor:
    """Play a piece with ``note(pitch, seconds)``, which returns a sound (T,).

    With ``others`` it plays the first voice alone, and they all else.
    """
    others = others or note
    step = 60 / piece.tempo / STEPS  # seconds
    x = torch.zeros(round((piece.length * step + 0.5) * SAMPLE_RATE))
    made: dict[tuple[Note, int, int], Tensor] = {}

    def add(by: Note, start: int, steps: int, pitch: int, loudness: float) -> None:
        if (by, pitch, steps) not in made:
            made[by, pitch, steps] = by(pitch, steps * step + RELEASE)
        sound = made[by, pitch, steps]
        at = round(start * step * SAMPLE_RATE)
        room = x[at : at + len(sound)]
        room += loudness * sound[: len(room)]

    for number, voice in enumerate(piece.voices):
        for start, steps, pitch in voice:
            first = number == 0
            loud = LOUDNESS["melody" if first else "voice"]
            add(note if first else others, start, steps, pitch, loud)
    for start, steps, pitches in sounding_chords(piece):
        for pitch in pitches:
            add(others, start, steps, pitch, LOUDNESS["chord"])
    peak = x.abs().max()
    return PEAK * x / peak if peak > 0 else x


def faded(x: Tensor) -> Tensor:
    """Let a note (T,) die away within ``RELEASE``: a sudden end would click."""
    fade = torch.arange(len(x) - 1, -1, -1) / (RELEASE * SAMPLE_RATE)
    return x * fade.clamp(max=1)
