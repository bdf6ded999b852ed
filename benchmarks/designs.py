"""Designs of watches and posters: what is useful among those that are generated?

A TVAE and a TableFlow learn the same made-up collection. What they draw is judged
against others of that collection, as are the baselines: designs drawn evenly from all,
columns drawn apart from each other, points between a design and one of its neighbours.
Then all are screened by what can be checked beforehand, the rules and likeness to a
learned design, and ``N`` that pass are judged again. Steps, and the number of
neighbours, are chosen on a third part of a collection. Paired over five collections.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

import aigc_lib as aigc
from aigc_lib.codecs.designs import crossed
from aigc_lib.codecs.tables import TableCodec
from aigc_lib.data.made.designs import COLLECTIONS, SPACES
from aigc_lib.metrics.designs import DesignJudge
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models import TVAE, TableFlow
from benchmarks.record import in_turns, kept, record, seeds, summary

SEEDS, N, NEAR = seeds(5), 500, (5, 20, 50, 100, 200, 400)
LEARN = int(os.environ.get("LEARN", 1_000))  # designs to learn from
GRID = tuple(int(x) for x in os.environ.get("GRID", "500,1000,2000,4000").split(","))
MAKERS: dict[str, Callable] = {
    "VAE": lambda codec: TVAE(codec, latent_dim=16, hidden=128),
    "flow": lambda codec: TableFlow(codec, width=128, depth=2),
}
BASELINE = "neighbours"
DRAFTS, MOST = 1_000, 40  # drafts at a time, and how many times
FEW = 100  # random designs that keep the rules: of posters one in a hundred thousand


def collection(name: str, seed: int) -> list[pd.DataFrame]:
    """Three parts: to learn from, to choose by, to judge by; no two rows the same."""
    space = SPACES[name]
    frame = COLLECTIONS[name](LEARN + 2 * N, seed=100 + seed)[space.columns]
    if frame.duplicated().any():
        raise ValueError(f"seed={seed}: a design stands twice in the collection")
    return [frame[:LEARN], frame[LEARN : LEARN + N], frame[LEARN + N :]]


def learned(maker: str, train: pd.DataFrame, steps: int, seed: int):
    """Teach a model the designs of ``train``."""
    aigc.start(seed=seed)
    codec = TableCodec.fit(train)
    model = MAKERS[maker](codec)
    aigc.fit(model, codec.encode(train), steps=steps, batch_size=128, seed=seed)
    return model


def within(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Cut numbers to their ranges: the ends of bins may lie a rounding beyond."""
    frame = frame[SPACES[name].columns].copy()
    for column, ends in SPACES[name].numbers.items():
        frame[column] = frame[column].clip(*ends)
    return frame


def chosen(name: str) -> dict[str, dict]:
    """Choose steps and neighbours by the useful share of drafts, on the part for it."""
    train, valid, _ = collection(name, SEEDS[0])
    judge = DesignJudge(SPACES[name], train, valid)

    def useful(frame: pd.DataFrame) -> float:
        return float(judge(within(name, frame)).useful.mean())

    scores = {
        maker: {
            str(k): useful(learned(maker, train, k, 0).sample(DRAFTS, seed=1))
            for k in GRID
        }
        for maker in MAKERS
    }
    scores["neighbours"] = {
        str(k): useful(crossed(train, judge.neighbours(k), DRAFTS, seed=1))
        for k in NEAR
    }
    return {
        way: {"useful": found, "best": int(max(found, key=found.get))}
        for way, found in scores.items()
    }


def measure(name: str, seed: int, best: dict[str, dict]) -> dict:
    """Judge all ways to make designs of one collection: figures by way."""
    space = SPACES[name]
    train, _, held_out = collection(name, seed)
    judge = DesignJudge(space, train, held_out)
    near, rng = (
        judge.neighbours(best["neighbours"]["best"]),
        np.random.default_rng(seed),
    )

    def apart(n: int, k: int) -> pd.DataFrame:
        return pd.DataFrame(
            {c: rng.choice(train[c].to_numpy(), n) for c in space.columns}
        )

    ways: dict[str, Callable[[int, int], pd.DataFrame]] = {
        "random": lambda n, k: space.random(n, seed=1_000 * seed + k),
        "columns apart": apart,
        "neighbours": lambda n, k: crossed(train, near, n, seed=1_000 * seed + k),
    }
    rows: dict[str, dict] = {}
    for maker in MAKERS:
        began = time.perf_counter()
        model = learned(maker, train, best[maker]["best"], seed)
        rows[maker] = {"seconds": time.perf_counter() - began}
        ways[maker] = lambda n, k, model=model: within(
            name, model.sample(n, seed=1_000 * seed + k)
        )
    ways["the house itself"] = lambda n, k: COLLECTIONS[name](n, seed=900 + seed)[
        space.columns
    ]
    for way, make in ways.items():
        drafts = make(DRAFTS, 0)
        told, passes = judge(drafts), judge.passes(drafts)
        if way == "random":  # so few keep the rules that the space looks for them
            checked = space.random(FEW, seed=seed, filtered=True)
            parts, drawn = [checked[judge.passes(checked)]], 0
        else:
            parts, drawn = [drafts[passes]], DRAFTS
            while sum(map(len, parts)) < N and drawn < MOST * DRAFTS:
                more = make(DRAFTS, drawn)
                parts.append(more[judge.passes(more)])
                drawn += DRAFTS
        rows[way] = rows.get(way, {"seconds": 0.0}) | told.figures()
        del rows[way]["coverage"]
        screened = pd.concat(parts, ignore_index=True)[:N]
        left = judge(screened)
        rows[way] |= {
            "passes": float(passes.mean()),
            "screened": len(screened),
            "screened_useful": float(left.useful.mean()),
            "coverage": left.coverage,
        }
    return rows


def main() -> None:
    best = {
        name: kept("designs", f"chosen {name}", lambda name=name: chosen(name))
        for name in SPACES
    }
    runs = in_turns(
        "designs", SPACES, SEEDS, lambda name, seed: measure(name, seed, best[name])
    )
    rows = []
    for name, results in runs.items():
        base = [result[BASELINE] for result in results]
        for way in results[0]:
            own = [result[way] for result in results]
            row = {"collection": name, "way": way} | summary(own)
            for figure in ("useful", "screened_useful", "coverage"):
                gain = student_gain(*([r[figure] for r in x] for x in (own, base)))
                if way != BASELINE:
                    row[f"{figure}_gain"] = gain.mean
                    row[f"{figure}_gain_interval"] = [gain.low, gain.high]
            rows.append(row)
    record(
        "designs",
        rows,
        data=f"made collections of watches and posters, {LEARN:,} to learn from",
        split="parts of one collection without a row in common",
        n=N,
        metric=f"of {DRAFTS:,} drafts, kept: all rules, new: farther from every "
        "learned design than the nearest 5% of held-out ones, in_style: within the 5th "
        "neighbour's distance of a held-out one, useful: all three, passes: rules and "
        f"no repetition; of the first {N} that pass, screened_useful, and coverage: "
        f"held-out ones so reached; gains over '{BASELINE}', Student's t over "
        "collections",
        chosen=best,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
