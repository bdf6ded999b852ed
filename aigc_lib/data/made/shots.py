"""Storyboards: a script in Chinese that says who is where, shot by shot, as scenes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .scenes import PLACES, Thing, describe

Look = tuple[str, str, str]  # keys of COLOURS, SHAPES and SIZES
SIGNS = {name: place for place, (name, _) in PLACES.items()}
CLAUSE = re.compile(rf"(.+)在({'|'.join(SIGNS)})")


def shots(script: str, cast: Mapping[str, Look]) -> list[tuple[Thing, ...]]:
    """Read a script, a shot a line, such as "守库人在左边，箱子在右边".

    A role always has the look that ``cast`` gives it: what is who stays the same from
    shot to shot. The scenes can be told to a painter by ``describe``.

    Raises:
        ValueError: no shot; a clause that does not say who is where; somebody without
            a look; more than two things, or not on opposite sides.
    """
    found = []
    for number, line in enumerate(filter(None, map(str.strip, script.split("\n"))), 1):
        things = []
        for clause in line.rstrip("。").split("，"):
            said = CLAUSE.fullmatch(clause)
            if not said:
                raise ValueError(
                    f"shot {number}, {clause!r}: say only who is where, as 箱子在左边; "
                    "what is done or said, and the camera, cannot be drawn"
                )
            role, place = said.groups()
            if role not in cast:
                raise ValueError(
                    f"shot {number}: {role!r} has no look; known are {', '.join(cast)}"
                )
            things.append(Thing(*cast[role], SIGNS[place]))
        try:
            describe(things)
        except ValueError as error:
            raise ValueError(f"shot {number}: {error}") from None
        found.append(tuple(things))
    if not found:
        raise ValueError("script is empty: write a shot a line")
    return found
