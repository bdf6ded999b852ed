"""The recogniser of short words, and what training does to its spectrograms."""

import pytest
import torch
from torch.utils.data import TensorDataset

import aigc_lib as aigc
from aigc_lib.models import SoundClassifier
from aigc_lib.models.recogniser import coloured, gapped, stretched


def tones(pitches, seconds=0.3):
    t = torch.arange(round(seconds * 8_000)) / 8_000
    return torch.stack([0.3 * torch.sin(2 * torch.pi * p * t) for p in pitches])


def test_stretching_by_nothing_but_time_keeps_the_bands():
    mel = torch.rand(3, 20, 40)
    torch.manual_seed(0)
    assert stretched(mel, 0.0).shape == mel.shape
    still = mel[:, :, :1].expand_as(mel)  # the same at all times
    assert stretched(still, 0.0).allclose(still, atol=1e-4)


def test_stretching_moves_a_band_in_proportion():
    mel = torch.zeros(200, 40, 20)
    mel[:, 20] = 1.0
    torch.manual_seed(0)
    place = stretched(mel, 0.25).sum(2).argmax(1)
    assert 15 <= place.min() < 18
    assert 22 < place.max() <= 27


def test_gaps_are_few_and_short():
    torch.manual_seed(0)
    gone = (gapped(torch.ones(300, 28, 100)) == 0).float().mean(0)
    assert 0.02 < gone.mean() < 0.3


def test_colour_is_the_same_at_all_times():
    torch.manual_seed(0)
    added = coloured(torch.zeros(50, 28, 10), 0.1)
    assert added.std(2).max() < 1e-6
    assert added.std(0).mean() == pytest.approx(0.1, rel=0.5)


def test_it_tells_a_low_tone_from_a_high_one_however_loud(tmp_path):
    low, high = tones(range(200, 400, 10)), tones(range(1_000, 1_200, 10))
    x, y = torch.cat([low, high]), torch.tensor([0] * 20 + [1] * 20)
    torch.manual_seed(0)
    model = SoundClassifier(("low", "high"), width=16)
    aigc.fit(model, TensorDataset(x, y), steps=30, batch_size=20, seed=0, ema=0.8)
    asked = tones([305, 1_105])
    assert [word for word, _ in model.predict(asked)] == ["low", "high"]
    assert [word for word, _ in model.predict(asked / 50)] == ["low", "high"]
    again = aigc.models.load(model.save(tmp_path / "ear.safetensors"))
    assert again.logits(asked).equal(model.logits(asked))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ("a",)}, "at least two"),
        ({"classes": ("a", "a")}, "different"),
        ({"stretch": 1.0}, "stretch"),
        ({"width": 0}, "width"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        SoundClassifier(**options)
