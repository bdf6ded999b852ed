"""What has period 2 is counted, and nothing else; plain doublings are plain."""

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from benchmarks.checkerboard import at_period_two, even, plain


def test_only_what_has_period_two_counts():
    k = torch.arange(16)
    rows = (k % 2)[:, None].expand(16, 16)
    wave = torch.cos(2 * torch.pi * k / 8).expand(16, 16)
    pictures = torch.stack([rows, rows.T, rows ^ rows.T, wave, wave + rows - 0.5])
    shares = at_period_two(100 + 50 * pictures[:, None].expand(-1, 3, -1, -1))
    # a lattice of ±1/2 beside a wave of power 1/2
    assert shares.tolist() == pytest.approx([1, 1, 1, 0, 1 / 3])


def test_noise_has_its_three_frequencies():
    noise = torch.randint(0, 256, (2_000, 1, 8, 8), dtype=torch.uint8)
    assert at_period_two(noise).mean().item() == pytest.approx(3 / 63, rel=0.1)


def test_the_two_differ_in_their_doublings_alone():
    draws = {}
    for build in (even, plain):
        torch.manual_seed(0)
        draws[build] = build()
    for mine, other in zip(*(m.generator for m in draws.values()), strict=True):
        assert not is_parametrized(other)
        if is_parametrized(mine):
            assert torch.equal(mine.parametrizations.weight.original, other.weight)
        else:
            assert all(map(torch.equal, mine.parameters(), other.parameters()))
