"""Watch faces and posters: their parameters, their rules, and made-up collections.

Nobody sells these watches. Each collection has a few styles; within a style parameters
hang together, as they do where one hand drew them; all its designs keep the rules.
Lengths of a watch are in hundredths of the dial's radius; a poster has 300 by 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import whole
from ...codecs.designs import Derived, Rule, Space, contrast
from ...runtime import optional

if TYPE_CHECKING:
    from pandas import DataFrame

DIALS = {
    "midnight": "#16233f",
    "black": "#15171a",
    "forest": "#1f4033",
    "burgundy": "#5a1a2b",
    "slate": "#55606e",
    "ivory": "#f3ecdc",
    "ice": "#d5e3ea",
    "sand": "#dcc9a3",
}
INKS = {"white": "#f8f8f4", "black": "#1a1b1e", "gold": "#d3ab55", "silver": "#c4cad1"}
ACCENTS = {
    "orange": "#f07a2b",
    "red": "#d13438",
    "sky": "#4aa3df",
    "mint": "#6fd0ae",
    "yellow": "#f2c744",
}
FINISHES = ("steel", "gold", "rose", "dark")
STRAPS = ("black", "brown", "navy", "olive", "grey")
SIX = 50  # where the centre of what stands at six o'clock lies below that of the dial

WATCHES = Space(
    numbers={
        "bezel": (4.0, 22.0),
        "marker_inset": (3.0, 16.0),
        "marker_length": (4.0, 28.0),
        "marker_width": (1.0, 9.0),
        "hour_length": (30.0, 75.0),
        "minute_length": (50.0, 98.0),
        "second_length": (40.0, 98.0),
        "hour_width": (2.0, 14.0),
        "minute_width": (1.0, 10.0),
        "size_at_six": (8.0, 36.0),
    },
    choices={
        "case": ("round", "cushion"),
        "finish": FINISHES,
        "dial": tuple(DIALS),
        "ink": tuple(INKS),
        "accent": tuple(ACCENTS),
        "markers": ("bars", "dots", "numerals"),
        "hands": ("baton", "dauphine", "leaf"),
        "at_six": ("date", "seconds", "moon"),
        "strap": STRAPS,
    },
    derived={
        "contrast": Derived(("dial", "ink"), lambda a, b: contrast(DIALS[a], INKS[b])),
        "accent_contrast": Derived(
            ("dial", "accent"), lambda a, b: contrast(DIALS[a], ACCENTS[b])
        ),
    },
    rules=(
        Rule("readable", {"contrast": 1}, 4.5),
        Rule("second hand seen", {"accent_contrast": 1}, 1.8),
        Rule("hands told apart", {"minute_length": 1, "hour_length": -1}, 15),
        Rule("hour hand wider", {"hour_width": 1, "minute_width": -1}, 1),
        Rule(
            "hour hand clear of markers",
            {"hour_length": -1, "marker_inset": -1, "marker_length": -1},
            -97,
        ),
        Rule(
            "minute hand reaches markers",
            {"minute_length": 1, "marker_inset": 1, "marker_length": 1},
            92,
        ),
        Rule("minute hand inside", {"minute_length": -1, "marker_inset": -1}, -99),
        Rule(
            "second hand longest",
            {"second_length": 1, "minute_length": -1},
            0,
            {"at_six": ("date", "moon")},
        ),
        Rule(
            "small second hand inside",
            {"second_length": -1},
            -48,
            {"at_six": ("seconds",)},
        ),
        Rule(
            "room at six",
            {"size_at_six": -1, "marker_inset": -1, "marker_length": -1},
            SIX - 98,
        ),
        Rule("window large enough", {"size_at_six": 1}, 14, {"at_six": ("seconds",)}),
        Rule("moon large enough", {"size_at_six": 1}, 16, {"at_six": ("moon",)}),
        Rule("date small", {"size_at_six": -1}, -16, {"at_six": ("date",)}),
        Rule("numerals legible", {"marker_length": 1}, 14, {"markers": ("numerals",)}),
    ),
)

GROUNDS = {
    "paper": "#f5efe1",
    "sky": "#cfe3ee",
    "blush": "#f3d9cf",
    "lemon": "#f7e08a",
    "sage": "#c9d5bd",
    "ink": "#182033",
    "plum": "#3a1d3f",
    "teal": "#0f4c55",
}
LETTERS = {"ink": "#182033", "white": "#fdfaf2", "red": "#b3282d", "blue": "#1d4e89"}
SHAPES = {
    "coral": "#ef6f53",
    "ochre": "#e0a32e",
    "rose": "#d9587c",
    "leaf": "#3f8f6b",
    "azure": "#3b8ec2",
    "cream": "#f6e7c4",
}
TITLES = {
    "SPRING MARKET": 6,
    "NIGHT MUSIC": 5,
    "OPEN STUDIO": 6,
    "CITY WALKS": 5,
    "SUMMER FILMS": 6,
    "PAPER BOATS": 5,
}
WIDTH, HEIGHT = 300, 400
LETTER, LINE, BODY_LINES = 0.72, 1.06, 4.4  # widths and heights, in sizes of letters

POSTERS = Space(
    numbers={
        "margin": (10.0, 40.0),
        "title_size": (16.0, 64.0),
        "title_top": (10.0, 330.0),
        "body_size": (5.0, 20.0),
        "body_top": (60.0, 385.0),
        "shape_size": (60.0, 280.0),
        "shape_x": (40.0, 260.0),
        "shape_y": (40.0, 360.0),
    },
    choices={
        "layout": ("title first", "shape first"),
        "align": ("left", "middle", "right"),
        "ground": tuple(GROUNDS),
        "letters": tuple(LETTERS),
        "colour": tuple(SHAPES),
        "shape": ("sun", "waves", "hills", "arcs", "petals", "tiles"),
        "title": tuple(TITLES),
    },
    derived={
        "contrast": Derived(
            ("ground", "letters"), lambda a, b: contrast(GROUNDS[a], LETTERS[b])
        ),
        "shape_contrast": Derived(
            ("ground", "colour"), lambda a, b: contrast(GROUNDS[a], SHAPES[b])
        ),
    },
    rules=(
        Rule("readable", {"contrast": 1}, 4.5),
        Rule("shape seen", {"shape_contrast": 1}, 1.5),
        Rule("title leads", {"title_size": 1, "body_size": -2.2}, 0),
        Rule("body legible", {"body_size": 1}, 8),
        *(
            Rule(
                f"title of {n} letters fits",
                {"title_size": -LETTER * n, "margin": -2},
                -WIDTH,
                {"title": tuple(t for t, letters in TITLES.items() if letters == n)},
            )
            for n in (5, 6)
        ),
        Rule("title inside", {"title_top": 1, "margin": -1}, 0),
        Rule(
            "body inside",
            {"body_top": -1, "body_size": -BODY_LINES, "margin": -1},
            -HEIGHT,
        ),
        Rule(
            "body below title",
            {"body_top": 1, "title_top": -1, "title_size": -2 * LINE},
            8,
        ),
        Rule(
            "shape below title",
            {
                "shape_y": 1,
                "shape_size": -0.5,
                "title_top": -1,
                "title_size": -2 * LINE,
            },
            6,
            {"layout": ("title first",)},
        ),
        Rule(
            "body below shape",
            {"body_top": 1, "shape_y": -1, "shape_size": -0.5},
            6,
            {"layout": ("title first",)},
        ),
        Rule(
            "title below shape",
            {"title_top": 1, "shape_y": -1, "shape_size": -0.5},
            6,
            {"layout": ("shape first",)},
        ),
        Rule("shape inside, top", {"shape_y": 1, "shape_size": -0.5}, 0),
        Rule("shape inside, left", {"shape_x": 1, "shape_size": -0.5}, 0),
        Rule("shape inside, right", {"shape_x": -1, "shape_size": -0.5}, -WIDTH),
    ),
)

SPACES = {"watches": WATCHES, "posters": POSTERS}

# A style of watches: what is chosen, and (mean, deviation) of what is measured.
WATCH_STYLES: dict[str, dict[str, Any]] = {
    "dress": {
        "bezel": (6, 0.8),
        "marker_inset": (6, 1),
        "marker_length": (15, 2),
        "marker_width": (2, 0.4),
        "hour_width": (6, 0.8),
        "case": ("round",),
        "finish": ("gold", "rose"),
        "pairs": (("ivory", "black"), ("burgundy", "gold"), ("midnight", "gold")),
        "accent": ("red", "sky"),
        "markers": ("bars",),
        "hands": ("dauphine", "leaf"),
        "at_six": ("moon", "date"),
        "strap": ("brown", "black"),
    },
    "diver": {
        "bezel": (19, 1),
        "marker_inset": (7, 1),
        "marker_length": (11, 1.5),
        "marker_width": (7, 0.7),
        "hour_width": (11, 1),
        "case": ("round",),
        "finish": ("steel", "dark"),
        "pairs": (("black", "white"), ("midnight", "white"), ("forest", "white")),
        "accent": ("orange", "yellow"),
        "markers": ("dots",),
        "hands": ("baton",),
        "at_six": ("date",),
        "strap": ("black", "navy", "grey"),
    },
    "pilot": {
        "bezel": (9, 1),
        "marker_inset": (5, 0.8),
        "marker_length": (19, 1.2),
        "marker_width": (4, 0.8),
        "hour_width": (9, 1),
        "case": ("round",),
        "finish": ("dark", "steel"),
        "pairs": (("black", "silver"), ("sand", "black"), ("forest", "white")),
        "accent": ("yellow", "orange", "red"),
        "markers": ("numerals",),
        "hands": ("leaf", "baton"),
        "at_six": ("date", "seconds"),
        "strap": ("brown", "olive"),
    },
    "studio": {
        "bezel": (4.8, 0.4),
        "marker_inset": (4, 0.5),
        "marker_length": (9, 1.5),
        "marker_width": (1.5, 0.25),
        "hour_width": (3.6, 0.4),
        "case": ("round", "cushion"),
        "finish": ("steel",),
        "pairs": (("ivory", "black"), ("ice", "black"), ("sand", "black")),
        "accent": ("red", "sky"),
        "markers": ("bars",),
        "hands": ("baton",),
        "at_six": ("seconds",),
        "strap": ("grey", "black", "brown"),
    },
    "cushion": {
        "bezel": (12, 1.2),
        "marker_inset": (9, 1),
        "marker_length": (13, 1.5),
        "marker_width": (4.5, 0.6),
        "hour_width": (7.5, 0.8),
        "case": ("cushion",),
        "finish": ("rose", "steel"),
        "pairs": (("forest", "gold"), ("burgundy", "silver"), ("midnight", "silver")),
        "accent": ("mint", "orange"),
        "markers": ("bars", "dots"),
        "hands": ("dauphine",),
        "at_six": ("moon", "seconds"),
        "strap": ("brown", "olive", "navy"),
    },
}


def watches(n: int, *, seed: int = 0) -> DataFrame:
    """Draw ``n`` watch faces of the made-up collection, all of which keep the rules.

    Numbers have one decimal. The column ``family`` names the style; it is no parameter.

    Raises:
        ValueError: ``n`` < 1 or a negative seed.
    """
    return _collection(WATCHES, _watch, n, seed)


def _watch(rng: np.random.Generator) -> dict[str, Any]:
    style = str(rng.choice(list(WATCH_STYLES)))
    known = WATCH_STYLES[style]
    row: dict[str, Any] = {"family": style}
    for name, value in known.items():
        if isinstance(value[0], str):
            row[name] = str(rng.choice(value))
        elif name != "pairs":
            row[name] = rng.normal(*value)
    row["dial"], row["ink"] = known["pairs"][rng.integers(len(known["pairs"]))]
    edge = 100 - row["marker_inset"]  # hands are cut to the markers of their own dial
    row["minute_length"] = edge - row["marker_length"] * rng.uniform(0.1, 0.5)
    row["hour_length"] = row["minute_length"] * rng.normal(0.64, 0.02)
    row["minute_width"] = row["hour_width"] * rng.normal(0.62, 0.04)
    small = row["at_six"] == "seconds"
    row["second_length"] = rng.normal(44, 1) if small else edge - rng.uniform(-1, 2)
    free = 98 - SIX - row["marker_inset"] - row["marker_length"]
    share = 0.5 if row["at_six"] == "date" else 0.86
    row["size_at_six"] = free * share + rng.normal(0, 0.6)
    return row


# A style of posters: which shapes and colours, how large, and on which side.
POSTER_STYLES: dict[str, dict[str, Any]] = {
    "festival": {
        "margin": (20, 1.5),
        "body_size": (10.5, 0.6),
        "fill": (0.92, 0.03),
        "layout": ("shape first",),
        "align": ("middle",),
        "pairs": (("ink", "white"), ("plum", "white"), ("teal", "white")),
        "colour": ("coral", "ochre", "rose", "cream"),
        "shape": ("sun", "petals"),
        "title": ("NIGHT MUSIC", "SUMMER FILMS"),
    },
    "gallery": {
        "margin": (30, 2),
        "body_size": (9, 0.4),
        "fill": (0.72, 0.05),
        "layout": ("title first",),
        "align": ("left",),
        "pairs": (("paper", "ink"), ("sage", "ink"), ("blush", "ink")),
        "colour": ("leaf", "azure", "rose", "coral"),
        "shape": ("tiles", "arcs"),
        "title": ("OPEN STUDIO", "PAPER BOATS"),
    },
    "harbour": {
        "margin": (24, 2),
        "body_size": (11, 0.6),
        "fill": (0.96, 0.02),
        "layout": ("title first", "shape first"),
        "align": ("left", "right"),
        "pairs": (("sky", "blue"), ("paper", "blue"), ("teal", "white")),
        "colour": ("azure", "coral", "ochre"),
        "shape": ("waves", "hills"),
        "title": ("PAPER BOATS", "CITY WALKS"),
    },
    "market": {
        "margin": (16, 1.5),
        "body_size": (12.5, 0.7),
        "fill": (0.86, 0.04),
        "layout": ("shape first",),
        "align": ("left", "middle"),
        "pairs": (("lemon", "ink"), ("blush", "red"), ("paper", "red")),
        "colour": ("leaf", "coral", "azure"),
        "shape": ("petals", "hills", "tiles"),
        "title": ("SPRING MARKET", "CITY WALKS", "SUMMER FILMS"),
    },
}


def posters(n: int, *, seed: int = 0) -> DataFrame:
    """Draw ``n`` posters of the made-up collection, all of which keep the rules.

    As ``watches``.
    """
    return _collection(POSTERS, _poster, n, seed)


def _poster(rng: np.random.Generator) -> dict[str, Any]:
    style = str(rng.choice(list(POSTER_STYLES)))
    known = POSTER_STYLES[style]
    row: dict[str, Any] = {"family": style}
    for name in ("layout", "align", "colour", "shape", "title"):
        row[name] = str(rng.choice(known[name]))
    row["ground"], row["letters"] = known["pairs"][rng.integers(len(known["pairs"]))]
    margin, body = rng.normal(*known["margin"]), rng.normal(*known["body_size"])
    room = (WIDTH - 2 * margin) / (LETTER * TITLES[row["title"]])
    title = room * rng.uniform(0.72, 0.97)
    row |= {"margin": margin, "body_size": body, "title_size": title}
    block, gap = 2 * LINE * title, rng.uniform(8, 14)
    bottom = HEIGHT - margin - BODY_LINES * body
    row["body_top"] = bottom - rng.uniform(0, 6)
    if row["layout"] == "title first":
        row["title_top"] = margin + rng.uniform(0, 6)
        top, end = row["title_top"] + block + gap, row["body_top"] - gap
    else:
        row["title_top"] = row["body_top"] - block - 8 - rng.uniform(0, 8)
        top, end = margin, row["title_top"] - gap
    row["shape_size"] = min(end - top, WIDTH - 2 * margin) * rng.normal(*known["fill"])
    row["shape_y"] = (top + end) / 2
    side = {"left": -1, "middle": 0, "right": 1}[row["align"]]
    slack = WIDTH / 2 - margin - row["shape_size"] / 2
    row["shape_x"] = WIDTH / 2 - side * slack * rng.uniform(0.85, 1)
    return row


def _collection(
    space: Space, draw: Callable[[np.random.Generator], dict], n: int, seed: int
) -> DataFrame:
    pd = optional("pandas")
    n, rng = whole("n", n, 1), np.random.default_rng(whole("seed", seed, 0))
    rows: list[dict] = []
    while len(rows) < n:
        frame = pd.DataFrame([draw(rng) for _ in range(2 * n)])
        for name in space.numbers:
            frame[name] = frame[name].round(1).clip(*space.numbers[name])
        rows += frame[space.keeps(frame)].to_dict("records")
    return pd.DataFrame(rows[:n])[[*space.columns, "family"]]


COLLECTIONS: Mapping[str, Callable[..., DataFrame]] = {
    "watches": watches,
    "posters": posters,
}
