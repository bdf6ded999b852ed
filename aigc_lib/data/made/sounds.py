"""Made-up sounds: tones of plucked strings and vowels, drawn with a seed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Generator, Tensor

from ...codecs.synthesis import C4, FORMANTS, harmonic_sound, mouth, plucked
from ..catalog import Card

NOTES = {"C4": 0, "D4": 2, "E4": 4, "G4": 7, "A4": 9, "C5": 12}  # semitones above C4


def tones(n: int, generator: Generator, *, seconds: float) -> tuple[Tensor, Tensor]:
    """Notes of a pentatonic scale, plucked between a tenth and a half of the string."""
    y = torch.randint(len(NOTES), (n,), generator=generator)
    pitch = C4 * 2 ** (torch.tensor(list(NOTES.values()))[y, None] / 12)
    place = 0.1 + 0.4 * torch.rand(n, 1, generator=generator)
    return plucked(pitch, seconds, place), y


def vowels(n: int, generator: Generator, *, seconds: float) -> tuple[Tensor, Tensor]:
    """Five vowels of many voices: a buzz that three resonances of the mouth colour.

    Source and filter as in Fant 1960: the buzz falls by 6 dB an octave (glottis and
    lips together). The pitch lies between 100 and 200 Hz; formants vary together by 5%,
    as the size of a mouth does.
    """
    y = torch.randint(len(FORMANTS), (n,), generator=generator)
    pitch = 100 * 2 ** torch.rand(n, 1, generator=generator)
    size = 1 + 0.05 * torch.randn(n, 1, generator=generator)
    formants = size * torch.tensor(list(FORMANTS.values()))[y]  # (N, 3)
    return harmonic_sound(pitch, seconds, mouth(formants)), y


SOUNDS = {f.__name__: f for f in (tones, vowels)}


def read_sound(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Draw the sounds of a split: the seed is the position of the split on the card."""
    generator = torch.Generator().manual_seed(list(card.splits).index(split))
    return SOUNDS[card.name](card.splits[split], generator, **card.parameters)
