"""Orders, routes and timetables: closed forms, oracles by enumeration, bad input."""

import itertools
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import aigc_lib as aigc
from aigc_lib.data import DataUnavailable
from aigc_lib.decisions import routes, stock, timetable
from aigc_lib.decisions.routes import Instance
from aigc_lib.decisions.timetable import Departure, Shipment
from aigc_lib.simulators import freight

# ---- stock ---------------------------------------------------------------------------


def test_the_newsvendor_of_a_normal_costs_what_the_formula_says():
    generator = np.random.default_rng(0)
    samples = generator.normal(100, 10, (1, 200_000))
    order = stock.newsvendor(samples, 3, 1)
    z = norm.ppf(0.75)
    assert order[0] == pytest.approx(100 + 10 * z, abs=0.1)
    cost = stock.newsvendor_cost(order[:, None], samples, 3, 1).mean()
    assert cost == pytest.approx((3 + 1) * 10 * norm.pdf(z), rel=0.01)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=12),
    st.floats(0.1, 9),
    st.floats(0.1, 9),
)
def test_no_order_is_cheaper_on_the_scenarios(demand, shortage, excess):
    samples = np.array([demand], float)
    order = stock.newsvendor(samples, shortage, excess)[0]
    costs = [
        stock.newsvendor_cost(q, samples[0], shortage, excess).mean() for q in range(21)
    ]
    at = stock.newsvendor_cost(order, samples[0], shortage, excess).mean()
    assert at == pytest.approx(min(costs))


def test_the_economic_order_is_the_minimum():
    best = stock.economic_order(8.0, fixed=9, holding=0.5)

    def daily(q):
        return 9 * 8 / q + 0.5 * q / 2

    assert best == pytest.approx(np.sqrt(2 * 9 * 8 / 0.5))
    assert daily(best) < min(daily(best * 0.99), daily(best * 1.01))


def test_a_policy_by_hand():
    """Ordered on day 0, there on day 2; one piece of day 1 is lost."""
    demand = np.array([[3.0, 3, 2, 0, 1]])
    reorder = np.array([[4.0, np.nan, 4, np.nan, np.nan]])
    run = stock.run_policy(demand, reorder, np.full((1, 5), 8.0), lead=2, start=[5])
    # day 0: 5-3=2, order 6. day 1: 2 of 3. day 2: 0+6-2=4, order 4. day 3: 4.
    # day 4: 4+4-1=7
    assert run.filled == [8]
    assert run.demand == [9]
    assert run.orders == [2]
    assert run.stock[0] == pytest.approx((2 + 0 + 4 + 4 + 7) / 5)
    assert run.fill_rate == pytest.approx(8 / 9)
    cost = run.cost(5, holding=1, fixed=10, shortage=100)
    assert cost[0] == pytest.approx(17 + 20 + 100)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 15), st.integers(0, 15)
)
def test_pieces_are_neither_made_nor_lost(seed, lead, s, more):
    """What is served came from stock, and there is no debt."""
    demand = np.random.default_rng(seed).poisson(3, (4, 60)).astype(float)
    reorder = np.full(demand.shape, float(s))
    run = stock.run_policy(demand, reorder, reorder + more, lead=lead)
    assert (run.filled <= run.demand).all()
    assert (run.stock >= 0).all()
    assert (run.stock <= s + more).all()  # never more than S
    if s + more == 0:
        assert run.fill_rate == 0


def test_more_safety_serves_more():
    demand = np.random.default_rng(1).poisson(5, (10, 200)).astype(float)
    rates = []
    for s in (5.0, 15.0, 30.0):
        reorder = np.full(demand.shape, s)
        rates.append(stock.run_policy(demand, reorder, reorder + 20, lead=3).fill_rate)
    assert rates[0] < rates[1] < rates[2] == pytest.approx(1, abs=0.01)


