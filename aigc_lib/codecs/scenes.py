"""Scenes of films, and what music for them is asked for: rules of thumb, not learned.

Fast and major is heard as happy, slow and minor as sad (Gabrielsson and Lindström
2010); a high place as light, a low one as heavy. How many listeners would agree with
these presets nobody asked.
"""

from __future__ import annotations

from typing import NamedTuple


class Scene(NamedTuple):
    """What a scene asks for; ``low`` and ``high`` bound the melody in MIDI numbers."""

    title: str
    genre: str
    mood: str
    key: str
    metre: str
    tempo: int
    low: int
    high: int
    instrument: str


SCENES = {
    "village_fair": Scene("集市", "folk", "lively", "D major", "6/8", 150, 60, 86,
                          "strings"),
    "chase": Scene("追逐", "folk", "tense", "E minor", "4/4", 176, 57, 84, "piano"),
    "dawn": Scene("破晓", "folk", "gentle", "G major", "3/4", 84, 67, 91, "flute"),
    "farewell": Scene("告别", "folk", "sad", "A minor", "4/4", 66, 55, 76, "strings"),
    "church": Scene("教堂", "chorale", "gentle", "G major", "4/4", 72, 60, 81, "organ"),
    "mourning": Scene("哀悼", "chorale", "sad", "G minor", "4/4", 58, 58, 79, "organ"),
    "credits": Scene("片尾", "pop", "gentle", "C major", "4/4", 96, 60, 81, "piano"),
}  # fmt: skip
