"""Value at risk 99% of oil, a day ahead for ten years: our scenarios and the classics.

Every forecast sees the days before its own only. Historical simulation looks at the
last 500 or 1,000 days, the bootstrap draws from all days before. A normal has the
variance that RiskMetrics weights by 0.94 a day. GARCH(1, 1) is fitted anew every 250
days on all days before, with Student's t or with the tail of its own residuals
(filtered historical simulation).
Our flow is trained once, on the years before the test, and never again; its sizes and
steps were chosen on the last 1,200 days of those years. Its seeds differ, so the mean
of their forecasts is judged as one more method. Brent is judged in log returns, WTI,
whose price was once negative, in dollars. The made-up market is there because its true
value at risk and shortfall are known.

Coverage is judged by Kupiec and Christoffersen, the shortfall by McNeil and Frey's test
and by the joint score. The differences to GARCH-t, of that score and of the distances
to the truth, have intervals from a stationary bootstrap over days. ``STEPS=20`` is a
quick try.
"""

from __future__ import annotations

import os
import time
from functools import cache

import numpy as np
import torch
from scipy.stats import norm

import aigc_lib as aigc
from aigc_lib.codecs.series import SeriesCodec
from aigc_lib.decisions import tail_risk
from aigc_lib.decisions.tail_risk import TailRisk
from aigc_lib.metrics.risk import (
    christoffersen,
    expected_shortfall,
    kupiec,
    shortfall_score,
    shortfall_test,
    value_at_risk,
)
from aigc_lib.metrics.series import pinball
from aigc_lib.models import SeriesFlow
from aigc_lib.simulators.market import Market
from benchmarks.record import in_turns, record, seeds, summary

STEPS, SEEDS = int(os.environ.get("STEPS", 800)), seeds(5)
LEVEL, PAST = 0.99, 20
DATA = ("brent", "wti", "made_market")
FLOW = {"horizon": 1, "past": PAST, "width": 16, "learning_rate": 1e-3}
TRAINING = {"batch_size": 256, "ema": 0.99, "cooldown": 0.5}
CLASSIC = {
    "historical simulation, 500 days": lambda r, start: tail_risk.historical(r, start),
    "historical simulation, 1,000 days": lambda r, start: tail_risk.historical(
        r, start, window=1_000
    ),
    "normal, EWMA (RiskMetrics)": lambda r, start: normal(r, start),
    "stationary bootstrap, all days before": lambda r, start: bootstrapped(r, start),
    "GARCH-t (arch)": lambda r, start: tail_risk.garch(r, start),
    "GARCH, empirical tail (arch)": lambda r, start: tail_risk.garch(
        r, start, tail="empirical"
    ),
}
OURS, BASE, TRUTH = "scenarios of a flow", "GARCH-t (arch)", "the truth"
TOGETHER = "the mean of these flows"
BLOCK = 20  # days that a bootstrap keeps together
DRAWN = 10_000  # days drawn for a forecast
# What there is for each day, and what its mean over days is called.
DAILY = {
    "scores": "score",
    "errors_of_var": "error_of_var",
    "errors_of_shortfall": "error_of_shortfall",
}


@cache
def series(name: str) -> tuple[SeriesCodec, torch.Tensor, torch.Tensor, int]:
    """Return codec, training values, all steps, and the first step of the test."""
    train, test = (aigc.data.load(name, split=split) for split in ("train", "test"))
    transform = train.card.parameters.get("transform")
    codec = SeriesCodec.train(
        train.x, train.columns, transform=transform, recent=PAST + 1
    )
    steps = codec.encode(torch.cat([train.x, test.x]))
    return codec, train.x, steps, len(train) - 1


def normal(returns: np.ndarray, start: int) -> TailRisk:
    """RiskMetrics 1996: a normal around zero; its variance forgets earlier days."""
    q = norm.ppf(1 - LEVEL)
    unit = np.array([[q], [-norm.pdf(q) / (1 - LEVEL)]])
    return TailRisk(*(unit * recent(returns, start)))


def recent(returns: np.ndarray, start: int) -> np.ndarray:
    """The deviation of each day from ``start`` on, as the squares before it say."""
    before = returns[:start].std()
    return tail_risk.ewma_volatility(returns, before=before)[start:]


def bootstrapped(returns: np.ndarray, start: int) -> TailRisk:
    """The tail of days drawn from all before; one day ahead, blocks play no part."""
    tails = []
    for day in range(start, len(returns)):
        drawn = tail_risk.bootstrap_paths(
            returns[:day], 1, DRAWN, block=BLOCK, seed=day
        ).T  # (1, DRAWN)
        tails.append([f(drawn, LEVEL)[0] for f in (value_at_risk, expected_shortfall)])
    return TailRisk(*np.array(tails).T)


def by_flow(name: str, seed: int) -> TailRisk:
    """Train on the years before the test and follow it to the end."""
    _, _, steps, start = series(name)
    model = trained(name, seed, STEPS)
    return tail_risk.by_flow(model, steps, start, level=LEVEL)


def trained(
    name: str, seed: int, steps: int, scale: np.ndarray | None = None
) -> SeriesFlow:
    """Train a flow for ``steps`` steps on the years before the test.

    ``scale`` (T,) divides the steps that it learns.
    """
    codec, _, known, start = series(name)
    aigc.start(seed=seed)
    model = SeriesFlow(codec=codec, **FLOW)
    if scale is not None:
        known = known / known.new_tensor(scale)[:, None]
    windows = known[:start].unfold(0, PAST + 1, 1)
    aigc.fit(model, windows, steps=steps, seed=seed, **TRAINING)
    return model


