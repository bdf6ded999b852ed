"""Made-up shoppers and visitors: each promise of the simulator is held."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from aigc_lib.data.ratings import divided
from aigc_lib.simulators.clicks import Audience, Creatives, Shoppers


@pytest.fixture(scope="module")
def world():
    return Shoppers(400, 60, groups=8, seed=1)


def test_a_seed_is_a_world():
    one, same, other = Shoppers(30, 9), Shoppers(30, 9), Shoppers(30, 9, seed=1)
    np.testing.assert_array_equal(one.utility, same.utility)
    assert not np.array_equal(one.utility, other.utility)
    for make in (lambda w, s: w.purchases(3, seed=s), lambda w, s: w.views(3, seed=s)):
        assert list(make(one, 0).items) == list(make(same, 0).items)
        assert list(make(one, 0).items) != list(make(one, 1).items)
    assert list(one.purchases(3).items) != list(one.views(3).items)


def test_purchases_follow_the_utility():
    """With two items the first is the better one as often as a logit says."""
    world = Shoppers(20_000, 2, taste=0, fashion=0.8, seed=3)
    first = np.array(world.purchases(1).items)
    gap = world.utility[0, 0] - world.utility[0, 1]
    share = 1 / (1 + np.exp(-gap))
    assert (first == "item 0").mean() == pytest.approx(share, abs=0.015)
    share = 1 / (1 + np.exp(-gap / 2))  # views are half as choosy
    viewed = np.array(world.views(1).items)
    assert (viewed == "item 0").mean() == pytest.approx(share, abs=0.015)


def test_nobody_buys_a_thing_twice(world):
    log = world.purchases(15)
    assert len(set(zip(log.users, log.items, strict=True))) == 400 * 15
    assert log.times.min() >= 0
    assert log.times.max() < 365 * 86_400
    assert set(divided(log)) == {"train", "test"}  # it is data like any other


def test_purchases_tell_more_of_taste_than_views(world):
    number = {name: i for i, name in enumerate(world.items)}

    def liking(log):
        items = np.array([number[i] for i in log.items]).reshape(400, -1)
        return np.take_along_axis(world.utility, items, 1).mean()

    bought, viewed = liking(world.purchases(10)), liking(world.views(10))
    assert bought > viewed > world.utility.mean()


def test_friends_share_tastes(world):
    friends = world.friends(8)
    assert friends.shape == (400, 8)
    assert not (friends == np.arange(400)[:, None]).any()
    own = world.group[friends] == world.group[:, None]
    assert own.mean() > 0.7
    alike = np.corrcoef(world.utility - world.appeal)
    near = alike[np.arange(400)[:, None], friends].mean()
    assert near > alike.mean() + 0.2
    strangers = Shoppers(400, 60, groups=8, homophily=0.0, seed=1)
    alike = np.corrcoef(strangers.utility - strangers.appeal)
    near = alike[np.arange(400)[:, None], strangers.friends(8)].mean()
    assert near == pytest.approx(alike.mean(), abs=0.05)


def test_popular_items_exist_only_with_fashion():
    def spread(fashion):
        world = Shoppers(500, 50, fashion=fashion, seed=2)
        _, counts = np.unique(world.purchases(5).items, return_counts=True)
        return counts.std()

    assert spread(1.0) > 2 * spread(0.0)


def test_places_are_noticed_as_promised():
    """Everybody has the same taste: clicks differ by place alone."""
    world = Shoppers(30_000, 5, taste=0, fashion=0, base=0.5, bias=1.0)
    ranked = torch.arange(5).expand(30_000, 5)
    clicks = world.shown(ranked, seed=4)
    for place, count in enumerate(clicks.sum(0).tolist(), 1):
        assert binomtest(count, 30_000, 0.5 / place).pvalue > 1e-4
    assert world.noticed(3).tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert Shoppers(2, 3, bias=0).noticed(3).tolist() == [1, 1, 1]


def test_relevance_is_the_click_rate_of_a_place_that_all_notice(world):
    total = torch.zeros(400)
    ranked = torch.from_numpy(world.utility.argmax(1))[:, None]
    for seed in range(300):
        total += world.shown(ranked, seed=seed)[:, 0]
    expected = world.expected(ranked)
    error = (total / 300 - expected) / (expected * (1 - expected) / 300).sqrt()
    assert error.mean().abs() < 0.2
    assert 0.8 < error.std() < 1.2


def test_a_click_divided_by_its_place_is_unbiased(world):
    """Inverse propensity scoring: from clicks on one list to the value of another."""
    ranked = torch.from_numpy(np.argsort(-world.appeal)[:10].copy()).expand(400, 10)
    noticed = torch.from_numpy(world.noticed(10))
    clicks = torch.stack([world.shown(ranked, seed=s) for s in range(100)]).double()
    estimate = (clicks / noticed).mean(0)
    truth = torch.from_numpy(world.relevance).gather(1, ranked)
    assert (estimate.mean(0) - truth.mean(0)).abs().max() < 0.03
    naive = clicks.mean(0).mean(0)
    assert (naive - truth.mean(0)).abs().max() > 0.05


def test_nothing_is_clicked_where_nothing_is_shown(world):
    ranked = torch.full((400, 3), -1)
    assert not world.shown(ranked).any()
    assert world.expected(ranked).sum() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Shoppers(0), "users=0"),
        (lambda: Shoppers(homophily=1.5), "homophily=1.5"),
        (lambda: Shoppers(base=0), "base=0"),
        (lambda: Shoppers(bias=float("nan")), "bias=nan"),
        (lambda: Shoppers(3, 4).purchases(5), "each=5: there are 4 items"),
        (lambda: Shoppers(1, 4).friends(), "need at least two"),
        (lambda: Shoppers(3, 4).shown(torch.zeros(2, 2).long()), "each of 3 users"),
        (lambda: Shoppers(3, 4).shown(torch.full((3, 1), 4)), "item 4: there are 4"),
        (lambda: Creatives([0.5]), "give at least two rates"),
        (lambda: Creatives([0.5, 1.2]), "probabilities"),
        (lambda: Creatives([0.5, float("nan")]), "probabilities"),
        (lambda: Creatives([[0.1, 0.2]], replications=3), "rates has 1 rows"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- creatives -----------------------------------------------------------------------


def test_creatives_are_clicked_at_their_rates():
    world = Creatives([0.1, 0.25, 0.6], replications=2_000, seed=5)
    for arm, rate in enumerate((0.1, 0.25, 0.6)):
        choice = np.full(2_000, arm)
        clicks = sum(world.visit(choice).sum() for _ in range(20))
        assert binomtest(int(clicks), 40_000, rate).pvalue > 1e-4


def test_the_same_visitors_come_to_every_policy():
    low, high = (np.full(500, arm) for arm in (0, 1))
    one, other = (Creatives([0.2, 0.3], replications=500, seed=6) for _ in range(2))
    for _ in range(20):
        assert not (one.visit(low) & ~other.visit(high)).any()


def test_regret_is_what_the_best_would_have_brought():
    world = Creatives([[0.1, 0.3], [0.5, 0.2]], replications=2)
    assert world.best.tolist() == [1, 0]
    assert world.regret(np.array([0, 0])).tolist() == pytest.approx([0.2, 0])


# ---- visitors of several segments ----------------------------------------------------

SEGMENTS = [[0.1, 0.6, 0.1], [0.5, 0.2, 0.1]]


def test_segments_come_at_their_shares_and_click_at_their_rates():
    world = Audience(SEGMENTS, [0.25, 0.75], replications=4_000, seed=3)
    clicks, came = np.zeros((2, 3)), np.zeros((2, 3))
    for turn in range(30):
        (segment,) = world.arrive()
        choice = np.full(4_000, turn % 3)
        hit = world.visit(choice)
        np.add.at(came, (segment, choice), 1)
        np.add.at(clicks, (segment, choice), hit)
    assert came.sum(1) / came.sum() == pytest.approx([0.25, 0.75], abs=0.01)
    assert clicks / came == pytest.approx(np.array(SEGMENTS), abs=0.015)


def test_regret_and_wrong_are_those_of_the_segment():
    world = Audience(SEGMENTS, [0.25, 0.75], replications=50, seed=4)
    (segment,) = world.arrive()
    lost = world.regret(np.ones(50, int))
    assert lost == pytest.approx(np.where(segment == 0, 0, 0.3))
    everybody = np.array([[1, 1]] * 50)  # creative 1 for both: the second loses
    assert world.wrong(everybody).tolist() == [0.75] * 50
    assert world.wrong(np.array([[1, 0]] * 50)).tolist() == [0] * 50
    assert world.wrong(np.ones((50, 1), int)).tolist() == [0.75] * 50


@pytest.mark.parametrize(
    ("rates", "shares", "message"),
    [
        ([0.1, 0.2], [1.0], "rates has shape"),
        ([[0.1], [0.2]], [0.5, 0.5], "rates has shape"),
        ([[0.1, 1.2]], [1.0], "probabilities in"),
        ([[0.1, float("nan")]], [1.0], "probabilities in"),
        (SEGMENTS, [0.5, 0.4], "whose sum is 1"),
        (SEGMENTS, [1.0], "give 2 probabilities"),
        (SEGMENTS, [-0.5, 1.5], "give 2 probabilities"),
    ],
)
def test_an_audience_that_cannot_be_is_refused(rates, shares, message):
    with pytest.raises(ValueError, match=message):
        Audience(rates, shares)
