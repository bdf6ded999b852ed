"""Made scenes of coloured shapes with a Chinese sentence each, and who reads them.

What a picture shows can be read back by closed form, so whether a model drew what the
sentence asks for is measured, without a network as judge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import binary_dilation, label
from torch import Tensor

from ...arguments import at_least, unknown, whole
from ..catalog import Card, lookup

COLOURS = {
    "red": ("红", (214, 39, 40)),
    "yellow": ("黄", (240, 195, 0)),
    "green": ("绿", (34, 150, 60)),
    "blue": ("蓝", (31, 90, 200)),
    "purple": ("紫", (150, 60, 170)),
    "black": ("黑", (30, 30, 30)),
}
SHAPES = {"circle": "圆", "square": "方块", "triangle": "三角", "cross": "十字"}
SIZES = {"small": ("小", 4.0), "large": ("大", 6.0)}  # half the height, of 32 pixels
PLACES = {
    "left": ("左边", (8, 16)),
    "right": ("右边", (24, 16)),
    "top": ("上边", (16, 8)),
    "bottom": ("下边", (16, 24)),
    "middle": ("中间", (16, 16)),
}
SIDES = (("left", "right"), ("right", "left"), ("top", "bottom"), ("bottom", "top"))
NOVEL = (
    ("red", "triangle"),
    ("green", "circle"),
    ("blue", "cross"),
    ("purple", "square"),
)  # no training scene has these; each of their colours and shapes comes in others
WORDINGS = 6
GROUND = 240.0  # brightness of the background
UNCLEAR = "unclear"  # a spot of none of the colours, or of none of the shapes
STRANGE = 70.0  # from a colour: half the way between the two that are closest
ILL = 0.2  # share of a shape that is drawn wrong
Array = np.ndarray


class Thing(NamedTuple):
    """One thing of a scene: keys of COLOURS, SHAPES, SIZES and PLACES."""

    colour: str
    shape: str
    size: str
    place: str


class Scenes(NamedTuple):
    """``x`` (N, 3, S, S) uint8, N sentences, and the N tuples of one or two things."""

    x: Tensor
    texts: list[str]
    things: list[tuple[Thing, ...]]


class Verdict(NamedTuple):
    """What is right of N pictures, (N,) bool each; ``everything`` is all four."""

    colour: Tensor
    shape: Tensor
    size: Tensor
    place: Tensor
    everything: Tensor


def scenes(n: int, seed: int = 0, *, novel: bool = False, size: int = 32) -> Scenes:
    """Draw ``n`` scenes of one thing (a third) or two, each with a sentence.

    Without ``novel`` no thing has a combination of colour and shape of ``NOVEL``; with
    it one thing of every scene has.

    Raises:
        ValueError: ``n`` < 1, ``size`` < 16, a negative seed.
    """
    at_least(1, n=n)
    at_least(16, size=size)
    random = np.random.default_rng(whole("seed", seed, 0))
    known = [pair for pair in product(COLOURS, SHAPES) if pair not in NOVEL]
    x, texts, found = np.zeros((n, 3, size, size), np.uint8), [], []
    for k in range(n):
        if random.random() < 1 / 3:
            places = [list(PLACES)[random.integers(len(PLACES))]]
        else:
            places = SIDES[random.integers(len(SIDES))]
        new = random.integers(len(places)) if novel else None
        things = []
        for i, place in enumerate(places):
            pairs = NOVEL if i == new else known
            large = list(SIZES)[random.integers(2)]
            things.append(Thing(*pairs[random.integers(len(pairs))], large, place))
        found.append(tuple(things))
        texts.append(describe(things, int(random.integers(WORDINGS))))
        x[k] = _drawn(things, size, random)
    return Scenes(torch.from_numpy(x), texts, found)


def of_split(split: str) -> Scenes:
    """Draw a split of the card ``scenes``: pictures, sentences and things.

    "novel" has the combinations that no other split has.

    Raises:
        ValueError: a split that the card does not have.
    """
    splits = lookup("scenes").splits
    if split not in splits:
        raise unknown("split", split, splits)
    seed = list(splits).index(split)
    return scenes(splits[split], seed, novel=split == "novel")


def read_scenes(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Draw a split; the label is the number of things less one.

    As a stand-in it takes the shape of the card it stands for.
    """
    channels, size, _ = card.shape
    seed = list(card.splits).index(split)
    made = scenes(card.splits[split], seed, novel=split == "novel", size=size)
    x = made.x if channels == 3 else made.x.float().mean(1, keepdim=True).byte()
    return x, torch.tensor([len(things) - 1 for things in made.things])


