"""Pieces to be heard and to be read: MIDI, sheet music, sound."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
import torch

from aigc_lib.codecs.instruments import INSTRUMENTS, RELEASE, to_sound, tone
from aigc_lib.codecs.piece import METRES, MOODS, Piece
from aigc_lib.codecs.scenes import SCENES
from aigc_lib.codecs.score import ScoreCode
from aigc_lib.codecs.scores import sharps, spelled, to_midi, to_musicxml, to_svg
from aigc_lib.codecs.sound import SAMPLE_RATE
from aigc_lib.data.made.songs import song
from aigc_lib.models import WaveNet
from aigc_lib.models.wavenet.instrument import PITCHES, strings, wavenet_sound

WALTZ = Piece(
    voices=[[(0, 4, 67), (4, 20, 71), (24, 5, 72), (30, 6, 74)]],
    length=36,
    metre="3/4",
    key="G major",
    chords=[(4, "G"), (16, "D7")],
    pickup=4,
)


def peak_of(x):
    """The loudest frequency in Hz."""
    window = torch.hann_window(len(x))
    spectrum = torch.fft.rfft(x * window, n=8 * len(x)).abs()
    return spectrum.argmax().item() * SAMPLE_RATE / (8 * len(x))


@pytest.mark.parametrize("instrument", sorted(INSTRUMENTS))
@pytest.mark.parametrize("pitch", [48, 60, 69, 84])
def test_a_tone_has_its_pitch(instrument, pitch):
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    x = tone(pitch, 1.0, instrument)
    assert x.abs().max() <= 1.2
    found = peak_of(x[: SAMPLE_RATE // 2])
    # the loudest partial may be a higher one; it is a multiple all the same
    multiple = max(1, round(found / hertz))
    if instrument == "bells":  # partials of a bell stand at 1 ± 3.5 k
        partials = [abs(1 + 3.5 * k) for k in range(-4, 5)]
        assert min(abs(found - p * hertz) for p in partials) < 0.02 * hertz
    else:
        assert abs(found - multiple * hertz) < 0.02 * hertz


def test_a_piece_sounds_note_by_note():
    piece = Piece(voices=[[(0, 4, 69), (8, 8, 81)]], length=16, tempo=60)
    x = to_sound(piece, "flute")
    assert len(x) == 4.5 * SAMPLE_RATE
    assert x.abs().max() == pytest.approx(0.85)
    assert peak_of(x[: SAMPLE_RATE // 2]) == pytest.approx(440, abs=3)
    assert peak_of(x[2 * SAMPLE_RATE : 3 * SAMPLE_RATE]) == pytest.approx(880, abs=3)
    silence = x[int(1.2 * SAMPLE_RATE) : int(1.9 * SAMPLE_RATE)]
    assert silence.abs().max() < 1e-4
    nothing = to_sound(Piece(voices=[[]], length=4))
    assert nothing.abs().max() == 0
    with pytest.raises(ValueError, match="instrument='tuba'"):
        to_sound(piece, "tuba")


SMALL = {"channels": 4, "skip_channels": 8, "depth": 2, "stacks": 1}


def test_a_wavenet_plays_every_note_of_a_melody(monkeypatch):
    model = WaveNet(classes=len(PITCHES), **SMALL)
    piece = Piece(voices=[[(0, 1, 69), (1, 1, 71), (3, 1, 69)]], length=4, tempo=200)
    asked = []

    def echo(n, *, labels, length, **options):
        asked.append((labels.tolist(), length))
        return torch.ones(n, length)

    monkeypatch.setattr(model, "sample", echo)
    x = wavenet_sound(model, piece)
    step = 60 / 200 / 4
    assert asked == [([14, 16], round((step + RELEASE) * SAMPLE_RATE))]  # each once
    assert len(x) == round((4 * step + 0.5) * SAMPLE_RATE)
    assert x[: int(step * SAMPLE_RATE)].min() > 0.3
    rest = x[int((2 * step + 0.07) * SAMPLE_RATE) : int(3 * step * SAMPLE_RATE)]
    assert rest.abs().max() == 0
    # a long note costs no more than 1.5 seconds, and has died away by then
    wavenet_sound(model, replace(piece, voices=[[(0, 400, 69)]], length=400))
    assert asked[-1][1] == 1.5 * SAMPLE_RATE
    monkeypatch.undo()
    real = wavenet_sound(model, replace(piece, tempo=400))
    assert torch.equal(real, wavenet_sound(model, replace(piece, tempo=400)))
    assert not torch.equal(
        real, wavenet_sound(model, replace(piece, tempo=400), seed=1)
    )


def test_strings_accompany_a_wavenet(monkeypatch):
    model = WaveNet(classes=len(PITCHES), **SMALL)
    low = [(0, 16, 40)]  # which it never learned
    piece = Piece(voices=[[], low], length=16, genre="pop")
    assert torch.equal(wavenet_sound(model, piece), to_sound(piece, "strings"))
    monkeypatch.setattr(model, "sample", lambda n, length, **_: torch.zeros(n, length))
    both = replace(piece, voices=[[(0, 4, 72)], low])
    assert peak_of(wavenet_sound(model, both)) == pytest.approx(82.4, abs=1)


def test_what_a_wavenet_does_not_play():
    model = WaveNet(classes=len(PITCHES), **SMALL)
    with pytest.raises(ValueError, match="sounds 54; choose pitches from 55 to 88"):
        wavenet_sound(model, Piece(voices=[[(0, 4, 89), (4, 4, 54)]], length=8))
    with pytest.raises(ValueError, match="classes=None"):
        wavenet_sound(WaveNet(**SMALL), Piece(voices=[[]], length=4))


def test_a_wavenet_learns_strings_that_do_not_die_away():
    x, y = strings(each=2)
    assert x.shape == (2 * len(PITCHES), 2_000)
    assert y.tolist() == [*range(len(PITCHES))] * 2
    begin, end = x[:, 200:1_000], x[:, 1_200:]
    ratio = end.square().mean(1) / begin.square().mean(1)
    assert (ratio - 1).abs().max() < 0.15
    for k in (0, 14, 33):
        hertz = 440 * 2 ** ((PITCHES[k] - 69) / 12)
        assert peak_of(x[k]) == pytest.approx(hertz, rel=0.03)
    assert torch.equal(x, strings(each=2)[0])
    assert not torch.equal(x, strings(each=2, seed=1)[0])


@pytest.mark.parametrize("piece", [WALTZ, song(1)], ids=["waltz", "song"])
def test_midi_holds_every_note(piece):
    pytest.importorskip("music21")
    from music21 import converter

    score = converter.parse(to_midi(piece), format="midi")
    voices = [part.stripTies().flatten().notes for part in score.parts]
    assert len(voices) == len(piece.voices) + 1  # the chords
    for part, voice in zip(voices, piece.voices, strict=False):
        found = [
            (float(n.offset) * 4, float(n.quarterLength) * 4, n.pitch.midi)
            for n in part
        ]
        assert found == [tuple(map(float, note)) for note in voice]
    assert to_midi(piece) == to_midi(piece)


@pytest.mark.parametrize("metre", sorted(METRES))
def test_bars_on_paper_are_full(metre):
    pytest.importorskip("music21")
    size = METRES[metre]
    notes = [(0, 1, 60), (1, size, 62), (size + 3, 5, 66)]
    piece = Piece(voices=[notes], length=3 * size - 2, metre=metre, pickup=1)
    root = ET.fromstring(to_musicxml(piece))
    divisions = int(root.find(".//divisions").text)
    bars = []
    for bar in root.iter("measure"):
        lengths = [
            int(n.find("duration").text)
            for n in bar.iter("note")
            if n.find("chord") is None
        ]
        bars.append(sum(lengths) * 4 / divisions)
    assert bars[0] == 1
    assert bars[1:] == [size] * 3  # the last one is filled with rests
    pitches = [n for n in root.iter("note") if n.find("rest") is None]
    begun = [n for n in pitches if "stop" not in [t.get("type") for t in n.iter("tie")]]
    assert len(begun) == 3


def test_sheet_music_is_one_picture_without_a_network():
    pytest.importorskip("verovio")
    svg = to_svg(song(2).cut(0, 4), width=700)
    root = ET.fromstring(svg)
    assert root.tag.endswith("svg")
    heads = [e for e in root.iter() if "notehead" in (e.get("class") or "").lower()]
    voices = song(2).cut(0, 4).voices
    assert len(heads) >= sum(map(len, voices))
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert all(link.startswith("#") for link in links)
    assert svg == to_svg(song(2).cut(0, 4), width=700)
    with pytest.raises(ValueError, match="width=10"):
        to_svg(song(2), width=10)


def test_names_follow_the_key():
    def named(key, pitch):
        return spelled(pitch, Piece(voices=[[]], length=4, key=key))

    assert named("G minor", 66) == "F#4"
    assert named("G minor", 63) == "E-4"
    assert named("A minor", 70) == "B-4"  # as its own page calls it
    assert named("A minor", 68) == "G#4"
    assert named("A major", 61) == "C#4"
    assert named("Ab major", 61) == "D-4"
    assert named("F# major", 65) == "E#4"
    assert named("C major", 60) == "C4"
    assert named("C# major", 60) in ("B#3", "C4")
    for key, expected in (("D major", 2), ("B minor", 2), ("Eb major", -3),
                          ("C minor", -3), ("C major", 0), ("A minor", 0)):  # fmt: skip
        assert sharps(Piece(voices=[[]], length=4, key=key)) == expected


def test_chords_put_no_signs_before_notes():
    line = [(0, 4, 66), (4, 4, 60), (8, 4, 65), (12, 4, 60), (16, 4, 60)]
    chords = [(0, "D"), (4, "A"), (8, "F#"), (12, "C"), (16, "Bb")]
    sheet = to_musicxml(Piece(voices=[line], length=20, chords=chords))
    assert sheet.count("<accidental>") == 2  # F sharp, and F again
    assert "<root-alter>0" not in sheet
    assert "<inversion>" not in sheet


def test_scenes_ask_for_what_there_is():
    code = ScoreCode()
    for scene in SCENES.values():
        Piece(voices=[[]], length=4, key=scene.key, tempo=scene.tempo)
        code.form(scene.genre, scene.metre, 2)
        assert scene.mood in MOODS
        assert scene.low + 12 <= scene.high
        assert scene.instrument in INSTRUMENTS
