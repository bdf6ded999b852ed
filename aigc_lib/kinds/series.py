"""Series: paths of what may come next, written as a table, and judged by what came."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..codecs.demand import DemandCodec, Windows
from ..codecs.series import SeriesCodec
from ..data import Series
from ..data.series import panel
from ..metrics.series import crps, energy_score, stylised_facts
from ..models import MODELS, DeepAR, GenerativeModel

if TYPE_CHECKING:
    import pandas as pd

PATHS = 100  # that follow each past in an evaluation
SCORED = 500  # pasts at most
LONGEST_GAP = 48  # steps of demand that may be missing: two days of hours


def build(
    name: str, data: Series, options: dict[str, Any]
) -> tuple[GenerativeModel, Tensor | Windows]:
    """Make a model for these columns; it learns from all windows of its length.

    The card may name a ``transform``: a price that is once below 0 has no log returns.

    Raises:
        ValueError: a series shorter than a window, or one that the codec refuses.
    """
    if name == "deep_ar":
        return _build_demand(data, options)
    codec = SeriesCodec.train(
        data.x,
        data.columns,
        transform=data.card.parameters.get("transform"),
        recent=int(options.get("past", 0)) + 1,
    )
    model = MODELS[name](columns=len(data.columns), codec=codec, **options)
    return model, codec.windows(data.x, model.past + model.horizon)


def _build_demand(data: Series, options: dict[str, Any]) -> tuple[DeepAR, Windows]:
    """Columns are items, but for those that the card says are known ahead."""
    told = panel(data, longest_gap=LONGEST_GAP)
    past = int(options.get("past", 28))
    codec = DemandCodec.train(told, past)
    model = DeepAR(columns=len(told), codec=codec, **options)
    return model, Windows(told, model.past + model.horizon)


def draw(model: GenerativeModel, n: int, seed: int) -> pd.DataFrame:
    """Draw ``n`` paths that begin where the training data end."""
    return model.sample(n, seed=seed)


def write(samples: pd.DataFrame, path: Path, columns: int) -> None:
    """Write a CSV file: path, step, and the columns of the series."""
    samples.to_csv(path, index=False)


def evaluate(model: GenerativeModel, data: Series, n: int, seed: int) -> dict[str, Any]:
    """Compare ``n`` windows with those of ``data``; score paths where a past is known.

    The stylised facts of the steps stand side by side, ``real_`` and ``made_``. A model
    with a past also gets, over up to ``SCORED`` windows that do not overlap, the CRPS
    of its first step and the energy score of the path, both in standard deviations of a
    training step, and the share of first steps within the middle 90% of its samples.

    Raises:
        ValueError: other columns than those of the training, or too short a series.
    """
    if isinstance(model, DeepAR):
        return _evaluate_demand(model, data, n, seed)
    if data.columns != model.codec.columns:
        raise ValueError(
            f"data={data.name!r} has the columns {', '.join(data.columns)}, the model "
            f"{', '.join(model.codec.columns)}: evaluate it on the same columns"
        )
    windows = model.codec.windows(data.x, model.past + model.horizon)
    chosen = torch.linspace(0, len(windows) - 1, min(n, len(windows))).round().long()
    windows = windows[chosen]
    known, future = windows.split([model.past, model.horizon], 2)
    began = time.perf_counter()
    if model.past:
        made = model.follow(known, seed=seed)
    else:
        made = model.follow(n=n, seed=seed)
    figures = {"real_windows": len(future), "made_windows": len(made), "seed": seed}
    lags = model.horizon // 2
    for name, some in (("real", future), ("made", made)):
        facts = [
            _facts(some[:, c].double().numpy(), lags) for c in range(some.shape[1])
        ]
        for fact in facts[0]:
            value = float(np.mean([each[fact] for each in facts]))
            figures[f"{name}_{fact}"] = value
    if model.past:
        apart = max(1, round(len(windows) * model.horizon / len(data)))
        step = max(apart, len(windows) // SCORED)
        figures |= _scores(model, known[::step], future[::step], seed)
    figures["seconds_sampling"] = round(time.perf_counter() - began, 2)
    return figures


def _evaluate_demand(model: DeepAR, data: Series, n: int, seed: int) -> dict[str, Any]:
    """Score forecasts from up to ``n`` starts, the horizons one after the other."""
    told = panel(data, longest_gap=LONGEST_GAP)
    starts = range(model.past, len(told.times) - model.horizon + 1, model.horizon)[:n]
    if not starts:
        raise ValueError(
            f"data={data.name!r} has {len(told.times)} steps: the model needs "
            f"{model.past + model.horizon}, past and horizon"
        )
    began = time.perf_counter()
    paths = [model.forecast(told, t, paths=PATHS, seed=seed + t) for t in starts]
    real = [told.demand[:, t : t + model.horizon] for t in starts]
    made = np.stack(paths).swapaxes(2, 3).reshape(-1, PATHS)
    real = np.stack(real).reshape(-1)
    made, real = made[~np.isnan(real)], real[~np.isnan(real)]
    low, high = np.quantile(made, [0.05, 0.95], axis=1)
    return {
        "scored_values": len(real),
        "paths_each": PATHS,
        "seed": seed,
        "crps": float(crps(made, real).mean()),
        "mean_demand": float(real.mean()),
        "share_in_90_percent": float(((real >= low) & (real <= high)).mean()),
        "seconds_sampling": round(time.perf_counter() - began, 2),
    }


def _facts(steps: np.ndarray, lags: int) -> dict[str, float]:
    """The facts of windows (R, T); those of time only where a window has some."""
    if lags:
        return stylised_facts(steps, lags)
    facts = stylised_facts(steps.ravel(), 1)
    return {k: v for k, v in facts.items() if k[:3] not in ("acf", "lev")}


def _scores(
    model: GenerativeModel, known: Tensor, future: Tensor, seed: int
) -> dict[str, Any]:
    paths = model.follow(known.repeat_interleave(PATHS, 0), seed=seed)
    paths = paths.unflatten(0, (-1, PATHS)).double().numpy()  # (N, M, C, T)
    first, real = paths[..., 0], future[..., 0].double().numpy()
    low, high = np.quantile(first, [0.05, 0.95], axis=1)
    scores = [crps(first[:, :, c], real[:, c]) for c in range(model.columns)]
    flat = (
        paths.reshape(*paths.shape[:2], -1),
        future.double().numpy().reshape(len(future), -1),
    )
    return {
        "scored_windows": len(future),
        "paths_each": PATHS,
        "crps_first_step": float(np.mean(scores)),
        "energy_score": float(energy_score(*flat).mean()),
        "share_in_90_percent": float(((real >= low) & (real <= high)).mean()),
    }
