"""Pieces of music as one sequence of tokens: bars, beats, chords and voices.

Every token has a **slot**: genre, metre and number of bars decide what the slots are,
before a single note is known. So a piece is a form to be filled in. What is written
already, such as a melody, is a slot with one token; what is to be composed is a slot
with a choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..arguments import unknown, whole
from .melody import STEPS
from .piece import GENRES, METRES, MOODS, Piece, Sign, Sound, mood_of
from .score_tokens import (
    BEGINNING,
    INSIDE,
    MOST_BARS,
    RANGES,
    allowed,
    pitches,
    shift,
    vocabulary,
)


class Layout(NamedTuple):
    """What a genre writes down: voices as they follow each other, steps of its grid."""

    voices: tuple[str, ...]
    grid: int  # steps
    chords: bool = False
    bars: bool = True  # whether bars and beats are written


LAYOUTS = {
    "folk": Layout(("soprano",), 1, chords=True),
    "pop": Layout(("soprano", "bass"), 2, chords=True),
    # the bass after the melody: alto and tenor fill what is between
    "chorale": Layout(("soprano", "bass", "tenor", "alto"), 2),
}


class Slot(NamedTuple):
    """A place of the form: its kind, or the voice; its bar; steps from bar 0 on."""

    kind: str
    bar: int = -1
    at: int = -1

    @property
    def is_learned(self) -> bool:
        """Whether what stands here follows neither from the request nor the form."""
        first = self.kind != "bar" or self.bar == 0
        return self.bar >= 0 and self.kind != "beat" and first


class ScoreCode:
    """Tokens for pieces of the genres in ``layouts``.

    Raises:
        ValueError: a genre, a voice or a grid that there is not.
    """

    def __init__(self, layouts: dict[str, Any] | None = None):
        layouts = LAYOUTS if layouts is None else layouts
        self.layouts = {
            name: Layout(tuple(layout[0]), *layout[1:])
            for name, layout in layouts.items()
        }
        for genre, layout in self.layouts.items():
            if genre not in GENRES:
                raise unknown("genre", genre, GENRES)
            for voice in layout.voices:
                if voice not in RANGES:
                    raise unknown("voice", voice, RANGES)
            if layout.grid not in (1, 2, 4):
                raise ValueError(f"grid={layout.grid}: give 1, 2 or 4 steps")
        self.tokens = tuple(vocabulary())
        self.numbers = {token: i for i, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def state(self) -> dict[str, list]:
        """Return the layouts as plain values."""
        return {
            name: [list(layout.voices), *layout[1:]]
            for name, layout in self.layouts.items()
        }

    def layout(self, genre: str) -> Layout:
        """Return the layout of a genre.

        Raises:
            ValueError: this code has no such genre.
        """
        if genre not in self.layouts:
            raise unknown("genre", genre, self.layouts)
        return self.layouts[genre]

    # ---- the form --------------------------------------------------------------------

    def form(self, genre: str, metre: str, bars: int) -> list[Slot]:
        """Return the slots of a piece, in order.

        Raises:
            ValueError: no such genre or metre, or no bar.
        """
        layout = self.layout(genre)
        if metre not in METRES:
            raise unknown("metre", metre, METRES)
        return list(_form(layout, metre, whole("bars", bars, 1)))

    def allowed(self, kind: str) -> Tensor:
        """Tell which tokens (V,) may stand in a slot of this kind."""
        return allowed(self.tokens, kind)

    def pitches(self, voice: str) -> dict[int, int]:
        """Return the tokens that begin a note of a voice, and its MIDI number."""
        return pitches(self.tokens, voice)

    def words_of(self, tokens: Tensor | Iterable[int]) -> list[str]:
        """Return tokens as one reads them.

        Raises:
            ValueError: a number that is no token.
        """
        numbers = torch.as_tensor(tokens).tolist()
        if not all(0 <= number < len(self) for number in numbers):
            raise ValueError(f"tokens: give numbers from 0 to {len(self) - 1}")
        return [self.tokens[number] for number in numbers]

    # ---- there and back --------------------------------------------------------------

    def words(self, piece: Piece, *, mood: str | None = None) -> list[str]:
        """Return the tokens of a piece as one reads them; ``mood`` None: by the rule.

        Raises:
            ValueError: what the code cannot write: times beside the grid (see
                ``snapped``), too many voices, a note out of its voice's range.
        """
        layout = self.layout(piece.genre)
        if len(piece.voices) != len(layout.voices):
            raise ValueError(
                f"{len(piece.voices)} voices: {piece.genre} has {len(layout.voices)}"
            )
        if not layout.chords and piece.chords:
            raise ValueError("chords: this layout has none, leave them out")
        lines = {
            name: self._line(voice, name, piece, layout.grid)
            for name, voice in zip(ordered(layout), piece.voices, strict=True)
        }
        chords = _chord_line(piece) if layout.chords else {}
        words = []
        for kind, bar, at in self.form(piece.genre, piece.metre, piece.bars):
            if kind in RANGES:
                words.append(lines[kind][at // layout.grid])
            elif kind == "chord":
                words.append(chords[at])
            elif kind == "bar":
                words.append(f"bar {min(piece.bars - bar, MOST_BARS)}")
            elif kind == "beat":
                words.append(_beat(at, piece))
            else:
                words.append(_condition(kind, piece, mood))
        return words

    def encode(self, piece: Piece, *, mood: str | None = None) -> Tensor:
        """Return the tokens (T,) int64; see ``words``."""
        return torch.tensor([self.numbers[w] for w in self.words(piece, mood=mood)])

    def decode(self, tokens: Tensor | Iterable[int], **facts: Any) -> Piece:
        """Return the piece that tokens (T,) stand for; ``facts`` as title and tempo.

        Raises:
            ValueError: tokens that fill no form.
        """
        numbers = torch.as_tensor(tokens).tolist()
        words = self.words_of(numbers)
        found = dict(word.split(" ", 1) for word in words[:5] if " " in word)
        if len(words) < 6 or not {"genre", "metre", "key"} <= found.keys():
            raise ValueError(f"tokens begin with {words[:5]}: give genre, metre, key")
        bars = self._bars(len(words), found["genre"], found["metre"])
        layout = self.layout(found["genre"])
        lines: dict[str, list[str]] = {voice: [] for voice in layout.voices}
        chords: list[tuple[int, str]] = []
        form = self.form(found["genre"], found["metre"], bars)
        for slot, number, word in zip(form, numbers, words, strict=True):
            if not self.allowed(slot.kind)[number]:
                raise ValueError(f"token {word!r} stands where {slot.kind} is asked")
            if slot.kind in lines:
                lines[slot.kind].append(word)
            elif slot.kind == "chord":
                chords.append((slot.at, word))
        return _piece(lines, chords, layout, found, facts)

    def snapped(self, piece: Piece) -> Piece:
        """Return the piece on the grid of its genre, as ``words`` can write it.

        A note that begins between two places of the grid begins at the next, a chord
        at the beat of which it fills more than half. Voices that the genre does not
        have are left out, from the end; a note out of range goes into another octave.

        Raises:
            ValueError: fewer voices than the genre has.
        """
        layout = self.layout(piece.genre)
        if len(piece.voices) < len(layout.voices):
            raise ValueError(
                f"{len(piece.voices)} voices: {piece.genre} has {len(layout.voices)}"
            )
        grid, end = layout.grid, piece.before + piece.length
        first, last = -(-piece.before // grid) * grid, -(-end // grid) * grid
        voices = []
        for name, voice in zip(ordered(layout), piece.voices, strict=False):
            sounds = []
            for start, steps, pitch in voice:
                a = -(-(piece.before + start) // grid) * grid
                b = -(-(piece.before + start + steps) // grid) * grid
                if a < b:
                    sounds.append(Sound(a - first, b - a, within(pitch, *RANGES[name])))
            voices.append(tuple(sounds))
        found = {"voices": tuple(voices), "length": last - first, "chords": ()}
        found["pickup"] = -first % piece.bar_steps
        if layout.chords:
            beat = beat_steps(piece.metre)
            starts = range(first // beat * beat, last, beat)
            names = [
                (
                    max(at - first, 0),
                    piece.chord_at(max(0, at - piece.before + beat // 2)),
                )
                for at in starts
            ]
            found["chords"] = tuple(Sign(*pair) for pair in names)
        return replace(piece, **found)

    # ---- to be learned ---------------------------------------------------------------

    def runs(
        self,
        pieces: Iterable[Piece],
        *,
        length: int,
        transpose: Iterable[int] = (0,),
    ) -> Tensor:
        """Return samples (N, length) of a language model, each piece in several keys.

        What can be known from the slots alone, and the conditions, is to be read and
        not learned (see ``codecs.tokens``). A piece that is too long is cut at bar
        lines, into parts that overlap by half. A transposition that would leave the
        range of a voice is left out. The mood is told in every second key only, so
        that it need not be given.

        Raises:
            ValueError: no pieces, or a ``length`` too short for a bar.
        """
        tables = torch.stack([self.shift(shift) for shift in transpose])
        untold = torch.arange(len(tables)) % 2 > 0
        rows = []
        for piece in pieces:
            form = self.form(piece.genre, piece.metre, piece.bars)
            for _, part in self.parts(piece, length):
                own = tables[:, part]
                own[untold, 3] = self.numbers["mood any"]
                own = own[(own >= 0).all(1)]
                learned = torch.tensor([s.is_learned for s in form[: len(part)]])
                filling = torch.full((len(own), length - len(part)), -1)
                rows.append(torch.cat([torch.where(learned, own, ~own), filling], 1))
        if not rows:
            raise ValueError("pieces is empty: give at least one")
        return torch.cat(rows)

    def shift(self, semitones: int) -> Tensor:
        """Return a table (V,): the token so many semitones higher, -1 if there is none.

        ``code.shift(2)[code.encode(piece)]`` is ``code.encode(piece.transposed(2))``.
        """
        return shift(self.tokens, whole("semitones", semitones))

    def parts(
        self, piece: Piece, length: int, *, mood: str | None = None
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield the tokens of a piece in parts of at most ``length``, with first bars.

        Parts overlap by half, and each begins with the conditions.

        Raises:
            ValueError: ``length`` is too short for a bar.
        """
        tokens = self.encode(piece, mood=mood)
        if len(tokens) <= length:
            yield 0, tokens
            return
        per_bar = (len(tokens) - 5) // piece.bars
        fits = (length - 5) // per_bar
        if fits < 1:
            raise ValueError(f"length={length}: a bar takes {per_bar + 5} tokens")
        starts = [*range(0, piece.bars - fits, max(1, fits // 2)), piece.bars - fits]
        for start in starts:
            head = tokens[:5].clone()
            if start:
                head[4] = self.numbers[f"place {INSIDE}"]
            a = 5 + start * per_bar
            yield start, torch.cat([head, tokens[a : a + fits * per_bar]])

    def _line(self, voice: Any, name: str, piece: Piece, grid: int) -> list[str]:
        low, high = RANGES[name]
        line = ["outside"] * (piece.bars * piece.bar_steps // grid)

        def put(start: int, end: int, word: str) -> None:
            a, b = piece.before + start, piece.before + end
            if a % grid or b % grid:
                raise ValueError(
                    f"{name} at {start}: the grid is {grid} steps, call code.snapped"
                )
            if a < b:
                line[a // grid : b // grid] = [word] + [f"{name} -"] * (
                    (b - a) // grid - 1
                )

        end = 0
        for start, steps, pitch in voice:
            if not low <= pitch <= high:
                raise ValueError(f"{name} at {start}: {pitch} is not in {low}..{high}")
            put(end, start, f"{name} .")
            put(start, end := start + steps, f"{name} {pitch}")
        put(end, piece.length, f"{name} .")
        return line

    def _bars(self, length: int, genre: str, metre: str) -> int:
        per_bar = len(self.form(genre, metre, 1)) - 5
        bars, rest = divmod(length - 5, per_bar)
        if rest:
            raise ValueError(f"{length} tokens: a bar of {metre} takes {per_bar}")
        return bars


@lru_cache(256)
def _form(layout: Layout, metre: str, bars: int) -> tuple[Slot, ...]:
    slots = [Slot(kind) for kind in ("genre", "metre", "key", "mood", "place")]
    size, beat = METRES[metre], beat_steps(metre)
    for bar in range(bars):
        for at in range(bar * size, (bar + 1) * size, layout.grid):
            if (at - bar * size) % beat == 0:
                if layout.bars:
                    slots.append(Slot("beat" if at % size else "bar", bar, at))
                if layout.chords:
                    slots.append(Slot("chord", bar, at))
            slots += [Slot(voice, bar, at) for voice in layout.voices]
    return tuple(slots)


def beat_steps(metre: str) -> int:
    """Return how long a beat is: a quarter, or three eighths in 6/8 and the like."""
    return 6 if metre.endswith("/8") else STEPS


def is_strong(metre: str, at: int) -> bool:
    """Whether a step, counted from a bar line, is at a strong beat.

    Strong is the beginning of a bar, and its middle where the bar has 2 or 4 beats.
    """
    size, beat = METRES[metre], beat_steps(metre)
    return at % (size // 2 if size // beat in (2, 4) else size) == 0


def ordered(layout: Layout) -> list[str]:
    """Return the voices of a layout from the highest to the lowest, as pieces do."""
    return [voice for voice in RANGES if voice in layout.voices]


def within(pitch: int, low: int, high: int) -> int:
    """Return the pitch in the octave that lies within the bounds."""
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch


def _beat(at: int, piece: Piece) -> str:
    return f"beat {at % piece.bar_steps // beat_steps(piece.metre) + 1}"


def _condition(kind: str, piece: Piece, mood: str | None) -> str:
    value = {
        "genre": piece.genre,
        "metre": piece.metre,
        "key": piece.key,
        "mood": mood_of(piece) if mood is None else mood,
        "place": BEGINNING,
    }[kind]
    if kind == "mood" and value not in ("any", *MOODS):
        raise unknown("mood", value, ("any", *MOODS))
    return f"{kind} {value}"


def _chord_line(piece: Piece) -> dict[int, str]:
    """Return the word of each beat, by the step from bar 0 on at which it begins."""
    beat, before = beat_steps(piece.metre), piece.before
    end = piece.bars * piece.bar_steps
    line = {
        at: "chord -" if at + beat > before and at < before + piece.length else
        "outside"
        for at in range(0, end, beat)
    }  # fmt: skip
    for start, name in piece.chords:
        at = (before + start) // beat * beat
        if before + start != max(at, before) or line[at] != "chord -":
            raise ValueError(f"chord at {start} is not at a beat: call code.snapped")
        line[at] = f"chord {name}"
    return line


def _piece(
    lines: dict[str, list[str]],
    chords: list[tuple[int, str]],
    layout: Layout,
    found: dict[str, str],
    facts: dict[str, Any],
) -> Piece:
    grid, size = layout.grid, METRES[found["metre"]]
    inside = [i for i, w in enumerate(lines[layout.voices[0]]) if w != "outside"]
    if not inside:
        raise ValueError("tokens: every slot is outside, there is no music")
    first, last = inside[0] * grid, (inside[-1] + 1) * grid
    if first >= size:
        raise ValueError("tokens: the first bar is empty")
    voices = []
    for name in ordered(layout):
        sounds: list[Sound] = []
        goes_on = False
        for i, word in enumerate(lines[name]):
            value = word.removeprefix(f"{name} ")
            if value.isdigit():
                sounds.append(Sound(i * grid - first, grid, int(value)))
            elif value == "-" and goes_on:
                last_note = sounds[-1]
                sounds[-1] = last_note._replace(steps=last_note.steps + grid)
            goes_on = value.isdigit() or (value == "-" and goes_on)
        voices.append(tuple(sounds))
    signs = [
        Sign(max(at - first, 0), word.removeprefix("chord "))
        for at, word in chords
        if word not in ("outside", "chord -")
    ]
    return Piece(
        voices=tuple(voices),
        length=last - first,
        metre=found["metre"],
        key=found["key"],
        chords=tuple(signs),
        genre=found["genre"],
        pickup=-first % size,
        **facts,
    )
