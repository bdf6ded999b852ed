"""Muon: orthogonal steps for matrices, AdamW for the rest, exact to resume."""

import pytest
import torch
from torch import nn
from torch.optim import AdamW

from aigc_lib.optim import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (6, 40), (40, 6)])
def test_orthogonal_keeps_the_directions_and_levels_the_sizes(shape):
    torch.manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    sizes = torch.logspace(0, -1.5, min(shape))  # the largest is 30 times the least
    made = orthogonal(u * sizes @ v)
    inside = u.mT @ made @ v.mT
    assert (inside.diagonal() > 0.6).all()
    assert (inside.diagonal() < 1.3).all()
    assert torch.allclose(inside, torch.diag(inside.diagonal()), atol=1e-4)
    assert not orthogonal(torch.zeros(shape)).any()


def nets(rate=0.1):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 1))
    matrices = [net[0].weight]
    others = [net[0].bias, *net[2].parameters()]
    return net, Muon(matrices, others, matrix_rate=rate, other_rate=0.01)


def descend(net, optimizer, steps, x):
    for _ in range(steps):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()


def test_step_of_a_kernel_is_orthogonal_and_of_the_given_size():
    net, optimizer = nets(rate=0.1)
    before = net[0].weight.detach().clone()
    descend(net, optimizer, 1, torch.randn(5, 2, 3, 3))
    step = (net[0].weight.detach() - before).flatten(1) / 0.1
    assert 0.65 < torch.linalg.svdvals(step).max() < 1.25


def test_the_others_follow_adamw():
    net, optimizer = nets(rate=0.0)
    twin, _ = nets()
    others = [twin[0].bias, *twin[2].parameters()]
    adam = AdamW(others, 0.01, (0.9, 0.99), weight_decay=0.0)
    x = torch.randn(5, 2, 3, 3)
    descend(net, optimizer, 4, x)
    descend(twin, adam, 4, x)
    for mine, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


def test_goes_on_from_its_state():
    x = torch.randn(5, 2, 3, 3)
    whole, optimizer = nets()
    descend(whole, optimizer, 6, x)
    half, optimizer = nets()
    descend(half, optimizer, 3, x)
    state, weights = optimizer.state_dict(), half.state_dict()
    twin, optimizer = nets()
    twin.load_state_dict(weights)
    optimizer.load_state_dict(state)
    descend(twin, optimizer, 3, x)
    for mine, theirs in zip(whole.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_rates_set_from_outside_count_for_both():
    net, optimizer = nets()
    before = [p.detach().clone() for p in net.parameters()]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    descend(net, optimizer, 2, torch.randn(5, 2, 3, 3))
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