# ---- things -> sentence, things -> picture


def describe(things: Sequence[Thing], wording: int = 0) -> str:
    """Say in Chinese what a scene holds, in one of ``WORDINGS`` ways.

    Raises:
        ValueError: not one thing, nor two on opposite sides; an unknown wording.
    """
    _checked(things)
    wording = whole("wording", wording)
    if not 0 <= wording < WORDINGS:
        raise ValueError(f"wording={wording}: give 0 to {WORDINGS - 1}")
    frame, plain = divmod(wording, 2)
    named = [_named(thing, plain) for thing in things]
    where = [PLACES[thing.place][0] for thing in things]
    if frame == 0:
        return "，".join(f"{p}一个{t}" for p, t in zip(where, named, strict=True))
    if frame == 1 or len(things) == 1:
        return "，".join(f"{t}在{p}" for p, t in zip(where, named, strict=True))
    return f"{named[0]}在{named[1]}的{where[0]}"


def _named(thing: Thing, plain: int) -> str:
    colour, large = COLOURS[thing.colour][0], SIZES[thing.size][0]
    if plain:
        return f"{large}号的{colour}{SHAPES[thing.shape]}"
    return f"{colour}色的{large}{SHAPES[thing.shape]}"


def draw(things: Sequence[Thing], *, size: int = 32, seed: int | None = None) -> Tensor:
    """Draw a scene: (3, size, size) uint8, edges smoothed.

    With a seed, places, sizes and colours vary a little; without one they do not.

    Raises:
        ValueError: as ``describe``; ``size`` < 16.
    """
    _checked(things)
    at_least(16, size=size)
    random = None if seed is None else np.random.default_rng(whole("seed", seed, 0))
    return torch.from_numpy(_drawn(things, size, random))


def _checked(things: Sequence[Thing]) -> None:
    choices = {"colour": COLOURS, "shape": SHAPES, "size": SIZES, "place": PLACES}
    for thing in things:
        for name, value in zip(choices, thing, strict=True):
            if value not in choices[name]:
                raise unknown(name, value, choices[name])
    places = tuple(thing.place for thing in things)
    if len(places) != 1 and places not in SIDES:
        raise ValueError(
            f"things are at {places}: give one, or two on opposite sides such as "
            f"{SIDES[0]}"
        )


def _drawn(
    things: Sequence[Thing], size: int, random: np.random.Generator | None
) -> Array:
    def spread(width: float, count: int) -> Array:
        return random.uniform(-width, width, count) if random else np.zeros(count)

    picture = np.full((3, size, size), GROUND)
    unit = size / 32
    for thing in things:
        radius = unit * (SIZES[thing.size][1] + spread(0.2, 1)[0])
        x, y = unit * (np.array(PLACES[thing.place][1]) + spread(0.8, 2))
        paint = np.array(COLOURS[thing.colour][1]) + spread(10, 3)
        cover = coverage(thing.shape, x, y, radius, size)
        picture += cover * (paint[:, None, None] - picture)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def coverage(shape: str, x: float, y: float, radius: float, size: int) -> Array:
    """Return how much of each pixel a shape covers, (size, size) in [0, 1].

    ``x``, ``y`` is the middle of its box and ``radius`` half the height, in pixels.
    Where the edge passes a pixel, its distance from the middle tells the part.
    """
    down, across = np.mgrid[:size, :size] + 0.5
    u, v = across - x, down - y
    if shape == "circle":
        far = np.hypot(u, v) - radius
    elif shape == "square":
        far = np.maximum(np.abs(u), np.abs(v)) - SQUARE * radius
    elif shape == "triangle":  # apex (0, -r), base from (-r, r) to (r, r)
        far = np.maximum(v - radius, (2 * np.abs(u) - v - radius) / math.sqrt(5))
    else:
        long, short = np.maximum(np.abs(u), np.abs(v)), np.minimum(np.abs(u), np.abs(v))
        far = np.maximum(long - radius, short - ARM * radius)
    return np.clip(0.5 - far, 0, 1)


SQUARE, ARM = 0.88, 0.36  # half a side, half an arm's width, of the radius
AREAS = {
    "circle": math.pi,
    "square": 4 * SQUARE**2,
    "triangle": 2.0,
    "cross": 4 * (2 * ARM - ARM**2),
}  # in squared radii


# ---- picture -> things


