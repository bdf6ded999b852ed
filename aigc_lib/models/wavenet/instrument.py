"""A WaveNet as an instrument: it is told the pitch, and writes the sound of a string.

What it learns is a string that does not die away, so that a quarter of a second to
learn from is enough for notes of any length; the dying away is put back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ...arguments import at_least, whole
from ...codecs.instruments import RELEASE, faded, played, tone
from ...codecs.melody import STEPS
from ...codecs.piece import Piece
from ...codecs.sound import SAMPLE_RATE
from ...codecs.synthesis import DECAY, plucked
from .wavenet import WaveNet

PITCHES = range(55, 89)  # MIDI numbers, G3 to E6: of all melodies learned from
SECONDS = 0.25  # of a sound that is learned from
EACH = 40  # sounds of each pitch
MOST = 1.5  # seconds of a note that are drawn: a hundredth of a string is left


def wavenet_instrument() -> WaveNet:
    """Return an untrained WaveNet that can be told each of ``PITCHES``."""
    return WaveNet(classes=len(PITCHES), depth=8, stacks=1, skip_channels=64)


def strings(*, each: int = EACH, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return sounds (N, T) in [-0.8, 0.8] to learn from, and their pitches (N,).

    ``each`` of ``PITCHES``, counted from 0, plucked at places of their own.

    Raises:
        ValueError: ``each`` < 1, no seed.
    """
    at_least(1, each=each)
    generator = torch.Generator().manual_seed(whole("seed", seed))
    y = torch.arange(each * len(PITCHES)) % len(PITCHES)
    hertz = 440 * 2 ** ((PITCHES[0] - 69 + y[:, None]) / 12)
    place = 0.1 + 0.4 * torch.rand(len(y), 1, generator=generator)
    x = plucked(hertz, SECONDS, place)
    x = x / _dying(x.shape[1])
    return 0.8 * x / x.abs().amax(1, keepdim=True), y


def unplayable(pitches: Iterable[int]) -> list[int]:
    """Return those MIDI numbers that were never learned, in order."""
    return sorted(set(pitches) - set(PITCHES))


def wavenet_sound(
    model: WaveNet,
    piece: Piece,
    *,
    temperature: float = 0.6,
    seed: int = 0,
    progress: Callable[[float], Any] | None = None,
) -> Tensor:
    """Play a piece, its first voice by ``model``, all else by strings: (T,) in [-1, 1].

    Each pitch is drawn once, all of them together, for as long as its longest note
    asks, ``MOST`` seconds at most: what a piece costs does not grow with its length.
    ``progress`` is that of ``WaveNet.sample``.

    Raises:
        ValueError: a model that is told other than ``PITCHES``, or a note of the first
            voice beyond them.
    """
    if model.classes != len(PITCHES):
        raise ValueError(
            f"model has classes={model.classes}: give a wavenet_instrument(), which is "
            f"told {len(PITCHES)} pitches"
        )
    asked = sorted({note.pitch for note in piece.voices[0]})
    if strange := unplayable(asked):
        raise ValueError(
            f"piece: the first voice sounds {strange[0]}; choose pitches from "
            f"{PITCHES[0]} to {PITCHES[-1]}"
        )

    def other(pitch: int, seconds: float) -> Tensor:
        if progress:
            progress(1.0)  # may end it here too
        return string(pitch, seconds)

    if not asked:
        return played(piece, other)
    longest = max(note.steps for note in piece.voices[0]) * 60 / piece.tempo / STEPS
    length = round(min(longest + RELEASE, MOST) * SAMPLE_RATE)
    drawn = model.sample(
        len(asked),
        labels=torch.tensor(asked) - PITCHES[0],
        length=length,
        temperature=temperature,
        seed=seed,
        progress=progress,
    )
    drawn = dict(zip(asked, drawn * _dying(length), strict=True))

    def note(pitch: int, seconds: float) -> Tensor:
        return faded(drawn[pitch][: round(seconds * SAMPLE_RATE)])

    return played(piece, note, others=other)


def string(pitch: int, seconds: float) -> Tensor:
    """Return a note (T,) of the string that the WaveNet learns from."""
    return tone(pitch, seconds, "strings")


def _dying(n: int) -> Tensor:
    return (-DECAY * torch.arange(n) / SAMPLE_RATE).exp()
