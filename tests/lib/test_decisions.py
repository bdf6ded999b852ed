"""Bandits and A/B tests: closed forms, scipy as oracle, and what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom, chi2_contingency

from aigc_lib.decisions.bandit import (
    UCB1,
    Assigned,
    EpsilonGreedy,
    Thompson,
    ThompsonPerSegment,
    play,
)
from aigc_lib.decisions.experiment import ABTest, power_of, sample_size, two_shares
from aigc_lib.simulators.clicks import Audience, Creatives

RATES = (0.1, 0.3, 0.15)


def fed(policy, counts):
    """Let ``policy`` learn that arm k was tried and paid so often."""
    for arm, (tried, paid) in enumerate(counts):
        for i in range(tried):
            choice = np.full(len(policy.rows), arm)
            policy.learn(choice, np.full(len(policy.rows), float(i < paid)))
    return policy


# ---- policies ------------------------------------------------------------------------


def test_ucb1_by_hand():
    policy = fed(UCB1(3), [(100, 50), (10, 4), (1, 0)])
    t = 111
    values = [
        m + math.sqrt(2 * math.log(t) / n) for m, n in ((0.5, 100), (0.4, 10), (0, 1))
    ]
    assert policy.choose().tolist() == [int(np.argmax(values))]
    assert policy.winner().tolist() == [0]
    narrow = fed(UCB1(3, width=0.01), [(100, 50), (10, 4), (1, 0)])
    assert narrow.choose().tolist() == [0]


@pytest.mark.parametrize("make", [UCB1, EpsilonGreedy])
def test_every_arm_is_tried_before_any_twice(make):
    options = {"epsilon": 0.0} if make is EpsilonGreedy else {}
    policy = make(5, replications=50, **options)
    for _ in range(5):
        policy.learn(policy.choose(), np.zeros(50))
    assert (policy.tried == 1).all()


def test_thompson_chooses_as_often_as_an_arm_is_the_best():
    """P(arm 1 beats arm 0) of two beta beliefs, integrated by scipy."""
    policy = fed(Thompson(2, replications=40_000), [(20, 6), (10, 4)])
    x = (np.arange(20_000) + 0.5) / 20_000
    wins = (beta.pdf(x, 5, 7) * beta.cdf(x, 7, 15)).mean()
    assert policy.choose().mean() == pytest.approx(wins, abs=0.01)
    assert policy.winner().mean() == 1  # 5 / 12 against 7 / 22


def test_epsilon_is_the_share_of_lots():
    policy = fed(
        EpsilonGreedy(4, 0.2, replications=40_000), [(9, 9), (9, 0), (9, 0), (9, 0)]
    )
    shares = np.bincount(policy.choose(), minlength=4) / 40_000
    assert shares == pytest.approx([0.85, 0.05, 0.05, 0.05], abs=0.006)


def test_equals_are_decided_by_lot():
    policy = EpsilonGreedy(4, 0.0, replications=8_000)
    shares = np.bincount(policy.choose(), minlength=4) / 8_000
    assert shares == pytest.approx([0.25] * 4, abs=0.025)


def test_a_game_is_that_of_one_row_after_the_other():
    """The quick ways of numpy change nothing: not the lots, not what is lost."""

    class Slowly(EpsilonGreedy):
        def learn(self, choice, reward):
            self.visitors += 1
            for row, arm, gain in zip(self.rows, choice, reward, strict=True):
                self.tried[row, arm] += 1
                self.paid[row, arm] += gain

        def highest(self, values):
            equal = [np.flatnonzero(row == row.max()) for row in values]
            best = np.array([arms[0] for arms in equal])
            shared = np.flatnonzero([len(arms) > 1 for arms in equal])
            if len(shared):
                lots = self.rng.random((len(shared), values.shape[1]))
                for row, lot in zip(shared, lots, strict=True):
                    best[row] = equal[row][lot[equal[row]].argmax()]
            return best

    class World(Creatives):
        def visit(self, choice):
            rates = np.array([self.rates[k, arm] for k, arm in enumerate(choice)])
            return self._rng.random(len(choice)) < rates

        def regret(self, choice):
            return np.array(
                [row.max() - row[a] for row, a in zip(self.rates, choice, strict=True)]
            )

    many = {"replications": 40, "seed": 3}
    rates = np.random.default_rng(0).beta(2, 8, (40, 4))
    quick = play(EpsilonGreedy(4, 0.2, **many), Creatives(rates, **many), 300)
    slow = play(Slowly(4, 0.2, **many), World(rates, **many), 300)
    for one, other in zip(quick, slow, strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_segment_has_beliefs_of_its_own():
    policy = ThompsonPerSegment(2, 2, replications=20_000)
    here, there = (np.full(20_000, s) for s in (0, 1))
    for reward in (1, 1, 0):  # arm 0 in segment 0: Beta(3, 2), of the rest Beta(1, 1)
        policy.learn(here, np.zeros(20_000, int), np.full(20_000, reward))
    # P(U > B) of U even and B from Beta(3, 2) is 1 - E[B] = 2 / 5
    assert policy.choose(here).mean() == pytest.approx(0.4, abs=0.015)
    assert policy.choose(there).mean() == pytest.approx(0.5, abs=0.015)
    assert (policy.winner()[:, 0] == 0).all()
    assert policy.winner()[:, 1].mean() == pytest.approx(0.5, abs=0.015)  # by lot
    blind = ThompsonPerSegment(2, 1, replications=20_000)
    blind.learn(there, np.zeros(20_000, int), np.ones(20_000))
    assert blind.choose(here).mean() == pytest.approx(1 / 3, abs=0.015)


def test_who_knows_the_segments_wins_where_they_differ():
    rates = np.array([[0.1, 0.4], [0.4, 0.1]])
    many = {"replications": 100}
    lost = {
        name: play(policy, Audience(rates, [0.5, 0.5], **many), 1_000)
        for name, policy in {
            "blind": ThompsonPerSegment(2, 1, **many),
            "each": ThompsonPerSegment(2, 2, **many),
            "right": Assigned([1, 0], **many),
            "wrong": Assigned([0, 1], **many),
        }.items()
    }
    assert lost["right"].regret.max() == 0 == lost["right"].wrong.max()
    assert lost["wrong"].regret == pytest.approx(np.full(100, 300))
    assert lost["each"].regret.mean() < 30 < 140 < lost["blind"].regret.mean()
    assert lost["blind"].wrong == pytest.approx(np.full(100, 0.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.learn(*np.zeros((2, 1), int), np.array([2.0])), "reward=.2"),
        (lambda p: p.learn(*np.zeros((2, 1), int), np.array([np.nan])), "reward=.nan"),
        (lambda p: p.choose(np.array([-1])), "segment=.-1.: give numbers from 0 to 1"),
        (lambda p: p.choose(np.array([2])), "segment=.2.: give numbers from 0 to 1"),
        (lambda p: play(p, Creatives((0.1, 0.2)), 5), "whose choose takes nothing"),
        (
            lambda p: play(Thompson(2), Audience(np.full((2, 2), 0.1), [0.5, 0.5]), 5),
            "takes the segments",
        ),
        (lambda p: Assigned([0, -1]), "from 0 up for each segment"),
        (lambda p: Assigned([0.5, 1]), "from 0 up for each segment"),
        (lambda p: Assigned([0, 1], replications=0), "replications=0"),
        (lambda p: ThompsonPerSegment(2, 0), "segments=0"),
    ],
)
def test_what_is_no_segment_or_reward_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(ThompsonPerSegment(2, 2))


def test_a_clicks_share_is_learned_as_such():
    policy = ThompsonPerSegment(2, 1, prior=(0.1, 0.1))
    policy.learn(np.array([0]), np.array([1]), np.array([0.5]))
    assert policy.paid.tolist() == [[0.1, pytest.approx(0.6)]]
    assert policy.winner().shape == (1, 1)


@pytest.mark.parametrize(
    "prior", [(0, 1), (1, 1, 1), np.ones((3, 2, 2)), (1, float("nan"))]
)
def test_a_prior_that_is_none_is_refused(prior):
    with pytest.raises(ValueError, match="prior has shape"):
        ThompsonPerSegment(2, 2, prior=prior)


@pytest.mark.parametrize("make", [UCB1, EpsilonGreedy, Thompson])
def test_a_policy_finds_the_best_and_its_losses_flatten(make):
    world = Creatives(RATES, replications=60, seed=1)
    played = play(make(3, replications=60, seed=2), world, 3_000, points=30)
    assert played.wrong.mean() < 0.1
    assert played.path.shape == (30, 60)
    assert played.at[-1] == 3_000
    np.testing.assert_array_equal(played.path[-1], played.regret)
    assert (np.diff(played.path, axis=0) >= 0).all()
    early, late = played.path[14].mean(), (played.path[29] - played.path[14]).mean()
    assert late < early
    anything = 3_000 * np.mean([0.3 - rate for rate in RATES])
    assert played.regret.mean() < 0.6 * anything


def test_replications_are_as_good_as_single_games():
    many = play(
        Thompson(2, replications=300, seed=0),
        Creatives((0.2, 0.5), replications=300),
        60,
    )
    single = [
        play(Thompson(2, seed=s), Creatives((0.2, 0.5), seed=1_000 + s), 60).regret[0]
        for s in range(300)
    ]
    error = math.hypot(many.regret.std(), np.std(single)) / math.sqrt(300)
    assert abs(many.regret.mean() - np.mean(single)) < 4 * error


def test_the_same_seeds_give_the_same_game():
    def game():
        world = Creatives(RATES, replications=5, seed=3)
        return play(Thompson(3, replications=5, seed=4), world, 50)

    np.testing.assert_array_equal(game().path, game().path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Thompson(1), "arms=1"),
        (lambda: EpsilonGreedy(3, 1.5), "epsilon=1.5"),
        (lambda: UCB1(3, width=0), "width=0"),
        (lambda: UCB1(3, replications=0), "replications=0"),
        (lambda: UCB1(2).learn(np.array([0]), np.array([np.nan])), "reward="),
        (lambda: UCB1(2).learn(np.array([0]), np.array([7.0])), "reward="),
        (lambda: UCB1(2).learn(np.array([2]), np.array([1.0])), "number from 0 to 1"),
        (lambda: Creatives(RATES).visit(np.array([-1])), "number from 0 to 2"),
        (lambda: Creatives(RATES).regret(np.array([3])), "number from 0 to 2"),
        (lambda: play(UCB1(2), Creatives(RATES), 0), "visitors=0"),
        (
            lambda: play(UCB1(3, replications=2), Creatives(RATES), 5),
            "policy has 2 replications, the world 1",
        ),
        (lambda: ABTest(2, 0), "each=0"),
        (lambda: ABTest(2, 5, control=2), "control=2: arms are 0 to 1"),
        (lambda: ABTest(2, 5, alpha=1), "alpha=1"),
        (lambda: sample_size(0.1, 0), "lift=0"),
        (lambda: sample_size(0.1, -0.1), "is no rate"),
        (lambda: sample_size(float("nan"), 0.1), "base=nan"),
        (lambda: sample_size(0.1, 0.1, power=1), "power=1"),
        (lambda: power_of(0.1, 0.1, 0), "n=0"),
        (lambda: two_shares([3, 1], [2, 5]), "hits="),
        (lambda: two_shares([0, 1], [0, 5]), "hits="),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- A/B tests -----------------------------------------------------------------------


def test_the_number_of_visitors_that_textbooks_print():
    # 10% against 15% at 5% and 80%: 686 a group without correction
    assert sample_size(0.10, 0.05) == 686
    assert sample_size(0.15, -0.05) == 686


@given(
    st.floats(0.01, 0.5),
    st.floats(0.01, 0.3),
    st.sampled_from([0.5, 0.8, 0.95]),
    st.integers(1, 6),
)
def test_sample_size_and_power_are_inverse(base, lift, power, comparisons):
    n = sample_size(base, lift, power=power, comparisons=comparisons)
    assert power_of(base, lift, n, comparisons=comparisons) >= power - 1e-9
    if n > 2:
        assert power_of(base, lift, n - 1, comparisons=comparisons) < power + 1e-9


def test_power_is_that_of_the_exact_test():
    """Against all outcomes of two binomials, whose probabilities scipy knows."""
    n, before, after = 200, 0.3, 0.45
    k = np.arange(n + 1)
    hits = np.stack(np.meshgrid(k, k, indexing="ij"), -1)
    found = two_shares(hits, np.array([n, n])) < 0.05
    weight = binom.pmf(k, n, before)[:, None] * binom.pmf(k, n, after)
    assert power_of(before, after - before, n) == pytest.approx(
        (found * weight).sum(), abs=0.02
    )
    null = binom.pmf(k, n, before)[:, None] * binom.pmf(k, n, before)
    assert (found * null).sum() == pytest.approx(0.05, abs=0.01)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 60), st.integers(0, 60))
def test_two_shares_are_scipys_chi_squared(a, b, c, d):
    p = two_shares(np.array([a, b]), np.array([a + c + 1, b + d + 1]))
    table = [[a, c + 1], [b, d + 1]]
    assert float(p) == pytest.approx(chi2_contingency(table, correction=False).pvalue)


def test_nobody_clicked_is_no_difference():
    assert two_shares([0, 0], [5, 5]) == 1
    assert two_shares([5, 5], [5, 5]) == 1


def test_a_test_shows_all_alike_and_then_stays():
    world = Creatives((0.1, 0.6), replications=20, seed=1)
    policy = ABTest(2, 50, replications=20)
    for visitor in range(100):
        choice = policy.choose()
        assert (choice == visitor % 2).all()
        policy.learn(choice, world.visit(choice))
    assert (policy.tried == 50).all()
    decided = policy.choose()
    assert decided.mean() > 0.9
    for _ in range(20):
        policy.learn(decided, np.zeros(20))  # bad luck afterwards changes nothing
        np.testing.assert_array_equal(policy.choose(), decided)
    np.testing.assert_array_equal(policy.winner(), decided)


def test_without_a_difference_the_control_stays():
    world = Creatives((0.2, 0.2, 0.2), replications=2_000, seed=2)
    played = play(ABTest(3, 150, replications=2_000, control=1), world, 450)
    assert (played.winner != 1).mean() < 0.05 + 0.015
    assert played.regret.max() == 0


def test_the_highest_share_wins_where_nothing_is_tested():
    policy = fed(ABTest(2, 10), [(10, 4), (10, 5)])
    assert policy.verdict().tolist() == [0]
    policy = fed(ABTest(2, 10, alpha=None), [(10, 4), (10, 5)])
    assert policy.verdict().tolist() == [1]


def test_a_test_of_the_right_size_finds_the_lift_as_often_as_it_says():
    n = sample_size(0.2, 0.1)
    world = Creatives((0.2, 0.3), replications=1_500, seed=3)
    played = play(ABTest(2, n, replications=1_500), world, 2 * n)
    assert 1 - played.wrong.mean() == pytest.approx(0.8, abs=0.035)
