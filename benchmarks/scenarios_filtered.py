"""Value at risk 99% of oil, a day ahead for ten years: what if the flow is filtered?

As ``scenarios``, with the opponents in the same run; but the flow learns steps in units
of their volatility, RiskMetrics' weighted mean of the squares of all days before, and
what it says of a day is multiplied by that day's. The weight of 0.94 is RiskMetrics',
too. The fair opponent does the same without a network: filtered historical simulation,
the tail of past days in these units, as many as there are before the test; on the last
1,200 days of the training that was better than 500 or 1,000. ``STEPS=20`` is a quick
try.
"""

from __future__ import annotations

import time

import numpy as np

from aigc_lib.decisions import tail_risk
from aigc_lib.decisions.tail_risk import TailRisk
from benchmarks import scenarios
from benchmarks.record import in_turns, record, summary
from benchmarks.scenarios import BASE, LEVEL, SEEDS, STEPS

DATA = ("brent", "wti")
EMPIRICAL = "EWMA, empirical tail"
OURS, TOGETHER = "filtered flow", "the mean of the filtered flows"
OPPONENTS = (
    "historical simulation, 500 days",
    "normal, EWMA (RiskMetrics)",
    BASE,
    "GARCH, empirical tail (arch)",
)


def history(returns: np.ndarray, start: int) -> TailRisk:
    """Filtered historical simulation: the tail of past returns in units of their EWMA.

    As many days back as there are before ``start``.
    """
    scale = tail_risk.ewma_volatility(returns, before=returns[:start].std())
    risk = tail_risk.historical(returns / scale, start, window=start, level=LEVEL)
    return TailRisk(*(part * scale[start:] for part in risk))


def by_flow(name: str, seed: int) -> TailRisk:
    """Train on the filtered years before the test and follow it to the end."""
    _, _, steps, start = scenarios.series(name)
    scale = tail_risk.ewma_volatility(steps[:, 0].numpy())
    model = scenarios.trained(name, seed, STEPS, scale)
    return tail_risk.by_flow(model, steps, start, level=LEVEL, scale=scale)


def measure(key: str, seed: int) -> dict:
    """Forecast the days of the test by one method, and judge the forecasts."""
    name, method = key.split(": ")
    if method in OPPONENTS:
        return scenarios.measure(key, seed)
    codec, _, steps, start = scenarios.series(name)
    began = time.perf_counter()
    if method == OURS:
        risk = by_flow(name, seed)
    else:
        risk = history(codec.increments(steps)[:, 0].numpy(), start)
    seconds = time.perf_counter() - began
    forecasts = {"var": risk.var.tolist(), "shortfall": risk.shortfall.tolist()}
    return scenarios.judged_on(name, risk) | {"seconds": seconds} | forecasts


def main() -> None:
    rows = []
    for name in DATA:
        classic = [f"{name}: {method}" for method in (*OPPONENTS, EMPIRICAL)]
        runs = in_turns("scenarios_filtered", classic, [0], measure)
        ours = f"{name}: {OURS}"
        runs |= in_turns("scenarios_filtered", [ours], SEEDS, measure)
        runs[f"{name}: {TOGETHER}"] = [scenarios.together(name, runs[ours])]
        base = runs[f"{name}: {BASE}"]
        for key, results in runs.items():
            row = {"data": name, "method": key.split(": ")[1], "seeds": len(results)}
            row |= summary([scenarios.scalars(run) for run in results])
            if results is not base:
                row |= scenarios.differences(base, results)
            rows.append(row)
    record(
        "scenarios_filtered",
        rows,
        level=LEVEL,
        split="trained before 2016; judged from 2016-01 to 2026-08, one day ahead",
        metric="p-values of the tests; score: joint score of value at risk and "
        "shortfall, lower is better, its mean difference over days with a 95% interval",
        decay=0.94,
        model=scenarios.FLOW,
        training=scenarios.TRAINING | {"steps": STEPS},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
