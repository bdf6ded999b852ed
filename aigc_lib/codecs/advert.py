"""A short advert: what must hold of it, how code puts it together, and what is wrong.

The background may move as it likes; product, price and label are laid on by code, pixel
by pixel, so that no model can change what is sold or what it costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_fill_holes
from torch import Tensor

from ..arguments import finite, whole
from .designs import contrast
from .film import checked

READABLE = 4.5  # contrast of text (WCAG 2.1, level AA)
SEAM = (
    2.0  # times the mean step from frame to frame, at most, where the film begins anew
)
GLYPHS = {  # fonts with Chinese are not everywhere
    "生": """
...#.......
.#.#.......
.#.#.......
.#########.
#..#.......
...#.......
.########..
...#.......
...#.......
...#.......
##########.""",
    "成": """
......#.#..
......#..#.
.##########
.#....#....
.#....#..#.
.####.#..#.
.#..#..#.#.
.#..#..##..
.#..#..#...
#..#..#.#.#
#....#...##""",
}


@dataclass(frozen=True)
class Storyboard:
    """What is laid down before anything is drawn: size, length, words, movement.

    Sizes in pixels; the product goes once round a loop of ``sway`` pixels to the sides
    and half of that up and down, in whole pixels. ``ink`` and ``ground`` are the
    colours "#rrggbb" of the texts.

    Raises:
        ValueError: sizes, frames or rates out of range; an empty price.
    """

    width: int = 144
    height: int = 192
    frames: int = 30
    fps: float = 10.0
    price: str = "¥199"
    sway: int = 10
    ink: str = "#ffffff"
    ground: str = "#14213d"

    def __post_init__(self) -> None:
        whole("width", self.width, 96)
        whole("height", self.height, 128)
        whole("frames", self.frames, 2)
        finite("fps", self.fps, least=1, most=50)
        whole("sway", self.sway, 0)
        if not self.price.strip():
            raise ValueError(f"price={self.price!r}: say what it costs")
        if unknown := [sign for sign in self.price if _missing(sign)]:
            raise ValueError(
                f"price={self.price!r}: the font lacks {unknown[0]!r}, use ¥, Latin "
                "letters and digits"
            )

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.frames / self.fps

    def place(self, frame: int, side: tuple[int, int]) -> tuple[int, int]:
        """Top and left of a product of ``side`` (height, width) in a frame."""
        angle = 2 * math.pi * frame / self.frames
        top = (self.height - side[0]) // 2 + round(self.sway / 2 * math.sin(2 * angle))
        left = (self.width - side[1]) // 2 + round(self.sway * math.sin(angle))
        return top, left

    @cached_property
    def texts(self) -> dict[str, tuple[int, int, Tensor]]:
        """Price and label: top, left, and the picture (3, h, w) uint8 of each."""
        price = _boxed(_letters(self.price, self.height // 10), self.ink, self.ground)
        label = _boxed(_label(), self.ink, self.ground)
        down = self.height - price.shape[1] - 4
        return {
            "price": (down, (self.width - price.shape[2]) // 2, price),
            "label": (4, 4, label),
        }


def cut_out(product: Tensor) -> Tensor:
    """Where a product is in its picture (3, h, w) uint8: (h, w) bool.

    What differs from the colour of the top left corner, and what that encloses.
    """
    different = (product != product[:, :1, :1]).any(0)
    return torch.from_numpy(binary_fill_holes(different.numpy()))


def assembled(product: Tensor, background: Tensor, board: Storyboard) -> Tensor:
    """Lay product, price and label on a background (T, 3, H, W): uint8, like it.

    Raises:
        ValueError: a background of another size or length than the storyboard's, or a
            product too large for it.
    """
    wanted = (board.frames, 3, board.height, board.width)
    if tuple(background.shape) != wanted or background.dtype != torch.uint8:
        raise ValueError(
            f"background is {tuple(background.shape)} {background.dtype}: give "
            f"{wanted} uint8, as the storyboard says"
        )
    side, mask = tuple(product.shape[1:]), cut_out(product)
    if side[0] + board.sway > board.height or side[1] + 2 * board.sway > board.width:
        raise ValueError(
            f"product is {side}: it must fit {(board.height, board.width)} with a sway "
            f"of {board.sway}"
        )
    film = background.clone()
    for t, frame in enumerate(film):
        top, left = board.place(t, side)
        area = frame[:, top : top + side[0], left : left + side[1]]
        area.copy_(torch.where(mask, product, area))
        for top, left, text in board.texts.values():
            frame[:, top : top + text.shape[1], left : left + text.shape[2]] = text
    return film


def seam(frames: Tensor) -> float:
    """The step from the last frame to the first, over the mean step between frames."""
    film = checked(frames).float()
    steps = (film[1:] - film[:-1]).abs().mean((1, 2, 3))
    jump = (film[0] - film[-1]).abs().mean()
    return (jump / steps.mean().clamp_min(1e-6)).item()


def advert_faults(frames: Tensor, product: Tensor, board: Storyboard) -> list[str]:
    """Say what is wrong with an advert (T, 3, H, W) uint8; nothing: an empty list.

    Looks at pixels only: length and size, the product the same in every frame, price
    and label whole in every frame and readable, no jump where it begins anew.
    """
    wanted = (board.frames, 3, board.height, board.width)
    if tuple(frames.shape) != wanted:
        return [f"size: {tuple(frames.shape)} instead of {wanted}"]
    faults, side, mask = [], tuple(product.shape[1:]), cut_out(product)
    changed = []
    for t, frame in enumerate(frames):
        top, left = board.place(t, side)
        area = frame[:, top : top + side[0], left : left + side[1]]
        if not torch.equal(area[:, mask], product[:, mask]):
            changed.append(t)
    if changed:
        faults.append(f"product: changed in {len(changed)} frames, first {changed[0]}")
    for name, (top, left, text) in board.texts.items():
        areas = frames[:, :, top : top + text.shape[1], left : left + text.shape[2]]
        bad = (areas != text).flatten(1).any(1).sum().item()
        if bad:
            faults.append(f"{name}: not whole in {bad} frames")
    ratio = contrast(board.ink, board.ground)
    if ratio < READABLE:
        faults.append(f"contrast: {ratio:.1f} below {READABLE}")
    if (jump := seam(frames)) > SEAM:
        faults.append(f"loop: a jump of {jump:.1f} mean steps")
    return faults


def _letters(text: str, size: int) -> np.ndarray:
    """Draw Latin letters and digits, (h, w) bool."""
    font, plain = ImageFont.load_default(size), text.replace("¥", "Y")
    left, top, right, down = font.getbbox(plain)
    picture = Image.new("L", (math.ceil(right - left), math.ceil(down - top)))
    draw = ImageDraw.Draw(picture)
    draw.text((-left, -top), plain, fill=255, font=font)
    for i in (i for i, sign in enumerate(text) if sign == "¥"):  # not in the font
        start, end = (round(font.getlength(plain[:k])) for k in (i, i + 1))
        for share in (0.5, 0.72):
            row = round(share * picture.height)
            draw.line((start + 1 - left, row, end - 2 - left, row), fill=255)
    return np.array(picture) > 127


def _missing(sign: str) -> bool:
    """Whether the font draws for a sign what it draws for one that nobody has."""
    font = ImageFont.load_default(16)
    shapes = [bytes(font.getmask(s)) for s in (sign, "\ufffe")]
    return sign != "¥" and shapes[0] == shapes[1]


def _label() -> np.ndarray:
    """Draw "AI 生成", (11, w) bool."""
    words = _letters("AI", 14)[:11]
    parts = [np.pad(words, ((11 - len(words), 0), (0, 4)))]
    for rows in GLYPHS.values():
        glyph = np.array([[sign == "#" for sign in row] for row in rows.split()])
        parts.append(np.pad(glyph, ((0, 0), (0, 2))))
    return np.concatenate(parts, 1)[:, :-2]


def _boxed(letters: np.ndarray, ink: str, ground: str) -> Tensor:
    """Put letters (h, w) on a ground with a border of 3 pixels: (3, h + 6, w + 6)."""
    inside = torch.from_numpy(np.pad(letters, 3))
    colours = [
        torch.tensor([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in (ink, ground)
    ]
    first, second = (c.to(torch.uint8)[:, None, None] for c in colours)
    return torch.where(inside, first, second)
