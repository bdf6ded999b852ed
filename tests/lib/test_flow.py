"""Flow matching: path, solvers, guidance, and what both denoisers share."""

from itertools import combinations

import pytest
import torch
from torch import nn

import aigc_lib as aigc
from aigc_lib.models import DDPM, FlowMatching, load
from aigc_lib.models.diffusion.ddpm import NoiseSchedule
from aigc_lib.models.diffusion.flow import StraightPath
from aigc_lib.models.diffusion.solvers import (
    SOLVERS,
    euler,
    heun,
    midpoint,
    uniform_times,
)

BOTH = [FlowMatching, DDPM]


def tiny(kind=FlowMatching, **arguments):
    torch.manual_seed(0)
    return kind(8, 1, 8, **arguments)


def awake(model):
    """Give a fresh net, which begins as the constant 0, something to say."""
    torch.manual_seed(1)
    for parameter in model.net.parameters():
        nn.init.normal_(parameter, std=0.1)
    return model


def test_path_goes_from_noise_to_data_at_its_velocity():
    noise, data = torch.randn(2, 6, 1, 4, 4)
    path, t = StraightPath(), torch.rand(6).double()
    assert torch.equal(path.at(data, noise, torch.zeros(6)), noise)
    assert torch.equal(path.at(data, noise, torch.ones(6)), data)
    noise, data = noise.double(), data.double()
    slope = (path.at(data, noise, t + 1e-6) - path.at(data, noise, t - 1e-6)) / 2e-6
    assert torch.allclose(slope, path.velocity(data, noise), atol=1e-6)


@pytest.mark.parametrize(("solver", "order"), [(euler, 1), (heun, 2), (midpoint, 2)])
def test_order_of_the_solvers(solver, order):
    """dx/dt = -x from 1: halving the step divides the error by 2 to the order."""
    start = torch.ones(1, 1, dtype=torch.float64)

    def error(steps):
        end = solver(lambda x, t: -x, start, uniform_times(steps).double())
        return abs(end.item() - torch.tensor(-1.0).double().exp().item())

    assert error(32) / error(64) == pytest.approx(2**order, rel=0.05)


@pytest.mark.parametrize("solver", SOLVERS)
def test_exact_velocity_carries_noise_to_the_data(solver):
    """For data N(m, s²) the best velocity is known: the flow must end there."""
    m, s = 2.0, 0.3

    def velocity(x, t):
        t = t[:, None]
        variance = (1 - t) ** 2 + (t * s) ** 2
        slope = (t * s**2 - (1 - t)) / variance  # d log(standard deviation) / dt
        return m + slope * (x - t * m)

    noise = torch.randn(4_000, 1, generator=torch.manual_seed(0))
    x = SOLVERS[solver](velocity, noise, uniform_times(200))
    assert x.mean().item() == pytest.approx(m, abs=0.02)
    assert x.std().item() == pytest.approx(s, abs=0.02)


def test_training_finds_the_only_image():
    """Data of one grey: every path must end there."""
    model = tiny(learning_rate=1e-2)
    data = torch.full((16, 1, 8, 8), 0.6)
    history = aigc.fit(model, data, steps=100, batch_size=16)
    first, last = history.losses["net"]
    assert last < first / 2
    made = model.sample(64, seed=0, steps=5)
    assert made.mean().item() == pytest.approx(0.6, abs=0.1)
    assert made.std() < 0.4  # of the noise it began with: 1


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("net", ["unet", "dit"])
def test_shapes_range_and_seeds(kind, net):
    model = awake(tiny(kind, net=net))
    state = torch.get_rng_state()
    x = model.sample(3, seed=5, steps=2)
    assert x.shape == (3, 1, 8, 8)
    assert x.dtype == torch.float32
    assert x.abs().max() <= 1
    assert torch.equal(x, model.sample(3, seed=5, steps=2))
    assert not torch.equal(x, model.sample(3, seed=6, steps=2))
    assert torch.equal(state, torch.get_rng_state())
    assert model.training
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("kind", BOTH)
def test_parts_of_a_large_draw_do_not_matter(kind, monkeypatch):
    model = awake(tiny(kind, classes=3))
    model.tolerates_bf16 = False
    whole = model.sample(5, seed=0, steps=2, guidance=2.0)
    monkeypatch.setattr("aigc_lib.models.diffusion.denoiser.PART", 2)
    parts = model.sample(5, seed=0, steps=2, guidance=2.0)
    assert torch.allclose(whole, parts, atol=1e-5)


