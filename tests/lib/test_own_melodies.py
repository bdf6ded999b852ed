"""The reader's own tunes: ABC files and MIDI files."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aigc_lib as aigc
from aigc_lib.codecs.melody import Note, delta, melody, notes_of, write_midi
from aigc_lib.data.own import midi
from aigc_lib.data.own.folder import LeftOut

HEAD = "X:1\nT:Up and down\nM:4/4\nL:1/4\nK:C\n"


def tune(number, key="C", end=""):
    """A tune that begins like no other one here."""
    notes = random.Random(number).choices("CDEFGABcdefg", k=12)
    return (
        f"X:{number}\nT:Tune {number}\nM:4/4\nL:1/4\nK:{key}\n{' '.join(notes)}{end}\n"
    )


def refused(name):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        aigc.data.load(name)
    return str(caught.value)


def test_the_tunes_of_a_file(tmp_path):
    path = tmp_path / "tunes.abc"
    path.write_text("% my tunes\n\n" + "\n".join(map(tune, range(40))))
    train, test = (aigc.data.load(path, split=s) for s in ("train", "test"))
    assert len(train) + len(test) == 40
    assert 0 < len(test) < 15
    assert train.y is None
    assert train.card.unit == "首"
    for text, facts in zip(train, train.facts, strict=True):
        number = int(facts["title"].split()[1])
        expected = [
            60
            + {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[n.upper()]
            + 12 * n.islower()
            for n in random.Random(number).choices("CDEFGABcdefg", k=12)
        ]
        assert notes_of(text) == [Note(pitch, 4) for pitch in expected]


def test_a_tune_that_is_not_understood_stops_no_other(tmp_path):
    path = tmp_path / "tunes.abc"
    off_grid = [
        tune(101, end=" (3CDE"),
        tune(102, end=" C,,,"),
        tune(103, end=" C9999 D9999 E9999"),  # would fill pages
        HEAD,
    ]
    refused_ones = [tune(100, key="H"), tune(104).replace("M:4/4", "M:1/0")]
    tunes = [*map(tune, range(20)), *off_grid, *refused_ones, tune(3)]
    path.write_text("\n".join(tunes))
    data = aigc.data.load(path)
    assert sum(data.card.splits.values()) == 20
    left = "\n".join(data.card.left_out)
    line = "\n".join(tunes[:24]).count("\n") + 6  # K: is the fifth of a tune
    assert f"记谱读不懂：2 个，tunes.abc, line {line}、" in left
    assert "长得不合理：4 个，如 tunes.abc, Tune 101、tunes.abc, Tune 102、" in left
    assert "重复的曲子：1 个，tunes.abc, Tune 3" in left
    path.write_text("\n".join(off_grid))
    message = refused(path)
    assert message.count("no melody in sixteenths from 48 to 107") == 3
    assert message.endswith("; and 1 more)")
    path.write_text("\n".join(refused_ones))
    assert refused(path).count("not understood (column") == 2
    path.write_text("no tune")
    assert "text has no tune" in refused(path)


def test_the_same_beginning_in_another_key_stays_on_one_side(tmp_path):
    for name, key in {"major": "C", "sharp": "C#"}.items():
        (tmp_path / name).mkdir()
        end = "" if name == "major" else " z2"  # another ending, too
        text = "\n".join(tune(i, key, end) for i in range(30))
        (tmp_path / name / "tunes.abc").write_text(text)
    train, test = (aigc.data.load(tmp_path, split=s) for s in ("train", "test"))
    assert len(train) + len(test) == 60
    assert train.classes == ("major", "sharp")
    titles = [{facts["title"] for facts in data.facts} for data in (train, test)]
    assert not titles[0] & titles[1]


# ---- MIDI ----------------------------------------------------------------------------

pytest.importorskip("music21")

notes = st.lists(
    st.tuples(st.none() | st.integers(48, 107), st.integers(1, 9)), min_size=1
).filter(lambda found: any(pitch for pitch, _ in found))


@given(notes)
def test_what_we_write_comes_back(tmp_path_factory, found):
    text = melody(found)
    path = write_midi(tmp_path_factory.mktemp("midi") / "x.mid", text)
    inner = text.strip(".")  # silence before and after is not in the notes
    assert midi.upper_voice(path.read_bytes()) == inner


def file_of(*tracks, ticks=96):
    """A MIDI file; a track is a list of (tick, on, channel, pitch)."""
    raw = struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), ticks)
    for track in tracks:
        body, now = b"", 0
        for tick, on, channel, pitch in sorted(track):
            status = (0x90 if on else 0x80) | channel
            body += delta(tick - now) + bytes([status, pitch, 80 if on else 0])
            now = tick
        body += b"\0\xff\x2f\0"
        raw += struct.pack(">4sI", b"MTrk", len(body)) + body
    return raw


def played(*sounding, channel=0):
    """Notes (start, end, pitch) in sixteenths of 24 ticks."""
    return [
        event
        for start, end, pitch in sounding
        for event in (
            (round(24 * start), True, channel, pitch),
            (round(24 * end), False, channel, pitch),
        )
    ]


def test_the_upper_voice_is_heard():
    melody_line = played((0, 4, 72), (4, 6, 74), (6, 8, 76))
    chords = played((0, 8, 60), (0, 8, 64))
    drums = played((0, 1, 100), (4, 5, 100), channel=9)
    text = midi.upper_voice(file_of(chords, melody_line, drums))
    assert notes_of(text) == [Note(72, 4), Note(74, 2), Note(76, 2)]


def test_a_note_ends_where_the_next_begins():
    text = midi.upper_voice(file_of(played((0, 9, 60), (4, 8, 67), (10, 12, 62))))
    assert notes_of(text) == [Note(60, 4), Note(67, 4), Note(None, 2), Note(62, 2)]


def test_a_note_that_nobody_ends_lasts_to_the_end():
    sounding = played((0, 4, 60)) + played((4, 8, 67))[:1] + played((8, 12, 62))
    text = midi.upper_voice(file_of(sounding))
    assert notes_of(text) == [Note(60, 4), Note(67, 8)]


def test_hands_are_not_exact():
    text = midi.upper_voice(file_of(played((0.05, 3.8, 60), (4.1, 7.7, 62))))
    assert notes_of(text) == [Note(60, 4), Note(62, 4)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"hello", "no whole MIDI file"),
        (file_of(played((0, 4, 60)))[:-9], "no whole MIDI file"),
        (file_of([]), "no notes"),
        (file_of(played((0, 4, 60), channel=9)), "no notes"),
        (file_of(played((0, 4, 60), (4.33, 5, 62))), "no melody in sixteenths"),
        (file_of(played((0, 4, 20))), "no melody in sixteenths"),
        (file_of(played((0, 4, 60), (200_000, 200_004, 60))), "longer than"),
        (file_of(played((0, 4, 60)), ticks=0x8001), "frames of a film"),
        (file_of(played((0, 4, 60)), ticks=0xE71E), "frames of a film"),  # 25 a second
        (file_of(played((0, 4, 60))).replace(b"\6\0\1", b"\6\0\2", 1), "kind 2"),
    ],
)
def test_what_is_no_melody(raw, reason):
    with pytest.raises(LeftOut, match=reason):
        midi.upper_voice(raw)


@given(st.data())
def test_damage_never_gets_through(data):
    raw = bytearray(file_of(played((0, 4, 60), (4, 8, 62), (8, 12, 64))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        text = midi.upper_voice(bytes(raw))
    except LeftOut:
        return
    assert notes_of(text)


def test_a_folder_of_both(tmp_path):
    for i in range(12):
        pitches = random.Random(i).choices(range(55, 80), k=12)
        write_midi(tmp_path / f"{i}.mid", melody((p, 2) for p in pitches))
    (tmp_path / "tunes.abc").write_text("\n".join(map(tune, range(5))))
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    data = aigc.data.load(tmp_path)
    assert sum(data.card.splits.values()) == 17
    assert "broken.mid" in data.card.left_out[0]
    assert {facts["file"] for facts in data.facts} <= {
        "tunes.abc",
        *(f"{i}.mid" for i in range(12)),
    }


def test_one_tune_is_not_enough(tmp_path):
    path = write_midi(tmp_path / "x.mid", "<-->--@-")
    assert "one tune only" in refused(path)
