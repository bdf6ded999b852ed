"""Watch faces and posters as SVG: one row of parameters, one picture.

Pictures are texts, so that a page can show them sharp at any size, and a form can hold
many. What is drawn is what the parameters say, whether or not the rules are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, radians, sin
from typing import TYPE_CHECKING, Any
from zlib import crc32

from ...arguments import at_least, unknown
from ...codecs.designs import Space
from ...runtime import optional
from .designs import (
    ACCENTS,
    DIALS,
    GROUNDS,
    HEIGHT,
    INKS,
    LETTER,
    LETTERS,
    LINE,
    POSTERS,
    SHAPES,
    SIX,
    WATCHES,
    WIDTH,
)

if TYPE_CHECKING:
    from pandas import DataFrame

METALS = {  # from light to dark
    "steel": ("#f2f4f6", "#aeb6bf", "#6c757f"),
    "gold": ("#f6e3ae", "#d1a54a", "#8a6420"),
    "rose": ("#f8dccf", "#d39c85", "#8d5a47"),
    "dark": ("#5b6067", "#2d3136", "#0f1113"),
}
LEATHER = {
    "black": "#202124",
    "brown": "#6d4528",
    "navy": "#24344f",
    "olive": "#585b3a",
    "grey": "#7b8087",
}
HOUR, MINUTE, SECOND = 10, 9, 36  # the time that watches show in advertisements
DETAILS = ("FRIDAY 19:30", "RIVER HALL", "FREE ENTRY")


def mixed(first: str, second: str, share: float) -> str:
    """Return the colour that is ``share`` of the way from ``first`` to ``second``."""
    pairs = [(int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)


def sheet(pictures: Sequence[str], *, columns: int, width: int = 150) -> str:
    """Lay pictures of one size out in rows of ``columns``, as one SVG.

    Raises:
        ValueError: no pictures, or ``columns`` < 1.
    """
    at_least(1, columns=columns)
    if not pictures:
        raise ValueError("pictures is empty: give at least one")
    box = [float(x) for x in pictures[0].split('viewBox="')[1].split('"')[0].split()]
    gap, wide, tall = 8, width, width * box[3] / box[2]
    rows = -(-len(pictures) // columns)
    parts = []
    for i, picture in enumerate(pictures):
        x, y = (i % columns) * (wide + gap), (i // columns) * (tall + gap)
        place = f'<svg x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
        parts.append(picture.replace("<svg", place, 1))
    across = columns * (wide + gap) - gap
    down = rows * (tall + gap) - gap
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across:.0f} {down:.0f}"'
        f' width="{across:.0f}" height="{down:.0f}">' + "".join(parts) + "</svg>"
    )


# ---- watches -------------------------------------------------------------------------


def watch_svg(row: Mapping[str, Any]) -> str:
    """Draw a watch face, 260 by 330, with 100 units for the radius of its dial.

    Raises:
        ValueError: parameters that ``WATCHES.check`` refuses.
    """
    _check(WATCHES, row)
    dial, ink, accent = DIALS[row["dial"]], INKS[row["ink"]], ACCENTS[row["accent"]]
    light, middle, dark = METALS[row["finish"]]
    key = f"w{crc32(repr(sorted(row.items(), key=str)).encode()):08x}"
    rim = 100 + row["bezel"]
    parts = [
        f'<defs><linearGradient id="{key}m" x1="0" y1="0" x2="1" y2="1">'
        f'<stop offset="0" stop-color="{light}"/><stop offset=".5" stop-color="{middle}'
        f'"/><stop offset="1" stop-color="{dark}"/></linearGradient>'
        f'<radialGradient id="{key}d" cx=".38" cy=".3" r=".85">'
        f'<stop offset="0" stop-color="{mixed(dial, "#ffffff", 0.16)}"/>'
        f'<stop offset=".55" stop-color="{dial}"/>'
        f'<stop offset="1" stop-color="{mixed(dial, "#000000", 0.22)}"/>'
        f"</radialGradient></defs>",
        _strap(LEATHER[row["strap"]]),
        f'<rect x="{rim - 2:.1f}" y="-9" width="12" height="18" rx="3" '
        f'fill="url(#{key}m)" stroke="{dark}" stroke-width=".6"/>',
        _case(row["case"], rim, f"url(#{key}m)", dark),
        _case(row["case"], 100, f"url(#{key}d)", dark),
        _track(row, ink, dial),
        *(_marker(row, k, ink) for k in range(12)),
        _six(row, ink, dial, accent),
        *_hands(row, ink, dial, accent),
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-130 -165 260 330">'
        + "".join(parts)
        + "</svg>"
    )


def _strap(colour: str) -> str:
    edge, stitch = mixed(colour, "#000000", 0.35), mixed(colour, "#ffffff", 0.35)
    return "".join(
        f'<path d="M-62 {a} L62 {a} L70 {b} L-70 {b}Z" fill="{colour}" '
        f'stroke="{edge}"/><path d="M-55 {a} L-62 {b} M55 {a} L62 {b}" '
        f'stroke="{stitch}" stroke-width="1.2" stroke-dasharray="5 3" fill="none"/>'
        for a, b in ((-165, -70), (165, 70))
    )


def _case(kind: str, radius: float, fill: str, edge: str) -> str:
    if kind == "round":
        shape = f'<circle r="{radius:.1f}"'
    else:
        half, corner = radius, 0.42 * radius
        shape = (
            f'<rect x="{-half:.1f}" y="{-half:.1f}" width="{2 * half:.1f}" '
            f'height="{2 * half:.1f}" rx="{corner:.1f}"'
        )
    return f'{shape} fill="{fill}" stroke="{edge}" stroke-width=".8"/>'


def _turned(angle: float, content: str) -> str:
    return f'<g transform="rotate({angle:.2f})">{content}</g>'


def _track(row: Mapping[str, Any], ink: str, dial: str) -> str:
    """Sixty fine strokes at the edge; they give way to the hours."""
    top = -100 + max(1.2, 0.35 * row["marker_inset"])
    stroke = mixed(ink, dial, 0.45)
    return "".join(
        _turned(
            6 * k,
            f'<line y1="{top:.1f}" y2="{top + 2.6:.1f}" stroke="{stroke}" '
            'stroke-width=".7"/>',
        )
        for k in range(60)
    )


def _marker(row: Mapping[str, Any], k: int, ink: str) -> str:
    inset, length, width = (row[f"marker_{x}"] for x in ("inset", "length", "width"))
    top = -100 + inset
    if row["markers"] == "numerals":
        angle, radius = radians(30 * k), 100 - inset - length / 2
        x, y = radius * sin(angle), -radius * cos(angle)
        return (
            f'<text x="{x:.1f}" y="{y + 0.36 * length:.1f}" font-size="{length:.1f}" '
            f'text-anchor="middle" font-family="Helvetica, Arial, sans-serif" '
            f'font-weight="{"bold" if width > 4 else "normal"}" fill="{ink}">'
            f"{k or 12}</text>"
        )
    if row["markers"] == "dots":
        return _turned(
            30 * k,
            f'<ellipse cy="{top + length / 2:.1f}" rx="{width / 2 + 1:.1f}" '
            f'ry="{length / 2:.1f}" fill="{ink}"/>',
        )
    wide = width * (1.6 if k % 3 == 0 else 1)
    return _turned(
        30 * k,
        f'<rect x="{-wide / 2:.1f}" y="{top:.1f}" width="{wide:.1f}" '
        f'height="{length:.1f}" rx="{min(wide / 2, 1):.1f}" fill="{ink}"/>',
    )


def _six(row: Mapping[str, Any], ink: str, dial: str, accent: str) -> str:
    size, line = row["size_at_six"], mixed(ink, dial, 0.3)
    if row["at_six"] == "date":
        return (
            f'<rect x="{-size:.1f}" y="{SIX - 0.7 * size:.1f}" width="{2 * size:.1f}" '
            f'height="{1.4 * size:.1f}" rx="1.5" fill="#fbfaf5" stroke="{line}" '
            f'stroke-width="1"/><text y="{SIX + 0.42 * size:.1f}" text-anchor="middle" '
            f'font-size="{1.2 * size:.1f}" font-family="Helvetica, Arial, sans-serif" '
            f'fill="#1a1b1e">20</text>'
        )
    ring = (
        f'<circle cy="{SIX}" r="{size:.1f}" fill="{mixed(dial, "#000000", 0.14)}" '
        f'stroke="{line}" stroke-width="1"/>'
    )
    if row["at_six"] == "moon":
        x, y, r = 0.22 * size, SIX - 0.06 * size, 0.62 * size
        stars = "".join(
            f'<circle cx="{size * a:.1f}" cy="{SIX + size * b:.1f}" r="1" '
            'fill="#f6efcf"/>'
            for a, b in ((0.6, -0.45), (0.72, 0.1), (0.45, 0.55))
        )
        night = f'<circle cy="{SIX}" r="{size:.1f}" fill="#1b2a52" stroke="{line}"/>'
        return (
            f'{night}{stars}<circle cx="{-x:.1f}" cy="{y:.1f}" r="{r:.1f}" '
            f'fill="#f3e3a6"/><circle cx="{x:.1f}" cy="{y - 0.1 * size:.1f}" '
            f'r="{0.92 * r:.1f}" fill="#1b2a52"/>'
        )
    long = size * row["second_length"] / 50
    ticks = "".join(
        f'<g transform="translate(0 {SIX}) rotate({30 * k})"><line y1="{-size + 1:.1f}"'
        f' y2="{-size + (4.5 if k % 3 == 0 else 3):.1f}" stroke="{ink}" '
        'stroke-width=".9"/></g>'
        for k in range(12)
    )
    return (
        f'{ring}{ticks}<g transform="translate(0 {SIX}) rotate({6 * SECOND})"><line '
        f'y1="{0.2 * size:.1f}" y2="{-long:.1f}" stroke="{accent}" '
        f'stroke-width="1.6"/></g><circle cy="{SIX}" r="2" fill="{accent}"/>'
    )


def _hands(row: Mapping[str, Any], ink: str, dial: str, accent: str) -> list[str]:
    shade = 'fill="#000000" opacity=".28" transform="translate(1.2 2)"'
    turns = {
        "hour": 30 * HOUR + MINUTE / 2,
        "minute": 6 * MINUTE + SECOND / 10,
    }
    parts = []
    for name, turn in turns.items():
        path = _hand(row["hands"], row[f"{name}_length"], row[f"{name}_width"])
        body = f'<path d="{path}" fill="{ink}" stroke="{mixed(ink, dial, 0.6)}" '
        shadow = _turned(turn, f'<path d="{path}"/>')
        parts.append(f"<g {shade}>{shadow}</g>")
        parts.append(_turned(turn, body + 'stroke-width=".6"/>'))
    parts.append(f'<circle r="4.6" fill="{ink}"/>')
    if row["at_six"] != "seconds":
        long = row["second_length"]
        parts.append(
            _turned(
                6 * SECOND,
                f'<line y1="18" y2="{-long:.1f}" stroke="{accent}" '
                f'stroke-width="1.5"/><circle cy="18" r="2.6" fill="{accent}"/>',
            )
        )
        parts.append(f'<circle r="3" fill="{accent}"/>')
    return [*parts, f'<circle r="1.2" fill="{dial}"/>']


def _hand(kind: str, length: float, width: float) -> str:
    half, tail = width / 2, 10
    if kind == "baton":
        return (
            f"M{-half:.1f} {tail} L{-half:.1f} {-length + half:.1f} Q0 {-length:.1f} "
            f"{half:.1f} {-length + half:.1f} L{half:.1f} {tail}Z"
        )
    if kind == "dauphine":
        return f"M0 {tail} L{-half * 1.3:.1f} -6 L0 {-length:.1f} L{half * 1.3:.1f} -6Z"
    wide = half * 1.5
    return (
        f"M-1 {tail} L-1 -12 Q{-wide:.1f} {-0.5 * length:.1f} 0 {-length:.1f} "
        f"Q{wide:.1f} {-0.5 * length:.1f} 1 -12 L1 {tail}Z"
    )


# ---- posters -------------------------------------------------------------------------


def poster_svg(row: Mapping[str, Any]) -> str:
    """Draw a poster of 300 by 400; the width of its title is that of the rules.

    Raises:
        ValueError: parameters that ``POSTERS.check`` refuses.
    """
    _check(POSTERS, row)
    ground, letters = GROUNDS[row["ground"]], LETTERS[row["letters"]]
    place = f'x="{row["shape_x"]:.1f}" y="{row["shape_y"]:.1f}"'
    shape = SHAPE[row["shape"]](SHAPES[row["colour"]], ground, letters)
    scale = row["shape_size"] / 100
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{ground}"/>',
        f'<svg {place} overflow="visible"><g transform="scale({scale:.3f})">{shape}'
        "</g></svg>",
    ]
    size, top = row["title_size"], row["title_top"]
    for k, word in enumerate(row["title"].split()):
        wide = LETTER * size * len(word)
        parts.append(
            _text(row, word, top + LINE * size * (k + 0.8), size, letters, "bold", wide)
        )
    size, top = row["body_size"], row["body_top"]
    for k, line in enumerate(DETAILS):
        base = top + 1.45 * size * (k + 0.75)
        parts.append(_text(row, line, base, size, letters, "normal"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        + "".join(parts)
        + "</svg>"
    )


def _text(
    row: Mapping[str, Any],
    text: str,
    base: float,
    size: float,
    colour: str,
    weight: str,
    wide: float | None = None,
) -> str:
    x = {"left": row["margin"], "middle": WIDTH / 2, "right": WIDTH - row["margin"]}
    anchor = {"left": "start", "middle": "middle", "right": "end"}
    fixed = f'textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs"' if wide else ""
    spaced = "" if wide else f'letter-spacing="{0.08 * size:.2f}"'
    return (
        f'<text x="{x[row["align"]]:.1f}" y="{base:.1f}" font-size="{size:.1f}" '
        f'text-anchor="{anchor[row["align"]]}" font-weight="{weight}" {fixed}{spaced} '
        f'font-family="Futura, Avenir, Helvetica, Arial, sans-serif" fill="{colour}">'
        f"{text}</text>"
    )


def _sun(colour: str, ground: str, letters: str) -> str:
    """A disc that sinks behind stripes of the ground, which grow towards the bottom."""
    light = mixed(colour, "#ffffff", 0.35)
    bands = [
        f'<circle cy="0" r="{50 - 9 * k}" fill="{mixed(colour, light, k / 3)}"/>'
        for k in range(3)
    ]
    stripes = [
        f'<rect x="-51" y="{6 + 9 * k}" width="102" height="{1.2 + 1.1 * k:.1f}" '
        f'fill="{ground}"/>'
        for k in range(5)
    ]
    return "".join(bands + stripes)


def _waves(colour: str, ground: str, letters: str) -> str:
    """Seven ribbons, from the colour to the ground."""
    parts = []
    for k in range(7):
        y, rise = -38 + 12 * k, 9 if k % 2 else -9
        path = f"M-50 {y} q12.5 {-rise} 25 0 t25 0 t25 0 t25 0"
        shade = mixed(colour, ground, 0.1 * k)
        parts.append(
            f'<path d="{path}" fill="none" stroke="{shade}" stroke-width="7" '
            'stroke-linecap="round"/>'
        )
    return "".join(parts)


def _hills(colour: str, ground: str, letters: str) -> str:
    """A sun over three ridges, the nearest the darkest."""
    dark = mixed(colour, "#10192b", 0.55)
    sun = mixed(colour, "#ffe9b0", 0.65)
    ridges = (
        "M-50 12 Q-28 -24 -8 2 T28 -8 T50 6 V50 H-50Z",
        "M-50 26 Q-22 -2 4 20 T50 14 V50 H-50Z",
        "M-50 38 Q-18 18 12 34 T50 30 V50 H-50Z",
    )
    parts = [f'<circle cx="16" cy="-24" r="17" fill="{sun}"/>']
    for k, path in enumerate(ridges):
        parts.append(f'<path d="{path}" fill="{mixed(colour, dark, k / 2)}"/>')
    return "".join(parts)


def _arcs(colour: str, ground: str, letters: str) -> str:
    """Half rings around the middle of the lower edge, and a small disc."""
    parts = [
        f'<path d="M{-r} 25 A{r} {r} 0 0 1 {r} 25" fill="none" stroke-width="9" '
        f'stroke="{mixed(colour, letters if k % 2 else ground, 0.16 * k)}"/>'
        for k, r in enumerate((45, 33, 21, 9))
    ]
    return "".join(parts) + f'<circle cx="36" cy="-36" r="8" fill="{colour}"/>'


def _petals(colour: str, ground: str, letters: str) -> str:
    """Twelve petals, two shades in turn, and a heart."""
    other = mixed(colour, ground, 0.45)
    parts = [
        f'<ellipse cy="-29" rx="9.5" ry="20" fill="{other if k % 2 else colour}" '
        f'opacity=".93" transform="rotate({30 * k})"/>'
        for k in range(12)
    ]
    return "".join(parts) + f'<circle r="9" fill="{mixed(colour, letters, 0.55)}"/>'


def _tiles(colour: str, ground: str, letters: str) -> str:
    """Three by three quarter discs, turned so that they meet in curves."""
    shades = (colour, mixed(colour, letters, 0.5), mixed(colour, "#ffffff", 0.4))
    side = 100 / 3
    parts = []
    for k in range(9):
        x, y = -50 + side * (k % 3), -50 + side * (k // 3)
        turn = 90 * ((0, 1, 3, 2, 0, 2, 1, 3, 0)[k])
        middle = f"{x + side / 2:.2f} {y + side / 2:.2f}"
        parts.append(
            f'<path transform="rotate({turn} {middle})" fill="{shades[(k * 2) % 3]}" '
            f'd="M{x:.2f} {y:.2f} h{side:.2f} a{side:.2f} {side:.2f} 0 0 1 '
            f'{-side:.2f} {side:.2f}Z"/>'
        )
    return "".join(parts)


SHAPE = {
    "sun": _sun,
    "waves": _waves,
    "hills": _hills,
    "arcs": _arcs,
    "petals": _petals,
    "tiles": _tiles,
}
PICTURES = {"watches": watch_svg, "posters": poster_svg}


def drawn(frame: DataFrame, collection: str) -> list[str]:
    """Draw every design of a frame of a collection: "watches" or "posters".

    Raises:
        ValueError: another collection, or designs that its space refuses.
    """
    if collection not in PICTURES:
        raise unknown("collection", collection, PICTURES)
    return [PICTURES[collection](row) for row in frame.to_dict("records")]


def _check(space: Space, row: Mapping[str, Any]) -> None:
    space.check(optional("pandas").DataFrame([dict(row)]))
