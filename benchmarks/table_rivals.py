"""The flow of tables beside two rivals that draw all the columns of a row at once.

Adult, the same rows, the same judge, the same run. The rivals see a row as one point
(D,): a number is its normal quantile, a category a vector of -1 with one 1.

- "direct flow": ``FlowMatching`` of the library with a perceptron, for as many seconds
  as ``table_flow``;
- "flow of trees": the idea of Jolicoeur-Martineau et al. 2024 (section 3), boosted
  trees instead of a net, others at each time. The paper has 50 times, 100 copies of
  every row, and an ensemble of 100 trees for each coordinate. A minute of one core does
  not allow that: ``TIMES`` times, ``ROUNDS`` trees at each that speak for all
  coordinates at once, ``ROWS`` rows for each tree. That is its handicap.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtr, ndtri

import aigc_lib as aigc
from aigc_lib.codecs.tables import TableCodec
from aigc_lib.data.samples import held_out
from aigc_lib.metrics import tables
from aigc_lib.models import FlowMatching, GenerativeModel, TableFlow
from benchmarks import adult
from benchmarks.record import in_turns, record, seeds, summary

SECONDS, SEEDS = adult.SECONDS, seeds(3)
TIMES, ROWS, ROUNDS, LEAVES = 8, 8_000, 14, 256
RATE, FEATURES = 0.3, 0.2  # of boosting; the share of coordinates a split looks at
SIDES = ("left", "right")
WIDTH = 64  # four times that inside the net: as wide as the flow of tables


class Points:
    """Rows of a table as points (N, D) float32, and back."""

    def __init__(self, frame: pd.DataFrame):
        self.types = frame.dtypes
        self.values = {  # of a number all of them, of a category each once
            name: np.sort(cells.to_numpy())
            if pd.api.types.is_numeric_dtype(cells)
            else pd.Index(cells.unique())  # a missing cell is one of them
            for name, cells in frame.items()
        }

    def encode(self, frame: pd.DataFrame, seed: int) -> np.ndarray:
        """Equal numbers get quantiles drawn from their share: none lies far outside."""
        rng, parts = np.random.default_rng(seed), []
        for name, values in self.values.items():
            cells = frame[name]
            if pd.api.types.is_numeric_dtype(cells):
                low, high = (np.searchsorted(values, cells, side) for side in SIDES)
                place = low + rng.uniform(0.01, 0.99, len(cells)) * (high - low)
                parts.append(ndtri(place / len(values))[:, None])
            else:
                parts.append(2 * np.eye(len(values))[values.get_indexer(cells)] - 1)
        return np.concatenate(parts, 1).astype(np.float32)

    def decode(self, x: np.ndarray) -> pd.DataFrame:
        """A number is the real one at its quantile, a category the greatest entry."""
        found, start = {}, 0
        for name, values in self.values.items():
            if pd.api.types.is_numeric_dtype(self.types[name]):
                place = (ndtr(x[:, start].astype(np.float64)) * len(values)).astype(int)
                found[name] = values[np.minimum(place, len(values) - 1)]
                start += 1
            else:
                found[name] = values[x[:, start : start + len(values)].argmax(1)]
                start += len(values)
        return pd.DataFrame(found).astype(self.types)


def trained(model: GenerativeModel, data: Any, seed: int) -> GenerativeModel:
    """Train a flow as ``adult.measure`` does."""
    data, judges = held_out(data, adult.HELD_OUT, seed)
    options = {"validate": judges, "keep_best": True, "batch_size": min(500, len(data))}
    aigc.fit(model, data, seconds=SECONDS, seed=seed, **options)
    return model


def direct_flow(x: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Learn points (N, D), draw ``n``."""
    model = FlowMatching(sample_shape=x.shape[1:], net="mlp", width=WIDTH)
    return trained(model, torch.from_numpy(x), seed).sample(n, seed=seed).numpy()


def flow_of_trees(x: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Learn points (N, D) time by time, and take ``n`` points along.

    The trees guess where the line through a point ends, which tells the velocity,
    (end - x) / (1 - t). Every tree sees rows and noise of its own.
    """
    from sklearn.tree import DecisionTreeRegressor as Tree

    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(n, x.shape[1])).astype(np.float32)
    options = {"max_leaf_nodes": LEAVES, "max_features": FEATURES}
    mean = x.mean(0)
    for step in range(TIMES):
        t, trees = step / TIMES, []

        def guess(points, trees=trees):
            return mean + RATE * sum(tree.predict(points) for tree in trees)

        for number in range(ROUNDS if step else 0):  # at t = 0 all is noise
            ends = x[rng.integers(len(x), size=ROWS)]
            points = t * ends + (1 - t) * rng.normal(size=ends.shape)
            tree = Tree(**options, random_state=number)
            trees.append(tree.fit(points, ends - guess(points)))
        drawn += (guess(drawn) - drawn) / (1 - t) / TIMES
    return drawn


def measure(name: str, seed: int) -> dict[str, float]:
    """Learn Adult, make as many rows, judge them."""
    train, test = (adult.load("adult", split) for split in ("train", "test"))
    codec = TableCodec.fit(train.frame, **train.asked)
    known, real = codec.typed(train.frame), codec.typed(test.frame)
    aigc.start(seed=seed)
    began = time.perf_counter()
    if name == "real":
        made = known
    elif name == "table_flow":
        model = trained(TableFlow(codec), codec.encode(train.frame), seed)
        made = model.sample(len(known), seed=seed)
    else:
        points = Points(known)
        x = points.encode(known, seed)
        made = points.decode(RIVALS[name](x, len(x), seed))
    took = time.perf_counter() - began
    found = tables.utility(made, real, train.target, seed=seed)
    return found | tables.distances(real, made) | {"seconds": took}


RIVALS = {"direct flow": direct_flow, "flow of trees": flow_of_trees}


def main() -> None:
    runs = in_turns("table_rivals", ("table_flow", *RIVALS, "real"), SEEDS, measure)
    record(
        "table_rivals",
        [{"model": model} | summary(found) for model, found in runs.items()],
        gains=adult.gains(runs, "table_flow", (*RIVALS, "real")),
        data="adult",
        split="models and classifiers learn from train, all figures are on test",
        metric="accuracy: mean of 4 classifiers; auc: gradient-boosted trees; gains: "
        "Student's 95% interval over the seeds",
        seconds_for_flows=SECONDS,
        trees={"times": TIMES, "rows": ROWS, "trees": ROUNDS, "leaves": LEAVES},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
