"""Beginnings that people bring to the music studio: good, broken and hostile files."""

import json
import random

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("music21")

from aigc_lib.apps.music_studio import files, uploads
from aigc_lib.apps.music_studio.uploads import read_upload
from aigc_lib.apps.refused import Refused
from aigc_lib.codecs.piece import Piece
from aigc_lib.codecs.scores import to_midi

TUNE = {
    "title": "曲",
    "key": "G major",
    "length": 32,
    "voices": [[[0, 4, 67], [4, 4, 69], [8, 8, 71], [16, 4, 74], [20, 12, 67]]],
}
ABC = b'X:1\nT:The Test\nM:6/8\nL:1/8\nK:D\n|:"D"DFA dAF|"A7"E2A c3:|\n'


def midi(track, ticks=120):
    size = len(track).to_bytes(4, "big")
    head = b"MThd" + (6).to_bytes(4, "big") + b"\0\0\0\1"
    return head + ticks.to_bytes(2, "big") + b"MTrk" + size + track


NOTE = b"\0\x90\x3c\x50\x78\x80\x3c\0"  # a quarter
END = b"\0\xff\x2f\0"


def test_a_midi_file_of_ours_comes_back():
    piece = Piece.from_json(TUNE)
    found, by_model = read_upload(to_midi(piece), "C:\\fakepath\\my tune.mid")
    assert found.voices == piece.voices
    assert found.title == "my tune"
    assert not by_model


def test_an_abc_file():
    piece, _ = read_upload(ABC, "x.abc")
    assert (piece.title, piece.metre, piece.key) == ("The Test", "6/8", "D major")
    assert [note.pitch for note in piece.voices[0]][:6] == [62, 66, 69, 74, 69, 66]
    assert [sign.name for sign in piece.chords] == ["D", "A7"]
    free, _ = read_upload(b"X:1\nL:1/4\nK:C\nGABc\n", "name.abc")
    assert (free.metre, free.title) == ("4/4", "name")
    # pickup and all
    whole, _ = read_upload(b"X:1\nM:3/4\nL:1/4\nK:C\nG|cde|f3|", "")
    assert (whole.metre, whole.pickup, whole.bars) == ("3/4", 4, 3)


@pytest.mark.parametrize("kind", ["mid", "json"])
def test_the_mark_of_the_model_is_found_again(kind):
    row = {"piece": {**Piece.from_json(TUNE).to_json()}, "title": "曲"}
    row |= {"made": "compose", "recipe": {}, "by_model": True}
    piece, by_model = read_upload(files.rendered(row, kind), "x")
    assert by_model
    assert piece.voices == Piece.from_json(TUNE).voices
    _, by_hand = read_upload(files.rendered({**row, "by_model": False}, kind), "x")
    assert not by_hand


BAD = {
    "nothing": b"",
    "spaces": b"   \n",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a zip": b"PK\x03\x04" + bytes(100),
    "a page": b"<html><script>alert(1)</script></html>",
    "head of midi only": b"MThd",
    "midi cut short": midi(NOTE * 8 + END)[:-6],
    "midi without tracks": b"MThd" + (6).to_bytes(4, "big") + b"\0\0\0\0\0\x78",
    "midi without notes": midi(END),
    "midi with a track that lies": midi(NOTE + END)[:18] + b"\xff\xff\xff\xff" + NOTE,
    "midi without ticks": midi(NOTE + END, ticks=0),
    "midi in frames": midi(NOTE + END, ticks=0xE728),
    "midi of noise": midi(random.Random(0).randbytes(5_000)),
    "midi off the grid": midi(b"\x2f\x90\x3c\x50\x31\x80\x3c\0" * 9 + END),
    "midi that waits for years": midi(
        b"\0\x90\x3c\x50\xff\xff\xff\x7f\x80\x3c\0" + END
    ),
    "midi of too many notes": midi(NOTE * 7_000 + END),
    "midi too large": midi(NOTE * 9_000 + END),
    "abc without notes": b"X:1\nK:C\n",
    "abc of brackets": b"X:1\nK:C\n" + b"[" * 9_000,
    "abc of tuplets": b"X:1\nK:C\n" + b"(3" * 5_000,
    "abc of slashes": b"X:1\nK:C\nC" + b"/" * 9_000,
    "abc that lasts for years": b"X:1\nK:C\nC999999999999999999",
    "abc too large": b"X:1\nK:C\n" + b"CDEF|" * 5_000,
    "abc with zeros": b"X:1\nK:C\nC\0D",
    "abc beyond hearing": b"X:1\nL:1/4\nK:C\nC,,,,,,,,",
    "json too deep": b'{"piece":' * 12_000,
    "json cut short": b'{"piece": {"length"',
    "json of something else": b'{"a": 1}',
    "json that never ends": b'{"piece": {"length": 1e999, "voices": [[[0, 1, 60]]]}}',
    "json too long": json.dumps({"piece": {**TUNE, "length": 8_192}}).encode(),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_chinese(name):
    with pytest.raises(Refused) as error:
        read_upload(BAD[name], "../../etc/passwd")
    told = str(error.value)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in told)
    assert "Traceback" not in told
    assert len(told) < 300


def test_a_name_is_only_a_name():
    for name, title in (
        ("../../etc/passwd", "passwd"),
        ("..", "上传的曲子"),
        ("a\0b\n.abc", "a b"),
        ("x" * 400, "x" * 200),
        ("<script>.abc", "<script>"),
        ("", "上传的曲子"),
    ):
        piece, _ = read_upload(b"X:1\nL:1/4\nK:C\nGABc\n", name)
        assert piece.title == title


@pytest.mark.parametrize("end", ["\n", "\f", "\u2028"])
def test_only_so_many_tunes_of_a_file_are_tried(end):
    bad, good = "X:1\nK:D\n@\n".replace("\n", end), ABC.decode().replace("\n", end)
    most = uploads.MOST_TUNES
    piece, _ = read_upload((bad * (most - 1) + good).encode())
    assert piece.title == "The Test"
    with pytest.raises(Refused, match="能读懂"):
        read_upload((bad * most + good).encode())


def test_no_file_is_larger_than_its_kind_may_be():
    assert uploads.MOST_ABC < uploads.MOST_MIDI < uploads.MOST_BYTES
    with pytest.raises(Refused, match="字节"):
        read_upload(b"{" + b" " * uploads.MOST_BYTES, "x")
