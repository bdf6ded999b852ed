"""The worlds keep their promises: market, credit and drift."""

import math

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import kurtosis, norm
from sklearn.linear_model import LogisticRegression

from aigc_lib.metrics.fairness import group_gaps
from aigc_lib.metrics.risk import christoffersen, kupiec
from aigc_lib.metrics.series import stylised_facts
from aigc_lib.simulators.credit import FEATURES, STRICTNESS, WEIGHTS, applicants
from aigc_lib.simulators.drift import DriftingTaste
from aigc_lib.simulators.market import Market
from aigc_lib.simulators.opinion import OpinionStream

CALM = {"jump_rate": 0, "gamma": 0}

# ---- market --------------------------------------------------------------------------


def test_the_market_has_the_variance_that_it_states():
    market = Market()
    found = np.mean([market.simulate(20_000, k).returns.var() for k in range(10)])
    assert found == pytest.approx(market.variance, rel=0.05)


def test_the_kurtosis_of_a_garch_in_closed_form():
    """3 (1 - (a + b)²) / (1 - (a + b)² - 2 a²), Bollerslev 1986, section 3."""
    market = Market(mean=0, omega=0.1, alpha=0.15, beta=0.7, **CALM)
    p, a = market.persistence, market.alpha
    theory = 3 * (1 - p**2) / (1 - p**2 - 2 * a**2) - 3
    found = np.mean([kurtosis(market.simulate(50_000, k).returns) for k in range(10)])
    assert found == pytest.approx(theory, rel=0.1)


def test_the_market_shows_the_stylised_facts():
    facts = stylised_facts(Market().simulate(50_000).returns)
    assert facts["excess_kurtosis"] > 1
    assert facts["acf_squares"] > 0.03
    assert facts["leverage"] < -0.01
    assert abs(facts["acf_returns"]) < 0.01
    calm = Market(alpha=0, beta=0, omega=4, **CALM).simulate(50_000).returns
    facts = stylised_facts(calm)
    assert abs(facts["excess_kurtosis"]) < 0.05
    assert max(abs(facts["acf_squares"]), abs(facts["leverage"])) < 0.005


def test_the_parts_of_a_path_add_up():
    market = Market(mean=0.1, jump_rate=0.5)
    path = market.simulate(1_000)
    z = (path.returns - market.mean - path.jumps) / path.volatility
    after = market.omega + path.volatility**2 * (
        (market.alpha + market.gamma * (z < 0)) * z**2 + market.beta
    )
    np.testing.assert_allclose(path.volatility[1:] ** 2, after[:-1])
    assert np.mean(path.jumps == 0) == pytest.approx(math.exp(-0.5), abs=0.05)
    again = market.simulate(1_000)
    assert np.array_equal(path.returns, again.returns)
    assert not np.array_equal(path.returns, market.simulate(1_000, 1).returns)


def test_without_jumps_the_tail_is_that_of_a_normal():
    market, s = Market(mean=0.5, jump_rate=0), np.array([1.0, 3.0])
    np.testing.assert_allclose(market.value_at_risk(s), 0.5 + s * norm.ppf(0.01))
    shortfall = 0.5 - s * norm.pdf(norm.ppf(0.01)) / 0.01
    np.testing.assert_allclose(market.expected_shortfall(s), shortfall)


def test_the_true_tail_holds_on_its_own_paths():
    market = Market()
    path = market.simulate(20_000, 3)
    var = market.value_at_risk(path.volatility)
    shortfall = market.expected_shortfall(path.volatility)
    hits = path.returns < var
    assert kupiec(hits).p_value > 0.05
    assert christoffersen(hits)["independence"].p_value > 0.05
    distance = (path.returns - shortfall)[hits] / path.volatility[hits]
    assert abs(distance.mean()) < 3 * distance.std() / math.sqrt(hits.sum())
    np.testing.assert_allclose(
        market.probability(var[:50], path.volatility[:50]), 0.01, rtol=1e-6
    )


def test_the_quantiles_of_a_market_on_both_sides():
    market, s = Market(), np.array([1.0, 3.0])
    np.testing.assert_array_equal(market.quantile(1 - 0.99, s), market.value_at_risk(s))
    for share in (0.05, 0.5, 0.97):
        line = market.quantile(share, s)
        np.testing.assert_allclose(market.probability(line, s), share, rtol=1e-9)


