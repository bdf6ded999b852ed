"""A folder of the reader's own WAV files, of any rate and number format."""

import math
import struct
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import wavfile

import aigc_lib as aigc
from aigc_lib.codecs.sound import SAMPLE_RATE, write_wav
from aigc_lib.data.own import sounds
from aigc_lib.data.own.folder import LeftOut


def tone(seconds, rate=SAMPLE_RATE, hertz=440.0):
    return 0.5 * np.sin(2 * math.pi * hertz * np.arange(round(seconds * rate)) / rate)


def wav(path, x, rate=SAMPLE_RATE):
    wavfile.write(path, rate, x)
    return path


def read(path, seconds=1.0):
    return sounds.decoded(path.read_bytes(), round(seconds * SAMPLE_RATE))[0].numpy()


@pytest.fixture
def birds(tmp_path):
    """Thirty recordings of two birds, 0.1 to 0.39 seconds."""
    for name, hertz in {"great": 300, "little": 900}.items():
        (tmp_path / name).mkdir()
        for i in range(15):
            x = tone(0.1 + 0.02 * i, 16_000, hertz).astype(np.float32)
            wav(tmp_path / name / f"{name}{i}.wav", x, 16_000)
    return tmp_path


def test_a_folder_is_a_data_set(birds):
    train, test = (aigc.data.load(birds, split=s) for s in ("train", "test"))
    assert len(train) + len(test) == 30
    assert len(test) > 0
    length = round(0.24 * SAMPLE_RATE)  # that of the middle one
    for data in (train, test):
        assert data.x.shape == (len(data), length)
        assert data.x.dtype == torch.float32
        assert data.classes == ("great", "little")
        for x, y in zip(data.x, data.y, strict=True):
            sound = x[: round(0.1 * SAMPLE_RATE)]
            peak = torch.fft.rfft(sound).abs().argmax().item() / 0.1
            assert abs(peak - (300, 900)[y]) <= 10
    assert f"{length / SAMPLE_RATE:.2f} 秒" in train.card.summary
    assert "14 条更长" in train.card.biases[1]


def test_cut_or_padded_as_asked(birds):
    x = aigc.data.load(birds, seconds=0.3).x
    assert x.shape[1] == round(0.3 * SAMPLE_RATE)
    ends = x[:, -40:].abs().amax(1)
    assert (ends == 0).any()  # followed by silence
    assert (ends > 0.1).any()  # cut


FORMATS = {
    "8 bits": lambda x: (x * 127 + 128).round().astype(np.uint8),
    "16 bits": lambda x: (x * 32_767).round().astype(np.int16),
    "32 bits": lambda x: (x * (2**31 - 1)).round().astype(np.int32),
    "float": lambda x: x.astype(np.float32),
    "double": lambda x: x,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_number_format_has_the_same_loudness(tmp_path, name):
    x = tone(0.2)
    path = wav(tmp_path / "x.wav", FORMATS[name](x))
    assert np.abs(read(path) - x).max() < (0.01 if name == "8 bits" else 1e-4)


def test_our_own_files_come_back(tmp_path):
    x = torch.tensor(tone(0.2), dtype=torch.float32)
    got = read(write_wav(tmp_path / "x.wav", x))
    assert np.abs(got - x.numpy()).max() < 1e-4


@pytest.mark.parametrize("rate", [6_000, 11_025, 16_000, 44_100, 48_000])
def test_other_rates_sound_the_same(tmp_path, rate):
    path = wav(tmp_path / "x.wav", tone(0.5, rate).astype(np.float32), rate)
    got, expected = read(path), tone(0.5)
    assert abs(len(got) - len(expected)) <= 1
    within = slice(200, 3_800)  # a filter fades in and out
    assert np.abs(got[within] - expected[within]).max() < 0.01


def test_what_is_too_high_does_not_come_back_as_another_tone(tmp_path):
    path = wav(
        tmp_path / "x.wav", tone(0.5, 48_000, 7_000.0).astype(np.float32), 48_000
    )
    assert np.abs(read(path)[200:3_800]).max() < 0.01  # it would fold to 1,000 Hz


def test_channels_are_averaged(tmp_path):
    x = tone(0.2)
    path = wav(tmp_path / "x.wav", np.stack([x, 0 * x], 1).astype(np.float32))
    assert np.abs(read(path) - x / 2).max() < 1e-4


def test_a_long_file_keeps_its_beginning(tmp_path):
    x = np.concatenate([tone(0.5), tone(4.5, hertz=1_500.0)]).astype(np.float32)
    path = wav(tmp_path / "x.wav", x)
    got, seconds = sounds.decoded(path.read_bytes(), SAMPLE_RATE // 2)
    assert seconds == 5
    assert np.abs(got.numpy()[:3_900] - tone(0.5)[:3_900]).max() < 1e-4


# ---- what is left out ----------------------------------------------------------------


def whole(tmp_path):
    return wav(tmp_path / "whole.wav", FORMATS["16 bits"](tone(0.1))).read_bytes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda raw: raw[:-1], "cut short"),
        (lambda raw: raw[:60], "cut short"),
        (lambda raw: raw[:30], "cut short"),
        (lambda raw: b"hello" * 20, "no WAV file"),
        (lambda raw: b"", "no WAV file"),
        (lambda raw: raw[:40] + b"\0\0\0\0", "no sound"),
        (lambda raw: raw[:20] + b"\x55\0" + raw[22:], "damaged"),  # that is MP3
        (lambda raw: raw[:22] + b"\0\0" + raw[24:], "damaged"),
        (lambda raw: raw[:24] + b"\1\0\0\0\2\0\0\0" + raw[32:], "1 samples a second"),
        (  # no number that both rates share: a filter of millions of steps
            lambda raw: raw[:24] + struct.pack("<II", 767_999, 1_535_998) + raw[32:],
            "767,999 samples a second",
        ),
    ],
)
def test_damaged_files(tmp_path, change, reason):
    with pytest.raises(LeftOut, match=reason):
        sounds.decoded(change(whole(tmp_path)), 800)


