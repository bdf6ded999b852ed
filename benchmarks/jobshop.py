"""Job shops: CP-SAT against known optima, plans with scenarios, and breakdowns.

*Known optima.* Problems of the literature, at most 10 jobs a machine or 20 x 5; the gap
is makespan / optimum - 1, for CP-SAT in ``EFFORT`` deterministic seconds and two rules.

*Scenarios.* 40 weeks of a factory: ten lots of ten products on the machines of la01 to
la05. How large a lot is will be known only when it is made; 30% of the time is setup,
the rest grows with the pieces. The products are drawn from the pool of
``benchmarks.routes``: two years of days, a DeepAR trained on them forecasts the week.
Jobs are due at twice their expected work. A rule decides at the machine, by what is
planned; CP-SAT plans the order beforehand. *With* scenarios: the plan (or the rule)
that is late least over 200 of them, from whole past weeks, from DeepAR, or from the
truth. Judged on 1,000 true weeks. The rule alone was chosen on 8 other weeks.

*Breakdowns.* The same 40 shops with lots that are known; the busiest machine stands
still. The plan is kept, or made anew for what has not begun; or a rule decides.
"""

from __future__ import annotations

import os
import time
from functools import cache, partial

import numpy as np

import aigc_lib as aigc
from aigc_lib.decisions import jobplans, jobshop
from aigc_lib.metrics.intervals import bootstrap_interval, paired_gain
from benchmarks.record import kept, record
from benchmarks.routes import HISTORY, SHOP, pool

EFFORT = float(os.environ.get("EFFORT", 0.5))
WEEKS = int(os.environ.get("WEEKS", 40))
TRIALS, SCENARIOS, JUDGED, TIGHTNESS = 8, 200, 1_000, 2.0
RULE, RULES, PLAIN, PAST, OURS, TRUTH = (
    "rule alone",
    "rule chosen by scenarios (DeepAR)",
    "CP-SAT, no scenarios",
    "CP-SAT, scenarios: past weeks",
    "CP-SAT, scenarios: DeepAR (ours)",
    "CP-SAT, scenarios: the truth",
)
KEPT, ANEW, AGAIN = "the order is kept", "CP-SAT plans anew", "the rule decides"


@cache
def shops() -> dict[str, jobshop.JobShop]:
    data = aigc.data.load("jobshop")
    return {
        facts["name"]: jobshop.JobShop.read(text)
        for text, facts in zip(data.texts, data.facts, strict=True)
    }


def solved(name: str, best: float, effort: float) -> dict:
    """The gaps of one known problem."""
    shop, began = shops()[name], time.perf_counter()
    plan = jobplans.solve(shop, effort=effort)
    seconds = time.perf_counter() - began
    made = jobshop.check(shop, plan.starts).max()
    answer = {"CP-SAT": made / best - 1, "bound": plan.bound, "seconds": seconds}
    for rule in ("mwkr", "spt"):
        answer[rule] = jobshop.dispatch(shop, rule)[1].max() / best - 1
    return {key: float(value) for key, value in answer.items()}


def is_small(facts: dict) -> bool:
    """Whether a known problem has at most a hundred operations."""
    return facts["jobs"] * facts["machines"] <= 100


def optima() -> list[dict]:
    """Measure the gaps of the small known problems, a row a way."""
    facts = [f for f in aigc.data.load("jobshop").facts if is_small(f)]
    runs = [
        kept("jobshop", f["name"], partial(solved, f["name"], f["upper"], EFFORT))
        for f in facts
    ]
    return gaps_of("optima", facts, runs)


