"""The paired gain: closed forms, what pairing is for, coverage, bad input."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from aigc_lib.metrics.intervals import paired_gain, student_gain


def test_the_mean_and_the_interval_of_a_large_sample():
    rng = np.random.default_rng(0)
    old = rng.normal(5, 2, 4_000)
    new = old + rng.normal(0.1, 0.5, 4_000)
    gain = paired_gain(new, old)
    assert gain.mean == pytest.approx((new - old).mean())
    reach = 1.96 * (new - old).std() / math.sqrt(4_000)  # by the central limit
    assert gain.low == pytest.approx(gain.mean - reach, abs=0.1 * reach)
    assert gain.high == pytest.approx(gain.mean + reach, abs=0.1 * reach)
    assert gain.found
    # unpaired, the spread of the units would hide it
    alone = paired_gain(rng.permutation(new), old)
    assert alone.high - alone.low > 4 * (gain.high - gain.low)


def test_an_uplift_is_relative():
    old = torch.tensor([1.0, 2.0, 3.0, 2.0])
    assert paired_gain(1.5 * old, old, relative=True) == pytest.approx((0.5, 0.5, 0.5))
    assert paired_gain(1.5 * old, old).mean == pytest.approx(1.0)


def test_nothing_found_where_nothing_is():
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        new, old = rng.normal(size=(2, 40))
        gain = paired_gain(new, old, resamples=400, seed=seed)
        covered += gain.low <= 0 <= gain.high
        assert gain.found == (not gain.low <= 0 <= gain.high)
    assert covered >= 50  # 57 expected of 60


def test_the_same_seed_gives_the_same_interval():
    new, old = torch.rand(2, 50, generator=torch.Generator().manual_seed(0))
    assert paired_gain(new, old) == paired_gain(new, old)
    assert paired_gain(new, old) != paired_gain(new, old, seed=1)


@pytest.mark.parametrize(
    ("new", "old", "options", "message"),
    [
        ([1.0, 2.0], [1.0], {}, "at least 2"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], {}, r"shapes \(2,\) and \(3,\)"),
        ([[1.0], [2.0]], [[1.0], [2.0]], {}, "one number a unit"),
        ([1.0, math.nan], [1.0, 2.0], {}, "NaN or infinity"),
        ([1.0, 2.0], [0.0, 0.0], {"relative": True}, "old has the mean 0"),
        ([1.0, 2.0], [1.0, 2.0], {"level": 1.0}, "level"),
        ([1.0, 2.0], [1.0, 2.0], {"resamples": 1}, "resamples"),
    ],
)
def test_bad_input_is_named(new, old, options, message):
    with pytest.raises(ValueError, match=message):
        paired_gain(new, old, **options)


def test_few_pairs_get_the_interval_of_the_paired_t_test():
    rng = np.random.default_rng(3)
    new, old = rng.normal(0.1, 1, 5), rng.normal(0, 1, 5)
    gain = student_gain(new, old, level=0.9)
    theirs = stats.ttest_rel(new, old).confidence_interval(0.9)
    assert gain.mean == pytest.approx((new - old).mean())
    assert (gain.low, gain.high) == pytest.approx((theirs.low, theirs.high))


def test_five_pairs_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(400):
        gain = student_gain(rng.normal(size=5), np.zeros(5))
        inside += gain.low <= 0 <= gain.high
    assert 0.92 < inside / 400 < 0.98


@pytest.mark.parametrize(
    ("new", "old"), [([1.0], [2.0]), ([1.0, 2.0], [1.0]), ([1.0, np.nan], [0.0, 0.0])]
)
def test_few_pairs_that_are_none_are_refused(new, old):
    with pytest.raises(ValueError, match=r"rows|shapes"):
        student_gain(new, old)
