"""Reader of patches of ball screws, divided by the place on the spindle."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import torch
from PIL import UnidentifiedImageError
from torch import Tensor

from ..catalog import Card
from ..download import CorruptFile
from .images import member


def place_of(source: str) -> str:
    """Return where on the spindle a photograph was taken, from the name of its file.

    >>> place_of("01_200902053521_585000_090_crop_2.jpg")
    '585000_090'
    """
    parts = source.split("_")
    if len(parts) != 6:
        raise CorruptFile(f"{source}: expected a name such as 01_TIME_X_ANGLE_crop_2")
    return "_".join(parts[2:4])


def rows_of(card: Card, split: str, paths: list[Path]) -> list[dict[str, str]]:
    """Return the rows of labels.csv that belong to ``split``, in their order.

    Raises:
        CorruptFile: no such table.
    """
    held = card.parameters["test_places"]
    try:
        with zipfile.ZipFile(paths[0]) as archive:
            text = archive.read("labels.csv").decode("utf-8")
        rows = list(csv.DictReader(io.StringIO(text)))
        for row in rows:
            row["place"] = place_of(row["source_image"])
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise CorruptFile(f"{paths[0]} is not the archive expected: {error}") from None
    return [row for row in rows if (row["place"] in held) == (split == "test")]


def read_surfaces(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Read patches (N, 3, 64, 64); label 0 is normal, 1 is pitting.

    Raises:
        CorruptFile: no such archive, or a member that is no JPEG of ``card.shape``.
    """
    pixels, labels = [], []
    rows = rows_of(card, split, paths)
    with zipfile.ZipFile(paths[0]) as archive:
        for row in rows:
            try:
                pixels.append(member(archive, row["file"], card.shape))
                labels.append(card.classes.index(row["label"]))
            except (KeyError, UnidentifiedImageError, zipfile.BadZipFile) as error:
                raise CorruptFile(f"{paths[0]}: {row['file']}: {error}") from None
    return torch.stack(pixels).movedim(3, 1).contiguous(), torch.tensor(labels)
