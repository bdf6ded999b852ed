"""Designs of watches and posters: what is useful among those that are generated?

A TVAE and a TableFlow learn the same made-up collection; both write ``N`` designs. They
are judged against ``N`` others of that collection, as are the baselines: designs drawn
evenly from all, columns drawn apart from each other, points between a design and one of
its nearest neighbours; and what is left of each once the rules are checked. Steps are
chosen before, on a third part of a collection. Paired over five collections.
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

SEEDS, N, NEAR = seeds(5), 500, 5
LEARN = int(os.environ.get("LEARN", 1_000))  # designs to learn from
GRID = tuple(int(x) for x in os.environ.get("GRID", "500,1000,2000").split(","))
MAKERS: dict[str, Callable] = {
    "VAE": lambda codec: TVAE(codec, latent_dim=16, hidden=128),
    "flow": lambda codec: TableFlow(codec, width=128, depth=2),
}
BASELINE = "neighbours, checked"
MOST = 60  # times N that are drawn for N that keep the rules


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


def steps_for(name: str) -> dict[str, dict]:
    """Choose steps by the useful share against the part that is there to choose by."""
    train, valid, _ = collection(name, SEEDS[0])
    judge = DesignJudge(SPACES[name], train, valid)
    found = {}
    for maker in MAKERS:
        useful = {
            str(steps): float(
                judge(
                    within(name, learned(maker, train, steps, 0).sample(N, seed=1))
                ).useful.mean()
            )
            for steps in GRID
        }
        found[maker] = {"useful": useful, "steps": int(max(useful, key=useful.get))}
    return found


def measure(name: str, seed: int, steps: dict[str, dict]) -> dict:
    """Judge all ways to make designs of one collection: figures by way."""
    space = SPACES[name]
    train, _, held_out = collection(name, seed)
    judge = DesignJudge(space, train, held_out)
    near, rng = judge.neighbours(NEAR), np.random.default_rng(seed)

    def apart(n: int, k: int) -> pd.DataFrame:
        return pd.DataFrame(
            {c: rng.choice(train[c].to_numpy(), n) for c in space.columns}
        )

    ways: dict[str, Callable[[int, int], pd.DataFrame]] = {
        "random": lambda n, k: space.random(n, seed=1_000 * seed + k),
        "columns apart": apart,
        "neighbours": lambda n, k: crossed(train, near, n, seed=1_000 * seed + k),
    }
    rows = {}
    for maker in MAKERS:
        began = time.perf_counter()
        model = learned(maker, train, steps[maker]["steps"], seed)
        rows[maker] = {"seconds": time.perf_counter() - began}
        ways[maker] = lambda n, k, model=model: within(
            name, model.sample(n, seed=1_000 * seed + k)
        )
    for way, make in ways.items():
        rows[way] = rows.get(way, {"seconds": 0.0}) | judge(make(N, 0)).figures()
        checked, drawn = [], 0
        if way == "random":  # few keep the rules: the space looks for them itself
            checked = [space.random(N, seed=seed, filtered=True)]
            raw = space.random(100_000, seed=seed)
            drawn = N / max(1e-5, float(space.keeps(raw).mean()))
        for k in range(1, MOST):
            if sum(map(len, checked)) >= N:
                break
            more = make(N, k)
            checked.append(more[space.keeps(more)])
            drawn += N
        found = pd.concat(checked, ignore_index=True)[:N]
        rows[f"{way}, checked"] = judge(found).figures() | {
            "seconds": 0.0,
            "n": len(found),
            "drawn_for_one": drawn / sum(map(len, checked)),
        }
    rows["held-out designs themselves"] = judge(
        COLLECTIONS[name](N, seed=900 + seed)[space.columns]
    ).figures() | {"seconds": 0.0}
    return rows


def main() -> None:
    steps = {
        name: kept("designs", f"steps {name}", lambda name=name: steps_for(name))
        for name in SPACES
    }
    runs = in_turns(
        "designs", SPACES, SEEDS, lambda name, seed: measure(name, seed, steps[name])
    )
    rows = []
    for name, results in runs.items():
        base = [result[BASELINE] for result in results]
        for way in results[0]:
            own = [result[way] for result in results]
            row = {"collection": name, "way": way} | summary(own)
            for figure in ("useful", "in_style", "coverage", "new"):
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
        metric="kept: all rules; new: farther from every learned design than the "
        "nearest 5% of held-out ones; in_style: within the 5th neighbour's distance of "
        "a held-out one; coverage: held-out ones so reached; useful: kept, new and "
        f"in_style; gains over '{BASELINE}', Student's t over collections",
        steps={
            name: {k: v["steps"] for k, v in found.items()}
            for name, found in steps.items()
        },
        validation=steps,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
