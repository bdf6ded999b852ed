"""Checks of what callers give, each with an error that says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def at_least(least: int, **sizes: int) -> None:
    """Refuse a size below ``least``.

    Raises:
        ValueError: names the first such size.
    """
    for name, value in sizes.items():
        if value < least:
            raise ValueError(f"{name}={value}: give at least {least}")


def multiple_of(factor: int, **sizes: int) -> None:
    """Refuse a size that is no positive multiple of ``factor``.

    Raises:
        ValueError: names the first such size.
    """
    for name, value in sizes.items():
        if value < factor or value % factor:
            raise ValueError(f"{name}={value}: give a positive multiple of {factor}")


def unknown(argument: str, value: object, choices: Iterable[str]) -> ValueError:
    """The error for a value that is none of ``choices``."""
    choices = list(choices)
    near = difflib.get_close_matches(str(value).lower(), choices, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ValueError(f"{argument}={value!r}: {hint}choose one of {', '.join(choices)}")
