"""Readers of chapter 19: molecules as strings, and X-rays of the chest."""

from __future__ import annotations

import csv
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..catalog import Card
from ..download import CorruptFile
from ..text import Record


def read_molecules(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read one SMILES string a line, below the heading SMILES.

    Raises:
        CorruptFile: no whole gzip file of that form.
    """
    try:
        heading, *lines = gzip.decompress(paths[0].read_bytes()).decode().split()
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise CorruptFile(f"{paths[0]} is no gzip file of SMILES: {error}") from None
    if heading != "SMILES":
        raise CorruptFile(f"{paths[0]} begins with {heading!r:.40}, expected 'SMILES'")
    return (Record(line, None, {}) for line in lines)


SOLUBILITY = "measured log solubility in mols per litre"


def read_solubility(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read the molecules of ESOL; the fact ``log_solubility`` was measured.

    Every fifth line is for the test. That is a split for a first look: to judge
    something, split by scaffold (``metrics.molecules.scaffold_split``).

    Raises:
        CorruptFile: no table of that form.
    """
    with paths[0].open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if (number % 5 == 4) != (split == "test"):
                continue
            try:
                facts = {"log_solubility": float(row[SOLUBILITY])}
                yield Record(row["smiles"].strip(), None, facts)
            except (KeyError, TypeError, ValueError) as error:
                raise CorruptFile(f"{paths[0]}: no such table: {error}") from None


PARTS = {"train": "train", "validation": "val", "test": "test"}


def read_chest(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Read PneumoniaMNIST, x (N, 1, 28, 28) uint8 and y (N,): 1 is pneumonia.

    Of the training split each picture is kept once, and none that also stands in the
    validation split.

    Raises:
        CorruptFile: no such archive.
    """
    try:
        with np.load(paths[0], allow_pickle=False) as archive:
            x = archive[f"{PARTS[split]}_images"]
            y = archive[f"{PARTS[split]}_labels"]
            other = archive["val_images"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise CorruptFile(f"{paths[0]} is no such archive: {error}") from None
    if x.shape[1:] != card.shape[1:] or x.dtype != np.uint8 or y.shape != (len(x), 1):
        raise CorruptFile(
            f"{paths[0]} has {split} images {x.shape} {x.dtype} and labels {y.shape}"
        )
    if split == "train":
        seen = {image.tobytes() for image in other}
        kept = []
        for i, image in enumerate(x):
            if (own := image.tobytes()) not in seen:
                seen.add(own)
                kept.append(i)
        x, y = x[kept], y[kept]
    return torch.from_numpy(x.copy())[:, None], torch.from_numpy(y[:, 0].copy()).long()
