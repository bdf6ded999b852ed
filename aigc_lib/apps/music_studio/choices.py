"""What the pages offer to choose from, and how they put likeness into words."""

from __future__ import annotations

from typing import Any

from ...codecs.instruments import INSTRUMENTS
from ...codecs.piece import GENRES, METRES, MOODS
from ...codecs.scenes import SCENES
from ...codecs.score import LAYOUTS
from . import wishes
from .player import TITLE, WAVENET
from .studio import Alike


def choices() -> dict[str, Any]:
    """What the page lets people choose from, with Chinese names."""
    return {
        "genres": wishes.GENRE_NAMES,
        "metres": METRES,
        "keys": {key: wishes.key_name(key) for key in wishes.KEYS},
        "moods": {mood: wishes.MOOD_NAMES[mood] for mood in MOODS},
        "instruments": {name: kind.title for name, kind in INSTRUMENTS.items()},
        "learned": {WAVENET: TITLE},  # sounds that only the server makes
        "scenes": {name: scene._asdict() for name, scene in SCENES.items()},
        "reasons": wishes.REASONS,
        "voices": {name: len(layout.voices) for name, layout in LAYOUTS.items()},
        "most_new_bars": wishes.MOST_NEW_BARS,
        "most_bars": wishes.MOST_BARS,
        "kinds": wishes.KINDS,
        "genre_order": list(GENRES),
    }


def told_of(alike: Alike) -> str:
    """Say in words how much of a piece stands in a tune that was learned from."""
    if not alike.title:
        return "与训练曲目比较：没有三个音以上、音程与节奏都相同的一段。"
    return (
        f"与训练曲目比较：最长相同的一段有 {alike.notes} 个音"
        f"（{alike.seconds:.1f} 秒），在《{alike.title}》里也有"
        "（不论什么调，音程与节奏都相同）。"
    )
