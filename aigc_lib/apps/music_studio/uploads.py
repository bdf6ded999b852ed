"""Beginnings that people bring: MIDI, ABC, or a file that the studio gave away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePath

from ...codecs.piece import Piece
from ...data.own.folder import LeftOut
from ...data.own.texts import decoded
from ...data.pieces import piece_from_abc, pieces_from_midi
from ..refused import Refused
from .files import is_labelled
from .wishes import MOST_TITLE, checked_piece, fitting, plain

MOST_BYTES = 2**17  # of any file
MOST_MIDI, MOST_ABC = 2**16, 2**14  # much more than there are notes for
MOST_TUNES = 8  # of an ABC file that are tried until one can be read
WANTED = "请上传 MIDI（.mid）、ABC（.abc），或从这里下载的 JSON"


def read_upload(raw: bytes, name: str = "") -> tuple[Piece, bool]:
    """Return the piece of a file, and whether the file says that a model made it.

    The content tells what the file is; its name only gives a title to what has none.

    Raises:
        Refused: says in Chinese what is wrong with the file.
    """
    if not raw:
        raise Refused(f"文件是空的。{WANTED}。")
    _small(raw, MOST_BYTES)
    named = plain(PurePath(name.replace("\\", "/")).stem).strip(". ")
    title = named[:MOST_TITLE] or "上传的曲子"
    try:
        if raw.startswith(b"MThd"):
            _small(raw, MOST_MIDI)
            piece = pieces_from_midi(raw, title=title)
        elif raw.lstrip().startswith(b"{"):
            return _own(raw, title), is_labelled(raw)
        else:
            _small(raw, MOST_ABC)
            piece = piece_from_abc(_text(raw), title=title)
    except LeftOut as reason:
        raise Refused(f"读不了这个文件：{reason.chinese}。{WANTED}。") from None
    return fitting(piece), is_labelled(raw)


def _small(raw: bytes, most: int) -> None:
    if len(raw) > most:
        raise Refused(f"文件有 {len(raw):,} 字节，这种文件最多 {most:,} 字节。")


def _text(raw: bytes) -> str:
    text = decoded(raw)
    if "X:" not in text or "K:" not in text:
        raise LeftOut("neither MIDI nor ABC", "既不是 MIDI，也不是 ABC")
    # each try reads the lines before the first tune again
    lines = text.splitlines()
    begins = [i for i, line in enumerate(lines) if line.startswith("X:")]
    return "\n".join(lines[: (begins[MOST_TUNES:] or [len(lines)])[0]])


def _own(raw: bytes, title: str) -> Piece:
    try:
        sent = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused(f"JSON 读不懂。{WANTED}。") from None
    piece = checked_piece(sent.get("piece", sent))
    return piece if piece.title else replace(piece, title=title)
