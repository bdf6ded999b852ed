"""Recommenders on purchases and films: ours beside the baselines that could win.

Each data set is divided by user and by time (``aigc_lib.data.ratings.divided``), once
for each fold: so every user is held out once, and fold k trains with seed k. Settings
are chosen on a division of what fold 0 trains on, which lies before the cut: no answer
of any fold was seen. Every method gets its few tries; those that are trained choose how
long, too. All but popularity stand there as they are, and brought up to what is in
demand lately. Users of all folds are judged together: NDCG@100, with paired 95%
bootstrap intervals over users. The folds share the processor's cores. ``SEEDS=1`` takes
one fold, ``SET=movietweetings`` one data set.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.data.catalog import CATALOG
from aigc_lib.data.ratings import Log, Ratings, divided
from aigc_lib.data.readers.ratings import log_of
from aigc_lib.metrics import ranking
from aigc_lib.metrics.intervals import bootstrap_interval, paired_gain
from aigc_lib.models import MultVAE, SASRec
from aigc_lib.models.ranking import (
    EASE,
    ItemKNN,
    Lately,
    Popularity,
    Recommender,
    judged,
)
from benchmarks.record import kept, record, seeds

SETS = ("online_retail", "movietweetings", "complete_journey")
FOLDS, K, LIST = seeds(5), 100, 10
OURS = "Mult-VAE, KL term annealed"
# The same fitted model, brought up to what is in demand now: every one that has no
# notion of time.
LATELY = {
    f"{name}, in demand lately": name
    for name in ("item-kNN", "EASE", "implicit, ALS", OURS, "SASRec")
}
Settings = dict[str, Any]


class ALS(Recommender):
    """The peer: implicit's alternating least squares (Hu, Koren and Volinsky 2008)."""

    def __init__(self, data: Ratings, factors: int, alpha: float, seed: int = 0):
        from implicit.als import AlternatingLeastSquares

        self.items = data.items
        self.model = AlternatingLeastSquares(
            factors=factors,
            alpha=alpha,
            regularization=0.05,
            iterations=15,
            num_threads=1,
            random_state=seed,
        )
        self.model.fit(data.history.matrix(), show_progress=False)

    def scores(self, batch: Tensor) -> Tensor:
        """Products of item factors and those that fit the lists (B, T)."""
        from aigc_lib.data.ratings import Histories

        lists = [[item for item in row if item >= 0] for row in batch.tolist()]
        rows = Histories.of(lists, len(self.items)).matrix()
        users = self.model.recalculate_user(np.arange(len(batch)), rows)
        return torch.from_numpy(users @ self.model.item_factors.T).float()


def trained(
    make: Callable[..., Recommender], data: Ratings, steps: int, seed: int, **settings
) -> Recommender:
    """Make and train one of our models."""
    torch.manual_seed(seed)
    model = make(data.items, **settings)
    size = min(len(data), model.recipe["batch_size"])
    aigc.fit(model, data, steps=steps, batch_size=size, seed=seed)
    return model


def mult_vae(data: Ratings, seed: int, **settings) -> Recommender:
    return trained(MultVAE, data, seed=seed, **settings)


def sasrec(data: Ratings, seed: int, **settings) -> Recommender:
    return trained(SASRec, data, seed=seed, **settings)


def grid(**choices: tuple) -> list[Settings]:
    """Every combination of the choices."""
    found: list[Settings] = [{}]
    for name, values in choices.items():
        found = [before | {name: value} for before in found for value in values]
    return found


