"""Is a film right: frame by frame, steady, and does each thing stay what it is?

Films are (N, T, C, H, W), uint8 or floating point in [-1, 1], black is nothing. Each
channel holds one thing or none. Nothing here is learned.
"""

from __future__ import annotations

import torch
from torch import Tensor

THERE = 0.1  # a channel with less light than this share of the truth's has lost it


def light(films: Tensor) -> Tensor:
    """Return films as light from 0 to 1, in float32.

    Raises:
        ValueError: other than five dimensions, or than uint8 or [-1, 1].
    """
    if films.dim() != 5 or films.shape[1] < 1 or not films.numel():
        raise ValueError(f"films has shape {tuple(films.shape)}: give (N, T, C, H, W)")
    if films.dtype == torch.uint8:
        return films.float() / 255
    if not films.is_floating_point() or not (films.abs() <= 1.001).all():
        raise ValueError(
            f"films are {films.dtype} from {films.min():.4g} to {films.max():.4g}: "
            "give uint8, or floating point in [-1, 1]"
        )
    return (films.float() + 1) / 2


def pair(made: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Return both films as light.

    Raises:
        ValueError: two shapes, else as ``light``.
    """
    if made.shape != true.shape:
        raise ValueError(
            f"made has shape {tuple(made.shape)}, true {tuple(true.shape)}: cut both "
            "to the same frames"
        )
    return light(made), light(true)


def frame_error(made: Tensor, true: Tensor) -> Tensor:
    """Mean squared error of each frame, light from 0 to 1: (N, T)."""
    made, true = pair(made, true)
    return (made - true).square().mean((2, 3, 4))


def psnr(error: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of mean squared errors of light from 0 to 1."""
    return -10 * torch.log10(error.clamp_min(1e-12))


def flicker(films: Tensor) -> Tensor:
    """How unsteady the light of each film is: (N,), in shares of its mean light.

    The mean size of the second difference over time of the light of whole frames: 0 for
    light that is constant or changes evenly.

    Raises:
        ValueError: fewer than three frames, else as ``light``.
    """
    films = light(films)
    if films.shape[1] < 3:
        raise ValueError(f"films has {films.shape[1]} frames: give three or more")
    total = films.mean((2, 3, 4))  # (N, T)
    second = total[:, 2:] - 2 * total[:, 1:-1] + total[:, :-2]
    return second.abs().mean(1) / total.mean(1).clamp_min(1e-6)


def centroids(films: Tensor) -> tuple[Tensor, Tensor]:
    """Where the light of each channel lies: places (N, T, C, 2), amounts (N, T, C).

    Places are (right, down) in pixels, pixel i covers i to i + 1; without any light it
    is the middle of the picture. Amounts are in pixels of full light.
    """
    films = light(films)
    height, width = films.shape[-2:]
    amount = films.sum((3, 4))
    right = torch.arange(width, device=films.device) + 0.5
    down = torch.arange(height, device=films.device) + 0.5
    weight = amount.clamp_min(1e-6)
    x = (films.sum(3) * right).sum(-1) / weight
    y = (films.sum(4) * down).sum(-1) / weight
    places = torch.stack([x, y], -1)
    middle = torch.tensor([width / 2, height / 2], device=films.device)
    return torch.where(amount[..., None] > 1e-6, places, middle), amount


def path_error(made: Tensor, true: Tensor) -> Tensor:
    """How far each thing is from where it should be, in pixels: (N, T, C).

    NaN where the truth has nothing in that channel. Who has lost a thing (less than a
    tenth of its light is left) is off by half a picture.
    """
    where, amount = centroids(made)
    right, wanted = centroids(true)
    off = (where - right).norm(dim=-1)
    off = torch.where(amount < THERE * wanted, made.shape[-1] / 2, off)
    return torch.where(wanted > 1, off, torch.nan)


def likeness(films: Tensor, looks: Tensor) -> Tensor:
    """How much each channel looks like a picture, wherever it is: (N, T, C), 0 to 1.

    ``looks`` (N, C, H, W), uint8 or [-1, 1]. The greatest normalised cross-correlation
    over all (cyclic) shifts, by the Fourier transform: 1 for the same thing, whatever
    its brightness. A channel without light is like nothing: 0.

    Raises:
        ValueError: shapes that do not fit, else as ``light``.
    """
    if looks.shape != films.shape[:1] + films.shape[2:]:
        raise ValueError(
            f"looks has shape {tuple(looks.shape)} for films {tuple(films.shape)}: "
            "give (N, C, H, W), a picture a film"
        )
    films, looks = light(films), light(looks[:, None])
    spectra = torch.fft.rfft2(films) * torch.fft.rfft2(looks).conj()
    best = torch.fft.irfft2(spectra, s=films.shape[-2:]).amax((-2, -1))
    norms = films.flatten(3).norm(dim=-1) * looks.flatten(3).norm(dim=-1)
    return (best / norms.clamp_min(1e-6)).clamp(0, 1)


def recognised(films: Tensor, candidates: Tensor) -> Tensor:
    """Which of K pictures each channel looks like most: (N, T, C) int64.

    ``candidates`` (K, N, C, H, W): for each film its own K pictures.
    """
    return torch.stack([likeness(films, looks) for looks in candidates]).argmax(0)
