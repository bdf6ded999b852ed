"""Spectrograms of sounds (B, T), and sounds from spectrograms."""

from __future__ import annotations

import torch
from torch import Tensor

from ..arguments import at_least, finite, whole
from .sound import SAMPLE_RATE

N_FFT, HOP, BANDS = 256, 64, 40  # 32 ms, 8 ms at 8 kHz; mel bands


def spectrogram(x: Tensor, n_fft: int = N_FFT, hop: int = HOP) -> Tensor:
    """Magnitudes of the short-time Fourier transform: (B, T) -> (B, n_fft/2 + 1, F).

    Hann window, one frame every ``hop`` samples, F = T // hop + 1; the ends are
    mirrored, so that the first frame is centred on the first sample.

    Raises:
        ValueError: ``x`` is no batch of sounds longer than half a window, or holds NaN
            or infinity; ``n_fft`` < 2 or ``hop`` < 1.
    """
    at_least(1, hop=hop)
    at_least(2, n_fft=n_fft)
    if x.ndim != 2 or x.shape[1] <= n_fft // 2:
        raise ValueError(
            f"x has shape {tuple(x.shape)}: give (B, T) with more than {n_fft // 2} "
            "samples"
        )
    _check_finite("x", x)
    return _stft(x, n_fft, hop).abs()


def mel_filters(
    bands: int = BANDS, n_fft: int = N_FFT, sample_rate: int = SAMPLE_RATE
) -> Tensor:
    """Triangles that gather frequencies as the ear does: (bands, n_fft/2 + 1).

    Their centres lie evenly on the mel scale 2595 log10(1 + f / 700), each triangle
    reaches to its neighbours' centres and its peak is 1.

    Raises:
        ValueError: ``bands`` < 1, ``n_fft`` < 2, or no ``sample_rate`` in Hz.
    """
    at_least(1, bands=bands)
    at_least(2, n_fft=n_fft)
    finite("sample_rate", sample_rate, above=0)
    top = 2_595 * torch.tensor(1 + sample_rate / 2 / 700).log10()
    corners = 700 * (10 ** (torch.linspace(0, top, bands + 2) / 2_595) - 1)  # in Hz
    frequency = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1)
    low, center, high = (corners[k : bands + k, None] for k in range(3))
    rising = (frequency - low) / (center - low)
    falling = (high - frequency) / (high - center)
    return torch.minimum(rising, falling).clamp(min=0)


def log_mel(
    x: Tensor, *, bands: int = BANDS, n_fft: int = N_FFT, hop: int = HOP
) -> Tensor:
    """Log-mel spectrogram: sounds (B, T) -> (B, bands, F), in natural logarithms.

    Silence is cut off at ln(1e-4).
    """
    filters = mel_filters(bands, n_fft).to(x.device)
    return (filters @ spectrogram(x, n_fft, hop)).clamp(min=1e-4).log()


def mel_to_spectrogram(mel: Tensor, *, n_fft: int = N_FFT) -> Tensor:
    """Guess the magnitudes (B, n_fft/2 + 1, F) that a log-mel spectrogram came from.

    By least squares; what the bands have merged stays lost.
    """
    back = torch.linalg.pinv(mel_filters(mel.shape[1], n_fft)).to(mel.device)
    return (back @ mel.exp()).clamp(min=0)


def griffin_lim(
    magnitude: Tensor,
    *,
    hop: int = HOP,
    iterations: int = 60,
    seed: int = 0,
) -> Tensor:
    """Find sounds (B, T) with the spectrogram ``magnitude`` (B, n_fft/2 + 1, F).

    From random phases: go to the sound, take its phases, keep the magnitudes. The
    error of the magnitudes never grows (Griffin and Lim 1984).

    Raises:
        ValueError: no magnitudes (not of this shape, negative, NaN or infinite), fewer
            than two frames, ``hop`` < 1, or ``iterations`` < 0.
    """
    at_least(1, hop=hop)
    at_least(0, iterations=iterations)
    if magnitude.ndim != 3 or magnitude.shape[1] < 2 or magnitude.shape[2] < 2:
        raise ValueError(
            f"magnitude has shape {tuple(magnitude.shape)}: give (B, n_fft/2 + 1, F), "
            "with at least two frames"
        )
    _check_finite("magnitude", magnitude)
    if magnitude.device.type == "cpu" and (magnitude < 0).any():
        raise ValueError("magnitude is negative somewhere: give exp() of logarithms")
    n_fft = 2 * (magnitude.shape[1] - 1)
    length = hop * (magnitude.shape[2] - 1)
    generator = torch.Generator().manual_seed(whole("seed", seed))
    angle = 2 * torch.pi * torch.rand(magnitude.shape, generator=generator)
    phase = torch.polar(torch.ones_like(angle), angle).to(magnitude.device)
    for _ in range(iterations):
        phase = _stft(_inverse(magnitude * phase, n_fft, hop, length), n_fft, hop)
        phase = phase / phase.abs().clamp(min=1e-8)
    return _inverse(magnitude * phase, n_fft, hop, length)


def _check_finite(name: str, x: Tensor) -> None:
    """On the CPU, that is: elsewhere looking means waiting."""
    if x.device.type == "cpu" and not x.isfinite().all():
        raise ValueError(f"{name} holds NaN or infinity: see where they come from")


def _stft(x: Tensor, n_fft: int, hop: int) -> Tensor:
    window = torch.hann_window(n_fft, device=x.device)
    return torch.stft(x, n_fft, hop, window=window, return_complex=True)


def _inverse(spectrum: Tensor, n_fft: int, hop: int, length: int) -> Tensor:
    window = torch.hann_window(n_fft, device=spectrum.device)
    return torch.istft(spectrum, n_fft, hop, window=window, length=length)