# make(data, seed, **settings), and the settings to try
METHODS: dict[str, tuple[Callable[..., Recommender], list[Settings]]] = {
    "popularity": (
        lambda data, seed, **s: Popularity(data, **s),
        grid(recent=(1.0, 0.3, 0.1, 0.03, 0.01)),
    ),
    "item-kNN": (
        lambda data, seed, **s: ItemKNN(data, **s),
        grid(neighbours=(15, 50, 500, 1500), shrink=(0.0, 20.0, 100.0)),
    ),
    "EASE": (
        lambda data, seed, **s: EASE(data, **s),
        grid(penalty=(50.0, 200.0, 800.0, 3200.0, 12_800.0, 51_200.0)),
    ),
    "implicit, ALS": (
        lambda data, seed, **s: ALS(data, seed=seed, **s),
        grid(factors=(4, 8, 16, 64, 128), alpha=(0.3, 1.0, 10.0, 40.0)),
    ),
    OURS: (
        mult_vae,
        [
            {"beta": beta, "steps": steps, "anneal_steps": steps // 2}
            for beta in (0.1, 0.5, 2.0)
            for steps in (60, 150, 400, 1_000)
        ],
    ),
    "SASRec": (sasrec, grid(steps=(100, 300, 900))),
}
RECENT = (0.01, 0.03, 0.1, 0.3, 0.6)
SHIFTS = grid(recent=RECENT, weight=(0.0, 0.5, 1.0, 1.5, 2.0, 3.0))  # of logits
SHIFTS_OF_SCORES = grid(recent=RECENT, weight=(0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0))


def shifts(base: str) -> list[Settings]:
    """What is tried to bring a method up to date: only ours answer with logits."""
    return SHIFTS if base in (OURS, "SASRec") else SHIFTS_OF_SCORES


ABLATION = {  # of OURS, with its steps
    "Mult-VAE, the same weight at once": {"anneal_steps": 0},
    "Mult-VAE, KL term 1 at once": {"anneal_steps": 0, "beta": 1.0},
}


def chosen(name: str, log: Log) -> dict[str, dict[str, Any]]:
    """Return the settings of the best try on the inner division, and all tries.

    For a model that may be brought up to date there is a second entry.
    """
    make, tries = METHODS[name]
    inner = divided(divided(log)["train"].log(), fold=1)

    def quality(model: Recommender) -> float:
        figures, _ = judged(model, inner["test"], k=K)
        return figures[f"ndcg_at_{K}"].mean().item()

    models = [make(inner["train"], 0, **settings) for settings in tries]
    best, found = best_of(tries, map(quality, models))
    answer = {name: found}
    for shifted, base in LATELY.items():
        if base == name:
            tried = shifts(base)
            made = [Lately(models[best], inner["train"], **shift) for shift in tried]
            answer[shifted] = best_of(tried, map(quality, made))[1]
    return answer


def best_of(tries: list[Settings], qualities: Iterable[float]) -> tuple[int, dict]:
    """The place of the best try, and what is kept of all."""
    ndcg = list(qualities)
    best = max(range(len(tries)), key=ndcg.__getitem__)
    table = [own | {"ndcg": value} for own, value in zip(tries, ndcg, strict=True)]
    return best, {"settings": tries[best], "tries": table}


def measured(fold: int, log: Log, settings: dict[str, Settings]) -> dict[str, dict]:
    """Train and judge every method on one fold."""
    data, answers, models = divided(log, fold=fold), {}, {}
    train, test = data["train"], data["test"]
    for name, own in settings.items():
        began = time.process_time()
        if name in LATELY:
            models[name] = Lately(models[LATELY[name]], train, **own)
        else:
            make = METHODS[OURS if name in ABLATION else name][0]
            models[name] = make(train, fold, **own)
        figures, ranked = judged(models[name], test, k=K)
        shown = ranked[:, :LIST]
        answers[name] = {k: v.tolist() for k, v in figures.items()}
        answers[name] |= {
            "coverage": ranking.coverage(shown, len(test.items)),
            "novelty": ranking.novelty(shown, test.popularity, test.trained_users),
            "lift": ranking.popularity_lift(shown, test.history[:], test.popularity),
            "seconds": time.process_time() - began,
        }
    return answers


def alone() -> None:
    """A process of its own computes on one core."""
    torch.set_num_threads(1)


def measure(name: str) -> dict:
    """Choose settings for one data set, then measure all folds."""
    log, began = log_of(CATALOG[name]), time.perf_counter()
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    with ProcessPoolExecutor(workers, get_context("spawn"), alone) as pool:
        tuned = {}
        for found in pool.map(partial(chosen, log=log), METHODS):
            tuned |= found
        settings = {method: best["settings"] for method, best in tuned.items()}
        for variant, change in ABLATION.items():
            settings[variant] = settings[OURS] | change
        job = partial(measured, log=log, settings=settings)
        folds = list(pool.map(job, FOLDS))
    took = time.perf_counter() - began
    print(f"{name}: {took:.0f} s", flush=True)
    return {"tuned": tuned, "settings": settings, "folds": folds, "seconds": took}


def interval(values: Tensor) -> list[float]:
    """A 95% bootstrap interval of the mean over users."""
    return list(bootstrap_interval(values, lambda v: v.mean()))


def rows_of_set(name: str, answer: dict) -> list[dict]:
    """One row a method: figures over all users, and how far the best of ours is off."""
    users = {
        (method, figure): torch.tensor(
            [v for f in answer["folds"] for v in f[method][figure]]
        )
        for method in answer["settings"]
        for figure in (f"ndcg_at_{K}", "ndcg_at_10", "recall_at_20")
    }
    main = f"ndcg_at_{K}"
    mean = {m: users[m, main].mean().item() for m in answer["settings"]}
    best = max(mean, key=mean.get)
    rows = []
    for method, settings in answer["settings"].items():
        values = users[method, main]
        row = {"data": name, "method": method, "users": len(values)}
        row |= {main: mean[method], f"{main}_interval": interval(values)}
        for figure in ("ndcg_at_10", "recall_at_20"):
            row[figure] = users[method, figure].mean().item()
        for figure in ("coverage", "novelty", "lift", "seconds"):
            row[figure] = float(np.mean([f[method][figure] for f in answer["folds"]]))
        for label, other in (("ours", OURS), ("best", best)):
            if method != other:
                gain = paired_gain(users[other, main], values)
                row[f"{label}_minus_this"] = gain.mean
                row[f"{label}_minus_this_interval"] = [gain.low, gain.high]
        row["settings"] = settings
        rows.append(row)
        print(name, method, f"{mean[method]:.4f}", settings, flush=True)
    return rows


def main() -> None:
    names = [os.environ["SET"]] if "SET" in os.environ else SETS
    rows, seconds, tries = [], {}, {}
    for name in names:
        key = f"{name} {len(FOLDS)} folds"
        answer = kept("ranking", key, partial(measure, name))
        rows += rows_of_set(name, answer)
        seconds[name], tries[name] = answer["seconds"], answer["tuned"]
    record(
        "ranking",
        rows,
        data=", ".join(names),
        split="held-out users, by time: see aigc_lib.data.ratings.divided",
        metric=f"NDCG@{K} of new items, mean over held-out users of all folds, 95% "
        "paired bootstrap intervals over users; coverage, novelty (bits) and "
        f"popularity lift of the first {LIST}, mean over folds",
        annealed=OURS,
        tries=tries,
        folds=list(FOLDS),
        seconds=seconds,
        seeds=list(FOLDS),
    )


if __name__ == "__main__":
    main()
