"""Sounds follow the formulas on their cards; the mu-law code; WAV files."""

import wave

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import avg_pool1d

import aigc_lib as aigc
from aigc_lib.codecs.sound import SAMPLE_RATE, mu_law_decode, mu_law_encode, write_wav
from aigc_lib.codecs.synthesis import (
    BANDWIDTHS,
    C4,
    FORMANTS,
    harmonic_sound,
    mouth,
    plucked,
)
from aigc_lib.data import CATALOG
from aigc_lib.data.made.sounds import NOTES


def spectrum(x):
    """Magnitudes of x (T,), by frequencies in Hz."""
    magnitude = torch.fft.rfft(x * torch.hann_window(len(x))).abs()
    return torch.fft.rfftfreq(len(x), 1 / SAMPLE_RATE), magnitude


@pytest.mark.parametrize("name", ["tones", "vowels"])
def test_what_a_sound_set_holds(name):
    data = aigc.data.load(name)
    seconds = CATALOG[name].parameters["seconds"]
    assert data.x.shape == (len(data), seconds * SAMPLE_RATE)
    assert data.x.dtype == torch.float32
    assert data.x.abs().max() < 0.801
    assert set(data.y.tolist()) == set(range(len(data.classes)))
    assert torch.equal(data.x, aigc.data.load(name).x)
    assert len(data.x.unique(dim=0)) == len(data)


def test_each_note_has_the_pitch_of_its_name():
    data = aigc.data.load("tones", split="test")
    assert data.classes == tuple(NOTES)
    assert pytest.approx(440) == C4 * 2 ** (NOTES["A4"] / 12)
    for label, semitones in enumerate(NOTES.values()):
        frequency, magnitude = spectrum(data.x[data.y == label][0])
        strongest = frequency[magnitude.argmax()]
        assert abs(strongest - C4 * 2 ** (semitones / 12)) <= 4  # the bins' distance


def test_a_vowel_is_loud_where_its_formants_are():
    """The power per harmonic, without the fall of the buzz, peaks at F1."""
    data = aigc.data.load("vowels")
    assert data.classes == tuple(FORMANTS)
    frequency = spectrum(data.x[0])[0]
    for label, (first, *_) in enumerate(FORMANTS.values()):
        power = sum(spectrum(x)[1].square() for x in data.x[data.y == label])
        colour = power * frequency**2  # the buzz falls by 6 dB an octave
        smooth = avg_pool1d(colour[None], 41, stride=1, padding=20)[0]
        low = frequency < 1_000
        assert abs(frequency[low][smooth[low].argmax()] - first) < 80


def test_harmonics_without_a_gain_are_a_sawtooth():
    """Its teeth: (pi - angle) / 2 within each period, away from the jumps."""
    x = harmonic_sound(torch.tensor([[20.0]]), 0.1, torch.ones_like)[0]
    angle = 2 * torch.pi * (20 * torch.arange(1, 801) / SAMPLE_RATE % 1)
    inside = (angle > 0.4) & (angle < 5.8) & (torch.arange(800) > 80)
    ratio = (x / (torch.pi - angle))[inside & ((angle - torch.pi).abs() > 0.3)]
    assert ratio.max() / ratio.min() < 1.15


def test_a_mouth_passes_the_lowest_frequencies_and_turns_its_formants():
    """At a formant a resonance is F / (i B); far below all formants it is 1."""
    gain = mouth(torch.tensor([[500.0, 1e6, 1e7]]))
    low, at = gain(torch.tensor([[1.0]])), gain(torch.tensor([[500.0]]))
    assert low.item() == pytest.approx(1, abs=1e-3)
    assert at.item() == pytest.approx(500 / (1j * BANDWIDTHS[0]), rel=1e-3)


def test_a_mouth_may_move():
    """A pitch and formants that stay are the same, told once or at every moment."""
    pitch, formants = torch.tensor([[120.0]]), torch.tensor([[500.0, 1_500, 2_500]])
    still = harmonic_sound(pitch, 0.1, mouth(formants))
    moving = mouth(formants[..., None].expand(-1, -1, 800))
    same = harmonic_sound(pitch.expand(-1, 800), 0.1, moving)
    torch.testing.assert_close(still, same, atol=1e-4, rtol=1e-4)


