"""What is taken away: sound, MIDI, sheet music and plain values, each with its label.

A file depends on the piece, its title and its recipe alone: no account, no number, no
date. So the same request and seed give the same bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

from torch import Tensor

from ...codecs.instruments import INSTRUMENTS, to_sound
from ...codecs.piece import Piece
from ...codecs.scores import to_midi, to_svg
from ...codecs.sound import wav_bytes
from ..refused import Refused

PROGRAM = "aigc_lib music_studio"
BY_MODEL = "本曲含人工智能生成的内容 (contains AI-generated music)"
BY_WAVENET = "旋律的声音由 WaveNet 生成 (melody sounded by a WaveNet)"
BY_HAND = "本曲的音符由人写成或上传，未经模型生成 (notes written by a person)"
TYPES = {
    "wav": "audio/wav",
    "mid": "audio/midi",
    "svg": "image/svg+xml",
    "json": "application/json",
}


def label(row: dict[str, Any]) -> str:
    """Say whether a model made a piece, and with what: one line of text."""
    told = BY_MODEL if row["by_model"] else BY_HAND
    recipe = json.dumps(row["recipe"], ensure_ascii=True, sort_keys=True)
    return f"{told} | {PROGRAM} | {recipe}"


def is_labelled(raw: bytes) -> bool:
    """Tell whether a file says that a model made (some of) it."""
    return any(told.encode() in raw for told in (BY_MODEL, BY_WAVENET))


def rendered(
    row: dict[str, Any],
    kind: str,
    instrument: str = "strings",
    melody: Callable[[Piece], tuple[Tensor, str]] | None = None,
) -> bytes:
    """Return a piece as a file of ``TYPES``; ``instrument`` is for sound.

    ``melody``, where given, sounds the piece in the place of the instrument, and names
    the WaveNet that did, as ``Player.sound``.

    Raises:
        Refused: another kind or instrument.
    """
    if kind not in TYPES:
        raise Refused(f"文件格式：请从这些里选：{'、'.join(TYPES)}。")
    piece = replace(Piece.from_json(row["piece"]), title=row["title"])
    told = label(row)
    if kind == "json":
        whole = {
            "label": told,
            "by_model": row["by_model"],
            "made": row["made"],
            "recipe": row["recipe"],
            "piece": piece.to_json(),
        }
        return json.dumps(whole, ensure_ascii=False).encode()
    if kind == "mid":
        return with_text(to_midi(piece), told)
    if kind == "svg":
        return with_metadata(to_svg(piece), told).encode()
    if melody is not None:
        sound, mark = melody(piece)
        return as_wav(sound, f"{told} | {BY_WAVENET} {mark}")
    if instrument not in INSTRUMENTS:
        raise Refused(f"instrument：请从这些里选：{'、'.join(INSTRUMENTS)}。")
    return as_wav(to_sound(piece, instrument), told)


def warm() -> None:
    """Load the writers of files, so that the first download does not wait for them."""
    piece = Piece(voices=(((0, 4, 60),),), length=16)
    to_midi(piece)
    to_svg(piece)


def as_wav(sound: Tensor, told: str) -> bytes:
    """Return a sound (T,) in [-1, 1] as a WAV file of 16 bits with a comment.

    The comment is in the chunk LIST/INFO/ICMT, as RIFF has it (IBM and Microsoft 1991).
    """
    told = _chunk(b"LIST", b"INFO" + _chunk(b"ICMT", told.encode()))
    raw = wav_bytes(sound.clamp(-1, 1)) + told
    return raw[:4] + struct.pack("<I", len(raw) - 8) + raw[8:]


def _chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of RIFF; one of odd length is filled up with a zero."""
    size = struct.pack("<I", len(content))
    return name + size + content + b"\0" * (len(content) % 2)


def with_text(midi: bytes, told: str) -> bytes:
    """Return a MIDI file whose first track begins with a text event.

    Raises:
        ValueError: no MIDI file.
    """
    at = 8 + int.from_bytes(midi[4:8], "big")
    if midi[:4] != b"MThd" or midi[at : at + 4] != b"MTrk":
        raise ValueError("midi holds no header and track: give a MIDI file")
    size = int.from_bytes(midi[at + 4 : at + 8], "big")
    text = told.encode()
    event = b"\x00\xff\x01" + _variable(len(text)) + text
    head = midi[:at] + b"MTrk" + (size + len(event)).to_bytes(4, "big")
    return head + event + midi[at + 8 :]


def _variable(number: int) -> bytes:
    """A number of MIDI: seven bits a byte, the highest first, more to come marked."""
    parts = [number & 0x7F]
    while number := number >> 7:
        parts.insert(0, number & 0x7F | 0x80)
    return bytes(parts)


def with_metadata(svg: str, told: str) -> str:
    """Return a picture of the score whose first element says who made it."""
    begin = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:begin]}<metadata>{escape(told)}</metadata>{svg[begin:]}"
