"""Made films: shapes or digits that move, bounce and cross, with their true state.

Places are (right, down) in pixels; the picture goes from 0 to its size, and pixel i
covers i to i + 1. Every thing keeps its speed and turns where its edge meets a wall.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, pad

from ...arguments import at_least, finite, whole

SHAPES = ("disc", "square", "triangle")
COLOURS = ("red", "green", "blue")  # each fills a channel of its own, and no other
SPEED = (0.8, 1.6)  # pixels a frame
RADIUS = (3.0, 4.2)
# How far a shape of radius 1 reaches from its centre: to the sides, up, down.
REACH = {"disc": (1.0, 1.0, 1.0), "square": (0.9, 0.9, 0.9)}
REACH["triangle"] = (1.35 * math.sqrt(3) / 2, 1.35, 0.675)  # equilateral
PART = 250  # films drawn at a time
Array = np.ndarray


class Films(NamedTuple):
    """``x`` (N, T, C, S, S) uint8, and what is true of the K things of each film.

    ``places`` (N, T, K, 2) float32 of their centres; ``kinds`` (N, K) int64 of SHAPES,
    or the labels of the digits; ``channels`` (N, K) int64 that hold their colours;
    ``looks`` (N, K, S, S) uint8: each alone, in the middle of a picture; ``hits``
    (N, T, K) bool: did it meet a wall since the frame before? The first thing is in
    front of the others.
    """

    x: Tensor
    places: Tensor
    kinds: Tensor
    channels: Tensor
    looks: Tensor
    hits: Tensor


def moving_shapes(
    n: int,
    *,
    frames: int = 16,
    size: int = 24,
    things: int = 1,
    rough: float = 0.0,
    seed: int = 0,
) -> Films:
    """Draw ``n`` films of shapes in colours of their own, (N, T, 3, S, S).

    ``rough``: the chance that a wall also turns the motion along it round, so that two
    futures are possible where a thing meets a wall.

    Raises:
        ValueError: ``n`` < 1, ``frames`` < 2, ``size`` < 16, more than three
            ``things``, ``rough`` outside [0, 1], a negative seed.
    """
    random, frames, size, rough = _checked(n, frames, size, rough, seed)
    things = whole("things", things)
    if not 1 <= things <= len(COLOURS):
        raise ValueError(f"things={things}: give 1 to {len(COLOURS)}, a colour each")
    kinds = random.integers(len(SHAPES), size=(n, things))
    channels = random.permuted(np.tile(np.arange(3), (n, 1)), axis=1)[:, :things]
    radii = random.uniform(*RADIUS, (n, things))
    side, up, down = radii * np.array([REACH[s] for s in SHAPES])[kinds].transpose(
        2, 0, 1
    )
    low, high = np.stack([side, up], -1), size - np.stack([side, down], -1)
    places, hits = _paths(random, low, high, frames, rough)
    x = np.zeros((n, frames, 3, size, size), np.float32)
    rows = np.arange(n)
    for k in reversed(range(things)):  # the first one is drawn last
        for i in range(0, n, PART):
            some = slice(i, i + PART)
            cover = shape(kinds[some, k], radii[some, k], places[some, :, k], size)
            x[some] *= 1 - cover[:, :, None]
            x[rows[some], :, channels[some, k]] += cover
    middle = np.full((n, 1, 2), size / 2)
    looks = [shape(kinds[:, k], radii[:, k], middle, size) for k in range(things)]
    return _films(x, places, kinds, channels, np.concatenate(looks, 1), hits)


def moving_digits(
    pictures: Tensor,
    labels: Tensor,
    n: int,
    *,
    frames: int = 16,
    size: int = 24,
    rough: float = 0.0,
    seed: int = 0,
) -> Films:
    """Move ``n`` digits of (M, 1, 28, 28) uint8, at half size, (N, T, 1, S, S).

    After Moving MNIST (Srivastava et al. 2015, section 3), with one digit a film.

    Raises:
        ValueError: other pictures, labels of another length, else as
            ``moving_shapes``.
    """
    random, frames, size, rough = _checked(n, frames, size, rough, seed)
    if pictures.shape[1:] != (1, 28, 28) or pictures.dtype != torch.uint8:
        raise ValueError(
            f"pictures are {tuple(pictures.shape)} {pictures.dtype}: give "
            "(M, 1, 28, 28) uint8, such as aigc_lib.data.load('mnist').x"
        )
    if len(labels) != len(pictures):
        raise ValueError(
            f"labels has {len(labels)} rows, pictures {len(pictures)}: give one each"
        )
    picked = torch.from_numpy(random.integers(len(pictures), size=n))
    small = avg_pool2d(pictures[picked].float() / 255, 2)  # (N, 1, 14, 14)
    border = (size - 14) // 2
    looks = pad(small, (border, size - 14 - border) * 2)
    ink = (looks[:, 0] > 0.1).numpy()
    low, high = _room(ink, size)
    places, hits = _paths(random, low[:, None], high[:, None], frames, rough)
    by = torch.from_numpy(places[:, :, 0] - size / 2).float()  # (N, T, 2)
    still = looks[:, None].expand(-1, frames, -1, -1, -1).flatten(0, 1)
    x = shifted(still, by.flatten(0, 1)).unflatten(0, (n, frames))
    kinds = labels[picked].numpy()[:, None]
    return _films(x.numpy(), places, kinds, 0 * kinds, looks.numpy(), hits)


def foils(films: Films, thing: int = 0, kinds: int = len(SHAPES)) -> Tensor:
    """What a thing of each film would look like were it of each kind: (K, N, C, S, S).

    Of its own kind it is the thing itself, of another one that of the next film which
    has it; all in its own channel. For ``metrics.films.recognised``.

    Raises:
        ValueError: a kind that no film has.
    """
    own, n = films.kinds[:, thing], len(films.x)
    rows, channels = torch.arange(n), films.channels[:, thing]
    out = torch.zeros(kinds, n, *films.x.shape[2:], dtype=torch.uint8)
    for kind in range(kinds):
        having = (own == kind).nonzero()[:, 0]
        if not len(having):
            raise ValueError(f"films: none has kind {kind}, give more of them")
        after = torch.searchsorted(having, rows)  # itself, or the next that has it
        out[kind, rows, channels] = films.looks[having[after % len(having)], thing]
    return out


def shape(kinds: Array, radii: Array, places: Array, size: int) -> Array:
    """Draw one shape a frame, edges smoothed: (N,), (N,), (N, T, 2) -> (N, T, S, S)."""
    down, right = np.mgrid[:size, :size] + 0.5
    x = (right - places[..., 0, None, None]).astype(np.float32)
    y = (down - places[..., 1, None, None]).astype(np.float32)
    r = radii[:, None, None, None].astype(np.float32)
    half = math.sqrt(3) / 2
    inside = [  # how far within the edge
        lambda x, y, r: r - np.hypot(x, y),
        lambda x, y, r: 0.9 * r - np.maximum(abs(x), abs(y)),
        lambda x, y, r: 0.675 * r - np.maximum(half * abs(x) - y / 2, y),
    ]
    deep = np.empty(x.shape, np.float32)
    for kind, depth in enumerate(inside):
        mine = kinds == kind
        deep[mine] = depth(x[mine], y[mine], r[mine])
    return (deep + 0.5).clip(0, 1)


def shifted(x: Tensor, by: Tensor) -> Tensor:
    """Move pictures x (N, C, S, S) by (N, 2) pixels, right and down; 0 comes in.

    Between pixels it interpolates bilinearly.
    """
    theta = torch.eye(2, 3).repeat(len(x), 1, 1)
    theta[:, :, 2] = -2 * by / x.shape[-1]
    grid = torch.nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
    return grid_sample(x, grid, align_corners=False)


def _room(ink: Array, size: int) -> tuple[Array, Array]:
    """Between which places (N, 2) a centre stays, for ink (N, S, S) in the middle."""
    across, along = ink.any(1), ink.any(2)  # columns, rows with ink
    first = np.stack([across.argmax(1), along.argmax(1)], -1)
    last = size - np.stack([across[:, ::-1].argmax(1), along[:, ::-1].argmax(1)], -1)
    return size / 2 - first, size - (last - size / 2)


def _checked(
    n: int, frames: int, size: int, rough: float, seed: int
) -> tuple[np.random.Generator, int, int, float]:
    at_least(1, n=n)
    at_least(2, frames=frames)
    at_least(16, size=size)
    finite("rough", rough, least=0, most=1)
    return np.random.default_rng(whole("seed", seed, 0)), frames, size, rough


def _paths(
    random: np.random.Generator, low: Array, high: Array, frames: int, rough: float
) -> tuple[Array, Array]:
    """Let centres run between ``low`` and ``high`` (N, K, 2): places, hits."""
    n, k, _ = low.shape
    place = random.uniform(low, high)
    angle, speed = random.uniform(0, 2 * np.pi, (n, k)), random.uniform(*SPEED, (n, k))
    velocity = speed[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    places, hits = [place], [np.zeros((n, k), bool)]
    for _ in range(frames - 1):
        place = place + velocity
        under, over = place < low, place > high
        place = np.where(
            under, 2 * low - place, np.where(over, 2 * high - place, place)
        )
        met = under | over
        turned = met.any(-1) & (random.random((n, k)) < rough)
        velocity = np.where(met | turned[..., None], -velocity, velocity)
        places.append(place)
        hits.append(met.any(-1))
    return np.stack(places, 1), np.stack(hits, 1)


def _films(
    x: Array, places: Array, kinds: Array, channels: Array, looks: Array, hits: Array
) -> Films:
    pixels = (torch.from_numpy(part) * 255 for part in (x, looks))
    x, looks = (part.round().clamp(0, 255).to(torch.uint8) for part in pixels)
    return Films(
        x,
        torch.from_numpy(places).float(),
        torch.from_numpy(kinds).long(),
        torch.from_numpy(channels).long(),
        looks,
        torch.from_numpy(hits),
    )
