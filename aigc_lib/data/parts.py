"""Fewer samples of a data set, or more of them from files that came back."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .dataset import Dataset, load
from .text import Texts


def spread(data: Any, n: int | None) -> Any:
    """Return ``n`` samples of ``data``, evenly spread; all where it holds no more.

    Evenly, because files of one's own come class by class.
    """
    if n is None or len(data) <= n:
        return data
    rows = torch.linspace(0, len(data) - 1, n).long()
    if isinstance(data, Dataset):
        return replace(data, x=data.x[rows], y=data.y[rows])
    return data[rows]


def joined(data: Dataset | Texts, more: str | os.PathLike) -> Dataset | Texts:
    """Return ``data`` with the pictures or texts at ``more`` added, if there are any.

    The classes of ``more``, its sub-folders or labels, are those of ``data``.

    Raises:
        ValueError: another kind of data, or a class that ``data`` does not have.
    """
    if not digest(more):
        return data
    kind = data.card.kind
    if kind not in ("images", "text"):
        raise ValueError(
            f"feedback={os.fspath(more)!r}: {kind} cannot come back as files, only "
            "images and texts can: leave it out, or write a data module of your own"
        )
    size = {}
    if kind == "images":
        size = {"channels": data.x.shape[1], "image_size": data.x.shape[2]}
    found = load(Path(more), **size)
    if found.card.kind != kind:
        raise ValueError(
            f"feedback={os.fspath(more)!r} holds {found.card.kind}, "
            f"name={data.name!r} holds {kind}: give files of that kind"
        )
    y = data.y
    if y is not None:
        y = torch.cat([y, _labels(found, data.classes, more)])
    if kind == "images":
        return replace(data, x=torch.cat([data.x, found.x]), y=y)
    return replace(
        data, texts=data.texts + found.texts, facts=data.facts + found.facts, y=y
    )


def digest(place: str | os.PathLike) -> str:
    """Return a SHA-256 of the files at ``place``, their names included; "" for none."""
    files = [Path(place)] if Path(place).is_file() else sorted(Path(place).rglob("*"))
    files = [file for file in files if file.is_file()]
    told = hashlib.sha256()
    for file in files:
        told.update(file.relative_to(place).as_posix().encode() + b"\0")
        with file.open("rb") as content:
            told.update(hashlib.file_digest(content, "sha256").digest())
    return told.hexdigest() if files else ""


def _labels(
    found: Dataset | Texts, classes: tuple[str, ...], more: str | os.PathLike
) -> Tensor:
    """Return the labels of ``found`` as numbers of ``classes``."""
    foreign = sorted(set(found.classes) - set(classes))
    if foreign or found.y is None:
        found_here = foreign[:5] or "none"
        raise ValueError(
            f"feedback={os.fspath(more)!r} has the classes {found_here}: name its "
            f"sub-folders or labels as the data do: {', '.join(classes[:10])}"
        )
    return torch.tensor([classes.index(name) for name in found.classes])[found.y]
