"""PNG files that say how they were made."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

CHUNK = "aigc"  # keyword of the text in the file
LABEL = "AI-generated picture"
MOST = 64 * 2**10  # bytes of a recipe
DEEPEST = 16  # objects and lists within one another: who writes JSON has limits too


def png(pixels: Tensor, recipe: Mapping[str, Any]) -> bytes:
    """Return a picture as PNG, uint8 (C, H, W), C of 1 or 3, with its recipe inside.

    The recipe is JSON in an international text chunk; beside it stands the label that
    the picture is a machine's. Equal arguments give equal bytes.

    Raises:
        ValueError: another shape or type, a recipe that is no JSON, is nested deeper
            than ``DEEPEST`` or above 64 KiB.
    """
    if pixels.dtype != torch.uint8 or pixels.dim() != 3 or len(pixels) not in (1, 3):
        raise ValueError(
            f"pixels have shape {tuple(pixels.shape)} and type {pixels.dtype}: give "
            "uint8 (C, H, W), C of 1 or 3"
        )
    if _nested(recipe):
        raise ValueError(f"recipe is nested deeper than {DEEPEST}: give a flatter one")
    try:
        text = json.dumps(
            dict(recipe), ensure_ascii=False, sort_keys=True, allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"recipe={recipe!r}: give what JSON holds ({error})") from None
    if len(text.encode()) > MOST:
        raise ValueError(f"recipe of {len(text.encode())} bytes: give at most {MOST}")
    info = PngImagePlugin.PngInfo()
    info.add_itxt("Comment", LABEL)
    info.add_itxt(CHUNK, text)
    array = np.ascontiguousarray(pixels.cpu().permute(1, 2, 0).squeeze(-1).numpy())
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def recipe_of(data: bytes) -> dict[str, Any] | None:
    """Return the recipe in a PNG file, or None where there is none that can be read.

    Anybody can write one: it says what a file claims, not what is true.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            text = getattr(image, "text", {}).get(CHUNK)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None
    if not isinstance(text, str) or len(text) > MOST:
        return None
    try:
        found = json.loads(text)
        # Python reads NaN and half characters, which nobody else takes from it
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and not _nested(found) else None


def _nested(found: Any, most: int = DEEPEST) -> bool:
    """Tell whether lists and objects stand in one another more than ``most`` deep."""
    if not isinstance(found, Mapping | list | tuple):
        return False
    inner = found.values() if isinstance(found, Mapping) else found
    return most == 0 or any(_nested(one, most - 1) for one in inner)
