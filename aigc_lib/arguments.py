"""Checks of what callers give, each with an error that says what to do."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any


def whole(name: str, value: Any, least: int | None = None) -> int:
    """Return ``value`` as Python's int; NumPy's and torch's whole numbers are ones too.

    Raises:
        ValueError: no whole number, one below ``least``, or one of more than 64 bits,
            which arrays cannot count.
    """
    number = finite(name, value)
    if number != int(number) or isinstance(number, bool):
        raise ValueError(f"{name}={value!r}: give a whole number")
    if least is not None and number < least:
        raise ValueError(f"{name}={value}: give at least {least}")
    if abs(number) >= 2**63:
        raise ValueError(f"{name}={value}: give a number below 2**63")
    return int(number)


def yes_or_no(name: str, value: Any) -> bool:
    """Return ``value`` as Python's bool: True, False, or 1 and 0.

    Raises:
        ValueError: anything else, such as the word "false", which Python takes for
            true.
    """
    try:
        said = value.item() if hasattr(value, "item") else value
    except (ValueError, RuntimeError):  # of several numbers, or of none
        said = None
    if isinstance(said, int) and said in (0, 1):
        return bool(said)
    raise ValueError(f"{name}={value!r}: give True or False")


def finite(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """Return ``value`` as Python's int or float, within the bounds that are given.

    Raises:
        ValueError: no number, NaN, infinite, or out of bounds.
    """
    try:
        number = value.item() if hasattr(value, "item") else value
        if isinstance(number, Decimal | Fraction):
            number = float(number)
        good = math.isfinite(number)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        good = False
    if not good:
        raise ValueError(f"{name}={value!r}: give a finite number")
    bounds = [
        (least, ">=", least is None or number >= least),
        (above, ">", above is None or number > above),
        (most, "<=", most is None or number <= most),
        (below, "<", below is None or number < below),
    ]
    if not all(kept for _, _, kept in bounds):
        wanted = " and ".join(f"{s} {b:g}" for b, s, _ in bounds if b is not None)
        raise ValueError(f"{name}={value}: give a number {wanted}")
    return number


def pair(name: str, value: Any) -> tuple[Any, Any]:
    """Return ``value`` as a tuple of two.

    Raises:
        ValueError: anything else.
    """
    try:
        first, second = value
    except (TypeError, ValueError):
        raise ValueError(f"{name}={value!r}: give two numbers") from None
    return first, second


def at_least(least: int, **sizes: int) -> None:
    """Refuse a size below ``least``, and one that cannot count, such as 2.0.

    Raises:
        ValueError: names the first such size.
    """
    for name, value in sizes.items():
        number = whole(name, value, least)
        if not hasattr(value, "__index__"):
            raise ValueError(f"{name}={value!r}: give it as a whole number, {number}")


def multiple_of(factor: int, **sizes: int) -> None:
    """Refuse a size that is no positive multiple of ``factor``.

    Raises:
        ValueError: names the first such size.
    """
    for name, value in sizes.items():
        if whole(name, value) < factor or value % factor:
            raise ValueError(f"{name}={value}: give a positive multiple of {factor}")
        at_least(factor, **{name: value})


def unknown(argument: str, value: object, choices: Iterable[str]) -> ValueError:
    """The error for a value that is none of ``choices``."""
    choices = list(choices)
    near = difflib.get_close_matches(str(value).lower(), choices, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ValueError(f"{argument}={value!r}: {hint}choose one of {', '.join(choices)}")
