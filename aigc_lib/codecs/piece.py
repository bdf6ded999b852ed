"""A piece of music: voices, chords, bars; as plain values, and back.

Time is counted in steps, sixteenth notes; pitches are MIDI numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..arguments import finite, unknown, whole
from .melody import STEPS

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
CLASSES = {name: i for i, name in enumerate(NAMES)} | {
    "Db": 1, "D#": 3, "E#": 5, "Fb": 4, "Gb": 6, "G#": 8, "A#": 10, "B#": 0, "Cb": 11
}  # fmt: skip
MODES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
# Semitones above the root
QUALITIES = {
    "": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11), "dim": (0, 3, 6)
}  # fmt: skip
NO_CHORD = "N"
METRES = {  # steps a bar
    "2/4": 8, "3/4": 12, "4/4": 16, "6/4": 24, "2/2": 16, "3/2": 24,
    "3/8": 6, "6/8": 12, "9/8": 18, "12/8": 24
}  # fmt: skip
MOODS = ("lively", "gentle", "tense", "sad")
LIVELY = 1.75  # notes of the first voice in a quarter, from which a piece is lively
GENRES = ("folk", "chorale", "pop")
LOWEST, HIGHEST = 21, 108  # a piano
MOST_STEPS, MOST_VOICES, MOST_TITLE = 8_192, 8, 200
TEMPO = (20, 400)  # quarters a minute


class Sound(NamedTuple):
    """A note: where it begins, how long it lasts, both in steps, its MIDI number."""

    start: int
    steps: int
    pitch: int

    @property
    def end(self) -> int:
        """The first step at which it is not heard."""
        return self.start + self.steps


class Sign(NamedTuple):
    """A chord, from this step until the next one; its name such as "F#m7", or "N"."""

    start: int
    name: str


def chord_classes(name: str) -> frozenset[int]:
    """Return the pitch classes of a chord; none for "N".

    Raises:
        ValueError: no such chord.
    """
    if name == NO_CHORD:
        return frozenset()
    root, quality = split_chord(name)
    return frozenset((root + step) % 12 for step in QUALITIES[quality])


def split_chord(name: str) -> tuple[int, str]:
    """Return the root's pitch class and the quality: "F#m7" -> (6, "m7").

    Raises:
        ValueError: no such chord.
    """
    for length in (2, 1):
        root, quality = str(name)[:length], str(name)[length:]
        if root in CLASSES and quality in QUALITIES:
            return CLASSES[root], quality
    kinds = ", ".join(f"C{quality}" for quality in QUALITIES)
    raise ValueError(f"chord={name!r}: give one such as {kinds}, or {NO_CHORD!r}")


def read_key(key: str) -> tuple[int, str]:
    """Return tonic and mode: "F# minor" -> (6, "minor").

    Raises:
        ValueError: no such key.
    """
    tonic, _, mode = str(key).partition(" ")
    if tonic not in CLASSES or mode not in MODES:
        raise ValueError(f"key={key!r}: give one such as 'G major' or 'F# minor'")
    return CLASSES[tonic], mode


def wide_scale(tonic: int, mode: str) -> frozenset[int]:
    """Return the pitch classes of a key, in minor with raised sixth and seventh too."""
    raised = (9, 11) if mode == "minor" else ()
    return frozenset((tonic + step) % 12 for step in (*MODES[mode], *raised))


@dataclass(frozen=True)
class Piece:
    """Voices of one note at a time, with chords over them and bars under them.

    ``pickup`` are the steps before the first bar line, ``length`` all steps, ``tempo``
    quarters a minute. ``voices`` come the highest first, each in order of time.

    Raises:
        ValueError: notes that overlap or lie outside, chords or names that are none, a
            number out of range.
    """

    voices: tuple[tuple[Sound, ...], ...]
    length: int
    metre: str = "4/4"
    key: str = "C major"
    chords: tuple[Sign, ...] = ()
    genre: str = "folk"
    pickup: int = 0
    tempo: float = 100
    title: str = ""

    def __post_init__(self) -> None:
        if self.metre not in METRES:
            raise unknown("metre", self.metre, METRES)
        if self.genre not in GENRES:
            raise unknown("genre", self.genre, GENRES)
        tonic, mode = read_key(self.key)
        length, pickup = whole("length", self.length, 1), whole("pickup", self.pickup)
        if length > MOST_STEPS:
            raise ValueError(f"length={length}: give at most {MOST_STEPS} steps")
        if not 0 <= pickup < METRES[self.metre]:
            raise ValueError(f"pickup={pickup}: give less than a bar of {self.metre}")
        low, high = TEMPO
        tempo = finite("tempo", self.tempo, least=low, most=high)
        if not isinstance(self.title, str) or len(self.title) > MOST_TITLE:
            raise ValueError(f"title: give a text of at most {MOST_TITLE} characters")
        if not 1 <= len(self.voices) <= MOST_VOICES:
            raise ValueError(f"{len(self.voices)} voices: give 1 to {MOST_VOICES}")
        voices = tuple(_voice(voice, length, i) for i, voice in enumerate(self.voices))
        found = {"voices": voices, "chords": _signs(self.chords, length)}
        found |= {"key": f"{NAMES[tonic]} {mode}", "tempo": tempo}
        for name, value in (found | {"length": length, "pickup": pickup}).items():
            object.__setattr__(self, name, value)

    # ---- what follows from it --------------------------------------------------------

    @property
    def tonic(self) -> int:
        """The pitch class of the key's first note."""
        return read_key(self.key)[0]

    @property
    def mode(self) -> str:
        """Of the key: "major" or "minor"."""
        return read_key(self.key)[1]

    @property
    def bar_steps(self) -> int:
        """How long a bar is."""
        return METRES[self.metre]

    @property
    def before(self) -> int:
        """How many steps the first bar lacks, when it holds the pickup alone."""
        return -self.pickup % self.bar_steps

    @property
    def bars(self) -> int:
        """How many bars there are, the pickup's and an unfinished last one too."""
        return -(-(self.before + self.length) // self.bar_steps)

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.length / STEPS * 60 / self.tempo

    def bar_of(self, step: int) -> int:
        """Return the number of the bar, from 0, that a step lies in."""
        return (self.before + step) // self.bar_steps

    def chord_at(self, step: int) -> str:
        """Return the chord that sounds at a step."""
        names = [name for start, name in self.chords if start <= step]
        return names[-1] if names else NO_CHORD

    # ---- changes ---------------------------------------------------------------------

    def transposed(self, semitones: int) -> Piece:
        """Return the piece so many semitones higher, its key and chords too."""
        semitones = whole("semitones", semitones)
        voices = tuple(
            tuple(note._replace(pitch=note.pitch + semitones) for note in voice)
            for voice in self.voices
        )
        chords = tuple(Sign(at, moved(name, semitones)) for at, name in self.chords)
        key = f"{NAMES[(self.tonic + semitones) % 12]} {self.mode}"
        return replace(self, voices=voices, chords=chords, key=key)

    def cut(self, first: int, last: int) -> Piece:
        """Return the bars from ``first`` up to ``last``, which is not included.

        A note that goes on over the cut is cut too.

        Raises:
            ValueError: no such bars.
        """
        first, last = whole("first", first, 0), whole("last", last)
        if not first < last <= self.bars:
            raise ValueError(f"bars={first, last}: there are {self.bars}, from 0")
        a = max(0, first * self.bar_steps - self.before)
        b = min(self.length, last * self.bar_steps - self.before)
        voices = tuple(
            tuple(
                Sound(max(start, a) - a, min(start + n, b) - max(start, a), pitch)
                for start, n, pitch in voice
                if start < b and start + n > a
            )
            for voice in self.voices
        )
        chords = [(at - a, name) for at, name in self.chords if a < at < b]
        if self.chords:
            chords.insert(0, (0, self.chord_at(a)))
        pickup = self.pickup if first == 0 else 0
        return replace(
            self, voices=voices, chords=tuple(chords), length=b - a, pickup=pickup
        )

    # ---- plain values ----------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` makes the same piece of, fit for JSON."""
        return {
            "title": self.title,
            "genre": self.genre,
            "metre": self.metre,
            "key": self.key,
            "tempo": self.tempo,
            "pickup": self.pickup,
            "length": self.length,
            "voices": [[list(note) for note in voice] for voice in self.voices],
            "chords": [list(sign) for sign in self.chords],
        }

    @classmethod
    def from_json(cls, content: Any) -> Piece:
        """Make a piece of what came from outside.

        Raises:
            ValueError: names the field, the value and the remedy.
        """
        if not isinstance(content, dict):
            raise ValueError(f"piece is {type(content).__name__}: give an object")
        known = set(cls.__dataclass_fields__)
        for name in content:
            if name not in known:
                raise unknown("field", name, sorted(known))
        for name in ("voices", "length"):
            if name not in content:
                raise ValueError(f"{name} is missing: give it")
        if not isinstance(content["voices"], list | tuple):
            raise ValueError("voices: give a list of voices, each a list of notes")
        for name in {"metre", "key", "genre", "title"} & content.keys():
            if not isinstance(content[name], str):
                raise ValueError(f"{name}={content[name]!r}: give a text")
        return cls(**content)


def moved(name: str, semitones: int) -> str:
    """Return the name of a chord so many semitones higher."""
    if name == NO_CHORD:
        return name
    root, quality = split_chord(name)
    return NAMES[(root + semitones) % 12] + quality


def mood_of(piece: Piece) -> str:
    """Return the mood by a rule: the mode, and how many notes a quarter has.

    Major and many notes: lively; major and few: gentle; minor: tense and sad. Rules
    of thumb, not what listeners were asked.
    """
    many = len(piece.voices[0]) / (piece.length / STEPS) >= LIVELY
    if piece.mode == "major":
        return "lively" if many else "gentle"
    return "tense" if many else "sad"


def _voice(voice: Any, length: int, number: int) -> tuple[Sound, ...]:
    if not isinstance(voice, Iterable) or isinstance(voice, str):
        raise ValueError(f"voice {number} is {voice!r}: give a list of notes")
    notes, end = [], 0
    for note in voice:
        if not isinstance(note, list | tuple) or len(note) != 3:
            raise ValueError(f"note={note!r}: give [start, steps, pitch]")
        start, steps, pitch = map(whole, ("start", "steps", "pitch"), note)
        if not LOWEST <= pitch <= HIGHEST:
            raise ValueError(f"pitch={pitch}: choose one from {LOWEST} to {HIGHEST}")
        if steps < 1 or start < end:
            raise ValueError(
                f"voice {number}, note at {start}: notes last 1 step or more, and none "
                "begins before the last one ends"
            )
        end = start + steps
        if end > length:
            raise ValueError(f"voice {number} goes on to {end}: length is {length}")
        notes.append(Sound(start, steps, pitch))
    return tuple(notes)


def _signs(chords: Any, length: int) -> tuple[Sign, ...]:
    """Check chords; one that only repeats the last, or stands at none's place, goes."""
    if not isinstance(chords, list | tuple):
        raise ValueError(f"chords={chords!r}: give a list of [start, name]")
    found: list[Sign] = []
    before, last = -1, NO_CHORD
    for sign in chords:
        if not isinstance(sign, list | tuple) or len(sign) != 2:
            raise ValueError(f"chord={sign!r}: give [start, name]")
        start = whole("start", sign[0])
        if not before < start < length:
            raise ValueError(f"chord at {start}: give them in order, below {length}")
        name = moved(sign[1], 0)
        if name != last:
            found.append(Sign(start, name))
        before, last = start, name
    return tuple(found)
