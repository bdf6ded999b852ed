"""Readers of recordings that come in an archive."""

from __future__ import annotations

import io
import lzma
import re
import tarfile
from pathlib import Path

import numpy as np
import torch
from scipy.io import wavfile
from torch import Tensor

from ..catalog import Card
from ..download import CorruptFile

NAMED = re.compile(r"(\d)_(\w+)_(\d+)\.wav$")  # digit_speaker_index.wav
TESTED = (
    5  # recordings of each digit and speaker, the first ones, by the official split
)


def read_digits(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Read spoken digits: x (N, T) in [-1, 1], silence behind their ends; y the digit.

    They are ordered by speaker (alphabetically), digit, index: of every speaker there
    are equally many, so that ``x.view(6, -1, T)`` has a speaker a row. What is longer
    than T, the card's, is cut.

    Raises:
        CorruptFile: no archive of such recordings.
    """
    try:
        with tarfile.open(paths[0]) as archive:
            raw = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise CorruptFile(f"{paths[0]} is no archive of recordings: {error}") from None
    found = []
    for name, content in raw.items():
        if not (named := NAMED.search(name)):
            continue
        digit, speaker, index = int(named[1]), named[2], int(named[3])
        if (index < TESTED) == (split == "test"):
            try:
                _, wave = wavfile.read(io.BytesIO(content))
            except ValueError as error:
                raise CorruptFile(f"{paths[0]}, {name}: {error}") from None
            found.append((speaker, digit, index, wave))
    found.sort(key=lambda one: one[:3])
    x = torch.zeros(len(found), *card.shape)
    for row, (*_, wave) in zip(x, found, strict=True):
        sound = torch.from_numpy(wave.astype(np.float32))[: len(row)] / 2**15
        row[: len(sound)] = sound
    return x, torch.tensor([digit for _, digit, *_ in found])
