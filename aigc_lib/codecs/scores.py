"""Pieces as MIDI files, as MusicXML and as sheet music in SVG.

MIDI and MusicXML are written by music21, SVG is drawn by verovio with its own fonts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from typing import Any

from ..arguments import whole
from ..runtime import optional
from .melody import STEPS
from .piece import NO_CHORD, Piece, Sign, Sound, chord_classes, split_chord

LETTERS = "FCGDAEB"  # the line of fifths, F at -1
PROGRAMS = {  # of General MIDI, from 0: of the voices, then of the chords
    "folk": (73, 24), "pop": (0, 33, 24), "chorale": (19, 19, 19, 19, 19)
}  # fmt: skip
CHORD_OCTAVE = 48  # the lowest note of a sounding chord
# Lengths in steps that one sign can write: sixteenth to dotted whole note
SIGNS = (24, 16, 12, 8, 6, 4, 3, 2, 1)


def spelled(pitch: int, piece: Piece) -> str:
    """Return the name of a pitch as the key writes it: "F#4" in G minor, not "G-4".

    Each pitch class takes the name that lies nearest to the key on the line of fifths.
    """
    tonic = fifths(piece)
    low = tonic - (3 if piece.mode == "major" else 5)
    place = low + (7 * pitch - low) % 12  # of the twelve names around the key
    letter = LETTERS[(place + 1) % 7]
    shift = (place + 1) // 7
    octave = (pitch - shift) // 12 - 1
    return letter + ("#" * shift if shift > 0 else "-" * -shift) + str(octave)


def fifths(piece: Piece) -> int:
    """Return where the tonic lies on the line of fifths, C at 0, from -5 to 6."""
    return (7 * piece.tonic + 5) % 12 - 5


def sharps(piece: Piece) -> int:
    """Return the sharps of the key signature, flats below 0."""
    found = fifths(piece) - (3 if piece.mode == "minor" else 0)
    return found + 12 if found < -7 else found


def to_midi(piece: Piece) -> bytes:
    """Return a MIDI file (format 1): a track for each voice, and one for the chords.

    Raises:
        ModuleNotFoundError: music21 is missing.
    """
    optional("music21")
    from music21 import chord, instrument, meter, note, stream, tempo
    from music21.midi.translate import streamToMidiFile

    score = stream.Score()
    programs = PROGRAMS[piece.genre]
    lines: list[list[tuple[int, int, list[int]]]] = [
        [(start, steps, [pitch]) for start, steps, pitch in voice]
        for voice in piece.voices
    ]
    if piece.chords:
        lines.append(list(sounding_chords(piece)))
    for number, line in enumerate(lines):
        part = stream.Part(id=f"voice {number}")
        part.insert(0, tempo.MetronomeMark(number=piece.tempo))
        part.insert(0, meter.TimeSignature(piece.metre))
        player = instrument.Instrument()
        player.midiProgram = programs[min(number, len(programs) - 1)]
        part.insert(0, player)
        for start, steps, pitches in line:
            one = len(pitches) == 1
            sound = note.Note(pitches[0]) if one else chord.Chord(pitches)
            sound.quarterLength = steps / STEPS
            sound.volume.velocity = 90 if number == 0 else 60
            part.insert(start / STEPS, sound)
        score.insert(0, part)
    return streamToMidiFile(score).writestr()


def sounding_chords(piece: Piece) -> Iterator[tuple[int, int, list[int]]]:
    """Yield (start, steps, MIDI numbers) of the chords, in close position."""
    signs = [*piece.chords, Sign(piece.length, NO_CHORD)]
    for (start, name), (end, _) in pairwise(signs):
        if name != NO_CHORD:
            root, _ = split_chord(name)
            intervals = sorted((c - root) % 12 for c in chord_classes(name))
            base = CHORD_OCTAVE + (root - CHORD_OCTAVE) % 12
            yield start, end - start, [base + interval for interval in intervals]


def to_musicxml(piece: Piece) -> str:
    """Return the piece as MusicXML; four voices share two staves.

    Raises:
        ModuleNotFoundError: music21 is missing.
    """
    optional("music21")
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    told = GeneralObjectExporter(_score(piece)).parse().decode("utf-8")
    return told.replace("<inversion>-1</inversion>", "")  # of a sign without notes


def to_svg(piece: Piece, *, width: int = 900) -> str:
    """Draw the piece as sheet music, all systems in one SVG, ``width`` pixels wide.

    The same piece gives the same text.

    Raises:
        ValueError: ``width`` below 200.
        ModuleNotFoundError: music21 or verovio is missing.
    """
    width = whole("width", width, 200)
    optional("verovio")
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit(False)  # each thread has to be told where the fonts are
    toolkit.setResourcePath(str(files("verovio") / "data"))
    scale, seed = 40, 1 + zlib.crc32(repr(piece).encode()) % 2**30
    options: dict[str, Any] = {
        "pageWidth": width * 100 // scale,
        "pageHeight": 60_000,
        "adjustPageHeight": True,
        "scale": scale,
        "header": "none",
        "footer": "none",
        "xmlIdSeed": seed,  # names of two on a page do not clash
        "svgViewBox": True,
    }
    toolkit.setOptions(options)
    toolkit.loadData(to_musicxml(piece))
    paper = '<svg style="background:#fff;color:#000" '  # on a dark page too
    return toolkit.renderToSVG(1).replace("<svg ", paper, 1)


def _score(piece: Piece) -> Any:
    from music21 import clef, key, metadata, meter, stream

    score = stream.Score()
    score.metadata = metadata.Metadata(title=piece.title or " ")
    for number, voices in enumerate(_staves(piece)):
        part = stream.Part(id=f"staff {number}")
        lines = [list(_signs(voice, piece)) for voice in voices]
        for bar in range(piece.bars):
            measure = stream.Measure(number=bar + (piece.pickup == 0))
            if bar == 0:
                mean = [note.pitch for voice in voices for note in voice]
                low = sum(mean) / max(len(mean), 1) < 58
                measure.append(clef.BassClef() if low else clef.TrebleClef())
                measure.append(key.KeySignature(sharps(piece)))
                measure.append(meter.TimeSignature(piece.metre))
                measure.paddingLeft = piece.before / STEPS
            a = max(0, bar * piece.bar_steps - piece.before)
            if number == 0:
                _write_chords(measure, piece, bar, a)
            many = len(lines) > 1
            for line_number, line in enumerate(lines):
                target = stream.Voice(id=str(line_number + 1)) if many else measure
                for start, sign in line:
                    if piece.bar_of(start) == bar:
                        target.insert((start - a) / STEPS, sign)
                if many:
                    measure.insert(0, target)
            part.append(measure)
        part.makeBeams(inPlace=True)
        score.insert(0, part)
    return score


def _staves(piece: Piece) -> list[list[tuple[Sound, ...]]]:
    if len(piece.voices) == 4:
        return [list(piece.voices[:2]), list(piece.voices[2:])]
    return [[voice] for voice in piece.voices]


def _write_chords(measure: Any, piece: Piece, bar: int, a: int) -> None:
    from music21 import harmony

    for start, name in piece.chords:
        if piece.bar_of(start) == bar and name != NO_CHORD:
            root, quality = split_chord(name)
            letters = spelled(60 + root, piece)[:-1]
            symbol = harmony.ChordSymbol(letters + quality)
            symbol.writeAsChord = False
            symbol.pitches = ()  # its notes would call for accidentals in the melody
            measure.insert((start - a) / STEPS, symbol)


def _signs(voice: tuple[Sound, ...], piece: Piece) -> Iterator[tuple[int, Any]]:
    """Yield notes and rests with the step at which they stand, tied over bar lines."""
    from music21 import note, tie

    for start, steps, pitch in _without_gaps(voice, piece.length):
        parts = list(_written(start, steps, piece))
        for number, (at, length) in enumerate(parts):
            sign = note.Rest() if pitch is None else note.Note(spelled(pitch, piece))
            sign.quarterLength = length / STEPS
            if pitch is not None and len(parts) > 1:
                last = number == len(parts) - 1
                kind = "start" if number == 0 else "stop" if last else "continue"
                sign.tie = tie.Tie(kind)
            yield at, sign


def _without_gaps(
    voice: tuple[Sound, ...], length: int
) -> Iterator[tuple[int, int, int | None]]:
    ends = [0, *(note.end for note in voice)]
    starts = [*(note.start for note in voice), length]
    for i, (end, start) in enumerate(zip(ends, starts, strict=True)):
        if start > end:
            yield end, start - end, None
        if i < len(voice):
            yield voice[i]


def _written(start: int, steps: int, piece: Piece) -> Iterator[tuple[int, int]]:
    """Divide a length at bar lines, and into lengths that one sign can write."""
    size = piece.bar_steps
    end = start + steps
    lines = range(-piece.before, piece.length + size, size)
    cuts = sorted({start, end, *(line for line in lines if start < line < end)})
    for a, b in pairwise(cuts):
        while a < b:
            length = next(sign for sign in SIGNS if sign <= b - a)
            yield a, length
            a += length
