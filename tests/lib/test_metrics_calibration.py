"""Calibration and rejection against counts by hand."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from aigc_lib.metrics.calibration import (
    expected_calibration_error,
    fitted_temperature,
    rejection_threshold,
)


def test_the_error_by_hand():
    # two bins of [0, .5], (.5, 1]: .5 -> right; .6, .9, .9 -> right, wrong, right
    p = torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.4, 0], [0.9, 0.1, 0], [0.9, 0.1, 0]])
    y = torch.tensor([0, 0, 1, 0])
    by_hand = 1 / 4 * abs(0.5 - 1) + 3 / 4 * abs(0.8 - 2 / 3)
    assert expected_calibration_error(p, y, bins=2) == pytest.approx(by_hand)
    sure = torch.eye(3)
    assert expected_calibration_error(sure, torch.arange(3)) == 0
    assert expected_calibration_error(sure, torch.tensor([1, 2, 0])) == 1


def test_honest_probabilities_have_a_small_error():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(50_000, 3, generator=generator).softmax(1)
    y = torch.multinomial(p, 1, generator=generator)[:, 0]
    assert expected_calibration_error(p, y) < 0.01


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_a_factor(factor):
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(40_000, 5, generator=generator)
    y = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    t = fitted_temperature(factor * logits, y)
    assert t == pytest.approx(factor, rel=0.03)
    best = cross_entropy(factor * logits / t, y)
    for other in (0.9 * t, 1.1 * t, 1.0):
        assert best <= cross_entropy(factor * logits / other, y) + 1e-6
    before = expected_calibration_error((factor * logits).softmax(1), y)
    after = expected_calibration_error((factor * logits / t).softmax(1), y)
    assert after <= before + 1e-3


def test_the_temperature_by_hand():
    """Three of four right with logits (1, 0): sigmoid(1 / T) = 3/4, T = 1 / ln 3."""
    logits = torch.tensor([[1.0, 0.0]] * 4)
    t = fitted_temperature(logits, torch.tensor([0, 0, 0, 1]))
    assert t == pytest.approx(1 / math.log(3), rel=1e-6)


def test_a_classifier_without_errors_stays_finite():
    logits = torch.tensor([[3.0, 0.0], [0.0, 3.0]])
    assert fitted_temperature(logits, torch.tensor([0, 1])) == pytest.approx(
        0.01, rel=0.01
    )
    assert fitted_temperature(logits, torch.tensor([1, 0])) == pytest.approx(
        100, rel=0.01
    )


@pytest.mark.parametrize(
    ("inside", "outside", "threshold"),
    [
        ([0.9, 0.8], [0.2, 0.4], 0.6),  # clean
        ([0.9, 0.8, 0.3], [0.2, 0.4], 0.6),  # 2/3 and 2/2, better than 3/3 and 1/2
        ([0.9, 0.8, 0.7, 0.3], [0.2, 0.4], 0.55),
        ([0.9, 0.3, 0.3], [0.2, 0.4], 0.25),  # 3/3 and 1/2, not 1/3 and 2/2
        ([0.2], [0.8], -0.8),  # upside down: keep everything
    ],
)
def test_the_threshold_by_counting(inside, outside, threshold):
    found = rejection_threshold(torch.tensor(inside), torch.tensor(outside))
    assert found == pytest.approx(threshold)


def test_no_line_is_better():
    generator = torch.Generator().manual_seed(0)
    inside = torch.randn(60, generator=generator) + 1
    outside = torch.randn(40, generator=generator)

    def quality(line):
        kept, rejected = inside >= line, outside < line
        return (kept.float().mean() + rejected.float().mean()).item()

    best = quality(rejection_threshold(inside, outside))
    assert all(quality(line) <= best + 1e-6 for line in torch.linspace(-4, 5, 2_000))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fitted_temperature(torch.zeros(3), torch.zeros(3)), r"\(3,\) scores"),
        (lambda: fitted_temperature(torch.zeros(3, 2), torch.zeros(2)), "for y"),
        (
            lambda: expected_calibration_error(
                torch.eye(2), torch.zeros(2).long(), bins=0
            ),
            "bins=0",
        ),
        (
            lambda: expected_calibration_error(
                torch.tensor([[2.0, -1.0]]), torch.zeros(1).long()
            ),
            "probabilities from -1, .* give logits.softmax",
        ),
        (
            lambda: expected_calibration_error(
                torch.tensor([[2.0, 1.0], [0.5, 0.5]]), torch.zeros(2).long()
            ),
            "rows that add up to 1 to 3",
        ),
        (
            lambda: expected_calibration_error(
                torch.full((1, 2), math.nan), torch.zeros(1).long()
            ),
            "probabilities from nan",
        ),
        (
            lambda: expected_calibration_error(
                torch.eye(2), torch.zeros(2).long(), bins=math.nan
            ),
            "bins=nan",
        ),
        (
            lambda: fitted_temperature(torch.eye(2), torch.tensor([0, 2])),
            "y is .* to 2: give the numbers of classes, 0 to 1",
        ),
        (
            lambda: fitted_temperature(torch.eye(2), torch.tensor([0, -1])),
            "y is .* from -1",
        ),
        (lambda: fitted_temperature(torch.eye(2), torch.zeros(2)), "y is torch.float"),
        (
            lambda: fitted_temperature(
                torch.tensor([[math.nan, 0]]), torch.zeros(1).long()
            ),
            "logits hold NaN",
        ),
        (lambda: rejection_threshold(torch.zeros(0), torch.ones(1)), "inside .0,."),
        (
            lambda: rejection_threshold(torch.ones(1), torch.tensor([math.nan])),
            "outside .1,.: give at least one finite",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
