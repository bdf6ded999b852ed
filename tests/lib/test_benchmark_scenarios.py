"""What the benchmarks of scenarios and of alarms compute themselves."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

pytest.importorskip("arch")

from benchmarks import opinion_alarm, scenarios, scenarios_filtered

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
    for part, factor in {"var": 1.1, "shortfall": 0.8}.items():
        wrong = risk._replace(**{part: factor * getattr(risk, part)})
        for name, far in scenarios.errors(wrong).items():
            expected = abs(factor - 1) if name == part else 0
            np.testing.assert_allclose(far, expected, atol=1e-12)


def test_a_method_on_the_made_up_market_is_judged_by_the_truth():
    right = scenarios.judged_on("made_market", scenarios.truth(2_500))
    deep = scenarios.truth(2_500)._replace(shortfall=1.5 * scenarios.truth(2_500)[1])
    wrong = scenarios.judged_on("made_market", deep)
    assert right["error_of_shortfall"] == 0
    assert wrong["error_of_shortfall"] == pytest.approx(0.5)
    row = scenarios.differences([right], [wrong, right])
    assert row["error_of_shortfall_minus_garch_t"] == pytest.approx(0.25)
    ends = row["error_of_shortfall_minus_garch_t_interval"]
    np.testing.assert_allclose(ends, 0.25)
    assert row["error_of_var_minus_garch_t"] == 0
    low, high = row["score_minus_garch_t_interval"]
    assert 0 < low < row["score_minus_garch_t"] < high


RETURNS = np.random.default_rng(1).standard_normal(700)


def test_riskmetrics_weights_the_squares_of_the_days_before():
    found = scenarios.normal(RETURNS, 600)
    weights = 0.06 * 0.94 ** np.arange(650)
    deviation = np.sqrt(weights @ RETURNS[649::-1] ** 2)  # of day 650
    assert found.var[50] == pytest.approx(deviation * norm.ppf(0.01))
    below = norm.expect(lambda x: x, ub=norm.ppf(0.01), conditional=True)
    assert found.shortfall[50] == pytest.approx(deviation * below)
    assert len(found.var) == 100


def test_a_bootstrapped_day_is_one_of_all_days_before():
    found = scenarios.bootstrapped(RETURNS, 690)
    for k in (0, 9):
        past = RETURNS[: 690 + k]
        assert found.var[k] in past
        assert found.var[k] == pytest.approx(np.quantile(past, 0.01), abs=0.2)
        assert past.min() < found.shortfall[k] < found.var[k]


@pytest.mark.parametrize(
    "method", [scenarios.normal, scenarios.bootstrapped, scenarios_filtered.history]
)
def test_no_forecast_of_a_benchmark_knows_its_own_day(method):
    changed = RETURNS.copy()
    changed[690:] = -50.0
    before, after = method(RETURNS, 680), method(changed, 680)
    np.testing.assert_array_equal(before.var[:11], after.var[:11])
    np.testing.assert_array_equal(before.shortfall[:11], after.shortfall[:11])
    assert (after.shortfall[11:] < before.shortfall[11:]).all()


def test_a_filtered_history_is_as_wide_as_the_days_before():
    found = scenarios_filtered.history(np.append(RETURNS, 20 * RETURNS), 600)
    assert found.var[400:].mean() == pytest.approx(20 * found.var[:100].mean(), rel=0.2)


def test_no_flow_of_filtered_steps_knows_its_own_day(monkeypatch):
    monkeypatch.setattr(scenarios_filtered, "STEPS", 1)
    values = 100 + RETURNS[:350, None].cumsum(0)

    def line(values):
        codec = scenarios.SeriesCodec.train(
            values[:301], ["oil"], transform="difference", recent=scenarios.PAST + 1
        )
        made = (codec, values[:301], codec.encode(values), 300)
        monkeypatch.setattr(scenarios, "series", lambda name: made)
        return scenarios_filtered.by_flow("oil", 0).var

    changed = values.copy()
    changed[331:] -= 50  # the step of day 330
    before, after = line(values), line(changed)
    np.testing.assert_array_equal(before[:31], after[:31])
    assert after[31] < 2 * before[31]


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


def test_the_sum_of_a_day_counts_its_headlines():
    pools = [np.array([1.0]), np.array([0.5]), np.array([-1.0])]
    counts = np.array([[[1, 2, 1], [0, 0, 0], [3, 0, 1]]])
    found = opinion_alarm.days_of(pools, counts, 0, summed=True)
    np.testing.assert_allclose(found, [[1, 0, 2]])


def test_the_evidence_of_a_headline_is_bayes_ratio():
    """Of four signs, each with its chance under every sentiment."""
    world = opinion_alarm.WORLD
    signs = np.random.default_rng(0).dirichlet(np.ones(4), 3)  # (sentiments, signs)
    quiet, after = np.array(world.shares), world.shares_after()
    bad = quiet[0] * signs[0] / (quiet @ signs)
    found = opinion_alarm.evidence(bad)
    np.testing.assert_allclose(found, np.log(after @ signs / (quiet @ signs)))


def test_no_wording_is_read_by_a_classifier_that_learned_it(monkeypatch):
    train = opinion_alarm.aigc.data.load("finance_headlines", split="train")[:600]
    met = {}

    def trained(part, steps, seed):
        return {facts["pattern"] for facts in part.facts}

    def odds(known, part):
        met.update({facts["pattern"]: known for facts in part.facts})
        return np.zeros((len(part), 2))

    monkeypatch.setattr(opinion_alarm, "trained", trained)
    monkeypatch.setattr(opinion_alarm, "odds", odds)
    opinion_alarm.unmet(train, 0)
    every = {facts["pattern"] for facts in train.facts}
    assert set(met) == every
    for pattern, known in met.items():
        assert pattern not in known
        assert len(known) > 0.6 * len(every)


def test_a_weighed_chance_is_that_of_a_quiet_day():
    """Signs that say nothing leave the share of bad news on a quiet day."""
    train = opinion_alarm.aigc.data.load("finance_headlines", split="train")[:900]
    noise = np.random.default_rng(0).standard_normal((900, 1))
    found = opinion_alarm.chance(train, noise, np.zeros((1, 1)))
    assert found == pytest.approx(opinion_alarm.WORLD.shares[0], abs=0.01)
    bad = (opinion_alarm.sentiments(train) == 0)[:, None].astype(float)
    low, high = opinion_alarm.chance(train, bad, np.array([[0.0], [1.0]]))
    assert low < 0.05
    assert high > 0.95


def test_the_words_of_the_monitor_are_those_that_were_measured():
    path = Path(__file__).parents[2] / "results" / "opinion_alarm.json"
    rows = json.loads(path.read_text("utf-8"))["rows"]
    (measured,) = {
        row["f1_negative"]
        for row in rows
        if row["reader"] == "keyword count, words by hand"
    }
    test = opinion_alarm.aigc.data.load("finance_headlines", split="test")
    said = opinion_alarm.words_by_hand(None, test, 0) > 0
    bad = np.array([facts["sentiment"] == "负面" for facts in test.facts])
    assert opinion_alarm.f1_score(bad, said) == pytest.approx(measured)
