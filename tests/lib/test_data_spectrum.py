"""Spectrograms: closed forms, and the way back."""

import math

import pytest
import torch

import aigc_lib as aigc
from aigc_lib.codecs.spectrum import (
    BANDS,
    HOP,
    N_FFT,
    griffin_lim,
    log_mel,
    mel_filters,
    mel_to_spectrogram,
    spectrogram,
)


def test_a_sine_stands_in_one_row():
    """A sine of amplitude a in the middle of a bin has magnitude a times half the
    window's sum."""
    bin_width = 8_000 / N_FFT
    time = torch.arange(4_000) / 8_000
    x = 0.5 * torch.sin(2 * math.pi * 20 * bin_width * time)[None]
    magnitude = spectrogram(x)
    assert magnitude.shape == (1, N_FFT // 2 + 1, 4_000 // HOP + 1)
    middle = magnitude[0, :, 10:-10]
    assert (middle.argmax(0) == 20).all()
    expected = 0.5 * torch.hann_window(N_FFT).sum() / 2
    assert middle[20].tolist() == pytest.approx([expected.item()] * 43, rel=1e-4)


def test_mel_triangles_meet_at_their_centres():
    """Between the first and the last centre the triangles add up to 1."""
    filters = mel_filters()
    assert filters.shape == (BANDS, N_FFT // 2 + 1)
    top = 2_595 * math.log10(1 + 4_000 / 700)
    centers = [700 * (10 ** (top * k / 41 / 2_595) - 1) for k in (1, 40)]
    frequency = torch.linspace(0, 4_000, N_FFT // 2 + 1)
    inside = (frequency >= centers[0]) & (frequency <= centers[1])
    torch.testing.assert_close(filters.sum(0)[inside], torch.ones(int(inside.sum())))
    assert filters.amin() >= 0


def test_log_mel_of_silence_and_of_half_the_volume():
    x = aigc.data.load("vowels", split="test").x[:3]
    mel = log_mel(x)
    assert mel.shape == (3, BANDS, 2_000 // HOP + 1)
    assert log_mel(torch.zeros(1, 500)).unique().item() == pytest.approx(math.log(1e-4))
    loud = mel > math.log(1e-4) + 1
    torch.testing.assert_close(
        (mel - log_mel(x / 2))[loud], torch.tensor(math.log(2)).expand(int(loud.sum()))
    )


def test_back_to_a_spectrogram_and_to_mel_again():
    mel = log_mel(aigc.data.load("vowels", split="test").x[:3])
    again = (mel_filters() @ mel_to_spectrogram(mel)).clamp(min=1e-4).log()
    assert (again - mel).abs().mean() < 0.2


def test_griffin_lim_comes_nearer_and_nearer():
    x = aigc.data.load("vowels", split="test").x[:4]
    magnitude = spectrogram(x)

    def error(iterations):
        found = spectrogram(griffin_lim(magnitude, iterations=iterations))
        return ((found - magnitude).norm() / magnitude.norm()).item()

    errors = [error(k) for k in (0, 5, 20, 60)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.2 < errors[0]
    found = griffin_lim(magnitude, iterations=1)
    assert found.shape == (4, HOP * (2_000 // HOP))
    assert torch.equal(found, griffin_lim(magnitude, iterations=1))


@pytest.mark.parametrize("shape", [(100,), (2, 128), (2, 1, 500)])
def test_what_is_no_batch_of_sounds(shape):
    with pytest.raises(ValueError, match=r"x has shape .*: give \(B, T\) with more"):
        spectrogram(torch.zeros(shape))


NAN = float("nan")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: spectrogram(torch.full((1, 500), NAN)), "x holds NaN"),
        (lambda: spectrogram(torch.zeros(1, 500), hop=0), "hop=0"),
        (lambda: spectrogram(torch.zeros(1, 500), n_fft=NAN), "n_fft=nan"),
        (lambda: mel_filters(0), "bands=0"),
        (lambda: mel_filters(sample_rate=NAN), "sample_rate=nan"),
        (lambda: griffin_lim(torch.full((1, 129, 4), NAN)), "magnitude holds NaN"),
        (lambda: griffin_lim(-torch.ones(1, 129, 4)), "magnitude is negative"),
        (lambda: griffin_lim(torch.ones(129, 4)), "magnitude has shape"),
        (lambda: griffin_lim(torch.ones(1, 129, 1)), "two frames"),
        (lambda: griffin_lim(torch.ones(1, 129, 4), iterations=-1), "iterations=-1"),
    ],
)
def test_what_is_no_spectrum(act, message):
    with pytest.raises(ValueError, match=message):
        act()
