"""What the benchmarks of demand, stock and routes compute themselves."""

import numpy as np
import pytest

pytest.importorskip("pandas")

from aigc_lib.codecs.demand import DAY, Panel
from aigc_lib.decisions import forecasts
from aigc_lib.simulators.demand import Shop
from benchmarks import demand, routes, stock


def made(items=5, weeks=60, **options):
    sales = Shop(**options).simulate(items, 7 * weeks, seed=2)
    columns = (*(f"i{k}" for k in range(items)), *(f"P{k}" for k in range(items)))
    times = np.datetime64("2024-01-01", "s") + DAY * np.arange(7 * weeks)
    values = np.concatenate([sales.demand, sales.promotion]).T
    return sales, Panel.of(times, values, columns, known="P")


# ---- the classic forecasts -----------------------------------------------------------


def test_a_seasonal_path_is_made_of_whole_weeks_of_the_past():
    _, p = made()
    paths = forecasts.seasonal_naive(p, 350, 14, seasons=3, paths=40, seed=1)
    weeks = p.demand[:, 329:350].reshape(5, 3, 7)
    for item in range(5):
        for week in paths[item].reshape(-1, 7):
            assert (weeks[item] == week).all(1).any()
    other = p.demand.copy()
    other[:, 350:] = 77
    later = Panel(p.times, other, p.items, p.known, p.step)
    again = forecasts.seasonal_naive(later, 350, 14, seasons=3, paths=40, seed=1)
    np.testing.assert_array_equal(paths, again)


def test_a_closed_day_is_filled_by_the_week_before():
    x = np.array([[1.0, 2, np.nan, 4, np.nan]])
    assert forecasts.filled(x, 2).tolist() == [[1, 2, 1, 4, 1]]
    assert np.isnan(x).sum() == 2


def test_smoothing_finds_a_week_and_sees_no_future():
    pytest.importorskip("statsmodels")
    week = np.array([2.0, 2, 2, 3, 5, 9, 4])
    noise = np.random.default_rng(0).normal(0, 0.3, 210)
    values = (np.tile(week, 30) + noise)[:, None]
    times = np.datetime64("2024-01-01", "s") + DAY * np.arange(210)
    p = Panel.of(times, values, ("a",))
    smooth = forecasts.Smoothing(p.part(0, 140))
    paths = smooth.paths(p, 175, 14, paths=300)
    np.testing.assert_allclose(paths[0].mean(0), np.tile(week, 2), atol=0.3)
    assert paths[0].std(0).mean() < 0.6
    changed = p.demand.copy()
    changed[:, 175:] = 50
    later = Panel(p.times, changed, p.items, p.known, p.step)
    np.testing.assert_array_equal(paths, smooth.paths(later, 175, 14, paths=300))


def test_boosting_learns_promotions_and_sees_no_future():
    sales, p = made(items=6, weeks=80, promoted=0.3)
    model = forecasts.Boosting(p.part(0, 490), 7, rows=6_000, trees=30)
    found = model.quantiles(p, 497)
    assert found.shape == (6, 7, 10)
    assert (np.diff(found, axis=2) >= 0).all()
    changed = p.demand.copy()
    changed[:, 497:] = 99
    later = Panel(p.times, changed, p.items, p.known, p.step)
    np.testing.assert_array_equal(found, model.quantiles(later, 497))
    known = 1 - p.known
    other = model.quantiles(Panel(p.times, p.demand, p.items, known, p.step), 497)
    on = sales.promotion[:, 497:504] > 0
    assert found[on].mean() > 1.3 * other[on].mean()


def test_levels_ascend():
    _, p = made()
    with pytest.raises(ValueError, match="give them ascending"):
        forecasts.Boosting(p, 7, levels=[0.8, 0.3])


def test_the_score_is_least_for_the_truth():
    sales, p = made(items=30, weeks=40)
    levels = np.stack([sales.quantile(q) for q in forecasts.LEVELS], 2)
    truth = forecasts.judge(levels, p.demand)
    for wrong in (levels * 1.4, levels * 0.6, np.repeat(levels[:, :, 4:5], 10, 2)):
        assert forecasts.judge(wrong, p.demand).crps.mean() > truth.crps.mean()
    assert truth.inside.mean() > 0.9
    with pytest.raises(ValueError, match="give 10 levels for each"):
        forecasts.judge(levels[..., :3], p.demand)