ONE = np.ones((1, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stock.newsvendor([[1, -2]], 3, 1), "samples goes down to -2: demand"),
        (lambda: stock.newsvendor([1, 2], 3, 1), r"give 2 dimensions"),
        (lambda: stock.newsvendor([[1, 2]], 0, 1), "shortage=0"),
        (lambda: stock.newsvendor([[1, np.nan]], 3, 1), "NaN"),
        (lambda: stock.economic_order(-1, 1, 1), "demand is not below 0"),
        (lambda: stock.run_policy(-ONE, ONE, ONE, lead=1), "demand goes down to -1"),
        (lambda: stock.run_policy(ONE, ONE, 0 * ONE, lead=1), "S must be at least s"),
        (lambda: stock.run_policy(ONE, np.nan * ONE, ONE, lead=1), "give one review"),
        (lambda: stock.run_policy(ONE, ONE, ONE, lead=0), "lead=0"),
        (lambda: stock.run_policy(ONE, ONE[:, :2], ONE, lead=1), "give one shape"),
    ],
)
def test_orders_that_make_no_sense_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- routes --------------------------------------------------------------------------


def small(seed=0, n=6, capacity=10.0):
    generator = np.random.default_rng(seed)
    demand = np.r_[0, generator.integers(1, 6, n)]
    return Instance.at(freight.places(n, seed), demand, capacity)


def cheapest(instance):
    """All ways to divide the customers of a small instance, tried."""
    n = len(instance.demand) - 1
    tours = {}
    for size in range(1, n + 1):
        for group in itertools.combinations(range(1, n + 1), size):
            if instance.demand[list(group)].sum() <= instance.capacity:
                tours[group] = min(
                    instance.distance[[0, *p], [*p, 0]].sum()
                    for p in itertools.permutations(group)
                )

    def rest(left):
        if not left:
            return 0.0
        first = min(left)
        return min(
            tours[g] + rest(left - set(g))
            for g in tours
            if first in g and set(g) <= left
        )

    return rest(frozenset(range(1, n + 1)))


@pytest.mark.parametrize("seed", range(3))
def test_a_small_plan_is_the_best_of_all(seed):
    pytest.importorskip("pyvrp")
    instance = small(seed)
    plan = routes.solve(instance, iterations=300)
    assert plan.cost == pytest.approx(cheapest(instance), rel=1e-4)
    assert routes.check(instance, plan.routes) == plan.cost
    assert routes.solve(instance, iterations=300) == plan


def test_a_truck_of_fractions_is_not_overfilled():
    """Demands of many digits that fill the trucks to the brim."""
    pytest.importorskip("pyvrp")
    for seed in range(6):
        demand = np.r_[0, np.random.default_rng(seed).uniform(1, 3, 20)]
        xy = freight.places(20, seed)
        full = Instance.at(xy, demand, demand.sum() / 4)
        routes.check(full, routes.solve(full, iterations=60).routes)


def test_known_optima_are_found():
    pytest.importorskip("pyvrp")
    try:
        known = aigc.data.load("routing")
    except DataUnavailable:
        pytest.skip("routing is not at hand")
    for name in ("A-n32-k5", "berlin52"):
        (text,), (facts,) = (part := known.where(name=name)).texts, part.facts
        assert facts["optimal"]
        assert routes.solve(Instance.read(text), iterations=400).cost == facts["best"]
    windows = aigc.data.load("routing", split="test").where(name="C101")
    plan = routes.solve(Instance.read(windows.texts[0]), iterations=300)
    assert plan.cost == pytest.approx(windows.facts[0]["best"], abs=0.02)
    assert all(n in known.facts[0] for n in ("name", "set", "best", "optimal"))


VRP = """NAME : three
TYPE : CVRP
DIMENSION : 3
EDGE_WEIGHT_TYPE : EUC_2D
CAPACITY : 5
VEHICLES : 2
NODE_COORD_SECTION
1 0 0
2 3 4
3 6 8
DEMAND_SECTION
1 0
2 4
3 3
DEPOT_SECTION
1
-1
EOF"""


