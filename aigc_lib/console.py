"""What a command prints, in consoles of any encoding."""

from __future__ import annotations

import sys
from contextlib import suppress


def forgive() -> None:
    r"""Show signs that the console lacks as \u4e2d, from now on.

    Better than to fail after the work is done, and with a key that is shown only once.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # there may be no stream, or one of a notebook
            stream.reconfigure(errors="backslashreplace")