@pytest.mark.parametrize("kind", BOTH)
def test_each_sample_loses_its_label_by_itself(kind):
    model = tiny(kind, classes=3, label_dropout=0.5)
    torch.manual_seed(0)
    labels = torch.ones(200, dtype=torch.long)
    _, kept = model.parts((torch.zeros(200, 1, 8, 8), labels))
    assert set(kept.tolist()) == {1, 3}
    assert 60 < (kept == 3).sum() < 140
    assert labels.eq(1).all()


def test_guidance_mixes_the_two_answers():
    model = awake(tiny(classes=3))
    model.tolerates_bf16 = False
    x, t, labels = torch.randn(4, 1, 8, 8), torch.rand(4), torch.tensor([0, 1, 2, 0])
    with torch.no_grad():
        given = model.net(x, t, labels)
        none = model.net(x, t, torch.full_like(labels, 3))
        assert not torch.allclose(given, none)
        for weight, expected in {
            1: given,
            0: none,
            3: none + 3 * (given - none),
        }.items():
            answer = model.field(model.net, labels, weight)(x, t)
            assert torch.allclose(answer, expected, atol=1e-5)
        assert torch.allclose(model.net(x, t), none)  # no labels: the empty one


@pytest.mark.parametrize("kind", BOTH)
def test_inpainting_keeps_what_is_known(kind):
    model, (x, known) = awake(tiny(kind)), half_known()
    out = model.inpaint(x, known, seed=0, steps=5)
    assert torch.equal(out[..., :4], x[..., :4])
    assert not torch.equal(out[..., 4:], x[..., 4:])
    assert torch.equal(out, model.inpaint(x, known, seed=0, steps=5))
    assert not torch.equal(out, model.inpaint(x, known, seed=1, steps=5))


def test_way_back_is_the_posterior_of_the_diffusion():
    """The same step as DDPM's, once both are scaled to the same signal and noise."""
    schedule, path = NoiseSchedule("cosine"), StraightPath()
    data, x, t, before = torch.tensor([[0.3]]), torch.tensor([[-1.2]]), 600, 400
    mean, std = schedule.posterior(data, x, t, before)

    def on_path(step):  # x_t of the diffusion times scale = x of the path at a time
        signal, noise = schedule.signal[step] ** 0.5, (1 - schedule.signal[step]) ** 0.5
        return signal / (signal + noise), 1 / (signal + noise)

    (time, scale), (after, scale_after) = on_path(t), on_path(before)
    for fresh in (-1.0, 0.0, 2.0):
        there = path.back(data, x * scale, time, after, torch.tensor([[fresh]]))
        assert there.item() == pytest.approx(
            scale_after * (mean + std * fresh).item(), rel=1e-4
        )


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("half", [False, True])
def test_inpainting_with_an_exact_net(kind, half):
    """All pixels of an image equal: the drawn ones must follow the known ones."""
    m, s, n = 0.1, 0.2, 400
    model = tiny() if kind is FlowMatching else DDPM(8, 1, 8, predicts="x0")
    model.tolerates_bf16 = False

    def best(x, signal, noise):
        # each pixel tells of the one grey: its mean over all 64 of them
        seen = x.mean((1, 2, 3), keepdim=True)
        gain = signal * s**2 / (signal**2 * s**2 + noise**2 / 64)
        return (m + gain * (seen - signal * m)).expand_as(x)

    def velocity(x, t, labels=None):
        t = t.view(-1, 1, 1, 1)
        return (best(x, t, 1 - t) - x) / (1 - t)

    def data(x, t, labels=None):
        schedule, step = model.schedule, (1000 * t).round().long() - 1
        a, b = (
            schedule.weigh(values, step, x)
            for values in (schedule.signal_root, schedule.noise_root)
        )
        return best(x, a, b)

    model.net.forward = velocity if kind is FlowMatching else data
    known = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    known[..., :4] = half
    grey = m + s * torch.randn(n, 1, 1, 1, generator=torch.manual_seed(0))
    x = model.inpaint(grey.expand(n, 1, 8, 8), known, seed=0, steps=200)[:, 0, :, 4:]
    assert x.mean().item() == pytest.approx(m, abs=0.03)
    assert x.std().item() == pytest.approx(s, abs=0.03)
    assert x.std((1, 2)).max() < 0.05
    follows = (x.mean((1, 2)) - grey.flatten()).abs().mean() < 0.05
    assert follows == half


