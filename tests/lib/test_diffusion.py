"""Diffusion: the schedule against closed forms, the sampler against exact scores."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from aigc_lib.models import DDPM
from aigc_lib.models.diffusion.ddpm import NoiseSchedule

KINDS = ["linear", "cosine"]


def tiny(**arguments):
    torch.manual_seed(0)
    return DDPM(8, 1, 8, timesteps=20, **arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("timesteps", [2, 50, 1000])
def test_signal_falls_from_nearly_one_to_nearly_zero(kind, timesteps):
    signal = NoiseSchedule(kind, timesteps).signal
    assert len(signal) == timesteps
    assert all(a > b for a, b in pairwise(signal))
    assert signal[-1] < 1e-3 or timesteps == 2
    if timesteps == 1000:
        assert 0.999 < signal[0] < 1


@pytest.mark.parametrize("kind", KINDS)
def test_variance_of_the_noised_sample_is_one(kind):
    s = NoiseSchedule(kind)
    variance = s.signal_root.double() ** 2 + s.noise_root.double() ** 2
    assert torch.allclose(variance, torch.ones_like(variance), atol=1e-6, rtol=0)


def test_linear_schedule_is_the_one_of_the_paper():
    beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    expected = torch.cumprod(1 - beta, 0).tolist()
    assert NoiseSchedule("linear").signal == pytest.approx(expected, rel=1e-12)


def test_cosine_schedule_is_the_one_of_the_paper():
    """Equation 17 of Nichol & Dhariwal 2021; only the last beta is cut to 0.999."""

    def f(t):
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    signal = NoiseSchedule("cosine").signal
    expected = [f(t) / f(0) for t in range(1, 1000)]
    assert signal[:-1] == pytest.approx(expected, rel=1e-9)
    assert signal[-1] == pytest.approx(1e-3 * signal[-2], rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_posterior_is_that_of_two_gaussian_steps(kind):
    """Bayes by hand: q(x_s | x_0) as prior, q(x_t | x_s) as likelihood."""
    s, t, before = NoiseSchedule(kind), 600, 400
    a, b = s.signal[t], s.signal[before]
    step = a / b  # x_t = sqrt(step) x_s + sqrt(1 - step) noise
    data, x = torch.tensor([[0.3]]), torch.tensor([[-1.2]])
    precision = 1 / (1 - b) + step / (1 - step)
    mean = (math.sqrt(b) * 0.3 / (1 - b) + math.sqrt(step) * -1.2 / (1 - step)) / (
        precision
    )
    ours, std = s.posterior(data, x, t, before)
    assert std == pytest.approx(precision**-0.5, rel=1e-6)
    assert ours.item() == pytest.approx(mean, rel=1e-5)


def test_the_last_step_is_deterministic():
    mean, std = NoiseSchedule().posterior(torch.ones(1, 1), torch.zeros(1, 1), 0, -1)
    assert std == 0
    assert mean.item() == pytest.approx(1)


class Exact(nn.Module):
    """The best answer where the data are normal with mean 0.2 and deviation 0.1."""

    mean, std = 0.2, 0.1

    def __init__(self, model):
        super().__init__()
        self.schedule, self.predicts = model.schedule, model.predicts

    def forward(self, x, t, labels=None):
        step = (t * self.schedule.timesteps).round().long() - 1
        weigh = self.schedule.weigh
        a = weigh(self.schedule.signal_root, step, x)
        b = weigh(self.schedule.noise_root, step, x)
        gain = a * self.std**2 / (a**2 * self.std**2 + b**2)
        data = self.mean + gain * (x - a * self.mean)
        noise = (x - a * data) / b
        return {"x0": data, "epsilon": noise, "v": a * noise - b * data}[self.predicts]


def with_exact_net(predicts):
    model = DDPM(8, 1, 8, predicts=predicts)
    model.tolerates_bf16 = False
    model.anchor = nn.Parameter(torch.zeros(1))  # Exact has none, the device needs one
    model.net = Exact(model)
    return model


@pytest.mark.parametrize("predicts", ["epsilon", "x0", "v"])
@pytest.mark.parametrize(("eta", "steps"), [(0.0, 250), (1.0, 1000)])
def test_exact_answers_give_the_exact_distribution(predicts, eta, steps):
    x = with_exact_net(predicts).sample(300, seed=0, steps=steps, eta=eta)
    assert x.mean().item() == pytest.approx(0.2, abs=0.005)
    assert x.std().item() == pytest.approx(0.1, abs=0.005)


def test_ddim_with_an_exact_score_inverts():
    """Data to noise by the same rule, and back: the image returns."""
    model = with_exact_net("epsilon")
    s = model.schedule
    x = start = 0.2 + 0.1 * torch.randn(5, 1, 8, 8, generator=torch.manual_seed(0))
    stops = list(range(1000))

    def walk(x, stops):
        for t, after in pairwise(stops):
            moment = model.moment(torch.full((len(x),), t))
            data = model.clean(model.net(x, moment), x, t)
            x, _ = s.posterior(data, x, t, after, eta=0.0)
        return x

    noise = walk(x, stops)
    assert noise.std().item() == pytest.approx(1, abs=0.1)
    assert torch.allclose(walk(noise, stops[::-1]), start, atol=0.01)


def test_every_step_is_trained():
    model, seen = tiny(), []
    moment = model.moment
    model.moment = lambda t: seen.extend(t.tolist()) or moment(t)
    for seed in range(10):
        torch.manual_seed(seed)
        model.training_step(torch.zeros(50, 1, 8, 8), lambda name, loss: None)
    assert set(seen) == set(range(20))


@pytest.mark.parametrize("predicts", ["epsilon", "x0", "v"])
def test_target_and_clean_are_inverse(predicts):
    model = tiny(predicts=predicts)
    data = torch.rand(4, 1, 8, 8) * 2 - 1
    noise = torch.randn(4, 1, 8, 8)
    for step in (0, 10, 18):
        t = torch.full((4,), step)
        x = model.schedule.at(data, noise, t)
        back = model.clean(model.target(data, noise, t), x, step)
        assert torch.allclose(back, data, atol=1e-3)


def test_training_leaves_the_batch_alone():
    model, data = tiny(), torch.randn(4, 1, 8, 8)
    before = data.clone()
    model.training_step(data, lambda name, loss: loss.backward())
    assert torch.equal(data, before)
    assert all(p.grad is not None for p in model.net.leave.parameters())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tiny(predicts="noise"), "predicts='noise'"),
        (lambda: tiny(schedule="sigmoid"), "kind='sigmoid'"),
        (lambda: NoiseSchedule(timesteps=1), "timesteps=1"),
        (lambda: tiny().sample(1, steps=21), "steps=21"),
        (lambda: tiny().sample(1, steps=0), "steps=0"),
        (lambda: tiny().sample(1, steps=5, eta=1.5), r"eta=1\.5"),
        (lambda: tiny().sample(0), "n=0"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
