"""The toys follow the formulas on their cards."""

import math

import pytest
import torch

import aigc_lib as aigc
from aigc_lib.data.made.toy import mixture

TOYS = ["ring8", "grid25", "two_moons", "blob"]


@pytest.mark.parametrize("name", TOYS)
def test_shape_kind_and_labels(name):
    data = aigc.data.load(name)
    assert data.x.shape == (len(data), 2)
    assert data.x.dtype == torch.float32
    assert data.y.dtype == torch.int64
    assert set(data.y.tolist()) == set(range(len(data.classes)))
    assert data.x.isfinite().all()


@pytest.mark.parametrize("name", TOYS)
def test_the_same_points_every_time_and_others_for_the_test(name):
    torch.manual_seed(1)
    first = aigc.data.load(name).x
    torch.manual_seed(2)
    assert torch.equal(first, aigc.data.load(name).x)
    assert not torch.equal(first, aigc.data.load(name, split="test").x)


def test_loading_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    aigc.data.load("ring8")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["ring8", "grid25", "blob"])
def test_each_mode_has_the_centre_and_width_of_the_card(name):
    data = aigc.data.load(name)
    assert data.modes.shape == (len(data.classes), 2)
    away = (data.x - data.modes[data.y]) / data.std
    n = len(data)
    # mean of n standard normals: sigma 1/sqrt(n); variance: sqrt(2/n)
    assert away.mean(0).abs().max() < 5 / math.sqrt(n)
    assert (away.var(0) - 1).abs().max() < 5 * math.sqrt(2 / n)
    # a 2-D Gaussian lies within 3 sigma with probability 1 - exp(-4.5)
    p = 1 - math.exp(-4.5)
    within = (away.norm(dim=1) < 3).float().mean()
    assert abs(within - p) < 5 * math.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("name", ["ring8", "grid25", "two_moons"])
def test_the_parts_have_equal_weight(name):
    data = aigc.data.load(name)
    share = 1 / len(data.classes)
    off = (data.y.bincount() / len(data) - share).abs().max()
    assert off < 5 * math.sqrt(share * (1 - share) / len(data))


def test_ring8_lies_on_its_circle():
    modes, radius = aigc.data.load("ring8").modes, 2.0
    assert torch.allclose(modes.norm(dim=1), torch.full((8,), radius))
    chord = 2 * radius * math.sin(math.pi / 8)
    gaps = (modes - modes.roll(1, 0)).norm(dim=1)
    assert torch.allclose(gaps, torch.full((8,), chord))
    assert torch.allclose(modes[2], torch.tensor([0.0, radius]), atol=1e-6)


def test_grid25_is_a_grid():
    modes = {tuple(mode) for mode in aigc.data.load("grid25").modes.tolist()}
    axis = [-4.0, -2.0, 0.0, 2.0, 4.0]
    assert modes == {(a, b) for a in axis for b in axis}


def test_blob_is_one_mode_away_from_the_origin():
    data = aigc.data.load("blob")
    assert data.modes.tolist() == [[2.0, -1.0]]


def test_two_moons_lie_on_their_arcs():
    data = aigc.data.load("two_moons")
    assert data.modes is None
    assert data.std is None
    centres = torch.tensor([[0.0, 0.0], [1.0, 0.5]])[data.y]
    away = (data.x - centres).norm(dim=1) - 1
    noise = data.card.parameters["noise"]
    assert away.std() == pytest.approx(noise, rel=0.1)
    assert (data.x[data.y == 0, 1] > -6 * noise).all()
    assert (data.x[data.y == 1, 1] < 0.5 + 6 * noise).all()


def test_mixture_uses_the_generator_it_is_given():
    modes = torch.zeros(3, 2)
    draws = [
        mixture(5, torch.Generator().manual_seed(seed), modes, 1.0)[0]
        for seed in (0, 0, 1)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