def test_what_follows_a_day_is_what_the_market_says():
    market, n = Market(), 100_000
    made = market.follow(np.full(n, 3.0), 3, seed=2)
    assert made.shape == (n, 3)
    for share in (0.01, 0.5, 0.95):
        below = np.mean(made[:, 0] < market.quantile(share, 3.0))
        assert below == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / n))
    long_run = market.omega / (1 - market.persistence)
    jumps = market.variance - long_run
    for day in range(3):  # the variance goes home by the same share each day
        expected = long_run + market.persistence**day * (9 - long_run) + jumps
        assert made[:, day].var() == pytest.approx(expected, rel=0.03)
    fallen, risen = made[:, 0] < -3, made[:, 0] > 3
    assert made[fallen, 1].std() > 1.05 * made[risen, 1].std()
    np.testing.assert_array_equal(made, market.follow(np.full(n, 3.0), 3, seed=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.1, "beta": 0.9}, "variance grows for ever"),
        ({"omega": 0}, "omega=0"),
        ({"jump_rate": -1}, "jump_rate=-1"),
        ({"mean": math.nan}, "mean=nan"),
    ],
)
def test_a_market_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Market(**options)


def test_what_a_market_cannot_answer_is_refused():
    with pytest.raises(ValueError, match="days=0"):
        Market().simulate(0)
    with pytest.raises(ValueError, match="seed=-1"):
        Market().simulate(1, -1)
    with pytest.raises(ValueError, match=r"volatility from 0\.0"):
        Market().value_at_risk([1.0, 0.0])
    with pytest.raises(ValueError, match=r"level=0\.01"):
        Market().value_at_risk([1.0], 0.01)
    with pytest.raises(ValueError, match="share=1"):
        Market().quantile(1.0, [1.0])
    with pytest.raises(ValueError, match=r"volatility has shape \(\)"):
        Market().follow(1.0, 2)


# ---- credit --------------------------------------------------------------------------

pandas = pytest.importorskip("pandas")


def coefficients(target, world):
    """Log-odds of ``target`` by the true log-odds of repaying, and by group B."""
    in_b = (world.frame["group"] == "B").to_numpy()
    x = np.column_stack([logit(world.repays), in_b])
    fitted = LogisticRegression(C=1e6).fit(x, world.frame[target])
    return fitted.coef_[0]


@pytest.mark.parametrize("bias", [0.0, 1.0, -0.5])
def test_one_number_sets_the_bias_of_the_decisions(bias):
    world = applicants(60_000, bias=bias, income_gap=0.5, seed=1)
    risk, group = coefficients("approved", world)
    assert risk == pytest.approx(STRICTNESS, rel=0.05)
    assert group == pytest.approx(-bias, abs=0.1)
    risk, group = coefficients("repaid", world)
    assert risk == pytest.approx(1, rel=0.05)
    assert group == pytest.approx(0, abs=0.1)


def test_the_bias_changes_the_decisions_and_nobody_else():
    fair, unfair = applicants(2_000), applicants(2_000, bias=2)
    assert np.array_equal(fair.repays, unfair.repays)
    others = [name for name in fair.frame if name != "approved"]
    assert fair.frame[others].equals(unfair.frame[others])
    in_a = fair.frame["group"] == "A"
    assert (fair.frame["approved"] == unfair.frame["approved"])[in_a].all()
    assert (fair.frame["approved"] >= unfair.frame["approved"]).all()
    gaps = [
        group_gaps(w.frame["approved"], w.frame["repaid"], w.frame["group"])
        for w in (fair, unfair)
    ]
    assert gaps[0]["equal_opportunity"] < 0.1 < gaps[1]["equal_opportunity"]


@pytest.mark.parametrize(("proxy", "found"), [(0.0, 0.5), (0.6, 0.8), (1.0, 1.0)])
def test_the_district_gives_the_group_away_as_told(proxy, found):
    frame = applicants(40_000, proxy=proxy, group_share=0.5).frame
    guess = np.where(frame["district"] >= 2, "B", "A")
    assert (guess == frame["group"]).mean() == pytest.approx(found, abs=0.01)


def test_the_features_tell_all_that_can_be_known():
    """What is shown, brought back to the scale of the risk, explains the odds."""
    world = applicants(5_000, seed=2)
    frame = world.frame
    z = {
        "income": np.log(frame["income"] / 40) / 0.5,
        "debt_ratio": np.log(frame["debt_ratio"] / 0.3) / 0.6,
        "years_employed": np.log(frame["years_employed"].clip(lower=0.01) / 6) / 0.7,
        "late_payments": (frame["late_payments"] - 1) / 1.5,
    }
    odds = sum(WEIGHTS[name] * z[name] for name in FEATURES)
    assert np.corrcoef(odds, logit(world.repays))[0, 1] > 0.93
    rough = frame["repaid"].mean()
    assert rough == pytest.approx(world.repays.mean(), abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n=0"),
        ({"n": 9, "proxy": 1.5}, "proxy=1.5"),
        ({"n": 9, "group_share": -0.1}, "group_share=-0.1"),
        ({"n": 9, "bias": math.inf}, "bias=inf"),
    ],
)
def test_applicants_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        applicants(**options)


# ---- drift ---------------------------------------------------------------------------


def test_the_taste_turns_as_fast_as_told():
    world = DriftingTaste(5, speed=0.3)
    for period in range(1, 6):
        before = world.taste
        world.step()
        assert world.period == period
        assert before @ world.taste == pytest.approx(math.cos(0.3))
        assert np.linalg.norm(world.taste) == pytest.approx(1)


