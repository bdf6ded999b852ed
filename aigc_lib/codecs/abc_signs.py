"""The small signs of ABC notation: keys, lengths, decorations, and what is refused."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

FIFTHS = "FCGDAEB"  # the order in which sharps are added; flats from the other end
MODES = {  # by their first three letters: full name, sharps against major
    "": ("major", 0),
    "maj": ("major", 0),
    "ion": ("major", 0),
    "m": ("minor", -3),
    "min": ("minor", -3),
    "aeo": ("minor", -3),
    "mix": ("mixolydian", -1),
    "dor": ("dorian", -2),
    "phr": ("phrygian", -4),
    "lyd": ("lydian", 1),
    "loc": ("locrian", -5),
}
# Section 4.14, and its short forms. They ask for another touch, never for other notes.
NAMES = """
    trill trill( trill) lowermordent uppermordent mordent pralltriller roll turn turnx
    invertedturn invertedturnx arpeggio > accent emphasis fermata invertedfermata tenuto
    0 1 2 3 4 5 + plus snap slide wedge upbow downbow open thumb breath pppp ppp pp p mp
    mf f ff fff ffff sfz crescendo( <( crescendo) <) diminuendo( >( diminuendo) >) segno
    coda D.S. D.C. dacoda dacapo fine shortphrase mediumphrase longphrase"""
DECORATIONS = {".", "~", *"HLMOPSTuv", *(f"!{name}!" for name in NAMES.split())}
# Parameters of K: and V: that change the look of the staff, and no note.
LOOKS = re.compile(
    r"(clef=)?(treble|alto|tenor|bass|perc|none)[1-5]?"
    r"|(middle|m|stafflines|staffscale|name|nm|subname|snm|stem|merge)(=.*)?"
)


def check_looks(field: str, words: list[str]) -> None:
    """Refuse parameters of a key or a voice that may stand for other notes."""
    for word in words:
        if not LOOKS.fullmatch(word):
            raise ValueError(
                f"{field}: has {word!r}, which may change the notes: leave it out and "
                "write them as they sound"
            )


def check_instruction(text: str) -> None:
    """Refuse the instructions that change what notes mean."""
    name, *rest = text.split() or [""]
    moved = "transpose" in text or (name == "MIDI" and rest[:1] == ["c"])  # c4's number
    others = name == "propagate-accidentals" and rest != ["pitch"]
    if moved or others or re.match("abc-include|octave|voicemap", name):
        raise ValueError(f"{text}: not understood, and it may change the notes")


def not_understood(rest: str) -> ValueError:
    """The error for a sign that no rule reads."""
    return ValueError(
        f"{rest[:10]!r} is not understood: write it as the ABC standard 2.1 has it, or "
        "leave it out"
    )


@lru_cache(1024)  # a tune has few lengths, and each stands in it often
def units(text: str) -> Fraction:
    """The number of units that "", "3", "/", "//" or "3/2" stand for."""
    times, cut, parts = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()
    if parts and len(cut) > 1:
        raise ValueError(f"{text!r} is no length: write one such as 3/2, / or //")
    return fraction(f"{times or 1}/{parts or 2 ** len(cut)}", "length")


def fraction(text: str, name: str) -> Fraction:
    """A positive fraction such as "1/8" or "1"."""
    if not re.fullmatch(r"0*[1-9]\d{0,3}(/0*[1-9]\d{0,3})?", text, re.ASCII):
        raise ValueError(f"{name}:{text}: give a fraction above 0 such as 1/8")
    return Fraction(text)


def key(name: str) -> tuple[int, str]:
    """Return the sharps (flats below 0) and the mode of a key: "Bb", "F#m", "E dor".

    Raises:
        ValueError: no such key, or none that seven sharps or flats can write.
    """
    parts = re.fullmatch(r"([A-G])([#b]?) *((?!M$)[A-Za-z]*)", name)
    mode, more = MODES.get(parts[3][:3].lower(), (None, 0)) if parts else (None, 0)
    if mode:
        shift = {"#": 7, "b": -7, "": 0}[parts[2]]
        sharps = FIFTHS.index(parts[1]) - 1 + shift + more
        if abs(sharps) <= 7:
            return sharps, mode
    raise ValueError(
        f"K:{name}: give a major or minor key or a mode, such as D, Bb, F#m or Edor"
    )


def signature(sharps: int) -> dict[str, int]:
    """Return the letters that a key with so many sharps changes, by one semitone."""
    if sharps >= 0:
        return dict.fromkeys(FIFTHS[:sharps], 1)
    return dict.fromkeys(FIFTHS[sharps:], -1)