def seen(picture: Tensor) -> tuple[Thing, ...]:
    """Read which things a picture (3, S, S) shows, uint8 or in [-1, 1], left to right.

    A spot is what differs from the background and hangs together; spots below a third
    of a small triangle are dust. The colour is that of its core. Each shape is drawn
    with the spot's area, middle and colour; the one that looks most alike is the shape.
    A colour or a shape that is like none of those known is "unclear".

    Raises:
        ValueError: another shape.
    """
    if picture.dim() != 3 or len(picture) != 3 or picture.shape[1] != picture.shape[2]:
        raise ValueError(f"picture is {tuple(picture.shape)}: give (3, S, S)")
    if picture.dtype != torch.uint8:
        picture = (picture.float() + 1) * 127.5
    pixels = picture.cpu().numpy().astype(float)
    size = pixels.shape[1]
    parts, count = label(np.linalg.norm(GROUND - pixels, axis=0) > 100)
    least = (SIZES["small"][1] * size / 32) ** 2 * AREAS["triangle"] / 3
    limit = sum(radius for _, radius in SIZES.values()) / 2 * size / 32
    spots = [
        _spotted(pixels, parts == part)
        for part in range(1, count + 1)
        if (parts == part).sum() >= least
    ]
    spots.sort(key=lambda spot: spot[2])
    places = _placed([spot[2:4] for spot in spots], size)
    return tuple(
        Thing(colour, shape, "large" if radius > limit else "small", place)
        for (colour, shape, *_, radius), place in zip(spots, places, strict=True)
    )


def _spotted(pixels: Array, spot: Array) -> tuple[str, str, float, float, float]:
    """Return what a spot (S, S) bool looks like, its middle x and y, and its radius."""
    spot = binary_dilation(spot)  # its faint edge belongs to it
    differs = (GROUND - pixels) * spot  # (3, S, S)
    strength = np.linalg.norm(differs, axis=0)
    paint = differs[:, strength > 0.7 * strength.max()].mean(1)
    far = {
        colour: np.linalg.norm(GROUND - paint - known)
        for colour, (_, known) in COLOURS.items()
    }
    colour = min(far, key=far.get)
    cover = np.tensordot(paint, differs, 1) / (paint @ paint)
    area = cover.sum()
    down, across = np.mgrid[: len(cover), : len(cover)] + 0.5
    x, y = (cover * across).sum() / area, (cover * down).sum() / area
    fits = []
    for shape, each in AREAS.items():
        radius = math.sqrt(area / each)
        top = y - radius / 3 if shape == "triangle" else y  # mass lies below the middle
        expected = paint[:, None, None] * coverage(shape, x, top, radius, len(cover))
        error = ((differs - expected) ** 2).sum() / (paint @ paint) / area
        fits.append((error, shape, x, top, radius))
    error, shape, *where = min(fits)
    return (
        colour if far[colour] < STRANGE else UNCLEAR,
        shape if error < ILL else UNCLEAR,
        *where,
    )


def _placed(middles: list[tuple[float, float]], size: int) -> list[str]:
    """Name the places of things by their middles: alone, or one against the other."""
    if len(middles) == 2:
        (x1, y1), (x2, y2) = middles
        if abs(x1 - x2) >= abs(y1 - y2):
            return ["left", "right"] if x1 < x2 else ["right", "left"]
        return ["top", "bottom"] if y1 < y2 else ["bottom", "top"]
    names = []
    for x, y in middles:
        near = {
            name: math.hypot(x - u * size / 32, y - v * size / 32)
            for name, (_, (u, v)) in PLACES.items()
        }
        names.append(min(near, key=near.get))
    return names


def judge(pictures: Tensor, asked: Sequence[Sequence[Thing]]) -> Verdict:
    """Compare N pictures (N, 3, S, S) with the things asked for, as ``seen`` reads.

    Of two things, those seen are paired with those asked for in the way that makes
    most of them right. Too many or too few things: nothing is right.

    Raises:
        ValueError: not as many pictures as scenes.
    """
    if len(pictures) != len(asked):
        raise ValueError(f"{len(pictures)} pictures, {len(asked)} scenes: give pairs")
    rows = [_right(seen(x), things) for x, things in zip(pictures, asked, strict=True)]
    right = torch.tensor(rows, dtype=torch.bool).reshape(-1, 4)
    return Verdict(*right.T, right.all(1))


def _right(found: Sequence[Thing], asked: Sequence[Thing]) -> list[bool]:
    if len(found) != len(asked):
        return [False] * 4
    ways = [
        [
            [a == b for a, b in zip(f, t, strict=True)]
            for f, t in zip(order, asked, strict=True)
        ]
        for order in permutations(found)
    ]
    best = max(ways, key=lambda way: sum(map(sum, way)))
    return [all(column) for column in zip(*best, strict=True)]
