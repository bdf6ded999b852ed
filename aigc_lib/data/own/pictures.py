"""Pictures of any size and mode, as squares of one size."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from tqdm import tqdm

from ... import runtime
from ...arguments import at_least
from ..dataset import Dataset
from .folder import BY_FOLDER, BY_NAME, Files, Found, LeftOut, cannot_open, divided

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
SIZES = (28, 32, 64)  # of which the pictures choose where nobody asks for one
MOST_SIZE = 1_024
MOST_BYTES = 64 * 2**20  # of one file
MOST_PIXELS = 80_000_000  # of one picture: PIL warns from 89 million on
MOST_MEMORY = 8 * 2**30  # of all that is kept, in bytes
GREY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N", "I"}
ALPHA = {"RGBA", "RGBa", "LA", "La", "PA"}


def read(
    files: Files,
    split: str,
    *,
    image_size: int | None = None,
    channels: int | None = None,
) -> Dataset:
    """Read pictures as (N, ``channels``, ``image_size``, ``image_size``) uint8.

    Each is turned as its EXIF data say, laid on white where it is transparent, cropped
    to the square in its middle and scaled. Of an animation the first frame counts.
    ``channels``: 3, or 1 for grey; without it grey if all of them are stored so.
    Without ``image_size`` the largest of ``SIZES`` that half of them reach.

    Raises:
        ValueError: a number that is none of these, or no two pictures.
    """
    if channels not in (None, 1, 3):
        raise ValueError(f"channels={channels}: give 3 for colour or 1 for grey")
    if image_size is not None:
        at_least(4, image_size=image_size)
        if not image_size <= MOST_SIZE:
            raise ValueError(f"image_size={image_size}: give at most {MOST_SIZE}")
    heads = []
    for file in files.found:
        try:
            heads.append((file, *looked_at(file.path)))
        except LeftOut as reason:
            files.leave_out(file.shown, reason)
    files.enough(heads, "picture")
    if channels is None:
        channels = 1 if all(grey for _, _, grey in heads) else 3
    if image_size is None:
        middle = statistics.median(side for _, side, _ in heads)
        image_size = max((s for s in SIZES if s <= middle), default=min(SIZES))
    kept, x = _squares(files, [file for file, _, _ in heads], channels, image_size)
    files.enough(kept, "picture")

    names, given = [f.path.name for f in kept], [f.split for f in kept]
    numbers, splits = divided(split, names, given)
    how = BY_FOLDER if any(given) else BY_NAME
    labels = [file.label for file in kept]
    classes = files.classes(labels)
    y = torch.tensor([classes.index(files.class_of(label)) for label in labels])
    small = sum(side < image_size for _, side, _ in heads)
    card = files.card(
        kind="images",
        shape=(channels, image_size, image_size),
        splits=splits,
        classes=classes,
        unit="张",
        summary=f"从 `{files.title}` 读入的图片，裁成正中的正方形，缩放到 "
        f"{image_size}×{image_size}，{'灰度' if channels == 1 else '彩色'}。{how}",
        biases=(
            "只留正中的正方形：长图的两端看不到。",
            "透明处填成白色；动图只取第一帧。",
            f"{small:,} 张的短边不足 {image_size} 像素：放大不会增加细节。",
        ),
    )
    return Dataset(x[numbers], y[numbers], card.name, split, card)


def _squares(
    files: Files, found: list[Found], channels: int, image_size: int
) -> tuple[list[Found], torch.Tensor]:
    """Read what can be read; return which files, and (N, C, H, W) uint8."""
    shape = (len(found), channels, image_size, image_size)
    if np.prod(shape, dtype=float) > MOST_MEMORY:
        raise ValueError(
            f"image_size={image_size}: {len(found):,} pictures of this size take more "
            f"than {MOST_MEMORY / 2**30:.0f} GiB; choose a smaller one"
        )
    x, kept = torch.empty(shape, dtype=torch.uint8), []
    for file in tqdm(
        found, desc=files.title, disable=runtime.quiet(), unit=" pictures"
    ):
        try:
            pixels = square(file.path, channels, image_size)
        except LeftOut as reason:
            files.leave_out(file.shown, reason)
            continue
        x[len(kept)] = pixels
        kept.append(file)
    return kept, x[: len(kept)]


def looked_at(path: Path) -> tuple[int, bool]:
    """Return the shorter side of a picture and whether it is grey, by its header.

    Raises:
        LeftOut: too large, no picture, or of an unknown range of values.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise LeftOut(f"larger than {MOST_BYTES / 2**20:.0f} MiB", "太大")
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise LeftOut(
                    f"has {image.width:,} x {image.height:,} pixels, more than "
                    f"{MOST_PIXELS:,}",
                    "像素太多",
                )
            if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
                raise LeftOut(
                    f"pixels of mode {image.mode}, whose white is not known: save it "
                    "with 8 or 16 bits",
                    "不知道多大的数是白色",
                )
            return min(image.size), image.mode in GREY
    except LeftOut:
        raise
    except Image.DecompressionBombError:
        raise LeftOut(f"has more than {MOST_PIXELS:,} pixels", "像素太多") from None
    except Exception as error:  # a damaged file makes PIL fail in any way
        raise _damaged(error) from None


def square(path: Path, channels: int, image_size: int) -> torch.Tensor:
    """Read one picture as (``channels``, ``image_size``, ``image_size``) uint8.

    Raises:
        LeftOut: it is damaged or cut short.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            # a JPEG is decoded as small as will do, many times as fast
            image.draft(None, (2 * image_size, 2 * image_size))
            image = opaque(ImageOps.exif_transpose(image))
            image = image.convert("L" if channels == 1 else "RGB")
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            image = image.crop((left, top, left + side, top + side))
            image = image.resize((image_size, image_size), Image.Resampling.LANCZOS)
            pixels = torch.from_numpy(np.array(image))
    except Exception as error:  # as above
        raise _damaged(error) from None
    return pixels.view(image_size, image_size, channels).movedim(2, 0)


def opaque(image: Image.Image) -> Image.Image:
    """Bring a picture of any mode to one of 8 bits without transparency."""
    if image.mode.startswith("I"):  # 16 bits: the upper eight, as PIL does for colour
        values = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if image.mode in ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image)
    return image


def _damaged(error: Exception) -> LeftOut:
    if isinstance(error, Image.UnidentifiedImageError):
        return LeftOut("no picture, whatever its name says", "内容不是图片")
    if isinstance(error, OSError) and error.errno:
        return cannot_open(error)
    text = str(error) or type(error).__name__
    return LeftOut(f"damaged ({text})", "损坏或不完整")
