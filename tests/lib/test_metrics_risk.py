"""Value at risk and shortfall against closed forms and simulated worlds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from aigc_lib.metrics import risk

VAR = norm.ppf(0.01)  # of a standard normal, at 99%
SHORTFALL = -norm.pdf(VAR) / 0.01


def test_the_tail_of_a_normal_by_its_samples():
    x = np.random.default_rng(0).standard_normal((2, 400_000))
    np.testing.assert_allclose(risk.value_at_risk(x), VAR, atol=0.03)
    np.testing.assert_allclose(risk.expected_shortfall(x), SHORTFALL, atol=0.03)


def test_the_tail_by_hand():
    x = np.arange(1, 101.0)[None]  # the worst 1%: 1; the worst 2.5%: 1, 2 and half of 3
    assert risk.value_at_risk(x, 0.99) == 1
    assert risk.expected_shortfall(x, 0.99) == pytest.approx(1)
    assert risk.value_at_risk(x, 0.975) == 3
    assert risk.expected_shortfall(x, 0.975) == pytest.approx((1 + 2 + 1.5) / 2.5)


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=30), st.floats(0.51, 0.99))
def test_the_shortfall_is_never_above_the_value_at_risk(values, level):
    v, e = risk.value_at_risk([values], level), risk.expected_shortfall([values], level)
    assert e[0] <= v[0] + 1e-9
    assert min(values) - 1e-9 <= e[0]


def test_kupiec_by_hand():
    """10 hits in 500 at 1%: 2 ln(.02^10 .98^490 / (.01^10 .99^490)) = 3.91."""
    hits = np.zeros(500, bool)
    hits[::50] = True
    found = risk.kupiec(hits)
    by_hand = 2 * (10 * math.log(2) + 490 * math.log(0.98 / 0.99))
    assert found.statistic == pytest.approx(by_hand)
    assert found.p_value == pytest.approx(0.0480, abs=1e-3)
    none = risk.kupiec(np.zeros(500, bool))
    assert none.statistic == pytest.approx(-2 * 500 * math.log(0.99))
    exact = np.zeros(500, bool)
    exact[:5] = True
    assert risk.kupiec(exact).statistic == pytest.approx(0)
    assert risk.kupiec(exact).p_value == pytest.approx(1)


def test_kupiec_rejects_the_truth_as_often_as_it_says():
    """Exactly, over all counts of hits: at 95% the binomial is fine-grained enough."""
    chance = binom.pmf(np.arange(1_001), 1_000, 0.05)
    refused = [
        risk.kupiec(np.arange(1_000) < k, 0.95).p_value < 0.05 for k in range(1_001)
    ]
    assert chance[refused].sum() == pytest.approx(0.05, abs=0.01)


def test_christoffersen_sees_hits_that_come_together():
    apart, together = np.zeros(1_000, bool), np.zeros(1_000, bool)
    apart[50::100] = True
    together[500:510] = True
    assert risk.kupiec(apart) == risk.kupiec(together)
    assert risk.christoffersen(apart)["independence"].p_value > 0.5
    assert risk.christoffersen(together)["independence"].p_value < 1e-6
    assert risk.christoffersen(together)["coverage"].p_value < 1e-6


def test_christoffersen_by_hand():
    hits = np.array([0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0], bool)
    # after none: 2 hits of 7; after a hit: 1 of 3; together 3 of 10
    log = math.log
    apart = 2 * log(2 / 7) + 5 * log(5 / 7) + log(1 / 3) + 2 * log(2 / 3)
    same, right = 3 * log(0.3) + 7 * log(0.7), 3 * log(0.1) + 7 * log(0.9)
    found = risk.christoffersen(hits, 0.9)
    assert found["independence"].statistic == pytest.approx(2 * (apart - same))
    assert found["coverage"].statistic == pytest.approx(2 * (apart - right))


def test_the_independence_of_a_chain_is_rarely_refused():
    """Of 300 true worlds about one in twenty is refused at 5%."""
    draws = np.random.default_rng(0).random((300, 2_000)) < 0.05
    p = [risk.christoffersen(hits, 0.95)["independence"].p_value for hits in draws]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.10


@pytest.mark.parametrize(("factor", "low", "high"), [(1, 0.01, 0.12), (0.85, 0.8, 1)])
def test_the_shortfall_test_accepts_the_truth_and_refuses_a_light_tail(
    factor, low, high
):
    draws = np.random.default_rng(0).standard_normal((100, 5_000))
    var, es = np.full(5_000, VAR), np.full(5_000, min(factor * SHORTFALL, VAR))
    p = [
        risk.shortfall_test(y, var, es, resamples=500, seed=k).p_value
        for k, y in enumerate(draws)
    ]
    assert low <= np.mean(np.array(p) < 0.05) <= high


def test_the_score_is_least_at_the_truth():
    y = np.random.default_rng(0).standard_normal(400_000)

    def score(v, e):
        ones = np.ones_like(y)
        return risk.shortfall_score(y, v * ones, e * ones).mean()

    best = score(VAR, SHORTFALL)
    for v, e in [(-2.0, SHORTFALL), (-2.6, SHORTFALL), (VAR, -2.4), (VAR, -3.2)]:
        assert score(v, e) > best + 1e-3
    # another unit adds ln c to all forecasts alike
    same = risk.shortfall_score([-0.03], [-0.02], [-0.025])
    larger = risk.shortfall_score([-3.0], [-2.0], [-2.5])
    assert larger - same == pytest.approx(math.log(100))


ONE = np.full(5, -1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: risk.value_at_risk([1.0, 2.0]), r"give \(N, M\)"),
        (lambda: risk.value_at_risk([[1.0, math.nan]]), "1 of 2 values"),
        (lambda: risk.value_at_risk([[1.0, 2.0]], 0.01), "level=0.01"),
        (lambda: risk.kupiec([]), "give .* of True and False"),
        (lambda: risk.kupiec([0.5, 1]), "True and False"),
        (lambda: risk.christoffersen([True]), "at least 2"),
        (lambda: risk.shortfall_test(ONE, ONE, ONE), "0 of 5 returns"),
        (lambda: risk.shortfall_test(ONE, ONE, ONE[:3]), r"shortfall \(3,\)"),
        (lambda: risk.shortfall_score(ONE, ONE, ONE / 2), "above var on 5 days"),
        (lambda: risk.shortfall_score(ONE, -ONE, -ONE), "below 0"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
