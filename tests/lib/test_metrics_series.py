"""Scores and facts of series against closed forms, and each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from aigc_lib.metrics import series


def test_the_autocorrelation_of_statsmodels():
    tools = pytest.importorskip("statsmodels.tsa.stattools")
    x = np.random.default_rng(0).standard_normal(500).cumsum()
    theirs = tools.acf(x, nlags=30, fft=False)[1:]
    np.testing.assert_allclose(series.autocorrelation(x, 30), theirs)


def test_an_autoregression_forgets_at_its_rate():
    generator = np.random.default_rng(0)
    x = np.zeros(200_000)
    for t in range(1, len(x)):
        x[t] = 0.8 * x[t - 1] + generator.standard_normal()
    np.testing.assert_allclose(
        series.autocorrelation(x, 5), 0.8 ** np.arange(1, 6), atol=0.02
    )


def test_leverage_is_negative_where_falls_bring_unrest():
    generator = np.random.default_rng(0)
    r = generator.standard_normal(100_000)
    r[1:] *= np.where(r[:-1] < 0, 2, 1)
    found = series.leverage(r, 3)
    assert found[0] < -0.1
    assert abs(found[1:]).max() < 0.02
    assert series.leverage(-r, 1)[0] == pytest.approx(-found[0])


def test_a_normal_has_no_stylised_facts_and_a_mixture_has():
    generator = np.random.default_rng(0)
    z = generator.standard_normal(100_000)
    plain = series.stylised_facts(z)
    assert plain["std"] == pytest.approx(1, abs=0.01)
    for fact in ("mean", "skewness", "excess_kurtosis", "acf_returns", "acf_squares"):
        assert abs(plain[fact]) < 0.05
    # scale 1 or 3, equally often: kurtosis 3 (1 + 81) / 2 / 25 - 3 = 1.92
    wild = series.stylised_facts(z * generator.choice([1, 3], len(z)))
    assert wild["excess_kurtosis"] == pytest.approx(1.92, abs=0.15)


def test_pairs_of_windows_stay_within_one():
    apart = np.array([[1.0, -1.0, 0.0], [5.0, 3.0, -8.0]])
    a = apart - apart.mean()
    by_hand = (a[:, :-1] * a[:, 1:]).sum() / (a**2).sum()
    assert series.autocorrelation(apart, 1) == pytest.approx(by_hand)
    one = np.random.default_rng(0).standard_normal(400)
    np.testing.assert_allclose(
        series.autocorrelation(one[None], 5), series.autocorrelation(one, 5)
    )


def test_the_crps_of_a_normal_by_its_samples():
    x = np.random.default_rng(0).normal(1, 2, (3, 100_000))
    y = [1.0, -3.0, 8.0]
    closed = series.crps_normal(1, 2, y)
    np.testing.assert_allclose(series.crps(x, y), closed, rtol=0.01)
    # at the mean: 2 phi(0) - 1/sqrt(pi), times the deviation
    assert closed[0] == pytest.approx(2 * (2 * norm.pdf(0) - 1 / math.sqrt(math.pi)))


def test_few_samples_are_not_punished_for_being_few():
    generator = np.random.default_rng(0)
    y = generator.standard_normal(20_000)
    two = series.crps(generator.standard_normal((20_000, 2)), y).mean()
    assert two == pytest.approx(series.crps_normal(0, 1, y).mean(), abs=0.02)


def test_the_crps_is_twice_the_mean_pinball_loss():
    levels = np.linspace(0, 1, 2_001)[1:-1]
    losses = [series.pinball(norm.ppf(p), 0.7, p) for p in levels]
    assert 2 * np.mean(losses) == pytest.approx(series.crps_normal(0, 1, 0.7), rel=1e-3)


@given(st.floats(0.05, 0.95))
def test_the_quantile_has_the_least_pinball_loss(level):
    y = np.arange(101.0)
    best = np.quantile(y, level, method="inverted_cdf")
    loss = series.pinball(best, y, level).mean()
    assert all(loss <= series.pinball(q, y, level).mean() + 1e-9 for q in y)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_energy_score_of_standard_normals(d):
    """At 0: E|X| - E|X - X'| / 2 = (sqrt 2 - 1) Gamma((d + 1) / 2) / Gamma(d / 2)."""
    x = np.random.default_rng(0).standard_normal((1, 4_000, d))
    found = series.energy_score(x, np.zeros((1, d)))
    closed = (math.sqrt(2) - 1) * math.gamma((d + 1) / 2) / math.gamma(d / 2)
    assert found[0] == pytest.approx(closed, rel=0.05)


def test_the_energy_score_of_one_column_is_the_crps():
    x = np.random.default_rng(0).standard_normal((4, 50))
    y = np.arange(4.0)
    np.testing.assert_allclose(
        series.energy_score(x[:, :, None], y[:, None]), series.crps(x, y)
    )


def test_the_true_distribution_scores_best_on_average():
    generator = np.random.default_rng(0)
    y = generator.standard_normal(5_000)
    scores = {
        (m, s): series.crps_normal(m, s, y).mean()
        for m in (-0.3, 0, 0.3)
        for s in (0.7, 1, 1.4)
    }
    assert min(scores, key=scores.get) == (0, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: series.autocorrelation([1, 2, math.nan], 1), "1 of 3 values"),
        (lambda: series.autocorrelation([], 1), "x is empty"),
        (lambda: series.autocorrelation([2.0] * 30), "x is constant"),
        (lambda: series.autocorrelation([1, 2, 3], 3), "longer than lags=3"),
        (lambda: series.leverage([[1, 2], [3, 4]], 2), r"returns has shape \(2, 2\)"),
        (lambda: series.autocorrelation(["a", "b"], 1), "give numbers"),
        (lambda: series.pinball(0, 1, 1), "level=1"),
        (lambda: series.crps([[1.0]], [1.0]), r"give \(N, M\) with M >= 2, and \(N,\)"),
        (lambda: series.crps([[1.0, math.inf]], [1.0]), "NaN or infinity"),
        (lambda: series.energy_score(np.zeros((2, 3, 4)), np.zeros(2)), r"\(N, D\)"),
        (lambda: series.crps_normal(0, 0, 1), "std has 0"),
        (lambda: series.crps_normal([0, 1], 1, [1, 2, 3]), "arrays of one shape"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