def judged(risk: TailRisk, returns: np.ndarray) -> dict:
    """All that is asked of the forecasts of the days of ``returns`` (T,)."""
    hits = returns < risk.var
    chain = christoffersen(hits, LEVEL)
    scores = shortfall_score(returns, risk.var, risk.shortfall, LEVEL)
    return {
        "days": len(hits),
        "hits": int(hits.sum()),
        "expected_hits": (1 - LEVEL) * len(hits),
        "kupiec_p": kupiec(hits, LEVEL).p_value,
        "independence_p": chain["independence"].p_value,
        "coverage_p": chain["coverage"].p_value,
        "shortfall_p": shortfall_test(returns, risk.var, risk.shortfall).p_value,
        "pinball": float(pinball(risk.var, returns, 1 - LEVEL).mean()),
        "mean_var": float(risk.var.mean()),
        "score": float(scores.mean()),
        "scores": scores.tolist(),
    }


def judged_on(name: str, risk: TailRisk) -> dict:
    """Judge the forecasts of the days of a test, by the truth too where it is known."""
    codec, _, steps, start = series(name)
    answer = judged(risk, codec.increments(steps)[start:, 0].numpy())
    if name == "made_market":
        for part, far in errors(risk).items():
            answer |= {f"error_of_{part}": float(far.mean()),
                       f"errors_of_{part}": far.tolist()}  # fmt: skip
    return answer


def measure(key: str, seed: int) -> dict:
    """Forecast the days of the test by one method, and judge the forecasts."""
    name, method = key.split(": ")
    codec, _, steps, start = series(name)
    returns = codec.increments(steps)[:, 0].numpy()
    began = time.perf_counter()
    if method == OURS:
        risk = by_flow(name, seed)
    elif method == TRUTH:
        risk = truth(len(returns) - start)
    else:
        risk = CLASSIC[method](returns, start)
    seconds = time.perf_counter() - began
    forecasts = {"var": risk.var.tolist(), "shortfall": risk.shortfall.tolist()}
    return judged_on(name, risk) | {"seconds": seconds} | forecasts


def together(name: str, runs: list[dict]) -> dict:
    """Judge the mean of the forecasts of several runs."""
    means = (np.mean([run[k] for run in runs], 0) for k in ("var", "shortfall"))
    return judged_on(name, TailRisk(*means)) | {
        "seconds": sum(run["seconds"] for run in runs)
    }


def true_volatility(days: int) -> np.ndarray:
    """The volatility of the last days of the made-up market, in percent."""
    card = aigc.data.CATALOG["made_market"]
    whole = sum(card.splits.values())
    return Market().simulate(whole, card.parameters["seed"]).volatility[-days:]


def truth(days: int) -> TailRisk:
    """The tail risk of the last days of the made-up market, as its volatility says.

    Its returns are in percent, those of its prices are logarithms: a hundredth.
    """
    market, volatility = Market(), true_volatility(days)
    return TailRisk(
        market.value_at_risk(volatility, LEVEL) / 100,
        market.expected_shortfall(volatility, LEVEL) / 100,
    )


def errors(risk: TailRisk) -> dict[str, np.ndarray]:
    """Distances (days,) of both parts to the made-up market's true ones, as shares."""
    pairs = zip(risk, truth(len(risk.var)), strict=True)
    return {
        part: np.abs(said / true - 1)
        for part, (said, true) in zip(TailRisk._fields, pairs, strict=True)
    }


def scalars(run: dict) -> dict[str, float]:
    """Leave the series of a run's days out."""
    return {k: v for k, v in run.items() if not isinstance(v, list)}


def difference(theirs: np.ndarray, ours: np.ndarray, block: int = BLOCK) -> list[float]:
    """The mean of ours - theirs over days, and its 95% interval."""
    from arch.bootstrap import StationaryBootstrap

    gap = ours - theirs
    low, high = StationaryBootstrap(block, gap, seed=0).conf_int(
        np.mean, reps=2_000, method="percentile"
    )[:, 0]
    return [float(gap.mean()), float(low), float(high)]


def differences(theirs: list[dict], ours: list[dict]) -> dict:
    """What ours say more than theirs, the means of their runs, day by day."""
    row = {}
    for daily, figure in DAILY.items():
        if daily in ours[0]:
            days = [np.mean([run[daily] for run in runs], 0) for runs in (theirs, ours)]
            gap, *interval = difference(*days)
            row[f"{figure}_minus_garch_t"] = gap
            row[f"{figure}_minus_garch_t_interval"] = interval
    return row


def main() -> None:
    rows = []
    for name in DATA:
        known = [TRUTH] if name == "made_market" else []
        classic = [f"{name}: {method}" for method in (*CLASSIC, *known)]
        runs = in_turns("scenarios", classic, [0], measure)
        ours = f"{name}: {OURS}"
        runs |= in_turns("scenarios", [ours], SEEDS, measure)
        runs[f"{name}: {TOGETHER}"] = [together(name, runs[ours])]
        base = runs[f"{name}: {BASE}"]
        for key, results in runs.items():
            row = {"data": name, "method": key.split(": ")[1], "seeds": len(results)}
            row |= summary([scalars(run) for run in results])
            if results is not base:
                row |= differences(base, results)
            rows.append(row)
    record(
        "scenarios",
        rows,
        level=LEVEL,
        split="trained before 2016; judged from 2016-01 to 2026-08, one day ahead",
        metric="p-values of the tests; score: joint score of value at risk and "
        "shortfall, lower is better, its mean difference over days with a 95% interval",
        errors="mean over days of |said / true - 1|, of the made-up market alone",
        model=FLOW,
        training=TRAINING | {"steps": STEPS},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