def test_an_instance_as_it_is_written():
    pytest.importorskip("pyvrp")
    read = Instance.read(VRP)
    assert read.distance.tolist() == [[0, 5, 10], [5, 0, 5], [10, 5, 0]]
    assert (read.vehicles, read.capacity, read.demand.tolist()) == (2, 5, [0, 4, 3])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("EUC_2D", "CEIL_2D", "EDGE_WEIGHT_TYPE CEIL_2D"),
        ("DEPOT_SECTION\n1", "DEPOT_SECTION\n2", r"depot \[2\]"),
        ("DEPOT_SECTION\n1", "DEPOT_SECTION\n1\n3", r"depot \[1, 3\]"),
        ("1 0\n2 4", "1 2\n2 4", "of the depot 2"),
        ("CAPACITY", "DISTANCE : 9\nCAPACITY", "DISTANCE"),
        ("CAPACITY", "SERVICE_TIME : 9\nCAPACITY", "SERVICE_TIME without windows"),
        ("DEPOT_SECTION", "BACKHAUL_SECTION\n3\nDEPOT_SECTION", "BACKHAUL"),
        ("VEHICLES : 2", "VEHICLES : 1", "vehicles=1 carry 5"),
    ],
)
def test_an_instance_with_rules_that_are_not_ours(old, new, told):
    pytest.importorskip("pyvrp")
    with pytest.raises(ValueError, match=told):
        Instance.read(VRP.replace(old, new))


def test_what_is_as_planned_costs_as_planned():
    instance = small()
    plan = [[1, 2], [3], [4, 5], [6]]
    true = np.stack([instance.demand, 0 * instance.demand])
    cost = routes.executed(instance, plan, true)
    assert cost.tolist() == pytest.approx([routes.check(instance, plan)] * 2)


def test_what_lacks_is_fetched():
    """On a line: depot 0, customers at 10 and 20; the truck carries 5."""
    instance = Instance.at([[0, 0], [10, 0], [20, 0]], [0, 2, 3], 5)
    true = np.array([[0, 2, 3], [0, 3, 3], [0, 6, 4], [0, 2, 14]])
    cost = routes.executed(instance, [[1, 2]], true)
    # as planned 40; 1 lacks at 20: + 40; 1 at 10: + 20, 4 left are enough;
    # 11 lack at 20, three ways: + 120
    assert cost.tolist() == [40, 80, 60, 160]
    # the other way round the second day costs less: what lacks is at 10
    assert routes.executed(instance, [[2, 1]], true[1:2]).tolist() == [60]


def test_scenarios_choose_the_plan_that_is_cheapest_on_them():
    instance = small()
    plans = {
        1.0: routes.Plan(((1, 2, 3), (4, 5, 6)), 0.0),
        0.8: routes.Plan(((1, 2), (3, 4), (5, 6)), 0.0),
    }
    generator = np.random.default_rng(0)
    scenarios = np.c_[np.zeros(200), generator.poisson(instance.demand[1:], (200, 6))]
    share, chosen = routes.choose(instance, plans, scenarios)
    best = routes.executed(instance, chosen, scenarios).mean()
    for plan in plans.values():
        assert best <= routes.executed(instance, plan.routes, scenarios).mean() + 1e-9
    assert {frozenset(r) for r in chosen} == {frozenset(r) for r in plans[share].routes}


XY = [[0, 0], [1, 0], [2, 0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Instance.at(XY, [0, 1, 1], 0),
            "capacity=0: a truck that carries noth",
        ),
        (lambda: Instance.at(XY, [0, 1, 1], -4), "capacity=-4"),
        (lambda: Instance.at(XY, [0, 1, -1], 5), "demand of customer 2 is -1"),
        (lambda: Instance.at(XY, [1, 1, 1], 5), "of the depot 1"),
        (lambda: Instance.at(XY, [0, 1, 9], 5), "customer 2 is 9, a truck carries 5"),
        (lambda: Instance.at(XY, [0, 4, 4], 5, vehicles=1), "vehicles=1 carry 5"),
        (lambda: Instance.at(XY, [0, 1], 5), r"distance \(3, 3\), demand \(2,\)"),
        (lambda: Instance.at(XY, [0, 1, np.nan], 5), "NaN"),
        (
            lambda: Instance.at(XY, [0, 1, 1], 5, windows=[[0, 9], [5, 2], [0, 9]]),
            "ending before it",
        ),
        (lambda: Instance.read("a poem"), "no instance of VRPLIB or Solomon"),
        (lambda: routes.check(small(), [[1, 2]]), "each customer once"),
        (lambda: routes.check(small(capacity=6), [[1, 2, 3, 4, 5, 6]]), "carries"),
        (lambda: routes.executed(small(), [[1]], -np.ones((2, 7))), "none below 0"),
        (lambda: routes.choose(small(), {}, np.ones((2, 7))), "plans is empty"),
        (lambda: routes.solve(small(), fill=0.2), "fill=0.2: a customer does not fit"),
    ],
)
def test_routes_that_cannot_be_are_refused(call, message):
    pytest.importorskip("pyvrp")
    with pytest.raises(ValueError, match=message):
        call()


