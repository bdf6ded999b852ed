"""What the benchmarks of scenarios and of alarms compute themselves."""

import numpy as np
import pytest

pytest.importorskip("arch")

from benchmarks import opinion_alarm, scenarios

TAIL = scenarios.TailRisk


def test_a_difference_of_scores_has_its_interval():
    noise = np.random.default_rng(0).standard_normal(2_000)
    mean, low, high = scenarios.difference(noise, noise + 1)
    assert mean == pytest.approx(1)
    assert low == pytest.approx(1)
    assert high == pytest.approx(1)
    mean, low, high = scenarios.difference(noise, noise[::-1])
    assert low < 0 < high
    assert low < mean < high


def test_the_truth_holds_on_the_made_up_market():
    risk = scenarios.truth(2_500)
    prices = scenarios.aigc.data.load("made_market", split="test").x[:, 0].numpy()
    hits = np.diff(np.log(prices)) < risk.var[1:]
    assert scenarios.kupiec(hits).p_value > 0.01
    assert scenarios.error_of_var(risk) == 0
    wide = TAIL(1.1 * risk.var, risk.shortfall)
    assert scenarios.error_of_var(wide) == pytest.approx(0.1)


def test_what_is_judged_by_hand():
    returns = np.array([-3.0, 1, 1, 1, -4, 1, 1, 1, 1, 1])
    found = scenarios.judged(TAIL(np.full(10, -2.0), np.full(10, -3.0)), returns)
    assert (found["days"], found["hits"]) == (10, 2)
    assert found["expected_hits"] == pytest.approx(0.1)
    # 0.99 for each unit below, 0.01 for each above: (1 + 2) 0.99 + 8 x 3 x 0.01
    assert found["pinball"] == pytest.approx((3 * 0.99 + 24 * 0.01) / 10)


def test_the_number_of_a_day_is_the_mean_of_its_headlines():
    pools = [np.array([1.0]), np.array([0.5]), np.array([-1.0])]
    counts = np.array([[[1, 2, 1], [0, 0, 0], [3, 0, 1]]])
    found = opinion_alarm.days_of(pools, counts, 0)[0]
    assert found[0] == pytest.approx((1 + 2 * 0.5 - 1) / 4)
    assert np.isnan(found[1])
    assert found[2] == pytest.approx((3 - 1) / 4)


def test_all_readers_meet_the_same_headlines():
    counts = np.random.default_rng(0).poisson(5, (2, 30, 3))
    numbered = [np.arange(50.0), np.arange(50.0) + 100, np.arange(50.0) + 200]
    first = opinion_alarm.days_of(numbered, counts, 3)
    other = opinion_alarm.days_of([2 * pool for pool in numbered], counts, 3)
    np.testing.assert_allclose(2 * first, other)
    assert not np.allclose(first, opinion_alarm.days_of(numbered, counts, 4))
