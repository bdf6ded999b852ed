"""Where data lie on this machine: $AIGC_DATA_DIR, then the cache, then downloads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .catalog import Card, File, lookup
from .download import CorruptFile, DataUnavailable, download, verify


def cache_dir() -> Path:
    """Return the folder that downloads go to; it need not exist yet.

    ``$AIGC_CACHE_DIR``, else ``aigc`` in the user's cache folder: ``$XDG_CACHE_HOME``
    or ``~/.cache`` (Linux), ``~/Library/Caches`` (macOS), ``%LOCALAPPDATA%`` (Windows).
    """
    if own := os.environ.get("AIGC_CACHE_DIR"):
        return Path(own).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "aigc"


def data_dir() -> Path | None:
    """Return the reader's own data folder, ``$AIGC_DATA_DIR``, where it is set."""
    own = os.environ.get("AIGC_DATA_DIR")
    return Path(own).expanduser().absolute() if own else None


def find(name: str, split: str | None = None) -> Path | None:
    """Return the folder that holds data set ``name``, or None if a file is missing.

    Looks at names and sizes only; ``load`` also verifies checksums. A set without
    files is always at hand, in the library's own folder.

    Raises:
        ValueError: unknown ``name``.
    """
    files = lookup(name).files_of(split)
    if not files:
        return Path(__file__).parent
    for folder in (data_dir(), cache_dir()):
        if folder and all(_has(folder / file.path, file.bytes) for file in files):
            return folder
    return None


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def obtain(card: Card, split: str | None = None) -> list[Path]:
    """Return the verified files of ``split`` (all without it), downloading if need be.

    Raises:
        DataUnavailable: not here, and no mirror had it.
        CorruptFile: a file in ``$AIGC_DATA_DIR`` is not the one on the card. Damaged
            files in the cache are downloaded again.
    """
    return [_obtain(card, file) for file in card.files_of(split)]


def _obtain(card: Card, file: File) -> Path:
    own, cached = data_dir(), cache_dir() / file.path
    if own and (own / file.path).is_file():
        try:
            verify(own / file.path, file)
        except CorruptFile as error:
            raise CorruptFile(
                f"{error}: the copy in AIGC_DATA_DIR is damaged or another version; "
                f"remove it, then run: python -m aigc_lib data {card.name}"
            ) from None
        return own / file.path
    tried = [f"{own / file.path}: no such file" if own else "AIGC_DATA_DIR: not set"]
    try:
        verify(cached, file)
        return cached
    except CorruptFile as error:
        tried.append(str(error))
    except OSError as error:
        tried.append(f"{cached}: {(error.strerror or str(error)).lower()}")
    try:
        return download(file, card.mirrors, cache_dir())
    except OSError as error:
        tried += str(error).splitlines()
        raise DataUnavailable(_explain(card, tried)) from error


def _explain(card: Card, tried: list[str]) -> str:
    lines = [
        f"{card.name} is not on this machine and could not be downloaded. Tried:",
        *(f"  {line}" for line in tried),
        "What to do, one of:",
    ]
    if card.mirrors:
        lines.append(f"  with internet:    python -m aigc_lib data {card.name}")
    lines += [
        f"  from a copy:      put it at FOLDER/{card.files[0].path} and set "
        "AIGC_DATA_DIR=FOLDER",
        "  read-only cache:  set AIGC_CACHE_DIR to a folder that you can write to",
    ]
    if example := {0: "product_copy", 3: "digits"}.get(len(card.shape)):
        lines.append(f'  only to try out:  ask for the stand-in "{example}"')
    return "\n".join(lines)