def test_a_window_that_is_missed_is_seen():
    windows = [[0, 100], [0, 5], [0, 100]]
    instance = Instance.at(XY, [0, 1, 1], 5, windows=windows, service=[0, 4, 4])
    assert routes.check(instance, [[1, 2]]) == 4
    with pytest.raises(
        ValueError, match="route 0 reaches 1 at 7, its window ends at 5"
    ):
        routes.check(instance, [[2, 1]])
    with pytest.raises(ValueError, match="has windows"):
        routes.executed(instance, [[1, 2]], np.ones((1, 3)))


# ---- timetables ----------------------------------------------------------------------

SLOW = Departure("sea", 5, 9, 10, 10, 1)
FAST = Departure("air", 3, 4, 4, 6, 5)


def test_a_timetable_by_hand():
    pytest.importorskip("ortools")
    goods = [Shipment("a", 3, 0, 20), Shipment("b", 3, 0, 5), Shipment("c", 6, 1, 9)]
    found = timetable.timetable(goods, [SLOW, FAST], docks=1)
    assert found.departure == (0, 1, 0)  # b must fly, the others fill the ship
    assert found.cost == 10 + 9 + 6 + 15
    assert found.bound == found.cost
    assert len(set(found.loading)) == 3


def brute(goods, departures, docks):
    best = None
    for chosen in itertools.product(range(len(departures)), repeat=len(goods)):
        for begun in itertools.product(range(6), repeat=len(goods)):
            table = timetable.Timetable(chosen, begun, 0, 0)
            try:
                cost = timetable.check(table, goods, departures, docks=docks)
            except ValueError:
                continue
            best = cost if best is None else min(best, cost)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_cheapest_of_all(seed):
    pytest.importorskip("ortools")
    generator = np.random.default_rng(seed)
    goods = [
        Shipment(
            f"s{i}",
            int(generator.integers(1, 5)),
            int(generator.integers(0, 3)),
            int(generator.choice([4, 9, 12])),
        )
        for i in range(3)
    ]
    departures = [SLOW, FAST, Departure("rail", 4, 8, 5, 4, 3)]
    expected = brute(goods, departures, 1)
    if expected is None:
        with pytest.raises(ValueError, match=r"no timetable|no departure"):
            timetable.timetable(goods, departures, docks=1)
    else:
        found = timetable.timetable(goods, departures, docks=1)
        assert found.cost == expected == found.bound


def test_the_rule_of_thumb_is_feasible_and_not_cheaper():
    pytest.importorskip("ortools")
    goods = [Shipment(*s) for s in freight.shipments(8, 1)]
    departures = [Departure(*d) for d in freight.departures(25)]
    best = timetable.timetable(goods, departures, docks=2, effort=1)
    for by in ("cost", "speed"):
        rule = timetable.greedy(goods, departures, docks=2, by=by)
        assert timetable.check(rule, goods, departures, docks=2) == rule.cost
        assert rule.cost >= best.cost >= best.bound - 1e-6


@pytest.mark.parametrize(
    ("goods", "departures", "message"),
    [
        ([("a", 1, 0, 9)], [("sea", 5, 9, 0, 1, 1)], "give a capacity above 0"),
        ([("a", 1, 0, 9)], [("sea", 5, 3, 4, 1, 1)], "an arrival not before"),
        ([("a", 1, 0, 3)], [SLOW], r"shipment a \(size 1, ready 0, due 3\): no depart"),
        ([("a", 11, 0, 20)], [SLOW], "shipment a .size 11"),
        ([("a", 0, 0, 20)], [SLOW], "give a size above 0"),
        ([("a", float("nan"), 0, 20)], [SLOW], "size=nan"),
        ([("a", 1, 0, 20)], [SLOW._replace(capacity=float("nan"))], "capacity=nan"),
        ([("a", 1.5, 0, 20)], [SLOW], "size=1.5: give a whole number"),
        ([("a", 1, 9, 3)], [SLOW], "due time not before ready"),
        ([], [SLOW], "are empty"),
        ([("a", 6, 0, 20), ("b", 6, 0, 20)], [SLOW], "no timetable for these 2"),
        ([("a", 1, 4, 20), ("b", 1, 4, 20)], [SLOW], "docks=1"),
    ],
)
def test_timetables_that_cannot_be_are_refused(goods, departures, message):
    pytest.importorskip("ortools")
    with pytest.raises(ValueError, match=message):
        timetable.timetable(goods, departures, docks=1)


