"""Routes: PyVRP against known optima, plans with scenarios, and timetables.

*Known optima.* PyVRP on problems of the literature whose best cost is known; the gap is
cost / best - 1. CVRP of the sets A, B, E, F, M and the smaller half of X, TSP up to 152
cities, Solomon's by distance; ``ITERATIONS`` each, far fewer than its authors take.

*Scenarios.* 60 made cities, half of them in clusters, with 30 of 120 customers whose
demand is known as a distribution (``simulators.demand``, days that differ together). A
DeepAR trained on their two years forecasts a day. All plans come from the mean of its
forecast; they differ in how full the trucks may be. *Without* scenarios: full trucks;
a rule of thumb: 90%. *With*: the plan that costs least over scenarios, from whole past
days of the same weekday, from DeepAR, or from the truth, each route in its cheaper
direction. Of full trucks there is one plan more, whose directions alone are chosen, by
past days: it tells the two effects apart. Judged on 2,000 true days.

*Timetables.* 50 made sets of 15 shipments; CP-SAT against two rules of thumb.
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import cache, partial

import numpy as np

import aigc_lib as aigc
from aigc_lib.codecs.demand import DAY, DemandCodec, Panel, Windows
from aigc_lib.decisions import routes, timetable
from aigc_lib.metrics.intervals import bootstrap_interval, paired_gain
from aigc_lib.models import DeepAR
from aigc_lib.simulators import freight
from aigc_lib.simulators.demand import Shop
from benchmarks.record import kept, record

ITERATIONS = int(os.environ.get("STEPS", 1_200))
CITIES, CUSTOMERS, POOL, HISTORY = 60, 30, 120, 7 * 104
SCENARIOS, JUDGED, TRUCKS = 300, 2_000, 4.3
TIMETABLES, DOCKS, EFFORT = 50, 2, 1.5
PLAIN, TURNED, THUMB, PAST, OURS, TRUTH = WAYS = (
    "full trucks, no scenarios",
    "full trucks, directions by past days",
    "trucks filled to 90%, no scenarios",
    "scenarios: past days of the weekday",
    "scenarios: DeepAR (ours)",
    "scenarios: the truth",
)
# Ours against all others; and past days, first for directions, then for plans as well.
PAIRS = (
    *((OURS, other) for other in WAYS if other != OURS),
    (TURNED, PLAIN),
    (PAST, TURNED),
)
SHOP = Shop(mean=8, shared=0.2)


def known() -> list[tuple[str, str, float, str]]:
    """Return set, name, best cost and text of the problems that are solved."""
    found = []
    for split in ("train", "test"):
        part = aigc.data.load("routing", split=split)
        for text, facts in zip(part.texts, part.facts, strict=True):
            kind = facts["set"]
            size = text.count("\n")
            if kind == "X" and int(facts["name"].split("-")[1][1:]) > 200:
                continue
            if kind == "TSP" and size > 160:
                continue
            found.append((kind, facts["name"], facts["best"], text))
    return found


def solved(text: str, best: float, iterations: int = ITERATIONS) -> dict:
    """Return the gap of one problem, and the seconds of one core that it took."""
    began = time.process_time()
    plan = routes.solve(routes.Instance.read(text), iterations=iterations)
    return {"gap": plan.cost / best - 1, "seconds": time.process_time() - began}


def mean_gap(gaps: np.ndarray) -> dict[str, float]:
    """The mean with its 95% interval, the worst, and the share of optima."""
    low, high = bootstrap_interval(gaps[:, None], lambda x: x.mean().item())
    return {
        "gap": float(gaps.mean()),
        "from": low,
        "to": high,
        "worst": float(gaps.max()),
        "solved": float((gaps < 1e-4).mean()),
    }


def optima() -> list[dict]:
    """Measure the gaps of the known problems, a row a set."""
    groups: dict[str, list[dict]] = {}
    for kind, name, best, text in known():
        groups.setdefault(kind, []).append(
            kept("routes", f"{kind} {name}", partial(solved, text, best))
        )
    rows = []
    together = {"CVRP": list("ABEFMX"), "TSP": ["TSP"], "VRPTW": ["solomon"]}
    for kind, parts in together.items():
        runs = [run for part in parts for run in groups.get(part, [])]
        gaps = np.array([run["gap"] for run in runs])
        rows.append(
            {
                "problem": kind,
                "instances": len(runs),
                **mean_gap(gaps),
                "seconds": float(np.mean([run["seconds"] for run in runs])),
            }
        )
        print(rows[-1], flush=True)
    return rows


@cache
def pool() -> tuple[Panel, object, DeepAR]:
    """The customers' days, the truth about them, and our forecaster, trained."""
    sales = SHOP.simulate(POOL, HISTORY + 7 * CITIES, seed=5)
    names = [f"c{k}" for k in range(POOL)]
    columns = (*names, *(f"PROMO{k}" for k in range(POOL)))
    values = np.concatenate([sales.demand, sales.promotion]).T
    times = np.datetime64("2024-01-01", "s") + DAY * np.arange(len(values))
    whole = Panel.of(times, values, columns, known="PROMO")
    train = whole.part(0, HISTORY)
    aigc.start(seed=0)
    codec = DemandCodec.train(train, 28)
    model = DeepAR(columns=POOL, horizon=7, past=28, codec=codec)
    aigc.fit(model, Windows(train, 35), steps=min(500, ITERATIONS))
    return whole, sales, model


