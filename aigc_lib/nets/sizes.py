"""Sizes that a network can be built with."""

from __future__ import annotations


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
