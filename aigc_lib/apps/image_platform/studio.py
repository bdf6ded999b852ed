"""Where pictures are made: models at hand, waiting requests together, edits.

The same request on the same model gives the same bytes, alone or in company: noise
comes from the request's seed, networks always see chunks of one size, and neither the
recipe nor the mark knows of time or place.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import queue
import tempfile
import threading
from collections import OrderedDict
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ... import models
from ...codecs.mark import NUMBERS, delivered, embed
from ...codecs.recipe import png
from ...models import edits
from ..jobs import Task
from ..refused import Refused
from . import likeness
from .store import Store

KEPT = 4  # models in memory
TOGETHER = 2 * edits.CHUNK  # pictures that are drawn in one go
MOST_N = 16  # pictures of one request
MOST_SIDE = 1_024  # pixels
EXAMPLES = 32  # pictures on each side that a direction is learned from, at most
SHORT, LONG = "edit", "edit_long"  # kinds of jobs
MANY = 640  # pictures times steps from which an edit is a long one
OTHER = "另一张图要在图库里，并且由同一个模型画成。"
Pixels = Tensor  # (C, S, S) uint8


class Studio:
    """Makes pictures of the models in ``store``; one for a process."""

    def __init__(self, store: Store):
        self.store = store
        self._models: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()
        # a long edit holds up its like only, as a training does
        self._turns = {SHORT: threading.Lock(), LONG: threading.Lock()}
        self._waiting: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._draw, daemon=True).start()

    def model(self, blob: str) -> Any:
        """The model whose file is ``blob``, from memory if it was used lately."""
        with self._lock:
            if blob not in self._models:
                self._models[blob] = loaded(self.store.blobs.get(blob))
                if len(self._models) > KEPT:
                    self._models.popitem(last=False)
            self._models.move_to_end(blob)
            return self._models[blob]

    def make(self, task: Task) -> dict[str, Any]:
        """Draw new pictures; a job of the kind ``make``."""
        asked = task.request
        row = self._row(asked["model"], task.account)
        task.tell(0.05, "正在画")
        label = told_label(row, asked["label"])
        request = {"n": asked["n"], "seed": asked["seed"], "labels": label}
        if row["edits"]:
            request |= {"guidance": asked["guidance"], "steps": asked["steps"]}
        x = self.together(row["blob"], request)
        recipe = {k: asked[k] for k in ("label", "n", "seed")}
        if row["edits"]:
            recipe |= {k: asked[k] for k in ("guidance", "steps")}
        return self._finished(task, x, row, asked["label"], "make", recipe)

    def edit(self, task: Task) -> dict[str, Any]:
        """Make a new version of a picture; a job of the kinds of ``kind_of``.

        Raises:
            Refused: the picture is gone, or its model cannot do this.
        """
        asked = task.request
        parent = self.store.picture(asked["picture"], task.account)
        if parent is None or not parent["raw"]:
            raise Refused("这张图已经不在了。")
        row = self._row(parent["model"], task.account)
        if not row["edits"]:
            raise Refused("这张图的模型只能生成，不能编辑。")
        model = self.model(row["blob"])
        x = self._floats(parent["raw"], model)
        task.tell(0.05, "正在画")
        label, others = parent["label"], {}
        if asked["action"] == "change":
            label = asked["label"]
        if asked["action"] == "walk":
            others = self._other(asked["other"], task.account, row, model)
        if asked["action"] == "move":
            others = self._examples(asked, task.account, row, model)
        with self._turns[kind_of(asked)]:
            x = edited(model, x, row, parent["label"], asked, others)
        kept = {
            k: v for k, v in asked.items() if k not in ("picture", "action", "other")
        }
        recipe = {"from": parent["raw"], "before": parent["label"], "label": label}
        recipe |= {**kept, **others.get("told", {})}  # painted may be another label
        made = self._finished(task, x, row, label, asked["action"], recipe)
        for picture in made["pictures"]:
            picture["parent"] = parent["id"]
        return made

    def finish(self, connection: Any, task: Task, result: dict[str, Any]) -> dict:
        """Put what a job made into the gallery, in the transaction that ends it."""
        same = {"account": task.account, "job": task.id}
        self.store.add_pictures(
            connection,
            [
                {
                    "parent": None,
                    **picture,
                    **same,
                    "features": base64.b64decode(picture["features"]),
                }
                for picture in result["pictures"]
            ],
        )
        return {"pictures": len(result["pictures"])}

    def together(self, blob: str, request: dict[str, Any]) -> Tensor:
        """Draw one request, in company of others that wait; (n, C, S, S) in [-1, 1]."""
        answer: Future = Future()
        self._waiting.put((blob, request, answer))
        return answer.result()

    def _draw(self) -> None:
        """Draw what waits: the oldest, and all of the same model that fit beside it."""
        left: list[tuple[str, dict[str, Any], Future]] = []
        while True:
            if not left:
                left.append(self._waiting.get())
            while not self._waiting.empty():
                left.append(self._waiting.get())
            blob, chosen, n = left[0][0], [], 0
            for one in left:
                if one[0] == blob and (not chosen or n + one[1]["n"] <= TOGETHER):
                    chosen.append(one)
                    n += one[1]["n"]
            left = [one for one in left if one not in chosen]
            try:
                model = self.model(blob)
                with self._turns[SHORT]:
                    drawn = drawn_together(model, [one[1] for one in chosen])
                for one, x in zip(chosen, drawn, strict=True):
                    one[2].set_result(x)
            except Exception as error:
                for one in chosen:
                    one[2].set_exception(error)

    def _row(self, number: int | None, account: int | None) -> dict[str, Any]:
        row = None if number is None else self.store.model(number, account)
        if row is None:
            raise Refused("没有这个模型，或者它已不再公开。")
        return row

    def _floats(self, raw: str, model: Any) -> Tensor:
        x = pixels_of(self.store.blobs.get(raw)).unsqueeze(0).float() / 127.5 - 1
        if x.shape[1:] != shape_of(model):  # an import says what it likes
            raise Refused("图的大小与模型不合，不能编辑。")
        return x

    def _other(
        self, number: int, account: int | None, row: dict, model: Any
    ) -> dict[str, Any]:
        """The picture that a walk leads to; ``told`` is its part of the recipe."""
        other = self.store.picture(number, account)
        if other is None or not other["raw"] or other["model"] != row["id"]:
            raise Refused(OTHER)
        x, label = self._floats(other["raw"], model), other["label"]
        told = {"to": other["raw"], "to_label": label}
        return {"x": x, "label": label, "told": told}

    def _examples(
        self, asked: dict, account: int | None, row: dict, model: Any
    ) -> dict[str, Any]:
        """Pictures of the gallery with two labels, between which a direction lies.

        ``told`` names them in their order: the gallery changes, and the direction.
        """
        sides, told = {}, {}
        for side in ("plus", "minus"):
            found = self.store.labelled(account, asked[side], row["id"], EXAMPLES)
            if len(found) < 2:
                raise Refused(f"图库里标签为“{asked[side]}”的图不到两张：先生成几张。")
            sides[side] = torch.cat([self._floats(p["raw"], model) for p in found])
            told[side] = [p["raw"] for p in found]
        return {**sides, "told": {"examples": told}}

    def _finished(
        self,
        task: Task,
        x: Tensor,
        row: dict[str, Any],
        label: str,
        action: str,
        recipe: dict[str, Any],
    ) -> dict[str, Any]:
        """Store what was drawn; return the rows of the gallery, as JSON has them."""
        pixels = edits.to_uint8(x.cpu())
        task.tell(0.9, "正在存", now=True)
        whole = {"action": action, "model": row["title"], "model_sha256": row["blob"]}
        made = []
        for number, picture in enumerate(pixels):
            told = {**whole, **recipe, "number": number}
            out = outward(picture, told)
            made.append(
                {
                    "number": number,
                    "model": row["id"],
                    "action": action,
                    "label": label,
                    "raw": self.store.blobs.put(plain_png(picture)),
                    "blob": self.store.blobs.put(out["png"]),
                    "mark": out["mark"],
                    "features": base64.b64encode(out["features"]).decode(),
                    "recipe": told,
                }
            )
        return {"pictures": made}


def kind_of(asked: dict[str, Any]) -> str:
    """Return the kind of job of a checked edit: by how much the network has to do."""
    pictures = 2 * EXAMPLES if asked["action"] == "move" else asked.get("n", 1)
    return LONG if pictures * asked["steps"] >= MANY else SHORT


def drawn_together(model: Any, requests: list[dict[str, Any]]) -> list[Tensor]:
    """Draw requests of one model, in common passes where it can."""
    if edits.can_edit(model):
        return edits.sample_together(model, requests)
    return [model.sample(**request).clamp(-1, 1) for request in requests]


def edited(
    model: Any,
    x: Tensor,
    row: dict[str, Any],
    before: str,
    asked: dict[str, Any],
    others: dict[str, Any],
) -> Tensor:
    """Apply one edit to a picture (1, C, S, S); returns one or more of them."""
    label = partial(told_label, row)
    options = {"steps": asked["steps"]}
    if asked["action"] == "paint":
        known = ~mask_of(asked["mask"], x.shape[-1])
        options |= {"seed": asked["seed"], "guidance": asked["guidance"]}
        return edits.paint(model, x, known, label(asked["label"]), **options)
    if asked["action"] == "vary":
        options |= {"seed": asked["seed"], "guidance": asked["guidance"]}
        strength, n = asked["strength"], asked["n"]
        return edits.vary(model, x, strength, n, label(before), **options)
    if asked["action"] == "change":
        new, strength = label(asked["label"]), asked["strength"]
        options["guidance"] = asked["guidance"]
        return edits.change_class(model, x, label(before), new, strength, **options)
    if asked["action"] == "walk":
        both = label(before), label(others["label"])
        between = edits.walk(model, x, others["x"], asked["n"] + 2, both, **options)
        return between[1:-1]  # the ends are in the gallery
    both = label(asked["plus"]), label(asked["minus"])
    way = edits.direction(model, others["plus"], others["minus"], both, **options)
    return edits.move(model, x, way, asked["amount"], label(before), **options)


def told_label(row: dict[str, Any], label: str) -> int | str | None:
    """What a model takes for a label of its row.

    Raises:
        Refused: it does not know the label, or is told none.
    """
    if row["words"]:
        if not label.strip():
            raise Refused("请写出要画什么。")
        return label
    if not row["classes"]:
        return None
    if label not in row["classes"]:
        raise Refused(f"这个模型只会画：{'、'.join(row['classes'])}。")
    return row["classes"].index(label)


def mask_of(lines: list[str], size: int) -> Tensor:
    """A mask (1, 1, S, S), True where to draw anew, from lines of 0 and 1."""
    small = torch.tensor([[cell == "1" for cell in line] for line in lines])
    at = (torch.arange(size) * len(lines)) // size
    return small[at][:, at].view(1, 1, size, size)


def mark_of(recipe: dict[str, Any]) -> int:
    """The number that a recipe's picture carries: always the same for the same one."""
    told = json.dumps(recipe, sort_keys=True, ensure_ascii=False)
    return int(hashlib.sha256(told.encode()).hexdigest()[:12], 16) % NUMBERS