def test_a_string_plucked_in_the_middle_has_no_even_harmonics():
    x = plucked(torch.tensor([[200.0]]), 0.5, 0.5)[0]
    frequency, magnitude = spectrum(x)
    strength = [magnitude[(frequency - 200 * k).abs() < 20].max() for k in range(1, 6)]
    assert max(strength[1], strength[3]) < 0.02 * strength[0]
    assert strength[2] > 0.05 * strength[0]


def test_nothing_comes_back_from_above_half_the_sample_rate():
    """A pitch of 1,500 Hz has two harmonics below 4,000 Hz; aliases would be others."""
    pitch = torch.tensor([[1_500.0]])
    x = harmonic_sound(pitch, 0.5, torch.ones_like)[0]
    frequency, magnitude = spectrum(x[400:])  # after the fade-in
    loud = frequency[magnitude > 0.02 * magnitude.max()]
    assert all(min(abs(f - 1_500), abs(f - 3_000)) < 20 for f in loud.tolist())


@given(st.integers(0, 255))
def test_every_code_comes_back(code):
    code = torch.tensor(code)
    assert mu_law_encode(mu_law_decode(code)) == code


@given(st.floats(-1, 1, width=32))
def test_codes_are_fine_where_it_is_quiet(x):
    """Half a step of the compressed scale: at most ln(256) (1/255 + |x|) / 255."""
    x = torch.tensor(x)
    error = (mu_law_decode(mu_law_encode(x)) - x).abs()
    assert error <= 1.02 * np.log(256) * (1 / 255 + x.abs()) / 255 + 1e-7


def test_codes_follow_the_formula_and_clip():
    x = torch.tensor([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0])
    half = (np.log1p(255 * 0.5) / np.log(256) + 1) / 2 * 255
    assert mu_law_encode(x).tolist() == [0, 0, 128, round(half), 255, 255]
    assert mu_law_encode(x, levels=2).tolist() == [0, 0, 0, 1, 1, 1]


def test_a_wav_file_is_what_python_reads(tmp_path):
    x = torch.linspace(-1, 1, 100)
    path = write_wav(tmp_path / "ramp.wav", x)
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (1, 2, SAMPLE_RATE, 100)
        samples = np.frombuffer(file.readframes(100), "<i2") / 32_767
    np.testing.assert_allclose(samples, x, atol=1 / 65_000)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(2, 10), r"x has shape \(2, 10\)"),
        (torch.zeros(0), r"x has shape \(0,\)"),
        (torch.tensor([0.0, 1.5]), "x reaches 1.5: divide by its peak"),
        (torch.tensor([0.0, float("nan")]), "x reaches nan"),
    ],
)
def test_no_file_from_bad_sound(x, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_wav(tmp_path / "bad.wav", x)
    assert not list(tmp_path.iterdir())


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: mu_law_encode(torch.tensor([0.0, NAN])), "x holds NaN"),
        (lambda: mu_law_encode(torch.zeros(2), levels=1), "levels=1"),
        (lambda: mu_law_encode(torch.zeros(2), levels=NAN), "levels=nan"),
        (lambda: mu_law_decode(torch.tensor([0, 256])), "codes from 0 to 256"),
        (lambda: mu_law_decode(torch.tensor([-1])), "codes from -1"),
        (lambda: mu_law_decode(torch.tensor([0]), levels=1), "levels=1"),
        (lambda: plucked(torch.tensor([[NAN]]), 0.1), "pitch from nan"),
        (lambda: plucked(torch.tensor([[0.0]]), 0.1), "pitch from 0 "),
        (lambda: plucked(torch.tensor([[4_000.0]]), 0.1), "below 4000"),
        (lambda: plucked(torch.tensor([[440.0]]), NAN), "seconds=nan"),
        (lambda: plucked(torch.tensor([[440.0]]), INF), "seconds=inf"),
        (lambda: plucked(torch.tensor([[440.0]]), -1), "seconds=-1"),
        (lambda: plucked(torch.tensor([[440.0]]), 1e-4), "samples=1"),
    ],
)
def test_what_is_no_sound(act, message):
    with pytest.raises(ValueError, match=message):
        act()


@pytest.mark.parametrize("rate", [0, NAN, 8000.5])
def test_no_file_of_such_a_rate(rate, tmp_path):
    with pytest.raises(ValueError, match="sample_rate="):
        write_wav(tmp_path / "x.wav", torch.zeros(9), sample_rate=rate)
    assert not list(tmp_path.iterdir())
