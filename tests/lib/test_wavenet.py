"""WaveNet: what it can see, what it says, and two ways to the same sound."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

import aigc_lib as aigc
from aigc_lib.codecs.sound import mu_law_encode
from aigc_lib.models import WaveNet
from aigc_lib.models.wavenet.wavenet import draw

SMALL = {"channels": 6, "skip_channels": 12, "depth": 3, "stacks": 2, "levels": 16}


def restless(**options):
    """A small net whose logits are not all alike, as they are before training."""
    torch.manual_seed(0)
    model = WaveNet(**SMALL | options)
    with torch.no_grad():
        for weight in model.net.parameters():
            weight.normal_(0, 0.4)
    return model


def logits_of(model, codes, condition=None):
    if condition is None:
        condition = torch.zeros(len(codes), 1, 1)
    with torch.no_grad():
        return model.net(codes, condition)


def test_the_future_is_not_seen():
    model = restless()
    codes = torch.randint(16, (1, 40))
    changed = codes.clone()
    changed[:, 20:] = (changed[:, 20:] + 1) % 16
    before, after = logits_of(model, codes), logits_of(model, changed)
    torch.testing.assert_close(before[:, :20], after[:, :20])
    assert (before[:, 20] != after[:, 20]).any()


def test_the_receptive_field_is_exact():
    """Two stacks of 1 + 2 + 4: the last sample sees 15 codes, the 16th back no more."""
    model = restless()
    assert model.receptive_field == 15
    codes = torch.randint(16, (1, 40))
    last = logits_of(model, codes)[:, -1]
    for back, seen in ((15, True), (16, False)):
        changed = codes.clone()
        changed[:, -back] = (changed[:, -back] + 1) % 16
        assert (logits_of(model, changed)[:, -1] != last).any() == seen


def test_the_loss_is_that_of_the_next_sample():
    """By hand: for each sample, the codes before it go in and its own is asked."""
    model = restless()
    x = torch.rand(2, 12) * 2 - 1
    codes = mu_law_encode(x, 16)
    losses = []
    for t in range(12):
        silence = torch.full((2, 1), 8)
        past = torch.cat([silence, codes[:, :t]], 1)
        losses.append(cross_entropy(logits_of(model, past)[:, -1], codes[:, t]))
    expected = torch.stack(losses).mean().item()
    assert model.nats_per_sample(x) == pytest.approx(expected, rel=1e-5)


def test_neighbouring_codes_and_every_label_are_told_well():
    """Codes begin like their neighbours, unlike far ones; a label has mean square 1."""
    model = WaveNet(classes=11)
    codes = torch.nn.functional.normalize(model.net.embedding.weight.data, dim=1)
    likeness = codes @ codes.T
    assert likeness.diagonal(1)[20:-20].min() > 0.9
    assert likeness[0, 128:].max() < 0.5
    told = model._condition(2, 100, torch.tensor([0, 10]), None)
    assert told.square().mean(2).flatten().tolist() == pytest.approx([1, 1])


def test_every_weight_learns():
    model = restless(classes=3)
    model._nll(model.net, torch.rand(3, 30) * 2 - 1, torch.arange(3)).backward()
    for name, p in model.net.named_parameters():
        assert p.grad is not None, name
        assert p.grad.any(), name


def test_training_starts_at_chance():
    found = WaveNet().nats_per_sample(torch.rand(2, 100) * 2 - 1)
    assert found == pytest.approx(math.log(256))


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({}, {}),
        ({"classes": 3}, {"labels": 2}),
        ({"bands": 5}, {"mel": torch.linspace(-9, 1, 60).reshape(4, 5, 3)}),
    ],
    ids=["unconditional", "classes", "vocoder"],
)
def test_the_memory_gives_the_same_sounds(option, told):
    model = restless(**option)
    fast = model.sample(4, seed=1, length=150, **told)
    slow = model.sample(4, seed=1, length=150, **told, cached=False)
    assert fast.shape == (4, 150)
    assert torch.equal(fast, slow)
    assert fast.std() > 0


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"classes": 3}, {"labels": torch.tensor([2, 0, 1, 2, 1])}),
        ({"bands": 5}, {"mel": torch.linspace(-9, 1, 75).reshape(5, 5, 3)}),
    ],
    ids=["classes", "vocoder"],
)
def test_sounds_are_the_same_when_they_are_made_in_parts(option, told, monkeypatch):
    model = restless(**option)
    together = model.sample(5, seed=1, length=60, **told)
    monkeypatch.setattr("aigc_lib.models.base.PART", 2)
    torch.testing.assert_close(model.sample(5, seed=1, length=60, **told), together)


def test_progress_is_told_and_may_end_the_drawing():
    told = []
    restless().sample(2, length=250, seed=0, progress=told.append)
    assert told == [0.0, 0.4, 0.8]

    def enough(share):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        restless().sample(2, length=20_000, progress=enough)


def test_one_step_gives_the_logits_of_the_whole():
    model = restless(classes=3).double()
    codes = torch.randint(16, (2, 30))
    condition = torch.rand(2, 1, 3, dtype=torch.float64)
    whole = logits_of(model, codes, condition)
    memory, conditions = model.net.silence(2), model.net.project(condition)
    with torch.no_grad():
        for t in range(30):
            step = model.net.step(codes[:, t], t, memory, conditions)
            torch.testing.assert_close(step, whole[:, t])


def test_a_label_changes_the_sound_and_a_seed_repeats_it():
    model = restless(classes=3)
    first = model.sample(2, seed=0, length=20, labels=torch.tensor([0, 1]))
    assert torch.equal(first, model.sample(2, seed=0, length=20, labels=[0, 1]))
    assert not torch.equal(first, model.sample(2, seed=0, length=20, labels=[0, 2]))
    assert model.sample(2, seed=0, length=20).shape == (2, 20)


def test_a_vocoder_hears_of_the_nearest_frame():
    """Frames change halfway between their centres, 64 samples apart."""
    model = restless(bands=5)
    frames = torch.zeros(1, 5, 3)
    frames[:, :, 1] = 2.5
    condition = model._condition(1, 150, None, frames)[0, :, 0]
    changes = condition.diff().nonzero().flatten() + 1
    assert changes.tolist() == [32, 96]
    assert math.isfinite(model.nats_per_sample(torch.rand(2, 300) * 2 - 1))


def test_it_learns_to_hold_a_tone():
    """A wave that repeats every 10 samples: as certain as can be after 150 steps."""
    wave = 0.5 * torch.sin(2 * math.pi * torch.arange(110) / 10)
    x = torch.stack([wave[k : k + 100] for k in range(10)])
    torch.manual_seed(0)
    model = WaveNet(channels=8, skip_channels=16, depth=4, stacks=1, levels=32)
    history = aigc.fit(model, x, steps=150, batch_size=8, ema=0.9)
    assert history.losses["net"][-1] < 0.5 < math.log(32)
    sound = model.sample(1, seed=0, length=200, temperature=0)[0]
    assert (sound[100:190] - sound[110:]).abs().max() < 0.15


def test_drawing_follows_the_shares():
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(4, 3)
    uniform = torch.tensor([0.0, 0.49, 0.51, 0.99999])
    assert draw(logits, 1.0, uniform).tolist() == [0, 0, 1, 2]
    # shares squared and normalised: .25 .09 .04 of .38
    assert draw(logits, 0.5, uniform).tolist() == [0, 0, 0, 2]
    assert draw(logits, 0, uniform).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"channels": 0}, "channels=0: give at least 1"),
        ({"skip_channels": 0}, "skip_channels=0: give at least 1"),
        ({"depth": 0}, "depth=0"),
        ({"stacks": -1}, "stacks=-1"),
        ({"classes": 0}, "classes=0"),
        ({"bands": 0}, "bands=0"),
        ({"bands": 4, "classes": 2}, "classes=2, bands=4: give one of the two"),
        ({"levels": 1}, "levels=1: give at least 2"),
    ],
)
def test_bad_models(option, message):
    with pytest.raises(ValueError, match=message):
        WaveNet(**SMALL | option)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"n": 0}, "n=0: give at least 1"),
        ({"length": 0}, "length=0"),
        ({"temperature": -0.5}, r"temperature=-0.5: give a number >= 0"),
        ({"labels": 3}, r"labels=3: choose numbers from 0 to 2"),
        ({"labels": torch.zeros(3)}, r"labels=\(3,\): give one"),
        ({"labels": torch.zeros(3).long()}, r"labels=\(3,\): give one"),
    ],
)
def test_bad_sampling(option, message):
    with pytest.raises(ValueError, match=message):
        restless(classes=3).sample(**{"n": 2, "length": 5} | option)


@pytest.mark.parametrize("shape", [None, (1, 5, 3), (2, 4, 3), (2, 5, 2)])
def test_a_vocoder_needs_a_spectrogram_that_fits(shape):
    mel = None if shape is None else torch.zeros(shape)
    with pytest.raises(ValueError, match=r"need \(2, 5, F\) with F >= 3"):
        restless(bands=5).sample(2, length=150, mel=mel)


def test_a_spectrogram_for_no_vocoder():
    with pytest.raises(ValueError, match="mel is given: the model was made without"):
        restless().sample(2, mel=torch.zeros(2, 5, 3))


def test_labels_without_classes():
    with pytest.raises(ValueError, match="labels=1: the model was made without"):
        restless().sample(2, labels=1)


@pytest.mark.parametrize("temperature", [1e-38, 1e-40, 5e-324])
def test_the_smallest_temperatures_are_greedy(temperature):
    logits = torch.tensor([[1.0, 3.0, 2.0], [-7.0, -9.0, -torch.inf]])
    assert draw(logits, temperature, torch.tensor([0.9, 0.1])).tolist() == [1, 0]