def outward(pixels: Pixels, recipe: dict[str, Any]) -> dict[str, Any]:
    """What leaves the house: the ``png`` with its ``mark``, and its ``features``."""
    mark = mark_of(recipe)
    large = delivered(pixels.expand(3, -1, -1).contiguous())
    features = likeness.stored(likeness.features(pixels[None])[0])
    return {"mark": mark, "png": png(embed(large, mark), recipe), "features": features}


def plain_png(pixels: Pixels) -> bytes:
    """Write pixels (1 or 3, S, S) as a PNG without anything else."""
    channels = pixels.movedim(0, -1)
    image = channels.squeeze(-1) if pixels.shape[0] == 1 else channels
    out = io.BytesIO()
    Image.fromarray(image.contiguous().numpy()).save(out, "PNG")
    return out.getvalue()


def pixels_of(data: bytes) -> Pixels:
    """Read what ``plain_png`` wrote.

    Raises:
        ValueError: it did not write this.
    """
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if max(image.size) > MOST_SIDE or image.mode not in ("L", "RGB"):
            raise ValueError(f"{image.size} pixels of mode {image.mode}: not ours")
        array = np.array(image)
    pixels = torch.from_numpy(array)
    return pixels.unsqueeze(0) if pixels.dim() == 2 else pixels.movedim(2, 0)


def loaded(data: bytes) -> Any:
    """A model from the bytes of its file, ready to draw."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        path.write_bytes(data)
        return models.load(path).eval()


def shape_of(model: Any) -> tuple[int, ...]:
    """The shape (C, S, S) of what a picture model draws."""
    return tuple(getattr(model, "picture_shape", None) or model.sample_shape)


def described(model: Any, classes: list[str]) -> dict[str, Any]:
    """What the platform has to know of a model: size, whether it edits, its classes.

    Raises:
        ValueError: no picture model, or a wrong number of classes.
    """
    shape = shape_of(model)
    if len(shape) != 3 or shape[0] not in (1, 3) or shape[1] != shape[2]:
        raise ValueError(f"the model draws {shape}: give one of square pictures")
    words = bool(getattr(model, "reads_text", False))
    known = 0 if words else getattr(model, "classes", None) or 0
    if len(classes) != known:
        raise ValueError(f"classes={classes}: the model knows {known}, name each")
    can = edits.can_edit(model)
    return {"size": shape[1], "edits": can, "words": words, "classes": classes}