def test_days_that_were_not_measured_do_not_count():
    levels = np.broadcast_to(forecasts.LEVELS, (1, 3, 10))
    some, all_ = np.array([[0.5, np.nan, 0.5]]), np.array([[0.5, 0.5, 0.5]])
    a, b = forecasts.judge(levels, some), forecasts.judge(levels, all_)
    assert a.crps == pytest.approx(b.crps)
    assert a.inside == b.inside == 1


@pytest.mark.parametrize("weekly", [False, True])
def test_smoothing_gets_the_season_that_the_end_of_the_training_prefers(
    monkeypatch, weekly
):
    pytest.importorskip("statsmodels")
    hours = np.arange(168 * 22)
    generator = np.random.default_rng(0)
    level = 30 * np.exp(generator.normal(0, 0.05, len(hours)).cumsum() / 10)
    shift = 0 if weekly else hours / 500  # a shape of last week is out of date
    shape = 2 + np.sin(hours * np.pi / 12 + shift) + weekly * (hours // 24 % 7 > 4)
    values = level * shape + generator.normal(0, 1, len(hours))
    times = np.datetime64("2024-01-01T00", "s") + hours * np.timedelta64(3600, "s")
    p = Panel.of(times, values.clip(0)[:, None], ("a",))
    cut = 168 * 18
    found = (p.part(0, cut), p, list(range(cut, len(hours) - 24, 24)))
    monkeypatch.setattr(demand, "divided", lambda name, validate: found)
    monkeypatch.setattr(demand, "PATHS", 30)
    monkeypatch.setitem(demand.SETS, "made", {"horizon": 24})
    demand.tuned.cache_clear()
    how = demand.tuned("made")
    demand.tuned.cache_clear()
    assert how["season"] == (168 if weekly else 24)
    tried = [key for key in how["costs"] if key.startswith("ETS")]
    assert len(tried) == 4
    name = f"ETS, season {how['season']}{', log' * how['log']}"
    assert how["costs"][name] == min(how["costs"][key] for key in tried)


def test_the_flow_is_compared_as_deepar_is():
    items, other = np.random.default_rng(0).uniform(0.8, 1.2, (2, 40))
    level = {demand.OURS: 0.5, demand.FLOW: 0.4, demand.ETS: 0.3, demand.TREES: 1}
    scores = {m: items * x for m, x in level.items()}
    scores[demand.BASE] = 0.4 * other * items.mean() / other.mean()
    gains = demand.compared("made", scores)
    assert len(gains) == 8
    assert gains[f"made against {demand.FLOW}"]["gain"] == pytest.approx(0.25)
    flow = {
        other: gains[f"made, flow against {other}"]
        for other in (demand.BASE, demand.ETS, demand.TREES, demand.OURS)
    }
    assert flow[demand.OURS]["gain"] == pytest.approx(-0.2)
    assert [x["better"] for x in flow.values()] == [False, False, True, True]
    assert [x["worse"] for x in flow.values()] == [False, True, False, False]


# ---- stock ---------------------------------------------------------------------------


def test_stock_is_read_off_at_the_same_service():
    runs = [
        {"filled": [8.0, 9], "demand": [10.0, 10], "stock": [1.0, 3]},
        {"filled": [10.0, 10], "demand": [10.0, 10], "stock": [5.0, 7]},
    ]
    both = np.arange(2)
    # 85% at 2 pieces, 100% at 6: 90% a third of the way
    assert stock.at_service(runs, both, 0.9) == pytest.approx(2 + 4 / 3)
    assert stock.at_service(runs[:1], both, 0.9) == 2  # 90% is beyond it
    for run, cost in zip(runs, ([40.0, 20], [36.0, 30]), strict=True):
        run["cost"] = cost
    assert stock.at_service(runs, both, 0.9, "cost") == pytest.approx(31)
    assert stock.least_cost(runs, both) == 30
    assert stock.least_cost(runs, np.array([0, 0, 1])) == pytest.approx(100 / 3)
    with pytest.raises(ValueError, match="widen GRID"):
        stock.at_service(runs[1:], both, 0.9)


def test_who_knows_the_truth_orders_best(monkeypatch):
    monkeypatch.setattr(stock, "PATHS", 60)
    runs = {m: stock.measure("made-up shop", m, 0) for m in (stock.RULE, stock.TRUTH)}
    costs = {m: np.mean(run["newsvendor"]) for m, run in runs.items()}
    assert costs[stock.TRUTH] < 0.8 * costs[stock.RULE]
    kept = {
        m: stock.at_service(run["runs"], np.arange(60), 0.95) for m, run in runs.items()
    }
    assert kept[stock.TRUTH] < kept[stock.RULE]
    one = runs[stock.TRUTH]["runs"][3]
    days = 7 * len(stock.world("made-up shop")[2])
    lost = np.subtract(one["demand"], one["filled"])
    money = 0.05 * days * np.array(one["stock"]) + 2 * np.array(one["orders"])
    np.testing.assert_allclose(one["cost"], money + 4 * lost)
    spent = {m: stock.least_cost(run["runs"], np.arange(60)) for m, run in runs.items()}
    assert spent[stock.TRUTH] < spent[stock.RULE]


# ---- routes --------------------------------------------------------------------------


def test_a_city_is_planned_in_six_ways(monkeypatch):
    pytest.importorskip("pyvrp")
    monkeypatch.setattr(routes, "ITERATIONS", 30)
    monkeypatch.setattr(routes, "POOL", 31)
    monkeypatch.setattr(routes, "HISTORY", 7 * 12)
    monkeypatch.setattr(routes, "JUDGED", 200)
    routes.pool.cache_clear()
    found = routes.city(1)
    routes.pool.cache_clear()
    assert set(found) == set(routes.WAYS)
    for way in found.values():
        assert way["planned"] <= way["mean"] <= way["tail"]
    plain, turned = found[routes.PLAIN], found[routes.TURNED]
    assert plain["planned"] == min(w["planned"] for w in found.values())
    # the same plan, other directions
    for key in ("planned", "share", "trucks"):
        assert turned[key] == pytest.approx(plain[key])
    assert turned["mean"] != plain["mean"]


def test_directions_and_plans_are_told_apart(monkeypatch):
    costs = dict(zip(routes.WAYS, (110.0, 104, 120, 103, 100, 99), strict=True))
    answer = {
        way: dict.fromkeys(("planned", "mean", "tail", "share", "trucks"), cost)
        for way, cost in costs.items()
    }
    monkeypatch.setattr(routes, "kept", lambda *_: answer)
    rows, gains = routes.scenarios()
    assert [row["way"] for row in rows] == list(routes.WAYS)
    assert len(gains) == 2 * 7
    for told, new, old in [
        (f"expected cost against {routes.TURNED}", 100, 104),
        (f"expected cost, {routes.TURNED} against {routes.PLAIN}", 104, 110),
        (f"95% cost, {routes.PAST} against {routes.TURNED}", 103, 104),
    ]:
        assert gains[told]["gain"] == pytest.approx(new / old - 1)


def test_goods_are_carried_in_three_ways():
    pytest.importorskip("ortools")
    found = routes.goods(0)
    assert found["bound"] <= found["best"] + 1e-6
    for by in ("cost", "speed"):
        assert found[by] is None or found[by] >= found["best"]
    assert found["speed"] > found["best"]


def test_the_test_begins_on_a_monday_after_the_training():
    try:
        train, whole, starts = demand.data("hierarchical_sales")
    except OSError:
        pytest.skip("hierarchical_sales is not at hand")
    first = whole.times[starts[0]].astype("M8[D]")
    assert str(first) == "2018-01-08"
    assert first.astype(int) % 7 == 4  # 1970-01-01 was a Thursday
    assert len(train.times) <= starts[0]
