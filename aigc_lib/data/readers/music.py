"""Readers of melodies: ABC files, and the chorales that come with music21."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from ...codecs.abc import Event, Tune, read_abc
from ...codecs.melody import STEPS, notes_of, on_grid
from ...files import replacing
from ..catalog import Card
from ..store import cache_dir
from ..text import Record

# ---- readers: (card, split, paths) -> records ---------------------------------------


def read_tunes(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read ABC files; the class of a tune is the file that it stands in.

    Tunes that cannot be read are left out.
    """
    yield from divided(_tunes(tuple(paths)), split)


@lru_cache(1)  # both splits come from the same files
def _tunes(paths: tuple[Path, ...]) -> tuple[Record, ...]:
    found = []
    for path in paths:
        kind = "reels" if path.stem.startswith("reels") else path.stem
        music = path.read_text(encoding="utf-8").replace("[+", "[")  # a slip: [+GB]
        for tune in read_abc(music, left_out=[]):
            if text := on_grid(tune.events):
                found.append(Record(text, kind, tune.facts | over_and_under(tune)))
    return tuple(found)


def over_and_under(tune: Tune) -> dict[str, Any]:
    """Return the names of the chords and the bar lines, both by sixteenths."""
    ends = [0, *accumulate(event.quarters * STEPS for event in tune.events)]
    return {
        "chords": [[float(ends[i]), name] for i, name in tune.texts],
        "bars": [float(ends[i]) for i in tune.bars],
    }


def read_chorales(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read the upper voice of the four-part chorales that come with music21.

    Raises:
        ModuleNotFoundError: music21 is missing.
    """
    yield from divided(_chorales(), split)


def _chorales() -> Iterator[Record]:
    for facts in parsed_chorales():
        upper = facts.pop("voices")[0]
        del facts["pickup"]
        events = [Event(p, Fraction(q), tied) for p, q, tied in upper]
        if text := on_grid(events):
            yield Record(text, None, facts)


def parsed_chorales() -> list[dict[str, Any]]:
    """Return what is known of each four-part piece of Bach, and its voices as events.

    Known are title, meter, sharps and mode; ``pickup`` are the quarters before the
    first bar line. Events are [pitch or None, quarters, tied], as in ``codecs.abc``.
    music21 takes the better part of a minute, so the result is kept in the cache.

    Raises:
        ModuleNotFoundError: music21 is missing.
    """
    try:
        version = importlib.metadata.version("music21")
    except importlib.metadata.PackageNotFoundError as error:
        raise ModuleNotFoundError("music21 is missing: pip install music21") from error
    path = cache_dir() / f"bach_voices-music21-{version}.json"
    with suppress(OSError, ValueError):  # not there, or not whole
        return json.loads(path.read_text(encoding="utf-8"))
    found = list(_parse())
    with suppress(OSError), replacing(path) as temporary:  # a cache may be read-only
        temporary.write_text(json.dumps(found), encoding="utf-8")
    return found


def _parse() -> Iterator[dict[str, Any]]:
    from music21 import converter, corpus, key, meter, stream

    for path in sorted(map(Path, corpus.getComposer("bach"))):
        parts = converter.parse(path).parts
        if len(parts) != 4:
            continue
        upper = parts[0]
        signature = upper[key.KeySignature].first()
        measure = upper[meter.TimeSignature].first()
        first = upper[stream.Measure].first()
        lacks = first.barDuration.quarterLength - first.duration.quarterLength
        yield {
            "title": path.stem.replace("bwv", "BWV "),
            "meter": measure.ratioString if measure else "",
            "sharps": signature.sharps if signature else 0,
            "mode": getattr(signature, "mode", None) or "",
            "pickup": str(Fraction(first.duration.quarterLength if lacks > 0 else 0)),
            "voices": [
                [
                    [
                        max((p.midi for p in sound.pitches), default=None),
                        str(Fraction(sound.quarterLength)),
                        bool(sound.tie and sound.tie.type != "stop"),
                    ]
                    for sound in part.flatten().notesAndRests
                ]
                for part in parts
            ],
        }


def divided(records: Iterable[Record], split: str) -> Iterator[Record]:
    """Pass on the melodies of ``split``, none twice; a tenth are for the test.

    Melodies that begin with the same eight intervals are often one and the same tune,
    in another key or with another ending: they go to the same split.
    """
    seen: set[str] = set()
    numbers: dict[tuple[int, ...], int] = {}  # of the beginnings
    for record in records:
        if record.text in seen:
            continue
        seen.add(record.text)
        number = numbers.setdefault(beginning(record.text), len(numbers))
        if (number % 10 == 9) == (split == "test"):
            yield record


def beginning(text: str) -> tuple[int, ...]:
    """Return the first eight intervals, in semitones: the same in any key."""
    pitches = [note.pitch for note in notes_of(text) if note.pitch]
    return tuple(b - a for a, b in pairwise(pitches[:9]))