def city(number: int) -> dict:
    """Plan one day of one city in each way, and judge the plans on true days."""
    whole, sales, model = pool()
    generator = np.random.default_rng(number)
    start = HISTORY + 7 * number  # a Monday; the day is any of its week
    day = start + int(generator.integers(7))
    who = generator.choice(POOL, CUSTOMERS, replace=False)
    ours = model.forecast(whole, start, paths=SCENARIOS, seed=number)[
        who, :, day - start
    ]
    weekday = np.arange(day - 7, 0, -7)
    weekday = weekday[weekday < start][:26]
    past = whole.demand[
        np.ix_(who, weekday[generator.integers(len(weekday), size=300)])
    ]
    mean = np.repeat(sales.mean[None, who, day : day + 1], JUDGED + SCENARIOS, 0)
    true = SHOP.draw(mean, sales.spread[who], generator)[..., 0]
    sources = {PAST: past.T, OURS: ours.T, TRUTH: true[JUDGED:]}
    judged = _with_depot(true[:JUDGED])
    expected = ours.mean(1)
    instance = routes.Instance.at(
        freight.places(CUSTOMERS, number, clusters=4 * (number % 2)),
        np.append(0, expected),
        expected.sum() / TRUCKS,
    )
    plans = routes.candidates(instance, iterations=max(20, ITERATIONS // 3))
    chosen = {PLAIN: (1.0, plans[1.0].routes), THUMB: (0.9, plans[0.9].routes)}
    full = {1.0: plans[1.0]}
    chosen[TURNED] = routes.choose(instance, full, _with_depot(past.T))
    for name, scenarios in sources.items():
        chosen[name] = routes.choose(instance, plans, _with_depot(scenarios))
    answer = {}
    for name, (share, way) in chosen.items():
        costs = routes.executed(instance, way, judged)
        answer[name] = {
            "planned": routes.check(instance, way),
            "mean": float(costs.mean()),
            "tail": float(np.quantile(costs, 0.95)),
            "share": share,
            "trucks": len(way),
        }
    return answer


def _with_depot(x: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((len(x), 1)), x], 1)


def scenarios() -> tuple[list[dict], dict]:
    """Measure the ways of planning over the cities: rows, and paired gains."""
    answers = [kept("routes", f"city {k}", partial(city, k)) for k in range(CITIES)]
    rows, gains = [], {}
    for name in WAYS:
        row = {"way": name, "cities": len(answers)}  # `check` let every plan pass
        for key in ("planned", "mean", "tail", "share", "trucks"):
            row[key] = float(np.mean([a[name][key] for a in answers]))
        rows.append(row)
    for pair in PAIRS:
        for key, what in {"mean": "expected cost", "tail": "95% cost"}.items():
            gain = paired_gain(
                *([a[name][key] for a in answers] for name in pair), relative=True
            )
            whose = what if pair[0] == OURS else f"{what}, {pair[0]}"
            told = {"gain": gain.mean, "from": gain.low, "to": gain.high}
            gains[f"{whose} against {pair[1]}"] = told
            print(whose, "against", pair[1], gain, flush=True)
    return rows, gains


def goods(seed: int) -> dict:
    """Make one timetable in three ways."""
    shipments, departures = freight.shipments(15, seed), freight.departures(45)
    answer = dict.fromkeys(("best", "bound", "cost", "speed"))
    began = time.perf_counter()
    with contextlib.suppress(ValueError):  # no timetable; what is one was checked
        best = timetable.timetable(shipments, departures, docks=DOCKS, effort=EFFORT)
        answer |= {"best": best.cost, "bound": best.bound}
    answer["seconds"] = time.perf_counter() - began
    for by in ("cost", "speed"):
        with contextlib.suppress(ValueError):
            rule = timetable.greedy(shipments, departures, docks=DOCKS, by=by)
            answer[by] = rule.cost
    return answer


def timetables() -> tuple[list[dict], dict]:
    """Measure the timetables over the sets of shipments."""
    answers = [
        kept("routes", f"goods {k}", partial(goods, k)) for k in range(TIMETABLES)
    ]
    rows, gains = [], {}
    solved = [a for a in answers if a["best"] is not None]
    cost = [a["best"] for a in solved]
    gaps = [1 - a["bound"] / a["best"] for a in solved]
    row = {"rule": "CP-SAT", "sets": TIMETABLES, "feasible": len(solved) / TIMETABLES}
    row |= {"cost": float(np.mean(cost)), "gap": float(np.mean(gaps))}
    row["optimal"] = float(np.mean([gap < 1e-6 for gap in gaps]))
    row["seconds"] = float(np.mean([a["seconds"] for a in answers]))
    rows.append(row)
    for by, rule in {"cost": "cheapest first", "speed": "fastest first"}.items():
        done = [a for a in solved if a[by] is not None]
        theirs = [a[by] for a in done]
        gain = paired_gain([a["best"] for a in done], theirs, relative=True)
        gains[f"timetable against {rule}"] = {
            "gain": gain.mean, "from": gain.low, "to": gain.high, "sets": len(done),
        }  # fmt: skip
        rows.append({"rule": rule, "sets": TIMETABLES, "cost": float(np.mean(theirs)),
                     "feasible": len(done) / TIMETABLES})  # fmt: skip
        print(rule, gain, flush=True)
    return rows, gains


def main() -> None:
    dates, gains = timetables()
    ways, more = scenarios()
    record(
        "routes",
        optima() + ways + dates,
        gains=gains | more,
        metric="gap: cost / best known - 1; costs of 2,000 true days a city; gains: "
        "ours / other - 1, paired by city or set, 95% bootstrap",
        reference="PyVRP's documentation: 0.22% on all of X, 0.40% on Gehring and "
        "Homberger's 1,000 customers, ten seeds, 2.4 s a customer, two hours (0.5.0)",
        iterations=ITERATIONS,
    )


if __name__ == "__main__":
    main()
