"""The upper voice of a MIDI file, as a melody."""

from __future__ import annotations

from typing import NamedTuple

from ...codecs.melody import HIGHEST, LOWEST, STEPS, melody
from .folder import LeftOut

MOST_STEPS = 100_000  # sixteenths: an hour and more
TOLERANCE = 1 / 8  # of a sixteenth: how far from the grid a note may begin
NOTE_OFF, NOTE_ON = 0x80, 0x90
DRUMS = 10


class Sound(NamedTuple):
    """A note from one time to another, in sixteenths."""

    start: float
    end: float
    pitch: int


def upper_voice(raw: bytes) -> str:
    """Return the melody of the notes that are the highest when they begin.

    All tracks count but the drums. A note ends where the next one begins.

    Raises:
        LeftOut: no whole MIDI file, without notes, or no melody on our grid.
        ModuleNotFoundError: music21 is missing.
    """
    notes = sorted(_sounds(raw))
    if not notes:
        raise LeftOut("holds no notes", "没有音符")
    if any(abs(note.start - round(note.start)) > TOLERANCE for note in notes):
        raise off_grid()
    first, last = round(notes[0].start), max(note.end for note in notes)
    if last - first > MOST_STEPS:
        raise too_long()
    voice: list[Sound] = []  # on the grid, none beginning before the last one
    sounding: list[Sound] = []
    for note in notes:
        sounding = [other for other in sounding if other.end > note.start + TOLERANCE]
        if all(note.pitch > other.pitch for other in sounding):
            start = round(note.start)
            if voice and voice[-1].start == start:
                voice.pop()
            voice.append(Sound(start, max(start + 1, round(note.end)), note.pitch))
        sounding.append(note)
    pieces: list[tuple[int | None, int]] = []
    for note, following in zip(voice, [*voice[1:], None], strict=True):
        end = note.end if following is None else min(note.end, following.start)
        pieces.append((note.pitch, int(end - note.start)))
        if following and following.start > end:
            pieces.append((None, int(following.start - end)))
    if any(not LOWEST <= note.pitch <= HIGHEST for note in voice):
        raise off_grid()
    return melody(pieces)


def _sounds(raw: bytes) -> list[Sound]:
    try:
        from music21.midi import MidiFile
    except ImportError:
        raise ModuleNotFoundError(
            "music21 is missing, which reads MIDI files: pip install music21"
        ) from None
    end = 0
    while end + 8 <= len(raw):  # music21 says nothing of a track that is cut short
        end += 8 + int.from_bytes(raw[end + 4 : end + 8], "big")
    if end > len(raw):
        raise LeftOut("no whole MIDI file (cut short)", "不是完整的 MIDI 文件")
    if raw[:4] == b"MThd" and raw[9:10] == b"\2":
        raise LeftOut("a MIDI file of kind 2, of tunes side by side", "MIDI 类型 2")
    if raw[:4] == b"MThd" and raw[12:13] >= b"\x80":  # music21 would count in its own
        raise LeftOut("counts time in frames of a film, not in beats", "时间不按拍子计")
    file = MidiFile()
    try:
        file.readstr(raw)
        ticks = file.ticksPerQuarterNote / STEPS
        if not ticks > 0:
            raise ValueError("no ticks per quarter note")
    except Exception as error:  # a damaged file makes music21 fail in many ways
        raise LeftOut(f"no whole MIDI file ({error})", "不是完整的 MIDI 文件") from None
    found = []
    for track in file.tracks:
        now, begun = 0, {}
        for event in track.events:
            if event.isDeltaTime():
                now += event.time
                continue
            if event.channel == DRUMS or event.type not in (NOTE_OFF, NOTE_ON):
                continue
            key = event.channel, event.pitch
            if key in begun and now > begun[key]:
                found.append(Sound(begun[key] / ticks, now / ticks, event.pitch))
            begun.pop(key, None)
            if event.type == NOTE_ON and event.velocity:
                begun[key] = now
        for (_, pitch), start in begun.items():  # what nobody ended lasts to the end
            if now > start:
                found.append(Sound(start / ticks, now / ticks, pitch))
    return found


def off_grid() -> LeftOut:
    """The reason for what ``codecs.melody`` cannot write."""
    return LeftOut(
        f"no melody in sixteenths from {LOWEST} to {HIGHEST}: other times or pitches",
        "节奏比十六分音符细、音太高太低，或长得不合理",
    )


def too_long() -> LeftOut:
    """The reason for a tune that would fill the memory."""
    return LeftOut(f"longer than {MOST_STEPS:,} sixteenths", "太长")
