"""Sounds from formulas: harmonics of a pitch, the resonances of a mouth, strings.

Sounds are (N, T) float32 in [-1, 1] at ``SAMPLE_RATE``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..arguments import at_least, finite
from .sound import SAMPLE_RATE

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

DECAY = 3.0  # what a string loses in a second, as a power of e

Gain = Callable[[Tensor], Tensor]  # frequencies in Hz -> complex amplitudes


def harmonic_sound(pitch: Tensor, seconds: float, gain: Gain) -> Tensor:
    """Add up the harmonics of ``pitch`` in Hz, (N, 1), or (N, T) if it changes: (N, T).

    The source is a sawtooth: the k-th harmonic is 1/k as strong as the first, and all
    begin together. ``gain`` maps the frequencies of one harmonic to the complex numbers
    that it is multiplied by: their angles are what its phase gains. Harmonics stop
    below half the sample rate, where they would come back as others. Each sound has its
    peak at 0.8, after a fade-in of 10 ms.

    Raises:
        ValueError: pitches not between 0 and half the sample rate, or ``seconds`` that
            hold no two samples.
    """
    samples = round(finite("seconds", seconds, above=0) * SAMPLE_RATE)
    at_least(2, samples=samples)
    if not ((pitch > 0) & (pitch < SAMPLE_RATE / 2)).all():
        raise ValueError(
            f"pitch from {pitch.min():.4g} to {pitch.max():.4g} Hz: give pitches above "
            f"0 and below {SAMPLE_RATE // 2}"
        )
    cycles = pitch.expand(-1, samples).double().cumsum(1) / SAMPLE_RATE  # since 0
    x = torch.zeros(cycles.shape)
    for k in range(1, math.ceil(SAMPLE_RATE / 2 / pitch.min().item())):
        passed = gain(k * pitch) / k * (k * pitch < SAMPLE_RATE / 2)
        angle = 2 * math.pi * (k * cycles).frac().float()
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
    return x * (-DECAY * torch.arange(x.shape[1]) / SAMPLE_RATE).exp()