def test_old_tastes_are_forgotten_at_a_known_rate():
    cosines = []
    for seed in range(400):
        world = DriftingTaste(6, speed=0.4, seed=seed)
        first = world.taste
        for _ in range(5):
            world.step()
        cosines.append(first @ world.taste)
    assert np.mean(cosines) == pytest.approx(math.cos(0.4) ** 5, abs=0.05)


def test_a_stale_taste_errs_by_its_angle():
    world = DriftingTaste(4, speed=0.5, sharpness=1e6)
    stale = world.taste
    world.step()
    items = world.items(40_000)
    wrong = (items @ stale > 0) != world.likes(items)
    assert wrong.mean() == pytest.approx(0.5 / math.pi, abs=0.01)


def test_likes_have_their_probability():
    world = DriftingTaste(3, sharpness=2)
    items = np.repeat(world.items(1), 20_000, axis=0)
    chance = world.probability(items)[0]
    assert world.likes(items).mean() == pytest.approx(chance, abs=0.015)
    assert world.probability(items[:1] * 0) == 0.5


def test_the_public_follows_what_it_is_shown():
    shown = np.array([[0.0, 0.0, 3.0]])
    world = DriftingTaste(3, speed=0, feedback=0.5)
    start = world.taste
    for _ in range(20):
        world.step(shown)
    np.testing.assert_allclose(world.taste, [0, 0, 1], atol=1e-3)
    deaf = DriftingTaste(3, speed=0)
    deaf.step(shown)
    np.testing.assert_allclose(deaf.taste, start)
    opposite = DriftingTaste(3, speed=0, feedback=0.5)
    opposite.step(-opposite.taste[None])
    assert np.isfinite(opposite.taste).all()


def test_a_world_without_sense_is_refused():
    with pytest.raises(ValueError, match="dimensions=1"):
        DriftingTaste(1)
    with pytest.raises(ValueError, match="feedback=2"):
        DriftingTaste(feedback=2)
    with pytest.raises(ValueError, match=r"items has shape \(2, 3\)"):
        DriftingTaste(8).likes(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="NaN"):
        DriftingTaste(2).likes(np.array([[math.nan, 0]]))


# ---- opinion -------------------------------------------------------------------------


def test_opinions_have_the_shares_and_the_shock_that_they_state():
    world = OpinionStream(per_day=30, shock=0.25)
    counts = world.counts(200, 60, onset=30, seed=1)
    quiet, after = counts[:, :30], counts[:, 30:]
    for part, shares in ((quiet, world.shares), (after, world.shares_after())):
        assert part.sum(2).mean() == pytest.approx(30, rel=0.02)
        np.testing.assert_allclose(
            part.sum((0, 1)) / part.sum(), shares, rtol=0, atol=0.01
        )
    assert world.shares_after() == pytest.approx([0.4, 0.375, 0.225])


def test_the_days_before_the_shock_do_not_know_of_it():
    world = OpinionStream()
    shocked, calm = world.counts(3, 40, 25, seed=2), world.counts(3, 40, None, seed=2)
    assert np.array_equal(shocked[0, :25], calm[0, :25])
    assert (OpinionStream(shock=0).counts(3, 40, 25, 2) == calm).all()


def test_days_are_as_unsteady_as_told():
    """Of a Dirichlet with total s a share p has the variance p (1 - p) / (s + 1)."""
    counts = OpinionStream(per_day=2_000, steadiness=49).counts(40, 100, None)
    share = counts[..., 0] / counts.sum(2)
    sampling = 0.2 * 0.8 / 2_000
    assert share.var() == pytest.approx(0.2 * 0.8 / 50 + sampling, rel=0.08)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shares": (0.5, 0.5, 0.5)}, "add up to 1.5"),
        ({"shares": (0.0, 0.5, 0.5)}, "shares=0.0: give a number > 0"),
        ({"shares": (float("nan"), 0.5, 0.5)}, "shares=nan"),
        ({"shares": (0.5, 0.5)}, "three numbers"),
        ({"shock": 1.1}, "shock=1.1"),
        ({"per_day": 0}, "per_day=0"),
    ],
)
def test_opinions_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        OpinionStream(**options)
    with pytest.raises(ValueError, match="only 3 days"):
        OpinionStream().counts(1, 3, 3)


def test_returns_and_volatilities_are_numbers():
    market = Market()
    with pytest.raises(ValueError, match="returns holds NaN"):
        market.probability([0.1, math.nan], 1.0)
    for wrong in (math.inf, math.nan, 0.0):
        with pytest.raises(ValueError, match="volatility from"):
            market.value_at_risk([1.0, wrong])
    with pytest.raises(ValueError, match="volatility"):
        market.follow([1.0, math.inf], 3)
