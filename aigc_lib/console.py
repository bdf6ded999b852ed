"""What commands share: what they print, in any console, and the paths they are told."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def forgive() -> None:
    r"""Show signs that the console lacks as \u4e2d, from now on.

    Better than to fail after the work is done, and with a key that is shown only once.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # there may be no stream, or one of a notebook
            stream.reconfigure(errors="backslashreplace")


def place(text: str) -> Path:
    """Return the path that somebody means; a shell leaves the ~ of --out=~/x as it is.

    Without a home folder it stays so.
    """
    return Path(os.path.expanduser(text))