@pytest.mark.parametrize("kind", BOTH)
def test_nothing_known_is_plain_sampling(kind):
    """In one step no noise is drawn on the way: both jump to the first guess."""
    options = {"solver": "euler"} if kind is FlowMatching else {"eta": 1.0}
    model, nothing = awake(tiny(kind)), torch.zeros(1, dtype=torch.bool)
    made = model.inpaint(torch.zeros(2, 1, 8, 8), nothing, seed=0, steps=1)
    assert torch.allclose(made, model.sample(2, seed=0, steps=1, **options), atol=1e-6)


def half_known():
    known = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    known[..., :4] = True
    return torch.rand(3, 1, 8, 8) * 2 - 1, known


GREY, ALL = torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8, dtype=torch.bool)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("x", "known", "message"),
    [
        (GREY[..., :7], ALL, r"x has shape \(2, 1, 8, 7\): give \(N, 1, 8, 8\)"),
        (GREY.byte() + 200, ALL, "x has dtype torch.uint8, values from 200 to 200"),
        (GREY + 1.01, ALL, r"values from 1\.01 to 1\.01: give .*\[-1, 1\]"),
        (GREY * torch.nan, ALL, "values from nan"),
        (GREY, ALL.float(), "known has dtype torch.float32: give a boolean mask"),
        (GREY, ALL[:, :, :5], r"known has shape \(2, 1, 5, 8\), x \(2, 1, 8, 8\)"),
    ],
)
def test_inpainting_refuses_bad_images_and_masks(kind, x, known, message):
    with pytest.raises(ValueError, match=message):
        tiny(kind).inpaint(x, known)


@pytest.mark.parametrize("kind", BOTH)
def test_no_random_number_is_used_twice(kind, monkeypatch):
    """Neither by the seed that follows, nor by random labels."""
    model, (x, known), draws = awake(tiny(kind, classes=3)), half_known(), []
    randn = torch.randn

    def draw(*shape, **options):
        draws.append(randn(*shape, **options))
        return draws[-1]

    with monkeypatch.context() as patch:
        patch.setattr(torch, "randn", draw)
        for seed in range(3):
            model.inpaint(x, known, seed=seed, steps=2)
    assert len(draws) >= 9
    assert not any(torch.equal(a, b) for a, b in combinations(draws, 2))

    seen = []
    model.net.register_forward_pre_hook(lambda net, args: seen.append(args))
    model.sample(50, seed=3, steps=1)
    start, _, labels = seen[0]
    assert torch.equal(start, model.noise(50, seed=3))
    again = torch.randint(3, (50,), generator=torch.Generator().manual_seed(3))
    assert not torch.equal(labels, again)


@pytest.mark.parametrize("kind", BOTH)
def test_conditional_model_trains_and_samples_by_class(kind):
    data = aigc.data.load("digits")
    model = kind(width=8, classes=10)
    assert model.conditional
    aigc.fit(model, data, steps=2, batch_size=8)
    assert model.sample(2, labels=7, steps=2).shape == (2, 1, 28, 28)
    assert model.sample(2, labels=torch.tensor([1, 2]), steps=2).isfinite().all()


@pytest.mark.parametrize("kind", BOTH)
def test_samples_come_from_the_averaged_net(kind):
    model = awake(tiny(kind))
    model.start_averaging()
    before = model.sample(2, seed=0, steps=2)
    nn.init.zeros_(model.net.enter.weight)
    assert torch.equal(before, model.sample(2, seed=0, steps=2))


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("net", ["unet", "dit"])
def test_saved_and_loaded(kind, net, tmp_path):
    model = awake(tiny(kind, net=net, classes=4))
    twin = load(model.save(tmp_path / "m.safetensors"))
    a, b = (m.sample(2, seed=0, steps=2, labels=1) for m in (model, twin))
    assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tiny(net="resnet"), "net='resnet'"),
        (lambda: tiny(classes=2, label_dropout=2), "label_dropout=2"),
        (lambda: tiny().sample(1, solver="rk4"), "solver='rk4'"),
        (lambda: tiny().sample(1, steps=0), "steps=0"),
        (lambda: tiny().sample(0), "n=0"),
        (lambda: tiny().sample(1, labels=0), "labels=0"),
        (lambda: tiny().sample(1, guidance=2), "guidance=2"),
        (lambda: tiny(classes=2).sample(1, labels=2), "from 0 to 1"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
