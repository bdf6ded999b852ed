"""Probabilistic forecasts of demand: a deep autoregressive one, a flow, and classics.

Three sets. ``hierarchical_sales``: 118 items a day, promotions known ahead, two weeks
from each second Monday of 2018. ``retail_weeks``: 200 items, four weeks from each
second week of the last twelve. ``bike_hours``: one series, a day from each midnight
from September 2012 on. Every method is fitted once on what lies before the test and
told the demand up to each start. The naive one and ETS (its season, logarithms or not)
are tuned on the end of the training; the others run as they were first set.
``VALIDATE=1`` judges that end instead of the test (it prints, and writes nothing;
``ONLY`` names one set).

The score of an item (of a week, for the bicycles) is the CRPS at ten levels over its
mean in training (at least a tenth of the mean of all items); differences are paired by
item or week. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
import torch

import aigc_lib as aigc
from aigc_lib.codecs.demand import DemandCodec, Panel, Windows
from aigc_lib.data.series import panel
from aigc_lib.decisions import forecasts
from aigc_lib.decisions.forecasts import LEVELS, Smoothing
from aigc_lib.metrics.intervals import paired_gain
from aigc_lib.models import DeepAR, SeriesFlow
from benchmarks.record import in_turns, record, seeds

SHARE = float(os.environ.get("STEPS", 0)) or None
VALIDATE = bool(os.environ.get("VALIDATE"))
NAME = "demand_validation" if VALIDATE else "demand"
SEEDS = seeds(3)  # of what we train; the intervals are paired by item or week
OURS, FLOW, BASE = "DeepAR (ours)", "flow (ours)", "seasonal naive"
ETS, TREES = "ETS (statsmodels)", "quantile boosting (scikit-learn)"
SETS = {
    "hierarchical_sales": {
        "horizon": 14, "past": 42, "every": 14, "gap": 7, "steps": 600, "batch": 64,
        "width": 40, "flow": 600, "unit": "item",
    },
    "retail_weeks": {
        "horizon": 4, "past": 12, "every": 2, "gap": 7, "steps": 500, "batch": 128,
        "width": 40, "flow": 500, "unit": "item",
    },
    "bike_hours": {
        "horizon": 24, "past": 168, "every": 24, "gap": 48, "steps": 400, "batch": 32,
        "width": 48, "flow": 500, "unit": "week",
    },
}  # fmt: skip
PATHS = 100


def data(name: str) -> tuple[Panel, Panel, list[int]]:
    """Return the training panel, the whole one, and the starts to be judged."""
    return divided(name, VALIDATE)


@cache
def divided(name: str, validate: bool) -> tuple[Panel, Panel, list[int]]:
    """The same, of the test or of the last part of the training."""
    how = SETS[name]
    parts = [aigc.data.load(name, split=split) for split in ("train", "test")]
    whole = panel(*parts, longest_gap=how["gap"])
    cut = int((whole.times < parts[1].times[0]).sum())
    if validate:
        whole = whole.part(0, cut)
        cut -= (len(whole.times) // 6) if len(whole.times) > 100 else 12
    first = cut
    while whole.seasons == (7,) and first % 7 != 4:  # 2014-01-02 was a Thursday
        first += 1
    starts = range(first, len(whole.times) - how["horizon"] + 1, how["every"])
    return whole.part(0, cut), whole, list(starts)


def deep(name: str, seed: int) -> DeepAR:
    """Train our autoregressive model on what lies before the test."""
    how, (train, _, _) = SETS[name], data(name)
    codec = DemandCodec.train(train, how["past"])
    aigc.start(seed=seed)
    model = DeepAR(
        columns=len(train), horizon=how["horizon"], past=how["past"],
        width=how["width"], codec=codec,
    )  # fmt: skip
    steps = int(SHARE or how["steps"])
    windows = Windows(train, model.past + model.horizon)
    aigc.fit(model, windows, steps=steps, batch_size=how["batch"], seed=seed)
    return model


def by_flow(name: str, seed: int) -> np.ndarray:
    """Quantiles (N, starts, horizon, L) of a flow that sees the past alone.

    It learns windows of ln(1 + demand over its mean), from starts of the same phase as
    those of the test, so that it knows the weekday or the hour by the place.
    """
    how, (train, whole, starts) = SETS[name], data(name)
    past, horizon = how["past"], how["horizon"]
    aigc.start(seed=seed)
    model = SeriesFlow(horizon=horizon, past=past, width=24, learning_rate=2e-3)
    season = max(train.seasons, default=1) if len(train) > 1 else 24
    phase = (starts[0] - past) % season
    x = forecasts.filled(train.demand, max(train.seasons, default=1))
    x = torch.from_numpy(x).float()[:, phase:].unfold(1, past + horizon, season)
    x = x.flatten(0, 1)[:, None]
    scale = 1 + x[..., :past].mean(2, keepdim=True)
    windows = (x / scale).log1p() - 0.6
    steps = int(SHARE or how["flow"])
    aigc.fit(model, windows, steps=steps, batch_size=128, seed=seed, ema=0.99)
    x = torch.from_numpy(
        forecasts.filled(whole.demand, max(whole.seasons, default=1))
    ).float()
    found = []
    for start in starts:
        known = x[:, None, start - past : start]
        scale = 1 + known.mean(2, keepdim=True)
        many = ((known / scale).log1p() - 0.6).repeat_interleave(50, 0)
        made = model.follow(many, seed=seed * 1_000 + start, steps=4)
        made = (made[:, 0].view(len(x), 50, horizon) + 0.6).expm1() * scale
        made = made.clamp(min=0)
        if len(x) > 1:  # counts of single pieces
            made = made.round()
        found.append(forecasts.of_paths(made.double().numpy()))
    return np.stack(found, 1)


@cache
def tuned(name: str) -> dict:
    """How many seasons the naive one draws from; which season and scale ETS smooths.

    Chosen on the last part of the training; ``costs`` are the scores there.
    """
    train, whole, starts = divided(name, True)
    horizon = SETS[name]["horizon"]
    real = np.stack([whole.demand[:, t : t + horizon] for t in starts], 1)
    mean = np.nanmean(train.demand, 1)
    mean = np.maximum(mean, 0.1 * mean.mean())

    def cost(paths: Callable[[int], np.ndarray]) -> float:
        found = np.stack([forecasts.of_paths(paths(start)) for start in starts], 1)
        return float((forecasts.judge(found, real).crps / mean).mean())

    naive = {
        k: cost(
            lambda t, k=k: forecasts.seasonal_naive(
                whole, t, horizon, seasons=k, paths=PATHS, seed=t
            )
        )
        for k in (4, 8, 16)
    }
    smooth = {}
    for season, log in product(train.seasons or (0,), (False, True)):
        model = Smoothing(train, log=log, season=season)
        smooth[season, log] = cost(
            lambda t, m=model: m.paths(whole, t, horizon, paths=PATHS, seed=t)
        )
    print(name, naive, smooth, flush=True)
    season, log = min(smooth, key=smooth.get)
    costs = {f"naive, {k} seasons": value for k, value in naive.items()}
    for (length, logs), value in smooth.items():
        costs[f"ETS, season {length}{', log' * logs}"] = value
    best = min(naive, key=naive.get)
    return {"seasons": best, "season": season, "log": log, "costs": costs}


def quantiles(name: str, method: str, seed: int) -> np.ndarray:
    """Return (N, starts, horizon, L) by one method."""
    how, (train, whole, starts) = SETS[name], data(name)
    horizon = how["horizon"]
    if method == FLOW:
        return by_flow(name, seed)
    if method == TREES:
        past = min(how["past"], 56)
        model = forecasts.Boosting(train, horizon, past=past, seed=seed)
        return np.stack([model.quantiles(whole, start) for start in starts], 1)
    if method == OURS:
        model = deep(name, seed)

        def paths(start: int) -> np.ndarray:
            return model.forecast(whole, start, paths=PATHS, seed=seed + start)

    elif method == ETS:
        how_smooth = {key: tuned(name)[key] for key in ("log", "season")}
        model = Smoothing(train, **how_smooth)

        def paths(start: int) -> np.ndarray:
            return model.paths(whole, start, horizon, paths=PATHS, seed=start)

    else:

        def paths(start: int) -> np.ndarray:
            return forecasts.seasonal_naive(
                whole,
                start,
                horizon,
                seasons=tuned(name)["seasons"],
                paths=PATHS,
                seed=start,
            )

    return np.stack([forecasts.of_paths(paths(start)) for start in starts], 1)


def measure(key: str, seed: int) -> dict:
    """Forecast the test by one method; score it a unit, an item or a week."""
    name, method = key.split(": ")
    how, (train, whole, starts) = SETS[name], data(name)
    began = time.perf_counter()
    found = quantiles(name, method, seed)
    seconds = time.perf_counter() - began
    real = np.stack([whole.demand[:, t : t + how["horizon"]] for t in starts], 1)
    mean = np.nanmean(train.demand, 1)
    mean = np.maximum(mean, 0.1 * mean.mean())  # items that had hardly begun
    if how["unit"] == "week":  # (1, days, 24) -> (weeks, 7, 24)
        weeks = len(starts) // 7
        found = found[0, : 7 * weeks].reshape(weeks, 7, *found.shape[2:])
        real = real[0, : 7 * weeks].reshape(weeks, 7, -1)
        mean = np.repeat(mean, weeks)
    score = forecasts.judge(found, real)
    told = ~np.isnan(real)
    below = []  # half of those that equal the quantile count as below it
    for k in range(len(LEVELS)):
        gap = (real - found[..., k])[told]
        below.append(float(((gap < 0).mean() + (gap <= 0).mean()) / 2))
    return {
        "crps": float((score.crps / mean).mean()),
        "inside_90": float(score.inside.mean()),
        "off_level": float(np.abs(np.array(below) - LEVELS).max()),
        "seconds": seconds,
        "below": below,
        "scores": (score.crps / mean).tolist(),
    }


def compared(name: str, scores: dict[str, np.ndarray]) -> dict[str, dict]:
    """Return the gains of DeepAR, and those of the flow, against all others.

    ``scores`` are those of a unit, by method; the keys of the answer begin with
    ``name`` and say "against", or "flow against".
    """
    gains = {}
    for ours, told in ((OURS, " against"), (FLOW, ", flow against")):
        for other in (BASE, ETS, TREES, FLOW, OURS):
            if other == ours:
                continue
            gain = paired_gain(scores[ours], scores[other], relative=True)
            gains[f"{name}{told} {other}"] = {
                "gain": gain.mean, "from": gain.low, "to": gain.high,
                "better": bool(gain.high < 0), "worse": bool(gain.low > 0),
            }  # fmt: skip
            print(f"{name}{told} {other}", gain, flush=True)
    return gains


def main() -> None:
    rows, gains = [], {}
    for name, how in SETS.items():
        if VALIDATE and os.environ.get("ONLY", name) != name:
            continue
        classic = [f"{name}: {method}" for method in (BASE, ETS, TREES)]
        runs = in_turns(NAME, classic, [0], measure)
        ours = [f"{name}: {method}" for method in (OURS, FLOW)]
        runs |= in_turns(NAME, ours, SEEDS, measure)
        scores = {
            key.split(": ")[1]: np.mean([run["scores"] for run in results], 0)
            for key, results in runs.items()
        }
        for key, results in runs.items():
            method = key.split(": ")[1]
            row = {"data": name, "method": method, "seeds": len(results)}
            row |= {"units": len(scores[method]), "unit": how["unit"]}
            for figure in ("crps", "inside_90", "off_level", "seconds"):
                values = [run[figure] for run in results]
                row[figure] = float(np.mean(values))
                row[f"{figure}_min"], row[f"{figure}_max"] = min(values), max(values)
            rows.append(row)
        gains |= compared(name, scores)
    if VALIDATE:
        return
    record(
        "demand",
        rows,
        gains=gains,
        split="fitted before the test, once; the test starts 2018-01, 2011-09, 2012-09",
        metric="CRPS at levels 0.05 ... 0.95 over the mean of the item in training; "
        "gains: ours / other - 1, paired by item or week, 95% bootstrap",
        sets=SETS,
        tuned={name: tuned(name) for name in SETS},
        paths=PATHS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
