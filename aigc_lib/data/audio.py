"""Sound drawn from formulas with a seed, the mu-law code, and WAV files.

Sounds are (N, T) float32 in [-1, 1] at ``SAMPLE_RATE``.
"""

from __future__ import annotations

import math
import os
import wave
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Generator, Tensor

from ..files import replacing
from .catalog import Card

SAMPLE_RATE = 8_000  # Hz: that of a telephone, enough for three formants

NOTES = {"C4": 0, "D4": 2, "E4": 4, "G4": 7, "A4": 9, "C5": 12}  # semitones above C4
C4 = 440 * 2 ** (-9 / 12)  # Hz; A4 = 440 Hz in equal temperament

# First three formants in Hz, means of 33 men: Peterson and Barney 1952, table II.
FORMANTS = {
    "i": (270, 2290, 3010),
    "e": (530, 1840, 2480),
    "a": (730, 1090, 2440),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
BANDWIDTHS = (60.0, 90.0, 150.0)  # Hz; Klatt 1980, table I


def mu_law_encode(x: Tensor, levels: int = 256) -> Tensor:
    """Turn amplitudes in [-1, 1] into codes 0 .. levels - 1, fine where it is quiet.

    Returns int64 of the shape of ``x``; amplitudes beyond [-1, 1] are clipped.
    Source: ITU-T G.711; van den Oord et al. 2016 (WaveNet), section 2.2.
    """
    mu = levels - 1
    x = x.clamp(-1, 1)
    compressed = x.sign() * torch.log1p(mu * x.abs()) / math.log1p(mu)  # [-1, 1]
    return ((compressed + 1) / 2 * mu).round().long()


def mu_law_decode(codes: Tensor, levels: int = 256) -> Tensor:
    """Return the amplitudes in [-1, 1], float32, that ``codes`` stand for."""
    mu = levels - 1
    compressed = 2 * codes.float() / mu - 1
    return compressed.sign() * torch.expm1(compressed.abs() * math.log1p(mu)) / mu


Gain = Callable[[Tensor], Tensor]  # frequencies in Hz -> complex amplitudes


def harmonic_sound(pitch: Tensor, seconds: float, gain: Gain) -> Tensor:
    """Add up the harmonics of ``pitch`` in Hz, (N, 1), or (N, T) if it changes: (N, T).

    The source is a sawtooth: the k-th harmonic is 1/k as strong as the first, and all
    begin together. ``gain`` maps the frequencies of one harmonic to the complex numbers
    that it is multiplied by: their angles are what its phase gains. Harmonics stop
    below half the sample rate, where they would come back as others. Each sound has its
    peak at 0.8, after a fade-in of 10 ms.
    """
    samples = round(seconds * SAMPLE_RATE)
    cycles = pitch.expand(-1, samples).double().cumsum(1) / SAMPLE_RATE  # since 0
    x = torch.zeros(cycles.shape)
    for k in range(1, math.ceil(SAMPLE_RATE / 2 / pitch.min().item())):
        passed = gain(k * pitch) / k * (k * pitch < SAMPLE_RATE / 2)
        angle = 2 * math.pi * (k * cycles % 1).float()
        x += passed.abs() * torch.sin(angle + passed.angle())
    x *= (torch.arange(samples) / (0.01 * SAMPLE_RATE)).clamp(max=1)
    return 0.8 * x / x.abs().amax(1, keepdim=True)


def mouth(formants: Tensor) -> Gain:
    """Return the gain of a mouth with ``formants`` in Hz, (N, 3), or (N, 3, T).

    The first three resonances, each F^2 / (F^2 - f^2 + i f B) with its bandwidth B.
    """
    centers = formants if formants.dim() == 3 else formants[..., None]

    def gain(f: Tensor) -> Tensor:
        product = torch.ones_like(f, dtype=torch.complex64)
        for center, width in zip(centers.unbind(1), BANDWIDTHS, strict=True):
            product = product * center**2 / torch.complex(center**2 - f**2, f * width)
        return product

    return gain


def plucked(pitch: Tensor, seconds: float, place: float | Tensor = 0.2) -> Tensor:
    """Strings of ``pitch`` (N, 1) in Hz: bright at first, then dying away, (N, T).

    ``place`` is where they are plucked, as a share of their length: harmonics that do
    not move there are not heard.
    """

    def gain(f: Tensor) -> Tensor:
        return (-f / 1_500).exp() * torch.sin(math.pi * place * f / pitch)

    x = harmonic_sound(pitch, seconds, gain)
    return x * (-3 * torch.arange(x.shape[1]) / SAMPLE_RATE).exp()


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


def write_wav(
    path: str | os.PathLike, x: Tensor, *, sample_rate: int = SAMPLE_RATE
) -> Path:
    """Write one sound (T,) in [-1, 1] as a 16-bit mono WAV file, atomically.

    Raises:
        ValueError: ``x`` is not one sound, is empty, or leaves [-1, 1].
    """
    x = torch.as_tensor(x).detach().cpu()
    if x.ndim != 1 or not len(x):
        raise ValueError(f"x has shape {tuple(x.shape)}: give one sound (T,)")
    if not x.isfinite().all() or x.abs().max() > 1:
        raise ValueError(
            f"x reaches {x.abs().max():.3g}: divide by its peak, a file holds [-1, 1]"
        )
    samples = (x * 32_767).round().to(torch.int16)
    with replacing(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.numpy().astype("<i2").tobytes())
    return Path(path)
