"""The reader's own files: a folder, or one file, that is used like a data set.

Files that cannot be used are left out, and the card says which and why. Never read are
hidden files, links and what is no plain file; the limits of size are ``MOST_FILES`` in
``folder`` and ``MOST_BYTES`` in the module of each kind.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..catalog import CATALOG
from .folder import Files

if TYPE_CHECKING:
    from ..dataset import Dataset
    from ..ratings import Ratings
    from ..series import Series
    from ..table import Table
    from ..text import Texts

# The modules of this package, by the endings of the files that they read.
ENDINGS = {
    "pictures": (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    "sounds": (".wav",),
    "melodies": (".abc", ".mid", ".midi"),
    "texts": (".txt", ".jsonl"),
    "tables": (".csv", ".tsv", ".parquet"),
}
SHEETS = (".xlsx", ".xls")  # known, and not read
READ = tuple(ending for endings in ENDINGS.values() for ending in endings)
PAIRS = (".csv", ".tsv")  # tables that can say who took what, where that is asked for
SERIES = (".csv", ".tsv", ".txt")  # tables of times and numbers, where asked for
OPTIONS = {
    "pictures": ("image_size", "channels"),
    "sounds": ("seconds",),
    "tables": ("target", "kinds", "constraints"),
}


def is_own(name: object) -> bool:
    """Tell whether ``name`` is a path, and not the name of a catalogued data set.

    A string is one if it has a separator, begins with "~" or ".", ends like a file that
    is read here, or names something that is there.
    """
    if isinstance(name, os.PathLike):
        return True
    if not isinstance(name, str) or not name or name in CATALOG:
        return False
    marked = name[0] in "~." or os.sep in name or (os.altsep or os.sep) in name
    return marked or name.lower().endswith(READ + SHEETS) or os.path.exists(name)


def read_own(
    name: str | os.PathLike,
    split: str,
    ratings: bool | None = None,
    series: bool | None = None,
    **options: Any,
) -> Dataset | Texts | Table | Ratings | Series:
    """Read one split of the files at ``name``; what they are, most endings say.

    With ``ratings`` they are tables of who took what, with ``series`` one of times and
    numbers. ``options`` that are None are not given.

    Raises:
        ValueError: nothing there, nothing that can be used, too much, sheets of Excel,
            or options for files of another kind.
    """
    files = Files.at(name)
    asked = {"ratings": PAIRS} if ratings else {"series": SERIES} if series else {}
    kind = next(iter(asked), None) or _kind(files)
    options = {key: value for key, value in options.items() if value is not None}
    for key, value in options.items():
        if key not in OPTIONS.get(kind, ()):
            raise ValueError(
                f"{key}={value}: name={files.name!r} holds {kind}, which "
                f"take no {key}: leave it out"
            )
    files.keep(asked.get(kind) or ENDINGS[kind])
    return import_module(f".{kind}", __name__).read(files, split, **options)


def _kind(files: Files) -> str:
    """Return the kind of most of the files.

    Raises:
        ValueError: none of a known ending, more sheets, or as many of two kinds.
    """
    counts = {
        kind: sum(file.path.suffix.lower() in endings for file in files.found)
        for kind, endings in (ENDINGS | {"sheets": SHEETS}).items()
    }
    most = max(counts.values())
    best = [kind for kind, count in counts.items() if count == most]
    if not most:
        files.keep(READ)
        raise files.nothing()
    if best == ["sheets"]:
        raise ValueError(
            f"name={files.name!r} holds sheets of Excel, which cannot be loaded: save "
            "one as CSV in UTF-8"
        )
    if len(best) > 1:
        raise ValueError(
            f"name={files.name!r} holds as many {' as '.join(best)}: put them into "
            "folders of their own"
        )
    return best[0]
