"""The recogniser of short words."""

import pytest
import torch
from torch.utils.data import TensorDataset

import aigc_lib as aigc
from aigc_lib.models import SoundClassifier


def tones(pitches, seconds=0.3):
    t = torch.arange(round(seconds * 8_000)) / 8_000
    return torch.stack([0.3 * torch.sin(2 * torch.pi * p * t) for p in pitches])


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


def test_a_sound_of_one_frame_gives_finite_gradients_in_half_precision():
    torch.manual_seed(0)
    net = SoundClassifier(("low", "high"), width=4).net
    sound = tones([500], 150 / 8_000)
    for _ in range(20):  # where a kernel reads what nobody wrote, it finds this
        unwritten = [torch.full((n,), torch.nan) for n in (64, 320, 1_280, 4_096)]
        del unwritten
        with torch.autocast("cpu", torch.bfloat16):
            net(sound).sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ("a",)}, "at least two"),
        ({"classes": ("a", "a")}, "different"),
        ({"dropout": 1.0}, "dropout"),
        ({"width": 0}, "width"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        SoundClassifier(**options)
