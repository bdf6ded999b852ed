"""Pieces, their tokens, and the way there and back."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_lib.codecs.piece import (
    METRES,
    MODES,
    MOODS,
    NAMES,
    QUALITIES,
    Piece,
    chord_classes,
    mood_of,
    moved,
    read_key,
)
from aigc_lib.codecs.score import LAYOUTS, RANGES, ScoreCode, beat_steps, ordered
from aigc_lib.data.made.songs import song
from aigc_lib.data.pieces import chord_name, pieces

CODE = ScoreCode()
TUNE = Piece(
    voices=[[(0, 2, 60), (2, 2, 62), (4, 4, 64), (10, 2, 67)]],
    length=16,
    chords=[(0, "C"), (8, "G7")],
    pickup=4,
)


@st.composite
def any_piece(draw):
    """Pieces that stand on the grid of their genre, with rests, pickups, chords."""
    genre = draw(st.sampled_from(sorted(LAYOUTS)))
    layout, metre = LAYOUTS[genre], draw(st.sampled_from(sorted(METRES)))
    grid, size = layout.grid, METRES[metre]
    pickup = draw(st.integers(0, size // grid - 1)) * grid
    slots = draw(st.integers(1, 40))
    voices = []
    for name in ordered(layout):
        low, high = RANGES[name]
        voice, at = [], 0
        while at < slots:
            long = draw(st.integers(1, min(5, slots - at)))
            if draw(st.booleans()):
                pitch = draw(st.integers(low, high))
                voice.append((at * grid, long * grid, pitch))
            at += long
        voices.append(voice)
    piece = Piece(
        voices=voices, length=slots * grid, metre=metre, genre=genre, pickup=pickup,
        key=draw(st.sampled_from([f"{n} {m}" for n in NAMES for m in MODES])),
    )  # fmt: skip
    if layout.chords:
        beat = beat_steps(metre)
        first = piece.before // beat * beat
        starts = range(first, piece.before + piece.length, beat)
        names = [f"{n}{q}" for n in NAMES for q in QUALITIES] + ["N"]
        chords = [
            (max(at - piece.before, 0), draw(st.sampled_from(names)))
            for at in starts
            if draw(st.booleans())
        ]
        piece = replace(piece, chords=tuple(chords))
    return piece


@settings(max_examples=60, deadline=None)
@given(any_piece())
def test_there_and_back(piece):
    assert CODE.decode(CODE.encode(piece)) == piece
    assert CODE.snapped(piece) == piece
    assert Piece.from_json(piece.to_json()) == piece


@settings(max_examples=30, deadline=None)
@given(any_piece(), st.integers(-4, 4))
def test_a_table_transposes_as_pieces_are_transposed(piece, semitones):
    higher = CODE.shift(semitones)[CODE.encode(piece)]
    try:
        expected = CODE.encode(piece.transposed(semitones))
    except ValueError:  # out of a voice's range
        assert (higher < 0).any()
    else:
        assert torch.equal(higher, expected)


def test_one_reads_the_tokens():
    assert CODE.words(TUNE)[5:9] == ["bar 2", "outside", "outside", "outside"]
    words = CODE.words(TUNE)
    assert words[words.index("bar 1") + 1 :][:10] == [
        "chord -", "soprano 64", "soprano -", "soprano -", "soprano -",
        "beat 2", "chord G7", "soprano .", "soprano -", "soprano 67",
    ]  # fmt: skip
    assert CODE.words(TUNE)[:5] == [
        "genre folk", "metre 4/4", "key C major", "mood gentle", "place beginning",
    ]  # fmt: skip


def test_what_is_known_is_not_learned():
    (row,) = CODE.runs([TUNE], length=80)
    words = CODE.words_of(torch.where(row < 0, ~row, row))
    learned = [w for w, t in zip(words, row.tolist(), strict=True) if t >= 0]
    assert learned[0] == "bar 2"
    assert "bar 1" not in learned
    assert not any(w.startswith(("beat", "genre", "key")) for w in learned)
    assert learned.count("chord C") == 1
    assert learned.count("soprano 64") == 1


def test_long_pieces_are_cut_at_bars_and_overlap():
    piece = song(0)
    rows = CODE.runs([piece], length=101)
    whole = CODE.encode(piece)
    per_bar = (len(whole) - 5) // piece.bars
    fits = 96 // per_bar
    assert len(rows) == len(range(0, piece.bars - fits, fits // 2)) + 1
    last = torch.where(rows[-1] < 0, ~rows[-1], rows[-1])
    assert torch.equal(last[5 : 5 + fits * per_bar], whole[-fits * per_bar :])
    assert CODE.words_of(last[4:5]) == ["place inside"]


def test_in_every_second_key_the_mood_is_not_told():
    rows = CODE.runs([TUNE], length=80, transpose=(0, 1, 2))
    moods = CODE.words_of(~rows[:, 3])
    assert moods == ["mood gentle", "mood any", "mood gentle"]
    keys = CODE.words_of(~rows[:, 2])
    assert keys == ["key C major", "key C# major", "key D major"]


def test_out_of_range_no_transposition():
    high = replace(TUNE, voices=[[(0, 16, RANGES["soprano"][1])]])
    assert len(CODE.runs([high], length=80, transpose=(-1, 0, 1))) == 2


def test_what_stands_beside_the_grid_is_moved():
    piece = Piece(
        voices=[[(0, 3, 72), (3, 5, 74), (9, 1, 76), (11, 5, 77)], [(0, 16, 40)]],
        length=16, genre="pop", chords=[(0, "C"), (3, "F"), (9, "G")],
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"grid is 2 steps, call code\.snapped"):
        CODE.encode(piece)
    snapped = CODE.snapped(piece)
    assert [n[:2] for n in snapped.voices[0]] == [(0, 4), (4, 4), (12, 4)]  # 9 is gone
    assert [c.name for c in snapped.chords] == ["C", "F", "G"]
    assert [c.start for c in snapped.chords] == [0, 4, 8]
    assert CODE.decode(CODE.encode(snapped)) == snapped


def test_real_pieces_of_all_kinds_there_and_back():
    for seed in range(20):
        piece = song(seed)
        found = CODE.decode(CODE.encode(piece), title=piece.title, tempo=piece.tempo)
        assert found == piece


def test_the_songs_keep_to_their_grammar():
    for seed in range(30):
        piece = song(seed)
        assert piece == song(seed)
        assert piece.bars == 16
        assert piece.voices[0][-1].pitch % 12 == piece.tonic
        for note in piece.voices[0][:-1]:
            if note.start % 8 == 0:
                assert note.pitch % 12 in chord_classes(piece.chord_at(note.start))
    splits = [
        {p.title for p in pieces("pop", s)} for s in ("train", "validation", "test")
    ]
    assert not set.intersection(*splits)
    assert sum(map(len, splits)) == 480


def test_cut():
    cut = TUNE.cut(1, 2)
    assert cut.length == 12
    assert cut.pickup == 0
    assert cut.voices[0] == ((0, 4, 64), (6, 2, 67))
    assert cut.chords == ((0, "C"), (4, "G7"))
    assert TUNE.cut(0, 1).pickup == 4
    tied = Piece(voices=[[(12, 8, 60)]], length=32)
    assert tied.cut(1, 2).voices[0] == ((0, 4, 60),)


def test_bars_keys_and_moods():
    assert (TUNE.bars, TUNE.before, TUNE.bar_of(3), TUNE.bar_of(4)) == (2, 12, 0, 1)
    assert Piece(voices=[[(0, 4, 60)]], length=17).bars == 2
    assert TUNE.seconds == pytest.approx(4 * 60 / 100)
    assert read_key("Db minor") == (1, "minor")
    assert replace(TUNE, key="Db minor").key == ("C# minor")
    assert moved("Bb7", 3) == "C#7"
    assert moved("N", 3) == "N"
    assert mood_of(TUNE) == "gentle"
    assert mood_of(replace(TUNE, key="A minor")) == "sad"
    busy = [(i, 1, 60) for i in range(16)]
    assert mood_of(replace(TUNE, voices=[busy])) == "lively"
    assert set(MOODS) == {"gentle", "sad", "lively", "tense"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [("D", "D"), ("F#m", "F#m"), ("D/f+", "D"), ("(E7)", "E7"), ("Bb", "Bb"),
     ("E7b9", "E7"), ("C6", "C"), ("Dm6", "Dm"), ("Gd", "Gdim"), ("A#", "Bb"),
     ("From", None), ("", None), ("Am7/g", "Am7"), ("Cmaj7", "Cmaj7")],
)  # fmt: skip
def test_chords_as_nottingham_writes_them(written, expected):
    assert chord_name(written) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metre": "7/8"}, "metre='7/8'"),
        ({"key": "H major"}, "key='H major'"),
        ({"genre": "jazz"}, "genre='jazz'"),
        ({"length": 0}, "length=0"),
        ({"length": 10**9}, "at most"),
        ({"length": float("nan")}, "length=nan"),
        ({"pickup": 16}, "pickup=16"),
        ({"tempo": 1e9}, "tempo"),
        ({"tempo": float("nan")}, "tempo=nan"),
        ({"voices": []}, "0 voices"),
        ({"voices": [[(0, 4, 60)]] * 9}, "9 voices"),
        ({"voices": [[(0, 4, 60), (3, 1, 61)]]}, "none begins before"),
        ({"voices": [[(0, 40, 60)]]}, "goes on to 40"),
        ({"voices": [[(0, 4, 130)]]}, "pitch=130"),
        ({"voices": [[(0, 0, 60)]]}, "1 step or more"),
        ({"voices": [["x"]]}, "give \\[start"),
        ({"voices": ["abc"]}, "voice 0"),
        ({"voices": {"a": 1}}, "list of voices"),
        ({"chords": [[0, "Zx"]]}, "chord='Zx'"),
        ({"chords": [[4, "C"], [4, "D"]]}, "in order"),
        ({"chords": "C"}, "chords='C'"),
        ({"title": "x" * 1000}, "title"),
        ({"title": 3}, "title=3"),
        ({"shape": 3}, "field='shape'"),
    ],
)
def test_what_comes_from_outside_is_checked(change, message):
    with pytest.raises(ValueError, match=message):
        Piece.from_json(TUNE.to_json() | change)


def test_other_bad_input():
    for content, message in (
        ([], "give an object"),
        ({"length": 4}, "voices is missing"),
    ):
        with pytest.raises(ValueError, match=message):
            Piece.from_json(content)
    with pytest.raises(ValueError, match="there are 2"):
        TUNE.cut(0, 3)
    with pytest.raises(ValueError, match="genre='jazz'"):
        pieces("jazz")
    with pytest.raises(ValueError, match="split='dev'"):
        pieces("pop", "dev")
    with pytest.raises(ValueError, match="voice='tuba'"):
        ScoreCode({"folk": (("tuba",), 1)})
    with pytest.raises(ValueError, match="grid=3"):
        ScoreCode({"folk": (("soprano",), 3)})
    with pytest.raises(ValueError, match="2 voices: folk has 1"):
        CODE.encode(replace(TUNE, voices=TUNE.voices * 2))
    with pytest.raises(ValueError, match="1 voices: chorale has 4"):
        CODE.snapped(replace(TUNE, genre="chorale"))
    with pytest.raises(ValueError, match="pieces is empty"):
        CODE.runs([], length=50)
    with pytest.raises(ValueError, match="a bar takes"):
        CODE.runs([TUNE], length=20)
    tokens = CODE.encode(TUNE)
    tokens[7] = tokens[2]
    with pytest.raises(ValueError, match="stands where soprano is asked"):
        CODE.decode(tokens)
    with pytest.raises(ValueError, match="tokens begin with"):
        CODE.decode(tokens[5:])
    with pytest.raises(ValueError, match="a bar of 4/4 takes"):
        CODE.decode(tokens[:-1])


def test_numbers_of_numpy_are_numbers():
    given = Piece(voices=[[(np.int64(0), np.int32(4), 60.0)]], length=np.int64(4))
    assert given.to_json()["voices"] == [[[0, 4, 60]]]
