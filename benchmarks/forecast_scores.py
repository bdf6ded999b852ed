"""One day and one week ahead as distributions: CRPS, energy score, calibration.

For Brent and for the made-up market, whose truth is known, each day of the ten years
after 2016. A day is 50 quantiles: the mean of their pinball losses, doubled, is the
CRPS. A week is a path of five days, drawn; weeks do not overlap. Every forecast sees
the days before its own only.

The random walks: the last 500 days as they were (for a week their runs of five days),
and a normal around today's price whose deviation RiskMetrics weights by 0.94 a day.
GARCH-t is fitted anew every 250 days. The flow is `benchmarks.scenarios`', with
300 steps: on the last 1,200 days before the test 800 had no lower CRPS, the mean of two
seeds. A single sample of a distribution, and "tomorrow is today", are judged
as what they say: one number, whose CRPS is its absolute error.

Differences to the random walk by RiskMetrics, and to GARCH-t, are paired by day or by
week, of the mean over seeds; their 95% intervals are from a stationary bootstrap with
blocks of 20 days.
``STEPS=5`` is a quick try.
"""

from __future__ import annotations

import os
import time
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import norm
from scipy.stats import t as student

from aigc_lib.codecs.series import SeriesCodec
from aigc_lib.decisions import tail_risk
from aigc_lib.metrics.series import energy_score, pinball
from aigc_lib.models import SeriesFlow
from aigc_lib.simulators.market import Market
from benchmarks import scenarios
from benchmarks.record import in_turns, record, seeds, summary

