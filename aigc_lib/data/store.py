"""Where data lie on this machine: $AIGC_DATA_DIR, then the cache, then downloads."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from .catalog import Card, File, lookup
from .download import CorruptFile, DataUnavailable, download, verify


def cache_dir() -> Path:
    """Return the folder that downloads go to; it need not exist yet.

    ``$AIGC_CACHE_DIR``, else ``aigc`` in the user's cache folder: ``$XDG_CACHE_HOME``
    or ``~/.cache`` (Linux), ``~/Library/Caches`` (macOS), ``%LOCALAPPDATA%`` (Windows).

    Raises:
        OSError: this user has no home folder, as in some containers.
    """
    if own := _folder("AIGC_CACHE_DIR"):
        return own
    if sys.platform == "win32":
        base = _folder("LOCALAPPDATA") or _home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = _home() / "Library" / "Caches"
    else:
        base = _folder("XDG_CACHE_HOME") or _home() / ".cache"
    return base / "aigc"


def data_dir() -> Path | None:
    """Return the reader's own data folder, ``$AIGC_DATA_DIR``, where it is set.

    Raises:
        OSError: it begins with ``~``, and this user has no home folder.
    """
    return _folder("AIGC_DATA_DIR")


def _folder(variable: str) -> Path | None:
    own = os.environ.get(variable)
    try:
        return Path(own).expanduser().absolute() if own else None
    except RuntimeError:
        raise OSError(
            f"{variable}={own}: no home folder is known here, write the path in full"
        ) from None


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise OSError(
            "no home folder is known here: set AIGC_CACHE_DIR to a folder that you can "
            "write to"
        ) from None


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
    for place in (data_dir, cache_dir):
        with suppress(OSError):  # no such folder, or one that may not be read
            folder = place()
            if folder and all(
                _size(folder / file.path) == file.bytes for file in files
            ):
                return folder
    return None


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def obtain(card: Card, split: str | None = None) -> list[Path]:
    """Return the verified files of ``split`` (all without it), downloading if need be.

    Raises:
        DataUnavailable: not here, and no mirror had it.
        CorruptFile: a file in ``$AIGC_DATA_DIR`` is not the one on the card. Damaged
            files in the cache are downloaded again.
    """
    return [_obtain(card, file) for file in card.files_of(split)]


def _obtain(card: Card, file: File) -> Path:
    tried = []
    if own := data_dir():
        try:
            verify(own / file.path, file)
            return own / file.path
        except CorruptFile as error:
            raise CorruptFile(
                f"{error}: the copy in AIGC_DATA_DIR is damaged or another version; "
                f"remove it, then run: python -m aigc_lib data {card.name}"
            ) from None
        except OSError as error:
            tried.append(f"{own / file.path}: {_reason(error)}")
    else:
        tried.append("AIGC_DATA_DIR: not set")
    try:
        cache = cache_dir()
        try:
            verify(cache / file.path, file)
            return cache / file.path
        except CorruptFile as error:
            tried.append(str(error))
        except OSError as error:
            tried.append(f"{cache / file.path}: {_reason(error)}")
        return download(file, card.mirrors, cache)
    except OSError as error:
        tried += str(error).splitlines()
        raise DataUnavailable(_explain(card, tried)) from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


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
        "  cache full, or not to be written:  set AIGC_CACHE_DIR to another folder",
    ]
    if example := {0: "product_copy", 3: "digits"}.get(len(card.shape)):
        lines.append(f'  only to try out:  ask for the stand-in "{example}"')
    return "\n".join(lines)
