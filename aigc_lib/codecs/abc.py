"""Folk tunes in ABC notation, read as the notes of a melody.

Understood is what collections of folk tunes use (ABC standard 2.1, abcnotation.com):
notes, rests, chords, accidentals, ties, tuplets, endings, and the fields K, L, M, P, T.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

FIFTHS = "FCGDAEB"  # the order in which sharps are added; flats from the other end
SEMITONES = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))  # above C
TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # so many notes in the time of how many

FIELD = re.compile(r"([A-Za-z]):(?![|:])\s*(.*)")
SILENT = re.compile(r'"[^"]*"|![^!]*!|\{[^}]*\}')  # names of chords, ornaments
NOTE = re.compile(r"([\^_=]*)([A-Ga-gz])([,']*)(\d*)(/*)(\d*)")
TOKEN = re.compile(
    r"\[(?P<ending>[12])|\[(?P<chord>[^]|]*)\]|\((?P<tuplet>[2-9])|(?P<bar>[|:]+)"
    rf"|(?P<tie>-)|(?P<note>{NOTE.pattern})"
)


class Event(NamedTuple):
    """A note by its MIDI number, or a rest (None), for so many quarter notes.

    ``tied``: if the next one has the same pitch, it goes on without a new beginning.
    """

    pitch: int | None
    quarters: Fraction
    tied: bool = False


class Tune(NamedTuple):
    """``facts``: title, meter such as "6/8", sharps (flats below 0), mode."""

    facts: dict[str, Any]
    events: list[Event]


def read_abc(text: str) -> Iterator[Tune]:
    """Read all tunes of a file, each part once and as it is written.

    Repeats are not played; of two endings the second is taken, which leads on. Of the
    notes of a chord counts the highest; grace notes do not count.

    Raises:
        ValueError: a key or a rhythm ("<", ">") that is not understood.
    """
    for tune in re.split(r"^X:", text, flags=re.MULTILINE)[1:]:
        yield _Reader(tune.splitlines()[1:]).tune


class _Reader:
    """The state of a reader: where it is, and what the signs mean there."""

    def __init__(self, lines: Iterable[str]):
        self.tune = Tune({"title": "", "meter": "4/4", "sharps": 0, "mode": ""}, [])
        self.unit: Fraction | None = None  # of a length of 1, in whole notes
        self.signature: dict[str, int] = {}  # letter -> semitones, from the key
        self.accidentals: dict[str, int] = {}  # the same, until the bar ends
        self.skipping = False  # within a first ending
        self.tuplet, self.left = Fraction(1), 0  # factor, and for how many notes
        for line in lines:
            line = line.partition("%")[0].rstrip()
            if field := FIELD.match(line):
                self._field(*field.groups())
            else:
                self._music(SILENT.sub("", line))

    def _field(self, letter: str, value: str) -> None:
        facts = {}
        if letter == "T":
            facts = {"title": self.tune.facts["title"] or value}
        elif letter == "M":
            facts = {"meter": {"C": "4/4", "C|": "2/2"}.get(value, value)}
        elif letter == "K":
            sharps, mode = key(value)
            facts = {"sharps": sharps, "mode": mode}
            self.signature = signature(sharps)
        elif letter == "L":
            self.unit = Fraction(value)
        elif letter == "P":
            self.skipping = False
        if not self.tune.events:  # what holds at the beginning
            self.tune.facts.update(facts)

    def _music(self, line: str) -> None:
        if "<" in line or ">" in line:
            raise ValueError(f"{line!r}: write out the lengths of its broken rhythm")
        events = self.tune.events
        for match in TOKEN.finditer(line):
            if match["ending"]:
                self.skipping, self.accidentals = match["ending"] == "1", {}
            elif self.skipping:
                continue
            elif match["bar"]:
                self.accidentals = {}
            elif match["tuplet"]:
                self.left = int(match["tuplet"])
                self.tuplet = Fraction(TUPLETS.get(self.left, 2), self.left)
            elif match["tie"]:
                if events:
                    events[-1] = events[-1]._replace(tied=True)
            else:
                notes = NOTE.finditer(match["note"] or match["chord"] or "")
                if chord := [self._event(*note.groups()) for note in notes]:
                    highest = max(
                        chord, key=lambda e: -1 if e.pitch is None else e.pitch
                    )
                    events.append(highest._replace(quarters=chord[0].quarters))
                    self.left = max(0, self.left - 1)

    def _event(
        self, sign: str, letter: str, octave: str, times: str, cut: str, parts: str
    ) -> Event:
        length = Fraction(int(times or 1), int(parts or 2 ** len(cut)))
        quarters = 4 * self._unit() * length * (self.tuplet if self.left else 1)
        if letter == "z":
            return Event(None, quarters)
        name = letter.upper()
        if sign:
            self.accidentals[name] = sign.count("^") - sign.count("_")
        shift = self.accidentals.get(name, self.signature.get(name, 0))
        octaves = letter.islower() + octave.count("'") - octave.count(",")
        return Event(60 + SEMITONES[name] + 12 * octaves + shift, quarters)

    def _unit(self) -> Fraction:
        """A length of 1: what L says, else by the meter, as the standard has it."""
        short = Fraction(self.tune.facts["meter"]) < Fraction(3, 4)
        return self.unit or Fraction(1, 16 if short else 8)


def key(name: str) -> tuple[int, str]:
    """Return the sharps (flats below 0) and the mode of a key such as "Bb" or "F#m".

    Raises:
        ValueError: neither major nor minor.
    """
    parts = re.fullmatch(r"([A-G])([#b]?) *(m|min|minor|maj|major)?", name)
    if not parts:
        raise ValueError(f"K:{name}: give a major or minor key, such as D, Bb or F#m")
    tonic, sign, mode = parts.groups()
    minor = mode in ("m", "min", "minor")
    shift = {"#": 7, "b": -7, "": 0}[sign]
    sharps = FIFTHS.index(tonic) - 1 + shift - 3 * minor
    return sharps, "minor" if minor else "major"


def signature(sharps: int) -> dict[str, int]:
    """Return the letters that a key with so many sharps changes, by one semitone."""
    if sharps >= 0:
        return dict.fromkeys(FIFTHS[:sharps], 1)
    return dict.fromkeys(FIFTHS[sharps:], -1)
