"""Made-up speech of vowels and pauses whose mouth is known at every moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..arguments import finite, whole
from ..codecs.sound import SAMPLE_RATE
from ..codecs.spectrum import HOP
from ..codecs.synthesis import FORMANTS, harmonic_sound, mouth

# How wide a mouth is opened and spread, from 0 to 1: vowels by height and rounding
# (International Phonetic Alphabet); a pause is a closed, resting mouth.
SHAPES = {
    "a": (1.0, 0.55),
    "e": (0.6, 0.75),
    "i": (0.3, 1.0),
    "o": (0.6, 0.25),
    "u": (0.3, 0.05),
    "-": (0.0, 0.5),
}
REACH = 0.1  # seconds over which a mouth goes from one shape to the next
FRAME = HOP / SAMPLE_RATE  # seconds, 8 ms


class Speech(NamedTuple):
    """Sounds (N, T) in [-1, 1], and mouths (N, F, 2): opening and spread, 0 to 1.

    Frame f is that of ``log_mel``: centred on sample f * HOP. ``words`` are the vowels.
    """

    x: Tensor
    mouths: Tensor
    words: tuple[str, ...]


def speeches(
    n: int, *, seconds: float = 1.6, seed: int = 0, noise: float = 0.0
) -> Speech:
    """Draw ``n`` speeches, each of another voice: pitch, size of the mouth, tempo.

    A vowel lasts 0.1 to 0.25 s, a pause too. The sound changes within 20 ms; the mouth
    needs ``REACH``, half of it beforehand: lips are on their way before a vowel sounds
    (anticipatory coarticulation, Öhman 1966). ``noise`` is its standard deviation.

    Raises:
        ValueError: ``n`` below 1, less than 0.3 seconds, negative ``noise``.
    """
    n, seconds = whole("n", n, 1), finite("seconds", seconds, least=0.3)
    noise = finite("noise", noise, least=0)
    rng = np.random.default_rng(whole("seed", seed, 0))
    samples = round(seconds * SAMPLE_RATE)
    letters, voices, shapes, words = list(FORMANTS), [], [], []
    for _ in range(n):
        word, ends, at = ["-"], [], 0.1
        while at < seconds - 0.1:
            ends.append(at)
            pause = word[-1] != "-" and rng.random() < 0.2
            others = [v for v in letters if v != word[-1]]
            word.append("-" if pause else others[rng.integers(len(others))])
            at += rng.uniform(0.1, 0.25)
        ends.append(min(at, seconds - 0.05))
        word.append("-")
        time = np.arange(samples) / SAMPLE_RATE
        which = np.searchsorted(ends, time, side="right")
        voices.append(_voice([word[k] for k in which], rng))
        wanted = np.array([SHAPES[v] for v in word])[which]
        shapes.append(_averaged(wanted, REACH)[::HOP])
        words.append("".join(word).strip("-"))
    sound = torch.cat([_spoken(voices[k : k + 8]) for k in range(0, n, 8)])
    hiss = torch.from_numpy(rng.normal(0, 1, sound.shape).astype(np.float32))
    sound = (sound + noise * hiss).clamp(-1, 1)
    mouths = torch.from_numpy(np.stack(shapes)).float()
    frames = samples // HOP + 1
    last = mouths[:, -1:].expand(-1, max(0, frames - mouths.shape[1]), -1)
    return Speech(sound, torch.cat([mouths, last], 1)[:, :frames], tuple(words))


def _voice(letters: list[str], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Pitch (T,), formants (3, T) and loudness (T,) of a voice: a letter a sample."""
    pitch, size = 100 * 2 ** rng.uniform(0, 1), 1 + 0.05 * rng.standard_normal()
    table = {v: np.array(f) * size for v, f in FORMANTS.items()}
    table["-"] = np.mean([*table.values()], 0)
    formants = _averaged(np.array([table[v] for v in letters]), 0.02)
    loud = _averaged(np.array([[v != "-"] for v in letters], dtype=float), 0.02)
    turns = rng.uniform(1, 2) * np.linspace(0, 2 * np.pi, len(letters))
    return pitch * (1 + 0.1 * np.sin(turns)), formants.T, loud[:, 0]


def _spoken(voices: Sequence[tuple[np.ndarray, ...]]) -> Tensor:
    """Make the sounds of a few voices, (N, T)."""
    pitch, formants, loud = (
        torch.from_numpy(np.stack(part)).float() for part in zip(*voices, strict=True)
    )
    x = harmonic_sound(pitch, loud.shape[1] / SAMPLE_RATE, mouth(formants))
    return 0.8 * x * loud


def _averaged(rows: np.ndarray, seconds: float) -> np.ndarray:
    """Smooth rows (T, D) by a Hann window of ``seconds``, the ends held."""
    half = round(seconds * SAMPLE_RATE / 2)
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(rows, ((half, half), (0, 0)), mode="edge")
    window = window / window.sum()
    return np.stack([np.convolve(c, window, mode="valid") for c in padded.T], 1)
