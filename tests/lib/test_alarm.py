"""Alarms against published tables, Siegmund's formula and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_lib.decisions.alarm import CUSUM, LevelAlarm, cusum_run_length, delays


@pytest.mark.parametrize(
    ("threshold", "shift", "published"),
    [  # Montgomery, Introduction to Statistical Quality Control: two-sided, one half
        (4, 0, 2 * 168),
        (5, 0, 2 * 465),
        (4, 1, 8.38),
        (5, 1, 10.4),
        (4, 2, 3.34),
        (5, 2, 4.01),
    ],
)
def test_the_run_lengths_of_the_textbook(threshold, shift, published):
    assert cusum_run_length(threshold, 0.5, shift) == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("slack", [0.25, 0.5])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_siegmunds_formula(slack, shift):
    """(exp(-2 d b) + 2 d b - 1) / (2 d²), d = shift - slack, b = threshold + 1.166."""
    d, b = shift - slack, 5 + 1.166
    theory = (math.exp(-2 * d * b) + 2 * d * b - 1) / (2 * d**2)
    assert cusum_run_length(5, slack, shift) == pytest.approx(theory, rel=0.03)


@pytest.mark.parametrize("alarm", [CUSUM, LevelAlarm])
def test_the_tuned_alarm_rings_as_rarely_as_asked(alarm):
    quiet = np.random.default_rng(0).standard_normal((400, 2_000))
    made = alarm.for_run_length(50)
    assert quiet.size / made.rings(quiet).sum() == pytest.approx(50, rel=0.03)
    tuned = alarm(1.0).tune(quiet, 50)
    assert tuned.threshold == pytest.approx(made.threshold, abs=0.05)
    assert tuned.rings(quiet).sum() * 50 <= quiet.size


def test_tuning_does_not_need_a_normal():
    quiet = np.random.default_rng(0).standard_exponential((100, 2_000)) - 1
    normal, tuned = CUSUM.for_run_length(200), CUSUM().tune(quiet, 200)
    assert quiet.size / normal.rings(quiet).sum() < 150  # too many false alarms
    assert quiet.size / tuned.rings(quiet).sum() == pytest.approx(200, rel=0.05)


def test_each_alarm_has_the_shift_that_it_is_best_at():
    small = np.random.default_rng(0).standard_normal((500, 400)) + 0.7
    large = small + 3.3
    cusum, level = CUSUM.for_run_length(100), LevelAlarm.for_run_length(100)
    slow, quick = (delays(a.rings(small), 0).mean() for a in (level, cusum))
    assert quick < 0.8 * slow
    assert delays(level.rings(large), 0).mean() < delays(cusum.rings(large), 0).mean()


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=40), st.floats(0.1, 3))
def test_one_by_one_is_the_same_as_all_at_once(values, threshold):
    for alarm in (CUSUM(threshold), LevelAlarm(threshold)):
        together = alarm.rings(values)
        assert [alarm.observe(z) for z in values] == together.tolist()


def test_an_alarm_goes_on_where_another_stood():
    z = np.random.default_rng(0).standard_normal(100) + 0.4
    whole, first = CUSUM(2.0), CUSUM(2.0)
    rings = [whole.observe(one) for one in z]
    half = [first.observe(one) for one in z[:50]]
    second = CUSUM(first.threshold, first.slack, value=first.value)
    assert half + [second.observe(one) for one in z[50:]] == rings
    assert sum(rings) > 2


def test_the_sum_by_hand():
    alarm = CUSUM(threshold=2, slack=0.5)
    found = []
    for z in (1.0, -3.0, 1.5, 1.5, 1.0, 0.0):
        rang = alarm.observe(z)
        found.append((rang, alarm.value))
    assert found == [
        (False, 0.5),
        (False, 0),
        (False, 1),
        (False, 2),
        (True, 0),
        (False, 0),
    ]


def test_delays_by_hand():
    rings = [[1, 0, 0, 1], [0, 0, 1, 1], [0, 1, 0, 0]]
    assert delays(rings, 2).tolist() == [2, 1, math.inf]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CUSUM(-1), "threshold=-1"),
        (lambda: CUSUM(1, -0.5), "slack=-0.5"),
        (lambda: CUSUM().observe(math.nan), "z=nan"),
        (lambda: CUSUM().rings([]), r"shape \(0,\)"),
        (lambda: CUSUM().rings([1, math.inf]), "NaN or infinity"),
        (lambda: CUSUM().tune(np.zeros(99), 10), "99 values for run_length=10"),
        (lambda: CUSUM.for_run_length(1.5), "run_length=1.5"),
        (lambda: CUSUM.for_run_length(3, 0.9), "waits at least"),
        (lambda: LevelAlarm.for_run_length(1), "run_length=1"),
        (lambda: delays([[1]], 1), "onset below T"),
    ],
)
def test_what_makes_no_alarm_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
