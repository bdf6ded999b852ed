"""People of a game from a list of parts, by lot: parameters, and SVG drawn from them.

Nothing is learned: whoever wrote the parts wrote every figure that can come out.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from math import prod
from random import Random

from ...arguments import unknown, whole

ARMS = {  # a motion, and where its left and right hand are
    "站着": ((30, 92), (70, 92)),
    "招手": ((30, 92), (78, 36)),
    "指路": ((30, 92), (92, 66)),
    "点头": ((30, 92), (70, 92)),
    "摇头": ((30, 92), (70, 92)),
}
HEADS = {"点头": "translate(0 6)", "摇头": "rotate(14 50 50)"}
MOTIONS = tuple(ARMS)
STILL = MOTIONS[0]
PARTS: dict[str, dict[str, str]] = {  # colours, and paths around a head at 50, 36
    "skin": {k: k for k in ("#ffe0bd", "#f1c27d", "#c68642", "#8d5524", "#a3c9a8")},
    "hair": {
        "short": "M30 40 Q28 14 50 14 T70 40 Q66 26 50 26 T30 40Z",
        "long": "M28 64 Q24 14 50 14 T72 64 L64 64 Q68 26 50 26 T36 64Z",
        "tufts": "M30 40 L22 28 34 22 40 12 50 18 60 12 66 22 78 28 70 40 60 26 40 26Z",
        "beard": "M32 42 Q34 70 50 70 T68 42 Q62 54 50 54 T32 42Z",
    },
    "hair_colour": {
        k: k for k in ("#2b2118", "#a33b1b", "#d9a441", "#b9bdc2", "#7a2f6b")
    },
    "hat": {
        "none": "",
        "cap": "M30 28 Q50 4 70 28 L84 30 30 30Z",
        "cone": "M28 28 L50 -6 72 28Z",
        "crown": "M32 26 L30 8 41 17 50 5 59 17 70 8 68 26Z",
    },
    "dress": {
        "coat": "M36 58 H64 L68 100 H32Z",
        "robe": "M38 58 H62 L78 132 H22Z",
    },
    "colour": {
        k: k for k in ("#2f9e44", "#1971c2", "#c92a2a", "#5f3dc4", "#e8590c", "#495057")
    },
    "holds": {
        "none": "",
        "staff": "M29 48 H32 V134 H29Z",
        "lamp": "M24 92 H36 L39 110 H21Z",
        "sack": "M30 90 Q10 102 16 120 H42 Q48 102 30 90Z",
    },
}
POSSIBLE = prod(map(len, PARTS.values()))


def people(n: int, seed: int) -> list[dict[str, str]]:
    """Draw ``n`` people by lot, no two alike: an option of each of ``PARTS``.

    Raises:
        ValueError: ``n`` not in 1 .. ``POSSIBLE``, or a negative seed.
    """
    n = whole("n", n, 1)
    if n > POSSIBLE:
        raise ValueError(f"n={n}: there are {POSSIBLE} people, ask for at most so many")
    found = []
    for number in Random(whole("seed", seed, 0)).sample(range(POSSIBLE), n):
        look = {}
        for part, options in PARTS.items():
            number, k = divmod(number, len(options))
            look[part] = [*options][k]
        found.append(look)
    return found


def figure(look: Mapping[str, str], motion: str = STILL, label: str = "") -> str:
    """Draw somebody in a motion as SVG, 100 by 156; ``label`` stands at its foot.

    Raises:
        ValueError: a motion that is not of ``MOTIONS``; a part that is missing, or an
            option that is not in the list.
    """
    if motion not in ARMS:
        raise unknown("motion", motion, ARMS)
    for part, options in PARTS.items():
        if look.get(part) not in options:
            raise unknown(part, look.get(part), options)
    path = {part: options[look[part]] for part, options in PARTS.items()}
    skin, hair, colour = (look[k] for k in ("skin", "hair_colour", "colour"))
    arms = "".join(
        f'<path d="M{x} 64 L{a} {b}" stroke="{colour}" stroke-width="8" '
        f'stroke-linecap="round"/><circle cx="{a}" cy="{b}" r="5" fill="{skin}"/>'
        for x, (a, b) in zip((38, 62), ARMS[motion], strict=True)
    )
    told = html.escape(label, quote=True)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -8 100 156" role="img" '
        f'aria-label="一个人，{motion}">'
        '<path d="M38 98 H48 V134 H38Z M52 98 H62 V134 H52Z" fill="#343a40"/>'
        f'<path d="{path["dress"]}" fill="{colour}" stroke="#222" stroke-width=".8"/>'
        f'{arms}<path d="{path["holds"]}" fill="#b08900"/>'
        f'<g transform="{HEADS.get(motion, "")}">'
        f'<circle cx="50" cy="40" r="20" fill="{skin}"/>'
        '<circle cx="43" cy="40" r="2.4"/><circle cx="57" cy="40" r="2.4"/>'
        f'<path d="{path["hair"]}" fill="{hair}"/>'
        '<path d="M44 49 Q50 53 56 49" fill="none" stroke="#862e2e" stroke-width="2"/>'
        f'<path d="{path["hat"]}" fill="{colour}" stroke="#222" stroke-width=".8"/></g>'
        f'<text x="50" y="145" font-size="8" text-anchor="middle">{told}</text></svg>'
    )
