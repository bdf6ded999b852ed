"""Readers of the levels of games: a grid of signs is a text, a row a line."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ..catalog import Card
from ..download import CorruptFile
from ..text import Record

GAMES = {"platform": "Super Mario Bros/Processed/"}
TESTED = "mario-6-"  # a whole world of the game


def read_boxoban(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read Sokoban levels, "; number" before each; facts: the file and the number.

    Raises:
        CorruptFile: a file that does not consist of such levels.
    """
    for path in paths:
        blocks = re.split(r"^; (\d+)\n", path.read_text(encoding="ascii"), flags=re.M)
        if blocks[0].strip() or len(blocks) < 3:
            raise CorruptFile(f"{path} does not begin with '; 0'")
        for number, grid in zip(blocks[1::2], blocks[2::2], strict=True):
            facts = {"file": path.stem, "number": int(number)}
            yield Record(grid.strip("\n"), None, facts)


def read_platform(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read platform levels of the VGLC; facts: the name, such as "mario-1-1".

    One whole world is the split "test".

    Raises:
        CorruptFile: no archive of such levels, or rows of different lengths.
    """
    try:
        with zipfile.ZipFile(paths[0]) as file:
            names = [n for n in file.namelist() if n.startswith(GAMES["platform"])]
            found = {Path(n).stem: file.read(n).decode("ascii") for n in sorted(names)}
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise CorruptFile(f"{paths[0]} holds no such levels: {error}") from None
    for name, grid in found.items():
        rows = grid.strip("\n").splitlines()
        if len(set(map(len, rows))) != 1:
            raise CorruptFile(f"{paths[0]}, {name}: rows of different lengths")
        if name.startswith(TESTED) == (split == "test"):
            yield Record("\n".join(rows), None, {"name": name})
