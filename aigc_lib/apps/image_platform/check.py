"""Was a picture made here? By its mark, and by its recipe where that is left."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ...codecs.mark import SIZE, find
from ...codecs.recipe import recipe_of
from . import likeness
from .store import Store
from .upload import opened

ALIKE = 0.15  # cosine distance of features up to which two pictures are the same


class Verdict(NamedTuple):
    """What is known of a picture: ``here`` or not, and in words why."""

    here: bool
    told: str
    model: str = ""
    created: float | None = None
    sure: float = 0.0
    recipe: dict[str, Any] | None = None


def checked(store: Store, data: bytes) -> Verdict:
    """Look at the bytes of a picture.

    The recipe in a file is only repeated, never believed: anybody can write one.

    Raises:
        ValueError: no picture; in Chinese.
    """
    pixels = opened(data)
    recipe = recipe_of(data)
    if min(pixels.shape[1:]) < SIZE // 4:
        return Verdict(False, "图太小，看不出标记。", recipe=recipe)
    found = find(pixels)
    if not found.sure:
        told = "没有找到本平台的标记：不是这里做的，或者标记已被破坏。"
        return Verdict(False, told, sure=float(found.score), recipe=recipe)
    candidates = store.marked(int(found.number))
    best, distance = _nearest(pixels, candidates)
    if best is None or distance > ALIKE:
        told = "图里有标记，但本平台没有与它相像的图：可能来自另一处同样的平台。"
        return Verdict(False, told, sure=float(found.score), recipe=recipe)
    told = "这张图是本平台的模型生成的。"
    before = store.family(best["id"], best["account"])["ancestors"]
    if best["imported"]:
        told = "这张图在本平台的图库里，是导入的；它的配方说它由模型生成。"
    elif any(row["imported"] for row in before):
        told = "这张图是本平台的模型由一张导入的图改成的。"
    return Verdict(
        True,
        told,
        "（导入）" if best["imported"] else best["title"],
        best["created"],
        float(found.score),
        recipe,
    )


def _nearest(pixels: Tensor, candidates: list[dict]) -> tuple[dict | None, float]:
    side = min(pixels.shape[1:])
    top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
    square = pixels[:, top : top + side, left : left + side]
    asked = likeness.features(square.unsqueeze(0))[0].numpy()
    best, least = None, float("inf")
    for row in candidates:
        known = np.frombuffer(row["features"], np.float16).astype(np.float32)
        cosine = known @ asked / (np.linalg.norm(known) * np.linalg.norm(asked))
        if 1 - cosine < least:
            best, least = row, float(1 - cosine)
    return best, least