STEPS, SEEDS = int(os.environ.get("STEPS", 300)), seeds(5)
DATA = ("brent", "made_market")
LEVELS = (np.arange(50) + 0.5) / 50  # 0.05, 0.25, 0.75 and 0.95 are among them
INTERVALS = {"coverage_50": (0.25, 0.75), "coverage_90": (0.05, 0.95)}
WINDOW, HORIZON = 500, 5
DRAWN, BY_FLOW = 500, 20  # paths for a week; the score is unbiased for any number
HISTORY = "random walk, the last 500 days"
BASE = "random walk, normal, EWMA"
GARCH, FLOW, TRUTH = "GARCH-t (arch)", "scenarios of a flow", "the truth"
AGAINST = {"walk": BASE, "garch": GARCH}
ONE_OF = {FLOW: "one sample of the flow", TRUTH: "one sample of the truth"}
TODAY = "tomorrow is today"
# What there is for each day or week, its name as a mean, and the blocks of a bootstrap.
SCORES = {
    "days": ("crps", scenarios.BLOCK),
    "weeks": ("energy", scenarios.BLOCK // HORIZON),
}


class Forecast(NamedTuple):
    """Quantiles (days, L) from ``start`` on, and paths (weeks, M, HORIZON)."""

    quantiles: np.ndarray
    paths: np.ndarray


def weeks(r: np.ndarray, start: int) -> np.ndarray:
    """Return the first days of the whole weeks from ``start`` on."""
    return np.arange(start, len(r) - HORIZON + 1, HORIZON)


def history(r: np.ndarray, start: int) -> Forecast:
    """The last days as they were, one by one and in runs."""
    runs = np.lib.stride_tricks.sliding_window_view
    past = runs(r, WINDOW)[start - WINDOW : -1]
    before = np.stack([r[day - WINDOW : day] for day in weeks(r, start)])
    return Forecast(np.quantile(past, LEVELS, axis=1).T, runs(before, HORIZON, axis=1))


def walk(r: np.ndarray, start: int) -> Forecast:
    """A normal around today, as wide as the squares of late say, a week through."""
    std = scenarios.recent(r, start)[:, None]
    at = weeks(r, start) - start
    noise = np.random.default_rng(0).standard_normal((len(at), DRAWN, HORIZON))
    return Forecast(std * norm.ppf(LEVELS), std[at][..., None] * noise)


def garch(r: np.ndarray, start: int) -> Forecast:
    """GARCH-t, its variance going on along each path of a week."""
    generator = np.random.default_rng(0)
    quantiles, paths, first_days = [], [], weeks(r, start)
    for fit in tail_risk.garch_fits(r, start):
        unit = np.sqrt((fit.nu - 2) / fit.nu)  # to variance 1
        std = fit.volatility[fit.first : fit.last, None]
        quantiles.append(fit.mean + std * unit * student.ppf(LEVELS, fit.nu))
        at = first_days[(fit.first <= first_days) & (first_days < fit.last)]
        s2 = np.repeat(fit.volatility[at, None] ** 2, DRAWN, 1)
        made = np.empty((*s2.shape, HORIZON))
        for day in range(HORIZON):
            shock = np.sqrt(s2) * unit * generator.standard_t(fit.nu, s2.shape)
            made[..., day] = fit.mean + shock
            s2 = fit.omega + fit.alpha * shock**2 + fit.beta * s2
        paths.append(made)
    return Forecast(np.concatenate(quantiles), np.concatenate(paths))


def truth(r: np.ndarray, start: int) -> Forecast:
    """What the rules of the made-up market say; its returns are in percent."""
    market, volatility = Market(), scenarios.true_volatility(len(r) - start)
    quantiles = np.stack([market.quantile(x, volatility) for x in LEVELS], 1)
    today = volatility[weeks(r, start) - start]
    made = market.follow(today.repeat(DRAWN), HORIZON)
    paths = made.reshape(len(today), DRAWN, HORIZON)
    return Forecast(quantiles / 100, paths / 100)


def by_flow(
    model: SeriesFlow, codec: SeriesCodec, steps: torch.Tensor, start: int, seed: int
) -> tuple[Forecast, np.ndarray]:
    """What a trained flow says, and one sample of it for each day."""
    windows = steps.unfold(0, model.past, 1)
    known = windows[start - model.past : -1]
    quantiles = codec.increments(model.quantiles(known, LEVELS)[..., None])[..., 0]
    sample = codec.increments(model.follow(known, seed=seed)[..., 0])[:, 0]
    at = weeks(steps, start) - model.past
    known, made = windows[at].repeat_interleave(BY_FLOW, 0), []
    for day in range(HORIZON):
        made.append(model.follow(known, seed=1_000 * (seed + 1) + day))
        known = torch.cat([known[..., 1:], made[-1]], 2)
    paths = codec.increments(torch.cat(made, 2)[:, 0, :, None])[..., 0]
    paths = paths.reshape(len(at), BY_FLOW, HORIZON)
    return Forecast(quantiles.numpy(), paths.numpy()), sample.numpy()


def points(sample: np.ndarray, paths: np.ndarray) -> Forecast:
    """One number a day (days,), one path a week (weeks, HORIZON), each as if sure."""
    return Forecast(
        np.repeat(sample[:, None], len(LEVELS), 1), np.repeat(paths[:, None], 2, 1)
    )


def scored(forecast: Forecast, r: np.ndarray, start: int) -> dict:
    """Scores in percent, by day and by week, and which days an interval holds."""
    y, q = r[start:], forecast.quantiles
    losses = [pinball(q[:, i], y, level) for i, level in enumerate(LEVELS)]
    outcomes = np.stack([r[day : day + HORIZON] for day in weeks(r, start)])
    answer = {
        "days": (200 * np.mean(losses, 0)).tolist(),
        "weeks": (100 * energy_score(forecast.paths, outcomes)).tolist(),
    }
    for name, ends in INTERVALS.items():
        low, high = (q[:, np.isclose(LEVELS, end).argmax()] for end in ends)
        answer[name] = float(np.mean((low < y) & (y < high)))
    means = {mean: float(np.mean(answer[k])) for k, (mean, _) in SCORES.items()}
    return answer | means


def measure(key: str, seed: int) -> dict:
    """Forecast the days of the test by one method, and judge the forecasts."""
    name, method = key.split(": ")
    codec, _, steps, start = scenarios.series(name)
    r = codec.increments(steps)[:, 0].numpy()
    began = time.perf_counter()
    if method == FLOW:
        model = scenarios.trained(name, seed, STEPS)
        said, sample = by_flow(model, codec, steps, start, seed)
    elif method == TODAY:
        still = np.zeros((len(weeks(r, start)), HORIZON))
        said = points(np.zeros(len(r) - start), still)
    else:
        ways = {HISTORY: history, BASE: walk, GARCH: garch, TRUTH: truth}
        said = ways[method](r, start)
    answer = scored(said, r, start) | {"seconds": time.perf_counter() - began}
    if method == TRUTH:
        volatility = scenarios.true_volatility(len(r) - start)
        sample = Market().follow(volatility, 1, seed=1)[:, 0] / 100
    if method in ONE_OF:
        answer["one"] = scored(points(sample, said.paths[:, 0]), r, start)
    return answer


def compared(name: str, runs: dict[str, list[dict]]) -> list[dict]:
    """Return a row for each method of a data set, with its differences to two."""
    rows = []
    for method, results in runs.items():
        row = {"data": name, "method": method, "seeds": len(results)}
        row |= summary([scenarios.scalars(run) for run in results])
        for (daily, (mean, block)), (word, base) in product(
            SCORES.items(), AGAINST.items()
        ):
            pair = (runs[base], results)
            means = [np.mean([run[daily] for run in each], 0) for each in pair]
            gap, low, high = scenarios.difference(*means, block)
            key = f"{mean}_minus_{word}"  # the ends once for a table, once for {gain}
            row |= {key: gap, f"{key}_min": low, f"{key}_max": high}
            row[f"{key}_interval"] = [low, high]
        rows.append(row)
    return rows


def main() -> None:
    rows, days = [], {}
    for name in DATA:
        known = [TRUTH] if name == "made_market" else []
        methods = [f"{name}: {m}" for m in (HISTORY, BASE, GARCH, *known, TODAY)]
        runs = in_turns("forecast_scores", methods, [0], measure)
        runs |= in_turns("forecast_scores", [f"{name}: {FLOW}"], SEEDS, measure)
        runs = {key.split(": ")[1]: results for key, results in runs.items()}
        for method, one in ONE_OF.items():
            if method in runs:
                runs[one] = [run.pop("one") for run in runs[method]]
        rows += compared(name, runs)
        days[name] = len(runs[BASE][0]["days"])
    record(
        "forecast_scores",
        rows,
        data=days,
        split="trained before the test; judged one day and five days ahead",
        metric="crps and energy: in percent, lower is better; coverage: the share of "
        "days within the middle 50% and 90%; minus_walk, minus_garch: mean paired "
        "difference to the random walk with EWMA, and to GARCH-t, its 95% interval "
        "over days, of the mean over seeds",
        model=scenarios.FLOW,
        training=scenarios.TRAINING | {"steps": STEPS},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
