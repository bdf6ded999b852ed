"""Melodies: there and back, from files of scores, as MIDI and as sound."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

import aigc_lib as aigc
from aigc_lib.codecs.abc import Event
from aigc_lib.codecs.melody import (
    HIGHEST,
    LOWEST,
    Note,
    delta,
    melody,
    notes_of,
    on_grid,
    to_sound,
    transposed,
    write_midi,
)
from aigc_lib.codecs.sound import SAMPLE_RATE
from aigc_lib.data import CATALOG
from aigc_lib.data.readers import music
from aigc_lib.data.readers.music import divided
from aigc_lib.data.text import Record

SCALE = "<---@-C-H---..--"
NOTES = [Note(60, 4), Note(64, 2), Note(67, 2), Note(72, 4), Note(None, 4)]


def test_there_and_back():
    assert notes_of(SCALE) == NOTES
    assert melody(NOTES) == "<---@-C-H---...."  # held silence is silence
    assert notes_of("--.<") == [Note(None, 3), Note(60, 1)]
    everything = [Note(p, 1 + p % 3) for p in range(LOWEST, HIGHEST + 1)]
    assert notes_of(melody(everything)) == everything
    assert notes_of("<<") == [Note(60, 1)] * 2  # struck twice


def test_transposed():
    assert transposed("<-.@", 12) == "H-.L"
    assert transposed(transposed(SCALE, 5), -5) == melody(NOTES)


def test_events_on_a_grid():
    quarter, eighth = Fraction(1), Fraction(1, 2)
    events = [Event(60, quarter, True), Event(60, eighth), Event(60, eighth)]
    assert on_grid(events) == "<-----<-"
    assert on_grid([Event(60, quarter, True), Event(62, eighth)]) == "<--->-"  # a slur
    assert on_grid([Event(60, Fraction(0)), Event(None, eighth)]) == ".."
    assert on_grid([Event(60, Fraction(1, 3))]) is None
    assert on_grid([Event(LOWEST - 1, quarter)]) is None
    assert on_grid([]) is None


def test_the_lowest_midi_number_is_no_rest():
    assert on_grid([Event(0, Fraction(1)), Event(60, Fraction(1))]) is None


def test_numbers_of_numpy_and_torch_are_notes():
    given = [(np.int64(60), np.int32(4)), (torch.tensor(64), 2), (67.0, 2.0)]
    assert melody(given) == "<---@-C-"


def test_melodies_that_begin_alike_stay_together():
    beginnings = [[60 + (7 * i * k + k * k) % 20 for k in range(9)] for i in range(20)]
    texts = []
    for pitches in beginnings:
        text = melody([(p, 2) for p in pitches])
        texts += [text, text, transposed(text, 3) + "<-", text + "H-"]
    records = [Record(text, None, {}) for text in texts]
    train, test = (
        [record.text for record in divided(records, split)]
        for split in ("train", "test")
    )
    assert len(train) + len(test) == len({*train, *test}) == 60  # none twice
    assert test == [t for i in (9, 19) for t in (texts[4 * i], *texts[4 * i + 2 :][:2])]


# ---- files --------------------------------------------------------------------------


def test_tunes_have_the_class_of_their_file(tmp_path):
    paths = [tmp_path / "reelsa-c.abc", tmp_path / "jigs.abc"]
    paths[0].write_text("X:1\nT:R\nM:4/4\nL:1/4\nK:C\nCDE2|\n\nX:2\nK:G\n(3GAB c2|\n")
    paths[1].write_text("X:1\nT:J\nM:6/8\nK:D\nFED c3|\n")
    records = list(music.read_tunes(CATALOG["nottingham"], "train", paths))
    assert [(r.text, r.label, r.facts["title"]) for r in records] == [
        ("<--->---@-------", "reels", "R"),
        ("B-@->-I-----", "jigs", "J"),
    ]
    assert records[1].facts["sharps"] == 2


@pytest.fixture
def scores(tmp_path, monkeypatch):
    """Two scores in place of music21's, and an empty cache."""
    music21 = pytest.importorskip("music21")
    for name, voices in (("bwv1.6", 4), ("bwv2.6", 3)):
        score = music21.stream.Score()
        for voice in range(voices):
            part = music21.stream.Part()
            part.append([music21.key.Key("D"), music21.meter.TimeSignature("3/4")])
            for pitch, quarters in ((74, 1), (76, 0.5), (78, 0.5), (74, 2), (None, 2)):
                sound = music21.note.Rest() if pitch is None else music21.note.Note()
                if pitch is not None:
                    sound.pitch.midi = pitch - 5 * voice
                sound.quarterLength = quarters
                part.append(sound)
            score.insert(0, part)
        score.write("musicxml", fp=tmp_path / f"{name}.musicxml")
    paths = [tmp_path / "bwv2.6.musicxml", tmp_path / "bwv1.6.musicxml"]
    monkeypatch.setattr("music21.corpus.getComposer", lambda composer: paths)
    monkeypatch.setenv("AIGC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def test_chorales_are_the_upper_voice_of_four(scores, monkeypatch):
    (record,) = music.read_chorales(CATALOG["bach_chorales"], "train", [])
    assert record.text == "J---L-N-J-------........"  # the tie over the bar is held
    assert record.label is None
    facts = {"title": "BWV 1.6", "meter": "3/4", "sharps": 2, "mode": "major"}
    assert record.facts == facts
    # from now on without music21
    monkeypatch.setattr("music21.converter.parse", None)
    assert list(music.read_chorales(CATALOG["bach_chorales"], "train", [])) == [record]
    assert not list(music.read_chorales(CATALOG["bach_chorales"], "test", []))


def test_a_damaged_cache_is_written_again(scores):
    before = music.parsed_chorales()
    (path,) = (scores / "cache").iterdir()
    path.write_text("[{")
    assert music.parsed_chorales() == before == json.loads(path.read_text())


def test_a_cache_that_cannot_be_written(scores, monkeypatch):
    (scores / "file").touch()
    monkeypatch.setenv("AIGC_CACHE_DIR", str(scores / "file"))
    assert len(music.parsed_chorales()) == 1


def test_without_music21(monkeypatch):
    def missing(name):
        raise music.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(music.importlib.metadata, "version", missing)
    with pytest.raises(ModuleNotFoundError, match="pip install music21"):
        aigc.data.load("bach_chorales")


def test_a_set_that_needs_a_package_is_no_stand_in():
    assert CATALOG["bach_chorales"].requires == "music21"
    assert "pip install music21" in CATALOG["bach_chorales"].markdown()
    with pytest.raises(ValueError, match="standin='bach_chorales'"):
        aigc.data.load("nottingham", standin="bach_chorales")


def test_the_tunes_agree_with_their_card():
    if aigc.data.find("nottingham") is None:
        pytest.skip("nottingham is not on this machine")
    train, test = (aigc.data.load("nottingham", split=s) for s in ("train", "test"))
    assert all(notes_of(text) for data in (train, test) for text in data)
    assert set(train.y.tolist()) == set(range(len(train.classes)))
    tune = train.where(title="Dick's Maggot")
    assert len(tune) == 1
    assert tune[0].startswith("O---J-------G-------E---")


def test_the_chorales_agree_with_their_card():
    folder = aigc.data.cache_dir()
    if not list(folder.glob("bach_voices-*.json")):
        pytest.skip("the chorales were never read on this machine")
    for split in ("train", "test"):
        assert all(
            notes_of(text) for text in aigc.data.load("bach_chorales", split=split)
        )


# ---- to be heard --------------------------------------------------------------------


def test_a_sound_has_its_pitch_and_its_silence():
    x = to_sound("E-------....", tempo=60)  # A4 for 2 s, then 1 s of nothing
    assert x.shape == (3 * SAMPLE_RATE,)
    assert x.abs().max() <= 1
    assert not x[2 * SAMPLE_RATE :].any()
    assert x[0] == x[2 * SAMPLE_RATE - 1] == 0  # no click
    assert x[: SAMPLE_RATE // 4].std() > 2 * x[SAMPLE_RATE : 2 * SAMPLE_RATE].std()
    spectrum = torch.fft.rfft(x[: 2 * SAMPLE_RATE]).abs()
    assert abs(spectrum.argmax().item() / 2 - 440) < 1
    assert torch.equal(x, to_sound("E-------....", tempo=60))
    assert to_sound(chr(HIGHEST) + chr(LOWEST), tempo=1000).isfinite().all()


def test_a_faster_tune_is_shorter():
    slow, fast = to_sound(SCALE, tempo=50), to_sound(SCALE, tempo=100)
    assert len(slow) == 2 * len(fast) == 16 * SAMPLE_RATE * 60 / 50 / 4


@pytest.mark.parametrize(
    ("ticks", "written"),
    [(0, "00"), (127, "7f"), (128, "8100"), (16383, "ff7f"), (16384, "818000")],
)
def test_times_of_midi(ticks, written):
    assert delta(ticks).hex() == written


def test_a_midi_file_by_hand(tmp_path):
    path = write_midi(tmp_path / "tune.mid", "..<-", tempo=120)
    assert path.read_bytes() == bytes.fromhex(
        "4d546864 00000006 0000 0001 01e0"  # one track, 480 ticks a quarter
        "4d54726b 00000015"
        "00ff5103 07a120"  # 500,000 microseconds
        "8170 903c50"  # after 240 ticks: middle C
        "8170 803c00"
        "00ff2f00"
    )


def test_a_midi_file_is_what_music21_reads(tmp_path):
    converter = pytest.importorskip("music21").converter
    path = write_midi(tmp_path / "tune.mid", "..<---@-C-H---...E-<-")
    sounds = [
        (float(note.offset), note.pitch.midi, float(note.quarterLength))
        for note in converter.parse(path).flatten().notes
    ]
    assert sounds == [
        (0.5, 60, 1.0),
        (1.5, 64, 0.5),
        (2.0, 67, 0.5),
        (2.5, 72, 1.0),
        (4.25, 69, 0.5),
        (4.75, 60, 0.5),
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: melody([(60, 0)]), "steps=0: give at least 1"),
        (lambda: melody([(60, float("nan"))]), "steps=nan"),
        (lambda: melody([(60, 1.5)]), "steps=1.5"),
        (lambda: melody([(60.5, 1)]), "pitch=60.5"),
        (lambda: melody([(float("nan"), 1)]), "pitch=nan"),
        (lambda: on_grid([Event(60, float("nan"))]), "quarters=nan"),
        (lambda: on_grid([Event(60, float("inf"))]), "quarters=inf"),
        (lambda: on_grid([Event(60, Fraction(-1))]), "quarters=-1"),
        (lambda: melody([(47, 1)]), "pitch=47: choose one from 48 to 107"),
        (lambda: melody([(108, 1)]), "pitch=108"),
        (lambda: transposed("<", 60), "pitch=120"),
        (lambda: notes_of(""), "give at least one character"),
        (lambda: notes_of("<-\n"), r"melody has '\\n' at 2"),
        (lambda: to_sound("<", tempo=0), "tempo=0: give a number >= 10 and <= 1000"),
        (lambda: to_sound("<", tempo=float("nan")), "tempo=nan"),
        (lambda: to_sound("x"), "melody has 'x' at 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_file_from_a_bad_melody(tmp_path):
    for text, tempo in (("", 100), ("<", 5)):
        with pytest.raises(ValueError, match=r"give"):
            write_midi(tmp_path / "bad.mid", text, tempo=tempo)
    assert not list(tmp_path.iterdir())


def test_a_language_model_reads_melodies():
    card = replace(CATALOG["nottingham"], splits={"train": 1}, classes=())
    data = aigc.data.text.collect(card, "train", [Record(SCALE, None, {})])
    tokens = aigc.data.Characters.train(data.texts).encode(data.joined())
    assert tokens.tolist() == [2, 0, 0, 0, 3, 0, 4, 0, 5, 0, 0, 0, 1, 1, 0, 0]
