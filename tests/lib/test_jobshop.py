"""Job shops: oracles by enumeration, known optima, invariants, bad input."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aigc_lib as aigc
from aigc_lib.data import DataUnavailable
from aigc_lib.decisions import jobplans as jp
from aigc_lib.decisions import jobshop as js
from aigc_lib.decisions.jobshop import Breakdown, JobShop

TWO = "2 2\n0 3 1 2\n1 4 0 1"  # job 0: machine 0 for 3, machine 1 for 2


def drawn(seed, jobs=4, machines=3):
    generator = np.random.default_rng(seed)
    order = np.stack([generator.permutation(machines) for _ in range(jobs)])
    shop = JobShop(order, generator.integers(1, 9, order.shape))
    return shop.with_due(1.5)


def all_orders(shop):
    jobs, machines = shop.durations.shape
    for order in itertools.product(
        itertools.permutations(range(jobs)), repeat=machines
    ):
        try:
            yield order, js.executed(shop, order)
        except ValueError:
            continue


def test_two_jobs_by_hand():
    shop = JobShop.read(TWO)
    assert shop.machines.tolist() == [[0, 1], [1, 0]]
    starts, ends = js.executed(shop, [[0, 1], [1, 0]])
    assert starts.tolist() == [[0, 4], [0, 4]]
    assert ends.tolist() == [6, 5]
    # the machine 1 breaks down while job 1 is on it: two more for it, and for job 0
    starts, ends = js.executed(shop, [[0, 1], [1, 0]], down=Breakdown(1, 2, 4))
    assert starts.tolist() == [[0, 6], [0, 6]]
    assert ends.tolist() == [8, 7]
    # machine 0 is down when job 0 would begin
    starts, _ = js.executed(shop, [[0, 1], [1, 0]], down=Breakdown(0, 0, 5))
    assert starts[0].tolist() == [5, 8]


def test_rules_by_hand():
    shop = JobShop([[0, 1], [0, 1]], [[2, 9], [3, 1]], [20, 4])
    first = {r: int(js.dispatch(shop, r)[0][:, 0].argmin()) for r in js.RULES}
    assert first == {"mwkr": 0, "spt": 0, "edd": 1, "slack": 1}
    assert js.tardiness([22, 3], [20, 4]) == 1.0


@pytest.mark.parametrize("seed", range(6))
def test_cp_sat_equals_enumeration(seed):
    pytest.importorskip("ortools")
    shop = drawn(seed, 3, 3)
    ends = [e for _, (_, e) in all_orders(shop)]
    plan = jp.solve(shop)
    assert plan.value == plan.bound == min(e.max() for e in ends)
    assert js.check(shop, plan.starts).max() == plan.value
    late = jp.solve(shop, objective="tardiness")
    assert late.value == pytest.approx(
        min(np.maximum(e - np.round(shop.due), 0).mean() for e in ends)
    )


@pytest.mark.parametrize("seed", range(4))
def test_planning_anew_equals_enumeration(seed):
    """Of all orders that agree on what had begun, none is late less."""
    pytest.importorskip("ortools")
    shop = drawn(seed, 3, 2)
    shop = JobShop(shop.machines, shop.durations, np.round(shop.due))
    order = js.order_of(shop, jp.solve(shop, objective="tardiness").starts)
    starts, _ = js.executed(shop, order)
    down = Breakdown(seed % 2, 4, 9)
    begun = starts < down.start
    best = np.inf
    for other, (before, _) in all_orders(shop):
        if not np.allclose(before[begun], starts[begun]):
            continue
        after, ends = js.executed(shop, other, down=down)
        if np.allclose(after[begun], starts[begun]) and (
            after[~begun].min(initial=np.inf) >= down.start
        ):
            best = min(best, js.tardiness(ends, shop.due))
    plan = jp.replan(shop, order, down)
    assert plan.value == pytest.approx(best)
    fresh = js.order_of(shop, plan.starts)
    _, ends = js.executed(shop, fresh, down=down)
    assert js.tardiness(ends, shop.due) <= plan.value + 1e-9
    kept = js.tardiness(js.executed(shop, order, down=down)[1], shop.due)
    assert plan.value <= kept + 1e-9
    assert np.allclose(plan.starts[begun], starts[begun])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(js.RULES))
def test_what_a_rule_makes_is_a_schedule_without_delay(seed, rule):
    shop = drawn(seed, 5, 4)
    starts, ends = js.dispatch(shop, rule)
    assert np.allclose(js.check(shop, starts), ends)
    again, same = js.executed(shop, js.order_of(shop, starts))
    assert (again <= starts + 1e-9).all()
    assert (same <= ends + 1e-9).all()
    # whoever waits, waits for a machine that is busy all the time
    for j in range(5):
        for k in range(4):
            free = 0.0 if not k else starts[j, k - 1] + shop.durations[j, k - 1]
            on = shop.machines == shop.machines[j, k]
            a, b = starts[on], (starts + shop.durations)[on]
            for t in np.arange(free, starts[j, k], 0.5):
                assert ((a <= t) & (t < b)).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(js.RULES))
def test_many_at_once_are_each_by_itself(seed, rule):
    shop = drawn(seed)
    generator = np.random.default_rng(seed)
    many = shop.durations * generator.uniform(0.5, 2, (3, 2, *shop.durations.shape))
    down = Breakdown(1, 5, 11)
    order = js.order_of(shop, js.dispatch(shop, rule)[0])
    for way in (
        lambda d: js.dispatch(shop, rule, d, down=down),
        lambda d: js.executed(shop, order, d, down=down),
    ):
        starts, ends = way(many)
        assert starts.shape == many.shape
        assert ends.shape == (3, 2, 4)
        one = way(many[2, 1])
        assert np.allclose(starts[2, 1], one[0])
        assert np.allclose(ends[2, 1], one[1])
        # nothing begins on the machine while it stands still
        at = starts[..., shop.machines == 1]
        assert not ((at >= 5) & (at < 11)).any()


def test_longer_work_is_never_done_sooner():
    """In a fixed order; a rule may well be faster with more work."""
    shop = drawn(3)
    order = js.order_of(shop, js.dispatch(shop, "spt")[0])
    _, ends = js.executed(shop, order)
    generator = np.random.default_rng(0)
    more = shop.durations + generator.exponential(1, (20, *shop.durations.shape))
    assert (js.executed(shop, order, more)[1] >= ends - 1e-9).all()


def test_lots_grow_with_their_pieces():
    shop = JobShop.read(TWO)
    assert (js.lots(shop, [10, 10], [10, 10]) == shop.durations).all()
    twice = js.lots(shop, [[20, 10]], [10, 10], setup=0.25)
    assert twice.shape == (1, 2, 2)
    assert twice[0, 0].tolist() == [3 * 1.75, 2 * 1.75]
    assert js.lots(shop, [0, 0], [5, 5]).max() == pytest.approx(0.3 * 4)
    with pytest.raises(ValueError, match="quantity from -1"):
        js.lots(shop, [-1, 2], [5, 5])
    with pytest.raises(ValueError, match="expected from 0"):
        js.lots(shop, [1, 2], [0, 5])


def test_scenarios_choose_the_plan_that_is_late_least():
    pytest.importorskip("ortools")
    shop = drawn(1)
    generator = np.random.default_rng(0)
    scenarios = js.lots(shop, generator.gamma(4, 0.25, (50, 4)), np.ones(4))
    plans = jp.candidates(shop, scenarios, effort=0.1)
    assert len(plans) == 7 + len(js.RULES)
    cost = {
        name: js.tardiness(js.executed(shop, order, scenarios)[1], shop.due)
        for name, order in plans.items()
    }
    chosen = jp.choose(shop, plans, scenarios)
    assert cost[chosen].mean() == min(c.mean() for c in cost.values())
    careful = jp.choose(shop, plans, scenarios, tail=0.95)
    tails = {name: np.quantile(c, 0.95) for name, c in cost.items()}
    assert tails[careful] == min(tails.values())
    with pytest.raises(ValueError, match="0 plans"):
        jp.choose(shop, {}, scenarios)


def test_known_optima():
    pytest.importorskip("ortools")
    try:
        data = aigc.data.load("jobshop")
    except DataUnavailable:
        pytest.skip("jobshop is not at hand")
    facts = {f["name"]: (f, t) for f, t in zip(data.facts, data.texts, strict=True)}
    for name in ("ft06", "la01", "la05"):
        told, text = facts[name]
        plan = jp.solve(JobShop.read(text))
        assert plan.value == plan.bound == told["upper"] == told["lower"]
    assert len(aigc.data.load("jobshop", split="test").texts) == 16


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "first line tells"),
        ("2 2\n0 3 1 2", "first line tells"),
        ("2 2\n0 3 1 2\n0 x 1 2", "first line tells"),
        ("2 2\n0 3 1 -2\n1 4 0 1", r"durations\[0, 1\]=-2"),
        ("2 2\n0 3 0 2\n1 4 0 1", r"machines\[0\]=\[0, 0\]: job 0 must visit each"),
        ("2 2\n0 3 2 2\n1 4 0 1", r"machines\[0\]=\[0, 2\]"),
        ("2 2\n0 3 1.9 2\n1 4 0 1", r"machines\[0\]=\[0, 1.9\]"),
        ("1 2\n0 nan 1 2", "NaN"),
    ],
)
def test_instances_that_are_none(text, told):
    with pytest.raises(ValueError, match=told):
        JobShop.read(text)


def test_other_bad_input():
    shop = JobShop.read(TWO)
    with pytest.raises(ValueError, match="needs due times"):
        js.dispatch(shop, "edd")
    with pytest.raises(ValueError, match="rule='fifo'"):
        js.dispatch(shop, "fifo")
    for down, told in (
        ((0, -3, 4), "begins at 0, the start of the work"),
        ((0, 5, 5), "ends after it begins"),
        ((7, 1, 2), "machine 7 is none of 0 to 1"),
    ):
        for way in (
            lambda d: js.executed(shop, [[0, 1], [0, 1]], down=d),
            lambda d: js.dispatch(shop, "spt", down=d),
            lambda d: jp.replan(shop.with_due(2), [[0, 1], [0, 1]], d),
        ):
            with pytest.raises(ValueError, match=told):
                way(down)
    with pytest.raises(ValueError, match="each job once"):
        js.executed(shop, [[0, 0], [0, 1]])
    with pytest.raises(ValueError, match="wait for each other for ever"):
        js.executed(shop, [[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="durations is"):
        js.executed(shop, [[0, 1], [0, 1]], np.ones((3, 3)))
    with pytest.raises(ValueError, match="two jobs at a time"):
        js.check(shop, [[0, 3], [0, 4]])
    with pytest.raises(ValueError, match="before the one before it"):
        js.check(shop, [[0, 1], [0, 4]])
    with pytest.raises(ValueError, match="due is"):
        JobShop(shop.machines, shop.durations, [1, -1])
    with pytest.raises(ValueError, match="objective='cost'"):
        jp.solve(shop, objective="cost")


@pytest.mark.parametrize("tail", [float("nan"), -0.1, 1.5, "0.9"])
def test_a_tail_is_a_share(tail):
    with pytest.raises(ValueError, match=r"^tail="):
        jp.choose(None, {}, [], tail=tail)


def test_times_that_are_not_known_have_no_tardiness():
    with pytest.raises(ValueError, match="ends holds NaN"):
        js.tardiness([1.0, float("nan")], [1, 2])


def test_hours_are_not_rounded_away():
    shop = JobShop([[0, 1], [1, 0]], [[0.3, 0.2], [0.2, 0.4]])
    with pytest.raises(ValueError, match=r"smaller unit, such as minutes"):
        jp.solve(shop)
    minutes = JobShop(shop.machines, 60 * shop.durations)
    assert jp.solve(minutes, effort=np.float64(0.1), seed=np.int64(1)).value == 42


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda shop: JobShop.read(b"2 2"), "text=b'2 2': give a string"),
        (lambda shop: js.check(shop, [0, 1]), r"give \(2, 2\)"),
        (lambda shop: js.order_of(shop, np.zeros((3, 2))), r"give \(2, 2\)"),
        (lambda shop: js.tardiness([1, 2, 3], [1, 2]), "give arrays of one shape"),
        (lambda shop: js.lots(shop, [[1, 2, 3]], [1, 2]), "give arrays of one shape"),
        (lambda shop: js.lots(shop, [[1]], [1]), "give one number a job"),
        (lambda shop: js.dispatch(shop, "spt", down=(0, 1)), "machine, start and end"),
        (lambda shop: js.dispatch(shop, "spt", down=(0, None, 2)), "start=None"),
        (lambda shop: jp.solve(shop, begun=[0, 1]), "begun is"),
    ],
)
def test_what_does_not_fit_a_shop_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(JobShop([[0, 1], [1, 0]], [[3, 2], [2, 4]]))