def gaps_of(what: str, facts: list[dict], runs: list[dict]) -> list[dict]:
    """Return a row a way: the gaps of problems, ``solved``, over all of them."""
    rows = []
    for way in ("CP-SAT", "mwkr", "spt"):
        gaps = np.array([run[way] for run in runs])
        low, high = bootstrap_interval(gaps[:, None], lambda x: x.mean().item())
        row = {"what": what, "way": way, "shops": len(gaps), "gap": gaps.mean(),
               "from": low, "to": high, "worst": gaps.max(),
               "solved": (gaps < 1e-6).mean()}  # fmt: skip
        if way == "CP-SAT":
            row["proven"] = np.mean(
                [r["bound"] >= f["upper"] for r, f in zip(runs, facts, strict=True)]
            )
            row["seconds"] = np.mean([run["seconds"] for run in runs])
        rows.append({k: v if isinstance(v, str | int) else float(v)
                     for k, v in row.items()})  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def week(number: int) -> dict:
    """Return the shop of a week and durations from each source, (S, J, K)."""
    whole, sales, model = pool()
    generator = np.random.default_rng(500 + number)
    shop = shops()[f"la0{1 + number % 5}"]
    jobs, start = len(shop.durations), HISTORY + 7 * number
    who = generator.choice(len(whole), jobs, replace=False)
    ours = model.forecast(whole, start, paths=SCENARIOS, seed=number)[who].sum(2)
    past = whole.demand[who, start - 7 * 52 : start].reshape(jobs, 52, 7).sum(2)
    mean = np.repeat(
        sales.mean[None, who, start : start + 7], JUDGED + SCENARIOS, axis=0
    )
    true = SHOP.draw(mean, sales.spread[who], generator).sum(2)  # (S, J)
    expected = ours.mean(1).clip(1)
    sources = {PAST: past.T, OURS: ours.T, TRUTH: true[JUDGED:], "real": true[:JUDGED]}
    return {
        "shop": shop.with_due(TIGHTNESS),
        **{k: jobshop.lots(shop, q, expected) for k, q in sources.items()},
    }


def late(shop: jobshop.JobShop, ends: np.ndarray) -> dict:
    found = jobshop.tardiness(ends, shop.due)
    return {"late": float(found.mean()), "tail": float(np.quantile(found, 0.95)),
            "jobs": float((ends > shop.due).mean())}  # fmt: skip


@cache
def best_rule() -> str:
    """The rule that is late least in the weeks that are only for choosing."""
    found = {rule: [] for rule in jobshop.RULES}
    for number in range(WEEKS, WEEKS + TRIALS):
        it = week(number)
        for rule, values in found.items():
            ends = jobshop.dispatch(it["shop"], rule, it["real"][:200])[1]
            values.append(late(it["shop"], ends)["late"])
    print({rule: np.mean(values) for rule, values in found.items()}, flush=True)
    return min(found, key=lambda rule: np.mean(found[rule]))


def planned(number: int) -> dict:
    """Plan one week in each way, and judge it on true weeks."""
    it = week(number)
    shop, real = it["shop"], it["real"]
    answer = {"rule": best_rule()}

    def ruled(rule, durations):
        return jobshop.dispatch(shop, rule, durations)[1]

    answer[RULE] = late(shop, ruled(best_rule(), real))
    by_scenarios = min(
        jobshop.RULES,
        key=lambda rule: jobshop.tardiness(ruled(rule, it[OURS]), shop.due).mean(),
    )
    answer[RULES] = late(shop, ruled(by_scenarios, real))
    began = time.perf_counter()
    plans = jobplans.candidates(shop, it[OURS], effort=EFFORT / 5)
    answer["seconds"] = time.perf_counter() - began
    chosen = {PLAIN: "mean"}
    for source in (PAST, OURS, TRUTH):
        chosen[source] = jobplans.choose(shop, plans, it[source])
    for way, name in chosen.items():
        answer[way] = late(shop, jobshop.executed(shop, plans[name], real)[1])
        answer[way]["plan"] = name
    promised = jobshop.executed(shop, plans["mean"], it[OURS].mean(0))[1]
    answer["promised"] = float(jobshop.tardiness(promised, shop.due))
    return answer


