"""The losses are pure functions of logits: closed forms, signs, extreme values."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from aigc_lib.models.gan.losses import LOSSES

logits = st.lists(st.floats(-20, 20), min_size=1, max_size=8).map(
    lambda values: torch.tensor(values, dtype=torch.float64)
)


@given(logits, logits)
def test_cross_entropy_equals_torch(real, fake):
    expected = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    for name in ("minimax", "nonsaturating"):
        torch.testing.assert_close(LOSSES[name].discriminator(real, fake), expected)
    torch.testing.assert_close(
        LOSSES["nonsaturating"].generator(fake), bce(fake, torch.ones_like(fake))
    )
    torch.testing.assert_close(
        LOSSES["minimax"].generator(fake), -bce(fake, torch.zeros_like(fake))
    )


@given(logits, logits)
def test_other_losses_equal_their_formula(real, fake):
    hinge = (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()
    squares = ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2
    torch.testing.assert_close(LOSSES["hinge"].discriminator(real, fake), hinge)
    torch.testing.assert_close(LOSSES["lsgan"].discriminator(real, fake), squares)
    torch.testing.assert_close(
        LOSSES["wasserstein"].discriminator(real, fake), fake.mean() - real.mean()
    )
    torch.testing.assert_close(
        LOSSES["lsgan"].generator(fake), ((fake - 1) ** 2).mean() / 2
    )
    for name in ("hinge", "wasserstein"):
        torch.testing.assert_close(LOSSES[name].generator(fake), -fake.mean())


def test_value_of_an_undecided_discriminator():
    zero = torch.zeros(4)
    assert LOSSES["nonsaturating"].discriminator(zero, zero).item() == pytest.approx(
        2 * math.log(2)
    )
    assert LOSSES["hinge"].discriminator(zero, zero).item() == 2
    assert LOSSES["lsgan"].discriminator(zero, zero).item() == 0.5


def slopes(name, real=0.3, fake=0.2):
    real = torch.tensor([real], requires_grad=True)
    fake = torch.tensor([fake], requires_grad=True)
    d_real, d_fake = torch.autograd.grad(
        LOSSES[name].discriminator(real, fake), (real, fake)
    )
    (g_fake,) = torch.autograd.grad(LOSSES[name].generator(fake), fake)
    return d_real.item(), d_fake.item(), g_fake.item()


@pytest.mark.parametrize("name", LOSSES)
def test_descent_moves_the_players_in_opposite_directions(name):
    d_real, d_fake, g_fake = slopes(name)
    assert d_real < 0, "the discriminator must raise the logit of real samples"
    assert d_fake > 0, "the discriminator must lower the logit of fakes"
    assert g_fake < 0, "the generator must raise the logit of its fakes"


def test_only_the_minimax_generator_saturates():
    # A discriminator that is sure: logit -10 on fakes.
    _, _, minimax = slopes("minimax", fake=-10.0)
    _, _, nonsaturating = slopes("nonsaturating", fake=-10.0)
    assert abs(minimax) < 1e-4
    assert nonsaturating == pytest.approx(-1, abs=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [-1e4, 1e4])
def test_finite_at_extreme_logits(name, value):
    extreme = torch.full((3,), value, requires_grad=True)
    for loss in (
        LOSSES[name].discriminator(extreme, -extreme),
        LOSSES[name].discriminator(-extreme, extreme),
        LOSSES[name].generator(extreme),
    ):
        (gradient,) = torch.autograd.grad(loss, extreme)
        assert loss.isfinite()
        assert gradient.isfinite().all()