@pytest.mark.parametrize(
    ("chosen", "begun", "message"),
    [
        ((0, 0), (0, 0), "2 loadings at docks=1"),
        ((0, 0), (5, 0), "not ready, late"),
        ((1, 0), (0, 1), "arrives late"),
        ((1, 1), (0, 1), "departure 1 carries 6 of 4"),
    ],
)
def test_a_false_timetable_is_seen(chosen, begun, message):
    goods = [Shipment("a", 3, 0, 20), Shipment("b", 3, 0, 20)]
    departures = [SLOW, FAST if "arrives" not in message else FAST._replace(arrives=30)]
    table = timetable.Timetable(chosen, begun, 0, 0)
    with pytest.raises(ValueError, match=message):
        timetable.check(table, goods, departures, docks=1)


def test_fractions_are_counted_finely_enough():
    """Thousandths of what is all below 1, of the windows too, and no more than full."""
    xy = [[0, 0], [3, 0], [0, 1], [4, 0]]
    small = Instance.at(np.array(xy) / 10_000, [0, 1, 1, 1], 3)
    large = Instance.at(xy, [0, 1, 1, 1], 3)
    assert (
        routes.solve(small, iterations=50).routes
        == routes.solve(large, iterations=50).routes
    )
    full = Instance.at(xy, [0, 0.069, 0.069, 0.069], 0.069)
    assert len(routes.solve(full, iterations=50).routes) == 3
    apart = np.ones((3, 3)) - np.eye(3)
    times = {"windows": [[0, 10], [1.2, 1.8], [1 / 3, 10]], "service": [0, 0.5, 0.5]}
    assert routes.solve(Instance(apart, [0, 1, 1], 5, **times), iterations=50).cost == 3


def test_numbers_of_other_libraries_are_trucks_and_docks():
    one = Instance.at([[0, 0], [1, 0]], [0, 1], torch.tensor(2), vehicles=np.float64(1))
    assert one.vehicles == 1
    assert type(one.vehicles) is int
    assert routes.solve(one, iterations=np.int64(9), seed=np.int64(3)).cost == 2
    goods = [("a", np.int64(2), 0.0, torch.tensor(10))]
    leave = [("sea", np.float64(5), 8, 10, 3, 1)]
    for way in (timetable.timetable, timetable.greedy):
        assert way(goods, leave, docks=np.int64(1), loading=1.0).cost == 5
    orders = stock.newsvendor([[1, 2, 3, 4]], Decimal(3), Fraction(1))
    assert orders.tolist() == [3]


def test_the_rule_of_thumb_does_not_count_every_second():
    goods = [(f"s{k}", 1, 0, 10**9) for k in range(60)]
    found = timetable.greedy(
        goods, [("sea", 10**8, 10**8, 99, 1, 1)], docks=1, loading=3_600
    )
    assert found.loading == tuple(3_600 * k for k in range(60))


def test_nothing_asked_for_is_served():
    quiet = stock.run_policy([[0, 0]], [[1, 1]], [[2, 2]], lead=1)
    assert quiet.fill_rate == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Instance.read(None), "text=None: give a string"),
        (lambda: Instance(np.ones((2, 2)), [0, 1], 1, np.ones((3, 2))), "places has"),
        (
            lambda: Instance.at([[0, 0], [1, 0]], [0, 1], 1, windows=[[-1, 2]] * 2),
            "none below 0",
        ),
        (
            lambda: timetable.timetable([("a", 1, 2)], [], docks=1),
            "give name, size, ready, due",
        ),
        (
            lambda: stock.newsvendor_cost([1, 2], [1, 2, 3], 1, 1),
            "give arrays of one shape",
        ),
        (
            lambda: stock.run_policy(
                [[1, 1]], [[1, 1]], [[2, 2]], lead=1, start=[1, 2]
            ),
            "start has shape",
        ),
    ],
)
def test_shapes_and_rows_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