def broken(number: int) -> dict:
    """Let the busiest machine of a shop with known lots break down."""
    it = week(number)
    generator = np.random.default_rng(900 + number)
    base = it["shop"]
    known = np.round(it["real"][0])
    shop = jobshop.JobShop(base.machines, known, base.due)
    plan = jobplans.solve(shop, objective="tardiness", effort=EFFORT / 5)
    order = jobshop.order_of(shop, plan.starts)
    ends = jobshop.executed(shop, order)[1]
    load = np.array([known[shop.machines == m].sum() for m in range(known.shape[1])])
    start = ends.max() * generator.uniform(0.1, 0.4)
    lasts = ends.max() * generator.uniform(0.15, 0.35)
    down = jobshop.Breakdown(
        int(load.argmax()), float(np.round(start)), float(np.round(start + lasts))
    )
    began = time.perf_counter()
    anew = jobplans.replan(shop, order, down, effort=EFFORT / 5)
    answer = {"seconds": time.perf_counter() - began, "before": late(shop, ends)}
    fresh = jobshop.order_of(shop, anew.starts)
    answer[KEPT] = late(shop, jobshop.executed(shop, order, down=down)[1])
    answer[ANEW] = late(shop, jobshop.executed(shop, fresh, down=down)[1])
    answer[AGAIN] = late(shop, jobshop.dispatch(shop, best_rule(), down=down)[1])
    return answer


def told(answers, new, old, key) -> dict:
    gain = paired_gain(
        [a[new][key] for a in answers], [a[old][key] for a in answers], relative=True
    )
    print(new, "against", old, key, gain, flush=True)
    return {"gain": gain.mean, "from": gain.low, "to": gain.high}


def main() -> None:
    rows, gains = optima(), {}
    answers = [kept("jobshop", f"week {k}", partial(planned, k)) for k in range(WEEKS)]
    for way in (RULE, RULES, PLAIN, PAST, OURS, TRUTH):
        row = {"what": "weeks", "way": way, "weeks": len(answers)}
        for key in ("late", "tail", "jobs"):
            row[key] = float(np.mean([a[way][key] for a in answers]))
        rows.append(row)
        print(row, flush=True)
    for old in (RULE, RULES, PLAIN, PAST, TRUTH):
        for key in ("late", "tail"):
            gains[f"{key}, {OURS} against {old}"] = told(answers, OURS, old, key)
    for key in ("late", "tail"):
        gains[f"{key}, {RULES} against {RULE}"] = told(answers, RULES, RULE, key)
        gains[f"{key}, {PLAIN} against {RULE}"] = told(answers, PLAIN, RULE, key)
    stops = [kept("jobshop", f"down {k}", partial(broken, k)) for k in range(WEEKS)]
    for way in ("before", KEPT, ANEW, AGAIN):
        each = [s[way]["late"] for s in stops]
        rows.append({"what": "breakdowns", "way": way, "weeks": len(stops),
                     "late": float(np.mean(each)),
                     "tail": float(np.quantile(each, 0.95))})  # fmt: skip
        print(rows[-1], flush=True)
    for old in (KEPT, AGAIN):
        gains[f"late, {ANEW} against {old}"] = told(stops, ANEW, old, "late")
    record(
        "jobshop",
        rows,
        gains=gains,
        rule=answers[0]["rule"],
        promised=float(np.mean([a["promised"] for a in answers])),
        plan_seconds=float(np.mean([a["seconds"] for a in answers])),
        replan_seconds=float(np.mean([s["seconds"] for s in stops])),
        chosen={
            name: int(sum(a[OURS]["plan"] == name for a in answers))
            for name in sorted({a[OURS]["plan"] for a in answers})
        },
        metric="gap: makespan / optimum - 1; late: mean tardiness of the jobs of a "
        "week, tail: its 95% quantile over 1,000 true weeks; gains: ours / other - 1, "
        "paired by week, 95% bootstrap",
        effort=EFFORT,
    )


if __name__ == "__main__":
    main()
