"""Tunes in ABC notation, read as the notes of a melody.

Read is the notation of one voice in the ABC standard 2.1 (abcnotation.com, 2011). What
is not understood is refused, with its line and column: no sign is passed over that
might have been a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from .abc_signs import (
    DECORATIONS,
    MODES,
    check_instruction,
    check_looks,
    fraction,
    key,
    not_understood,
    signature,
    units,
)

SEMITONES = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))  # above C
TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # so many notes in the time of how many
FIELD = re.compile(r"([A-Za-z+]):\s*(.*)")
NO_FIELD = re.compile(r"[A-Za-z]:\s*[|:]")  # but a note and a repeat sign
LENGTH = r"\d*/*\d*"
NOTE = rf"(?:\^\^?|__?|=)?[A-Ga-g][,']*{LENGTH}"
MARK = r"![^!\s|]*!|[.~H-Wh-w]"  # a decoration
TEXT = r'"[^"]*"'  # the name of a chord, an annotation
NUMBERS = r"\d{1,3}(?:[-,]\d{1,3})*"  # of endings
TOKEN = re.compile(
    rf"""(?P<nothing>[\s`$]|y\d*|\((?!\d)|\))
    | (?P<text>{TEXT})
    | (?P<mark>{MARK})
    | \{{/?(?P<grace>[^{{}}]*)\}}
    | \[(?P<field>[A-Za-z]:[^]]*)\]
    | (?P<bar>(?:\[(?=[|:])|[|:]|(?<=[|:])\])+)(?P<ending>{NUMBERS})?
    | \[(?P<long_ending>{NUMBERS})
    | \[(?P<chord>[^][|]*)\](?P<chord_length>{LENGTH})
    | (?P<tuplet>\(\d{{1,3}}(?::\d{{0,3}}){{0,2}})
    | (?P<tie>-)
    | (?P<broken><+|>+)
    | (?P<rest>[zx]{LENGTH})
    | (?P<bars>[ZX]\d{{0,3}})
    | (?P<note>{NOTE})""",
    re.VERBOSE,
)
SOUND = re.compile(
    rf"(?P<sign>[_^=]*)(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>{LENGTH})"
)
WITHIN = re.compile(rf"[\s`]+|{TEXT}|(?P<mark>{MARK})|(?P<note>{NOTE})(?P<tie>-?)")
MUSIC = {"grace", "chord", "tuplet", "broken", "rest", "bars", "note"}


class Event(NamedTuple):
    """A note by its MIDI number, or a rest (None), for so many quarter notes.

    ``tied``: if the next one has the same pitch, it goes on without a new beginning.
    """

    pitch: int | None
    quarters: Fraction
    tied: bool = False


Place = tuple[str, int]  # of a note on the staff: its letter, octaves above c4


class Note(NamedTuple):
    """What is written: its place, its MIDI number, its length in units."""

    place: Place
    pitch: int
    length: Fraction
    tied: bool


class Tune(NamedTuple):
    """``facts``: title, meter such as "6/8" or "none", sharps (flats below 0), mode.

    ``texts`` are the names of chords and the annotations, each with the number of the
    event that it stands over; ``bars`` the numbers of the events behind a bar line.
    """

    facts: dict[str, Any]
    events: list[Event]
    texts: list[tuple[int, str]]
    bars: list[int]


def read_abc(text: str, *, left_out: list[ValueError] | None = None) -> Iterator[Tune]:
    """Read all tunes of a file, each part once and as it is written.

    Repeats are not played; of several endings the last is taken, which leads on. Of the
    notes of a chord counts the highest; grace notes do not count.

    With a list ``left_out`` a tune that cannot be read is left out and its error
    appended there; without, it is raised.

    Raises:
        ValueError: no tune, or a sign, field, key, rhythm or second voice that is not
            understood; the message names the tune, the line and the column.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("X:")]
    if not starts:
        raise ValueError("text has no tune: each begins with a line such as X:1")
    header = _file_header(lines[: starts[0]])
    for start, end in pairwise([*starts, len(lines)]):
        try:
            yield _Reader(header + list(enumerate(lines[start:end], start + 1))).tune
        except ValueError as error:
            if left_out is None:
                raise
            left_out.append(error)


def _file_header(lines: list[str]) -> list[tuple[int, str]]:
    """The numbered fields, of a file's first lines, that hold for all its tunes."""
    blank = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    head = list(enumerate(lines[:blank], 1))
    if not all(FIELD.match(line) or line.startswith("%") for _, line in head):
        return []  # free text
    return [(i, line) for i, line in head if line[0] in "MLIUm%"]


class _Reader:
    """The state of a reader: where it is, and what the signs mean there."""

    def __init__(self, lines: list[tuple[int, str]]):
        facts = {"title": "", "meter": "none", "sharps": 0, "mode": ""}
        self.tune, self.over = Tune(facts, [], [], []), ""  # what the next stands under
        self.number, self.voice = "", None
        self.in_header, self.decorations = True, set(DECORATIONS)
        self.block = self.field = ""  # the one that the line is in; that of the line
        self.meter: Fraction | None = None  # of a bar, in whole notes; None if free
        self.compound = False  # a meter of threes
        self.unit: Fraction | None = None  # of a length of 1, in whole notes
        self.signature: dict[str, int] = {}  # letter -> semitones, from the key
        self.accidentals: dict[str, int] = {}  # the same, until the bar ends
        self.spelled: dict[Place, int] = {}  # pitches of the last sound
        self.tuplet, self.left = Fraction(1), 0  # factor, and for how many notes
        self.after_sound = False  # whether ">" may stand here
        self.broken: tuple[Fraction, Fraction] | None = None  # length, factor to come
        self.ending: list[int] = []  # the numbers of the one that was begun last
        self.closed = self.goes_back = False  # it has ended; with a repeat sign
        self.begin = 0, self.spelled  # where its group began, and what sounded there
        self.line = self.column = 0
        try:
            for self.line, line in lines:
                self.column = 1
                if not line.strip():  # the tune ends; free text may follow
                    break
                self._line(line)
            self.closed = True
            self._settle()
            self._complete("the end of the tune")
            if self.in_header:
                raise ValueError("K: is missing, the field that ends the header")
        except ValueError as error:
            name = f"X:{self.number} {self.tune.facts['title']!r}"
            place = f"line {self.line}, column {self.column} of the text, tune {name}"
            raise ValueError(f"{place}: {error}") from None

    def _line(self, line: str) -> None:
        if self.block:  # text, or a drawing, up to its end
            if line.removeprefix("%%").strip() == f"end{self.block}":
                self.block = ""
            return
        if begun := re.match(r"%%\s*begin(\w+)", line):
            self.block = begun[1]
        elif line.startswith("%%"):
            check_instruction(line[2:])
        line = re.sub(r"(?<!\\)%.*", "", line).rstrip()
        field = FIELD.match(line)
        if field and (self.in_header or not NO_FIELD.match(line)):
            self.column += field.start(2)
            self._set(*field.groups())
        elif line:
            self.field = ""
            self._music(line.removesuffix("\\"))

    # ---- fields ----------------------------------------------------------------------

    def _set(self, letter: str, value: str) -> None:
        facts, value = {}, value.strip()
        if letter == "+":
            if not self.field or self.field in "IKLMmPUVX":
                raise ValueError("+: goes on from no line of text: write it there")
            return
        self.field = letter
        if letter == "X":
            self.number = value
        elif letter == "T":
            facts = {"title": self.tune.facts["title"] or value}
        elif letter == "M":
            facts = {"meter": self._meter(value)}
        elif letter == "L":
            self.unit = fraction(value, "L")
        elif letter == "K":
            name, *words = value.split() or [""]
            if words and words[0].isalpha() and words[0][:3].lower() in MODES:
                name += words.pop(0)  # "A minor"
            sharps, mode = key(name)
            check_looks("K", words)
            facts = {"sharps": sharps, "mode": mode}
            self.signature, self.in_header = signature(sharps), False
            if self.unit is None:  # by the meter; from here on it stays
                short = self.meter is not None and self.meter < Fraction(3, 4)
                self.unit = Fraction(1, 16 if short else 8)
        elif letter == "P" and not self.in_header:
            self.closed = True
        elif letter == "V":
            name, *words = value.split() or [""]
            check_looks("V", words)
            if self.voice not in (None, name):
                raise ValueError(f"V:{name}: a second voice; give one voice only")
            self.voice = name
        elif letter == "U":
            self.decorations.add(value[:1])
        elif letter == "I":
            check_instruction(value)
        elif letter == "m":
            raise ValueError(f"m:{value}: write out what the macro stands for")
        elif letter.islower() and letter not in "rsw":
            raise ValueError(f"{letter}: is no field of the standard: leave it out")
        if not self.tune.events:  # what holds at the beginning
            self.tune.facts.update(facts)

    def _meter(self, value: str) -> str:
        value = {"C": "4/4", "C|": "2/2", "": "none"}.get(value, value)
        if value == "none":
            self.meter, self.compound = None, False
            return value
        parts = re.fullmatch(r"\(?(\d+(?:\+\d+)*)\)?(/\d+)", value)
        if not parts:
            raise ValueError(f"M:{value}: give a meter such as 4/4, C or none")
        beats = sum(map(int, parts[1].split("+")))
        self.meter = fraction(f"{beats}{parts[2]}", "M")
        self.compound = beats > 3 and beats % 3 == 0
        return value

    # ---- music -----------------------------------------------------------------------

    def _music(self, line: str) -> None:
        if self.in_header:
            raise ValueError(f"{line!r} is no field, and the header has no K: yet")
        at = 0
        while at < len(line):
            self.column = at + 1
            match = TOKEN.match(line, at)
            if not match:
                raise not_understood(line[at:])
            kind = next(
                name for name, found in match.groupdict().items() if found is not None
            )
            if kind in MUSIC:
                self._settle()
            getattr(self, f"_{kind}")(match)
            at = match.end()

    def _nothing(self, match: re.Match) -> None:
        """Space, a slur: no note changes."""

    def _text(self, match: re.Match) -> None:
        self.over = match["text"][1:-1]

    def _mark(self, match: re.Match) -> None:
        if match["mark"] not in self.decorations:
            raise ValueError(
                f"{match['mark']!r} is no decoration of the standard: leave it out"
            )

    def _field(self, match: re.Match) -> None:
        self._set(match["field"][0], match["field"][2:])

    def _bar(self, match: re.Match) -> None:
        self._complete("a bar line", tuplet=False)
        self.accidentals, self.after_sound = {}, False
        self.tune.bars.append(len(self.tune.events))
        if match["bar"] != "|" and not self.closed:
            self.closed, self.goes_back = True, match["bar"].startswith(":")
        if match["ending"]:
            self._begin_ending(match["ending"])

    def _long_ending(self, match: re.Match) -> None:
        self._begin_ending(match["long_ending"])

    def _begin_ending(self, text: str) -> None:
        self._complete("an ending")
        numbers = []
        for part in text.split(","):
            first, *last = map(int, part.split("-"))
            numbers += range(first, max(last, default=first) + 1)
        if not numbers:
            raise ValueError(f"[{text}: number the endings from the first to the last")
        if self.ending and min(numbers) > max(self.ending):
            self._drop_ending()
        else:
            self.closed = True
            self._settle()
            self.begin = len(self.tune.events), self.spelled
        self.ending, self.closed, self.goes_back = numbers, False, False
        self.accidentals, self.after_sound = {}, False

    def _drop_ending(self) -> None:
        start, self.spelled = self.begin
        del self.tune.events[start:]
        self.tune.texts[:] = [text for text in self.tune.texts if text[0] < start]
        self.tune.bars[:] = [bar for bar in self.tune.bars if bar <= start]
        self.accidentals = {}

    def _settle(self) -> None:
        """Decide on an ending that has closed, now that no other one follows it."""
        if not (self.ending and self.closed):
            return
        if 1 in self.ending:  # without a second: what follows the repeat leads on
            if not self.goes_back:
                raise ValueError("ending 1 has no repeat sign :| and no ending 2")
            self._drop_ending()
        self.ending = []

    def _complete(self, place: str, *, tuplet: bool = True) -> None:
        if self.broken:
            raise ValueError(f"a note is missing between > or < and {place}")
        if tuplet and self.left:
            raise ValueError(f"a tuplet lacks {self.left} of its notes at {place}")

    def _tuplet(self, match: re.Match) -> None:
        self._complete("a tuplet")
        notes, time, count = (match["tuplet"][1:] + "::").split(":")[:3]
        p = int(notes)
        q = int(time or TUPLETS.get(p, 3 if self.compound else 2))
        self.left = int(count or p)
        if not (2 <= p <= 9 and q and self.left):
            raise ValueError(
                f"{match[0]!r}: write (p:q:r for r notes, p of them in the time of q, "
                "with p from 2 to 9"
            )
        self.tuplet = Fraction(q, p)

    def _tie(self, match: re.Match) -> None:
        events = self.tune.events
        if not events or events[-1].pitch is None:
            raise ValueError("'-' ties nothing: it stands after a note")
        events[-1] = events[-1]._replace(tied=True)

    def _broken(self, match: re.Match) -> None:
        sign = match["broken"]
        if not self.after_sound or self.broken:
            raise ValueError(f"{sign!r} must stand between two notes")
        last, less = self.tune.events[-1], Fraction(1, 2 ** len(sign))
        first, second = (2 - less, less) if sign[0] == ">" else (less, 2 - less)
        self.tune.events[-1] = last._replace(quarters=last.quarters * first)
        self.broken = last.quarters, second

    def _bars(self, match: re.Match) -> None:
        self._complete("a rest of whole bars")
        if self.meter is None:
            raise ValueError(f"{match[0]}: how long is a bar? Give a meter in M:")
        bars = int(match["bars"][1:] or 1) * self.meter
        if not bars:
            raise ValueError(f"{match[0]}: a rest of no bars, leave it out")
        self.tune.events.append(Event(None, 4 * bars))
        self.accidentals, self.spelled, self.after_sound = {}, {}, False

    def _rest(self, match: re.Match) -> None:
        self._sound({}, units(match["rest"][1:]), False)

    def _note(self, match: re.Match) -> None:
        self._chord(match)

    def _chord(self, match: re.Match) -> None:
        notes = self._notes(match, "note" if match["chord"] is None else "chord")
        if not notes:
            raise ValueError(f"{match[0]!r}: a chord has at least one note")
        length, outer = notes[0][2], match["chord_length"]
        tied = max(notes, key=lambda note: note[1])[3]
        pitches = {place: pitch for place, pitch, *_ in notes}
        self._sound(pitches, length * units(outer) if outer else length, tied)

    def _grace(self, match: re.Match) -> None:
        self._notes(match, "grace")  # they take no time; their accidentals hold on

    def _notes(self, match: re.Match, group: str) -> list[Note]:
        """The notes that stand in a part of ``match``."""
        text, at, found = match[group], 0, []
        while at < len(text):
            self.column = match.start(group) + at + 1
            inner = WITHIN.match(text, at)
            if not inner:
                raise not_understood(text[at:])
            if inner["mark"]:
                self._mark(inner)
            elif inner["note"]:
                sign, letter, octave, length = SOUND.fullmatch(inner["note"]).groups()
                place, pitch = self._pitch(sign, letter, octave)
                found.append(Note(place, pitch, units(length), bool(inner["tie"])))
            at = inner.end()
        return found

    def _pitch(self, sign: str, letter: str, octave: str) -> tuple[Place, int]:
        name = letter.upper()
        octaves = letter.islower() + octave.count("'") - octave.count(",")
        place, events = (name, octaves), self.tune.events
        if not sign and events and events[-1].tied and place in self.spelled:
            return place, self.spelled[place]  # a bar line ends no tie
        if sign:
            self.accidentals[name] = sign.count("^") - sign.count("_")
        shift = self.accidentals.get(name, self.signature.get(name, 0))
        pitch = 60 + SEMITONES[name] + 12 * octaves + shift
        if not 0 <= pitch <= 127:
            raise ValueError(
                f"{letter + octave}: no MIDI number, which go from 0 to 127"
            )
        return place, pitch

    def _sound(self, pitches: dict[Place, int], length: Fraction, tied: bool) -> None:
        """Add a note, a chord or a rest of ``length`` units."""
        quarters = length * (4 * self.unit)
        if self.left:
            quarters *= self.tuplet
        if self.broken:
            expected, factor = self.broken
            if quarters != expected:
                raise ValueError(
                    "> and < stand between notes of one length: write out their lengths"
                )
            quarters, self.broken = quarters * factor, None
        highest = max(pitches.values(), default=None)
        if self.over:
            self.tune.texts.append((len(self.tune.events), self.over))
            self.over = ""
        self.tune.events.append(Event(highest, quarters, tied))
        self.left, self.spelled = max(0, self.left - 1), pitches
        self.after_sound = True
