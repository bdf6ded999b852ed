"""Sound as numbers: the mu-law code, and WAV files.

Sounds are (N, T) float32 in [-1, 1] at ``SAMPLE_RATE``.
"""

from __future__ import annotations

import functools
import io
import math
import os
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..arguments import whole
from ..files import replacing

SAMPLE_RATE = 8_000  # Hz: that of a telephone, enough for three formants


def _amplitudes(x: Tensor, levels: int) -> None:
    if np.isnan(x.detach().numpy()).any():
        raise ValueError("x holds NaN: no amplitude; see where it comes from")


def _codes(codes: Tensor, levels: int) -> None:
    low, high = codes.numpy().min(), codes.numpy().max()
    if not 0 <= low <= high < levels:
        raise ValueError(
            f"codes from {low} to {high}: give those of {levels} levels, 0 to "
            f"{levels - 1}"
        )


def _after(check: Callable[[Tensor, int], None]) -> Callable:
    """Check levels, and on the CPU what is coded: elsewhere that would mean waiting."""

    def wrap(code: Callable[[Tensor, int], Tensor]) -> Callable[..., Tensor]:
        @functools.wraps(code)
        def checked(x: Tensor, levels: int = 256) -> Tensor:
            levels = whole("levels", levels, 2)
            if x.device.type == "cpu" and x.numel():
                check(x, levels)
            return code(x, levels)

        return checked

    return wrap


@_after(_amplitudes)
def mu_law_encode(x: Tensor, levels: int = 256) -> Tensor:
    """Turn amplitudes in [-1, 1] into codes 0 .. levels - 1, fine where it is quiet.

    Returns int64 of the shape of ``x``; amplitudes beyond [-1, 1] are clipped.
    Source: ITU-T G.711; van den Oord et al. 2016 (WaveNet), section 2.2.

    Raises:
        ValueError: NaN (looked for on the CPU; elsewhere that would mean waiting), or
            fewer than 2 ``levels``.
    """
    mu = levels - 1
    x = x.clamp(-1, 1)
    compressed = x.sign() * torch.log1p(mu * x.abs()) / math.log1p(mu)  # [-1, 1]
    return ((compressed + 1) / 2 * mu).round().long()


@_after(_codes)
def mu_law_decode(codes: Tensor, levels: int = 256) -> Tensor:
    """Return the amplitudes in [-1, 1], float32, that ``codes`` stand for.

    Raises:
        ValueError: codes that are none (looked for on the CPU), or fewer than 2
            ``levels``.
    """
    mu = levels - 1
    compressed = 2 * codes.float() / mu - 1
    return compressed.sign() * torch.expm1(compressed.abs() * math.log1p(mu)) / mu


def write_wav(
    path: str | os.PathLike, x: Tensor, *, sample_rate: int = SAMPLE_RATE
) -> Path:
    """Write one sound (T,) in [-1, 1] as a 16-bit mono WAV file, atomically.

    Raises:
        ValueError: as ``wav_bytes``.
    """
    data = wav_bytes(x, sample_rate=sample_rate)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def wav_bytes(x: Tensor, *, sample_rate: int = SAMPLE_RATE) -> bytes:
    """Return what ``write_wav`` would write.

    Raises:
        ValueError: ``x`` is not one sound, is empty, or leaves [-1, 1]; no such
            ``sample_rate`` in Hz.
    """
    sample_rate = whole("sample_rate", sample_rate, 1)
    x = torch.as_tensor(x).detach().cpu().float()
    if x.ndim != 1 or not len(x):
        raise ValueError(f"x has shape {tuple(x.shape)}: give one sound (T,)")
    if not x.isfinite().all() or x.abs().max() > 1:
        raise ValueError(
            f"x reaches {x.abs().max():.3g}: divide by its peak, a file holds [-1, 1]"
        )
    samples, data = (x * 32_767).round().to(torch.int16), io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.numpy().astype("<i2").tobytes())
    return data.getvalue()
