"""The paired interval of the remedies against scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.gan_remedies import paired_ratio


def test_paired_ratio_is_the_t_interval_of_log_differences():
    ours, theirs = [30.0, 45.0, 38.0, 52.0], [60.0, 80.0, 90.0, 75.0]
    told = paired_ratio(ours, theirs)
    test = stats.ttest_rel(np.log(ours), np.log(theirs))
    low, high = test.confidence_interval(0.95)
    assert told["fd_ratio_low"] == pytest.approx(math.exp(low))
    assert told["fd_ratio_high"] == pytest.approx(math.exp(high))
    assert told["fd_ratio"] == pytest.approx(stats.gmean(np.divide(ours, theirs)))


def test_one_seed_has_a_ratio_and_no_interval():
    assert paired_ratio([3.0], [6.0]) == {"fd_ratio": pytest.approx(0.5)}
