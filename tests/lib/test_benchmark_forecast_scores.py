"""What the benchmark of forecasts as distributions computes itself."""

import numpy as np
import pytest
from scipy.stats import norm

pytest.importorskip("arch")

from aigc_lib.codecs.series import SeriesCodec
from aigc_lib.decisions import tail_risk
from aigc_lib.metrics.series import crps_normal
from aigc_lib.models import SeriesFlow
from benchmarks import forecast_scores as scores
from benchmarks import scenarios

RETURNS = np.random.default_rng(0).standard_normal(700)
START = 600
WEEKS = len(scores.weeks(RETURNS, START))


def made_market(days):
    """The last ``days`` of the returns of the made-up market, and some before."""
    codec, _, steps, _ = scenarios.series("made_market")
    return codec.increments(steps)[:, 0].numpy()[-days - 500 :], 500


def test_one_number_costs_its_absolute_error_and_holds_no_day():
    said = scores.points(np.full(100, 0.3), np.zeros((WEEKS, 5)))
    found = scores.scored(said, RETURNS, START)
    np.testing.assert_allclose(found["days"], 100 * np.abs(RETURNS[START:] - 0.3))
    lengths = np.linalg.norm(RETURNS[START:].reshape(WEEKS, 5), axis=1)
    np.testing.assert_allclose(found["weeks"], 100 * lengths)
    assert found["coverage_50"] == found["coverage_90"] == 0


def test_the_score_of_quantiles_is_that_of_the_distribution():
    quantiles = np.tile(norm.ppf(scores.LEVELS), (100, 1))
    said = scores.points(np.zeros(100), np.zeros((WEEKS, 5)))
    found = scores.scored(said._replace(quantiles=quantiles), RETURNS, START)
    exact = crps_normal(0, 1, RETURNS[START:]).mean()
    assert found["crps"] == pytest.approx(100 * exact, rel=0.01)
    y = np.abs(RETURNS[START:])
    for name, end in {"coverage_50": 0.75, "coverage_90": 0.95}.items():
        assert found[name] == np.mean(y < norm.ppf(end))


def test_the_truth_scores_best_and_its_sample_costs_twice():
    r, start = made_market(1_000)
    true = scores.truth(r, start)
    right = scores.scored(true, r, start)
    assert right["coverage_50"] == pytest.approx(0.5, abs=0.05)
    assert right["coverage_90"] == pytest.approx(0.9, abs=0.03)
    for factor in (0.6, 1.6):
        wrong = scores.Forecast(*(factor * part for part in true))
        found = scores.scored(wrong, r, start)
        assert found["crps"] > right["crps"]
        assert found["energy"] > right["energy"]
    volatility = scenarios.true_volatility(1_000)
    sample = scores.Market().follow(volatility, 1)[:, 0] / 100
    one = scores.scored(scores.points(sample, true.paths[:, 0]), r, start)
    assert one["crps"] / right["crps"] == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("method", [scores.history, scores.walk, scores.garch])
def test_no_forecast_knows_its_own_day(method):
    changed = RETURNS.copy()
    changed[650:] = -50.0
    before, after = method(RETURNS, START), method(changed, START)
    assert before.quantiles.shape == (100, 50)
    assert before.paths.shape[::2] == (20, 5)
    np.testing.assert_allclose(before.quantiles[:51], after.quantiles[:51], rtol=1e-3)
    np.testing.assert_allclose(before.paths[:11], after.paths[:11], rtol=1e-3)
    assert (before.quantiles[51:, 0] > after.quantiles[51:, 0]).all()


def test_a_garch_has_the_tail_of_the_library():
    assert scores.LEVELS[0] == pytest.approx(0.01)
    found = scores.garch(RETURNS, START)
    line = tail_risk.garch(RETURNS, START).var
    np.testing.assert_allclose(found.quantiles[:, 0], line)
    below = np.mean(found.paths[:, :, 0] < line[::5, None])
    assert below == pytest.approx(0.01, abs=0.004)
    fit = next(tail_risk.garch_fits(RETURNS, START))
    for day in (1, 4):  # the mean variance goes home by the same share each day
        s2 = fit.volatility[START::5] ** 2
        for _ in range(day):
            s2 = fit.omega + (fit.alpha + fit.beta) * s2
        squares = (found.paths[..., day] - fit.mean) ** 2
        assert squares.mean() == pytest.approx(s2.mean(), rel=0.06)


def test_a_flow_is_asked_with_the_days_before_only():
    prices = np.exp(np.append(0, RETURNS).cumsum() / 50)[:, None]
    codec = SeriesCodec.train(prices, ["price"], recent=21)
    model = SeriesFlow(codec=codec, **scenarios.FLOW)
    steps = codec.encode(prices)
    changed = steps.clone()
    changed[650:] = -9.0
    one, sample = scores.by_flow(model, codec, steps, START, 0)
    other, others = scores.by_flow(model, codec, changed, START, 0)
    assert sample.shape == (100,)
    assert one.paths.shape == (20, scores.BY_FLOW, 5)
    np.testing.assert_array_equal(one.quantiles[:51], other.quantiles[:51])
    np.testing.assert_array_equal(sample[:51], others[:51])
    np.testing.assert_array_equal(one.paths[:11], other.paths[:11])
    assert not np.isclose(one.paths[11:], other.paths[11:]).all(2).any()


def test_a_difference_is_of_the_mean_over_seeds():
    base = {"days": [1.0, 2, 3] * 20, "weeks": [1.0] * 20, "crps": 2.0}
    runs = [base | {"days": [x + k for x in base["days"]]} for k in (0.1, 0.3)]
    far = base | {"days": [x + 1 for x in base["days"]]}
    walk, garch, ours = scores.compared(
        "x", {scores.BASE: [base], scores.GARCH: [far], "ours": runs}
    )
    assert walk["crps_minus_walk"] == garch["crps_minus_garch"] == 0
    np.testing.assert_allclose(garch["crps_minus_walk"], 1)
    np.testing.assert_allclose(ours["crps_minus_garch_interval"], -0.8)
    np.testing.assert_allclose(ours["crps_minus_walk"], 0.2)
    np.testing.assert_allclose(ours["crps_minus_walk_interval"], 0.2)
    assert ours["energy_minus_walk"] == 0
    assert ours["seeds"] == 2
