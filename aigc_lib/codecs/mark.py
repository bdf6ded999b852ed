"""An invisible mark: a short number in the picture itself, found again after changes.

Improved spread spectrum (Malvar & Florencio 2003): each bit is the sign of the
correlation with a secret pattern of middle frequencies, spread over the whole picture.
Whoever embeds it knows the picture, and so takes away what the picture itself
contributes to that correlation; only what happens to the picture afterwards is noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.fft import irfft2, rfft2
from torch.nn.functional import interpolate, pad

from ..arguments import finite

ID_BITS, CHECK_BITS = 16, 12
BITS = ID_BITS + CHECK_BITS
NUMBERS = 2**ID_BITS  # how many there are: 0 to NUMBERS - 1
SIZE = 128  # pixels a side of what is marked
STRENGTH = 2.5  # root mean square of the change, in levels of 255, see ``embed``
BAND = (0.25, 0.45)  # of SIZE: cosine half-waves from edge to edge
KEPT = 0.6  # the smallest share of the area that a crop is looked for with
SURE = 2.4  # of ``Found.score``: see ``benchmarks/mark.py`` for the false alarms
LIGHT = (0.299, 0.587, 0.114)  # of red, green and blue
KEY = 22


@dataclass(frozen=True)
class Found:
    """What a picture was seen to carry.

    ``score`` tells how equally strong the bits are, their mean strength divided by its
    standard deviation: embedded they all have one strength, and chance, which gives
    1.3, does not do that. ``sure`` asks for more than ``SURE``, and for check bits that
    fit.
    """

    number: int
    score: float
    sure: bool


def delivered(pixels: Tensor) -> Tensor:
    """Enlarge pictures to what leaves the house: uint8 (N, C, S, S) -> 128 x 128.

    A picture of 64 or 32 pixels has little room for a mark. Enlarged it has four or
    sixteen times as much, most of it at frequencies where the picture itself has
    nothing.

    Raises:
        ValueError: pictures of another type, not square, or larger than 128 pixels.
    """
    single = pixels.dim() == 3
    x = _checked(pixels[None] if single else pixels)
    if x.shape[-1] != x.shape[-2] or x.shape[-1] > SIZE:
        raise ValueError(
            f"pixels have shape {tuple(pixels.shape)}: give squares of at most {SIZE}"
        )
    x = _resized(x.float(), SIZE).round().clamp(0, 255).to(torch.uint8)
    return x[0] if single else x


def embed(
    pixels: Tensor, numbers: int | Tensor, *, strength: float = STRENGTH
) -> Tensor:
    """Write a number into pictures, uint8 (N, C, 128, 128) or one (C, 128, 128).

    ``numbers`` is one for all, or (N,) int64, from 0 to ``NUMBERS`` - 1; C is 1 or 3.
    All channels change alike, most where the picture is restless. ``strength`` is the
    root mean square of the change that is aimed at; quiet pictures, in which the mark
    itself is what is loud, take up to half as much again.

    Raises:
        ValueError: pictures of another shape or type, a number out of range.
    """
    finite("strength", strength, above=0)
    single = pixels.dim() == 3
    x = _checked(pixels[None] if single else pixels)
    if x.shape[-2:] != (SIZE, SIZE):
        raise ValueError(
            f"pixels have shape {tuple(pixels.shape)}: call delivered(pixels) first"
        )
    n = len(x)
    numbers = torch.as_tensor(numbers).cpu().expand(n)
    if numbers.is_floating_point() or not 0 <= numbers.min() <= numbers.max() < NUMBERS:
        raise ValueError(f"numbers={numbers.tolist()}: give 0 to {NUMBERS - 1}")
    signs = 2.0 * torch.stack([bits_of(int(k)) for k in numbers]) - 1  # (N, BITS)
    done = [
        _one(each, sign, strength) for each, sign in zip(x.float(), signs, strict=True)
    ]
    return done[0] if single else torch.stack(done)


def _one(x: Tensor, signs: Tensor, strength: float) -> Tensor:
    """Mark one picture (C, S, S): give each correlation its sign, and all one size."""
    carriers = patterns()
    spread = carriers * _restless(_light(x[None])[0, 0])  # (BITS, S, S)
    calm = _high(spread) / _loudness(_light(x[None]))[0, 0]
    gram = calm.flatten(1) @ carriers.flatten(1).T  # what each step adds
    ways = torch.linalg.inv(gram) @ spread.flatten(1)  # (BITS, S²): adds 1 to one

    def seen(x: Tensor) -> Tensor:
        return carriers.flatten(1) @ _even(_light(x[None])).flatten()

    # |size u - v|² is to be the square of the change: v takes out what the picture
    # itself contributes, u brings the bits in
    u, v = signs @ ways, seen(x) @ ways
    square, mixed = u @ u, u @ v
    room = mixed**2 - square * (v @ v - (SIZE * strength) ** 2)
    size = (mixed + room.clamp_min(0).sqrt()) / square
    least = SIZE * strength / square.sqrt() / 2  # better seen than not found
    for _ in range(6):  # what rounding and the ends of the scale took is given again
        change = (size.clamp_min(least) * signs - seen(x)) @ ways
        x = (x + change.view(1, SIZE, SIZE)).clamp(0, 255)
    return x.round().to(torch.uint8)


def find(pixels: Tensor) -> Found:
    """Look for a number in a picture: uint8 (C, H, W) of any size from 32 pixels on.

    Tried are the whole picture at the size that it had, and, of a smaller one, all
    places where it may have been cut out, if it is at least ``KEPT`` of the area.

    Raises:
        ValueError: a picture of another shape or type, or smaller.
    """
    if pixels.dim() != 3:
        raise ValueError(f"pixels have shape {tuple(pixels.shape)}: give (C, H, W)")
    x = _light(_checked(pixels[None]).float())  # (1, 1, H, W)
    height, width = x.shape[-2:]
    if min(height, width) < SIZE // 4:
        raise ValueError(
            f"pixels have {height} x {width}: give at least {SIZE // 4} a side"
        )
    views = [_resized(x, SIZE)]
    if max(height, width) <= SIZE and KEPT * SIZE**2 <= height * width < SIZE**2:
        views.append(x)
    return max(map(_read, views), key=lambda found: (found.sure, found.score))


def _read(view: Tensor) -> Found:
    """Decode a view at the place, of all that it may have, where most is seen."""
    height, width = view.shape[-2:]
    flat = pad(_even(view)[0, 0], (0, SIZE - width, 0, SIZE - height))
    seen = irfft2(_spectra() * rfft2(flat).conj(), s=(SIZE, SIZE))
    seen = seen[:, : SIZE - height + 1, : SIZE - width + 1]  # (BITS, A, B)
    strength = seen.abs()
    scores = strength.mean(0) / strength.std(0).clamp_min(1e-9)  # (A, B)
    tried = scores.flatten().topk(min(4, scores.numel()))
    found = [
        _decoded(seen.flatten(1)[:, place], score)
        for score, place in zip(tried.values.tolist(), tried.indices, strict=True)
    ]
    return max(found, key=lambda f: (f.sure, f.score))


def _decoded(seen: Tensor, score: float) -> Found:
    bits = (seen > 0).long()
    number = int((bits[:ID_BITS] * 2 ** torch.arange(ID_BITS)).sum())
    fits = bool((bits_of(number)[ID_BITS:] == bits[ID_BITS:]).all())
    return Found(number, score, fits and score > SURE)


def bits_of(number: int) -> Tensor:
    """Return the bits of a number, and the check bits behind them (CRC-12, 0x80F)."""
    rest = number << CHECK_BITS
    for place in range(ID_BITS - 1, -1, -1):
        if rest >> (place + CHECK_BITS) & 1:
            rest ^= 0x180F << place
    number = [number >> k & 1 for k in range(ID_BITS)]
    # the rest of 0 is 0: half of the check bits are turned over, or a flat picture,
    # which says 0 everywhere, would pass
    return torch.tensor(number + [(rest ^ 0x5A5) >> k & 1 for k in range(CHECK_BITS)])


@lru_cache
def patterns() -> Tensor:
    """Return the secret patterns, orthonormal: (BITS, 128, 128) float32."""
    places = torch.arange(SIZE, dtype=torch.float64)
    waves = torch.cos(math.pi / SIZE * (places[None] + 0.5) * places[:, None])
    waves *= math.sqrt(2 / SIZE)
    waves[0] /= math.sqrt(2)  # the discrete cosine transform, orthonormal
    radius = (places[:, None].square() + places.square()).sqrt() / SIZE
    inside = (radius >= BAND[0]) & (radius <= BAND[1])
    source = torch.Generator().manual_seed(KEY)
    drawn = torch.randn(BITS, int(inside.sum()), generator=source)
    rows = torch.linalg.qr(drawn.double().T).Q.T
    found = torch.zeros(len(rows), SIZE, SIZE, dtype=torch.float64)
    found[:, inside] = rows
    return (waves.T @ found @ waves).float()


@lru_cache
def _spectra() -> Tensor:
    return rfft2(patterns())


def _around(x: Tensor) -> Tensor:
    """Return the mean of 7 x 7 pixels around each: (..., H, W)."""
    height, width = x.shape[-2:]
    flat = pad(x.reshape(-1, 1, height, width), (3,) * 4, mode="reflect")
    # shifted and added, one direction after the other: a quarter of a pooling's time
    rows = sum(flat[..., k : k + height, :] for k in range(7))
    return (sum(rows[..., k : k + width] for k in range(7)) / 49).reshape(x.shape)


def _high(x: Tensor) -> Tensor:
    """Take the mean of 7 x 7 pixels from each: (..., H, W), whatever lies beyond."""
    return x - _around(x)


def _loudness(light: Tensor) -> Tensor:
    """Say how much happens around each pixel: (..., H, W), in levels, 2 to 40."""
    return _around(_high(light).square()).sqrt().clamp(2, 40)


def _even(light: Tensor) -> Tensor:
    """Bring details to one loudness everywhere, so that no edge drowns the mark."""
    return _high(light) / _loudness(light)


def _restless(light: Tensor) -> Tensor:
    """Say where a change is least seen: (S, S) -> (S, S), its mean square 1."""
    found = _loudness(light).clamp(2, 12)
    return found / found.square().mean().sqrt()


def _light(x: Tensor) -> Tensor:
    """Grey of pictures (N, C, H, W) -> (N, 1, H, W)."""
    if x.shape[1] == 1:
        return x
    return (x * x.new_tensor(LIGHT)[:, None, None]).sum(1, keepdim=True)


def _resized(x: Tensor, size: int) -> Tensor:
    if x.shape[-2:] == (size, size):
        return x
    options = {"mode": "bicubic", "antialias": True, "align_corners": False}
    return interpolate(x, (size, size), **options)


def _checked(pixels: Tensor) -> Tensor:
    shape = tuple(pixels.shape)
    if pixels.dtype != torch.uint8 or pixels.dim() != 4 or shape[1] not in (1, 3):
        raise ValueError(
            f"pixels have shape {shape} and type {pixels.dtype}: give uint8 (N, C, H, "
            "W), C of 1 or 3"
        )
    return pixels.cpu()