def test_not_a_number(tmp_path):
    x = tone(0.1).astype(np.float32)
    x[5] = np.nan
    with pytest.raises(LeftOut, match="not finite"):
        read(wav(tmp_path / "x.wav", x))


def test_floats_that_are_whole_numbers(tmp_path):
    path = wav(tmp_path / "x.wav", (32_767 * tone(0.1)).astype(np.float32))
    with pytest.raises(LeftOut, match=r"values up to .*divide them to be in \[-1, 1\]"):
        sounds.decoded(path.read_bytes(), 800)


def test_chunks_that_do_not_count_are_passed_over(tmp_path):
    raw = whole(tmp_path)
    extra = b"bext" + (3).to_bytes(4, "little") + b"abc\0"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got, _ = sounds.decoded(raw[:12] + extra + raw[12:] + extra, 800)
    assert np.abs(got.numpy() - tone(0.1)).max() < 1e-4


@given(st.data())
def test_damage_never_gets_through(tmp_path_factory, data):
    raw = bytearray(whole(tmp_path_factory.mktemp("d")))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    try:
        sound, seconds = sounds.decoded(bytes(raw), 800)
    except LeftOut:
        return
    assert sound.isfinite().all()
    assert sound.abs().max() <= 1
    assert 0 < len(sound) <= 800
    assert seconds > 0


def test_the_folder_says_what_it_left_out(birds, monkeypatch):
    (birds / "broken.wav").write_bytes(b"RIFF")
    (birds / "song.mp3").write_bytes(b"ID3")
    left = aigc.data.load(birds).card.left_out
    assert any("song.mp3" in line for line in left)
    assert any("broken.wav" in line for line in left)
    monkeypatch.setattr(sounds, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="no file can be used"):
        aigc.data.load(birds)


@pytest.mark.parametrize("seconds", [0, -1, 61, math.nan, math.inf, "3"])
def test_lengths_out_of_range(birds, seconds):
    with pytest.raises(ValueError, match=f"seconds={seconds}: give 0.01 to 60"):
        aigc.data.load(birds, seconds=seconds)


def test_more_than_fits(birds, monkeypatch):
    monkeypatch.setattr(sounds, "MOST_MEMORY", 1_000)
    with pytest.raises(ValueError, match="take more than"):
        aigc.data.load(birds)


def test_one_sound_is_not_enough(birds):
    with pytest.raises(ValueError, match="one sound only"):
        aigc.data.load(birds / "great" / "great0.wav")
