"""Churn: can a classifier learn from made customers instead of real ones?

Customers of a web shop as short sequences, orders in each of six months, and whether
they ordered in the three months after. Two cuts: every method learns from what was
known at the first, 180 days before the end of the log, when its three months were over;
it is asked at the second, 90 days before the end, about customers of another fold, who
are in nothing that it learned from. Five folds of the customers, so each is asked about
once. Models of tables make whole rows, months and label together, as many as there are
real ones. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import KFold

import aigc_lib as aigc
from aigc_lib.data.customers import DAY, LEFT, impossible, months_before
from aigc_lib.data.ratings import Log
from aigc_lib.data.readers.ratings import log_of
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.metrics.tables import Features, privacy
from benchmarks.credit import STEPS, chosen_strength, marginals, score, trained
from benchmarks.record import in_turns, record, seeds, summary

SEEDS = seeds(5)  # folds of the customers
AHEAD = 90 * DAY
REAL = "real"
MADE = ("table_flow", "tvae", "marginals")
RULES = ("longest ago", "fewest orders")
FIGURES = ("auc", "auc_trees", "precision")


def parts(log: Log, fold: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return rows to learn from, and of held-out customers then and now."""
    end = np.asarray(log.times).max()
    then, now = (months_before(log, end - k * AHEAD) for k in (2, 1))
    names = np.unique([*then.index, *now.index])
    folds = KFold(5, shuffle=True, random_state=0)
    held = names[list(folds.split(names))[fold][1]]
    inside = then.index.isin(held)
    found = then[~inside], then[inside], now[now.index.isin(held)]
    return tuple(part.reset_index(drop=True) for part in found)


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to learn from; of counts with long tails the logarithms."""
    return np.log1p(rows.drop(columns=LEFT))


def judged(
    rows: pd.DataFrame, real: pd.DataFrame, test: pd.DataFrame, seed: int
) -> dict[str, float]:
    """Let both classifiers learn from ``rows``; return what they are worth on test."""
    features = Features(numbers(real))
    x, x_test, x_real = (features(numbers(part)) for part in (rows, test, real))
    y, truth, y_real = (part[LEFT] == "yes" for part in (rows, test, real))
    linear = LogisticRegression(C=chosen_strength(x_real, y_real), max_iter=500)
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=100, max_leaf_nodes=8, random_state=seed
    )
    p = score(linear.fit(x, y), x_test)
    return {
        "auc": float(roc_auc_score(truth, p)),
        "auc_trees": float(roc_auc_score(truth, score(trees.fit(x, y), x_test))),
        "precision": float(average_precision_score(truth, p)),
    }


def ruled(test: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return what rules are worth that learn nothing, under the same names."""
    orders = test.filter(like="month -").sum(axis=1)
    suspicion = {
        "longest ago": test["days"],
        "fewest orders": test["days"] / (1 + test["days"].max()) - orders,
    }
    found, truth = {}, test[LEFT] == "yes"
    for rule, p in suspicion.items():
        auc = float(roc_auc_score(truth, p))
        precision = float(average_precision_score(truth, p))
        found[rule] = {"auc": auc, "auc_trees": auc, "precision": precision}
    return found


def measure(name: str, seed: int) -> dict:
    """Let every method learn from one fold: figures by method."""
    real, others, test = parts(log_of(aigc.data.CATALOG[name]), seed)
    found = {REAL: judged(real, real, test, seed)}
    for kind in MADE:
        if kind == "marginals":
            made = marginals(real, LEFT, seed)
        else:
            made = trained(real, {}, kind, seed).sample(len(real), seed=seed)
            made[LEFT] = made[LEFT].astype(str)
        near = privacy(real, others, made, seed=seed)
        found[kind] = judged(made, real, test, seed) | {
            "impossible": float(impossible(made).mean()),
            "nearest": near["nearest_made"] / near["nearest_held_out"],
            "copies": near["copies"],
            "copies_held_out": near["copies_held_out"],
            "membership": near["membership"],
        }
        both = pd.concat([real, made], ignore_index=True)
        found[f"real + {kind}"] = judged(both, real, test, seed)
    return found | ruled(test)


def gains(runs: list[dict]) -> list[dict]:
    """Return differences between methods, paired by fold."""
    pairs = [(method, REAL) for method in runs[0] if method != REAL]
    pairs += [(made, against) for made in MADE[:2] for against in ("marginals", *RULES)]
    pairs += [(REAL, rule) for rule in RULES]
    found = []
    for method, against in pairs:
        for figure in FIGURES:
            new, old = ([run[way][figure] for run in runs] for way in (method, against))
            gain = student_gain(new, old)
            row = {"method": method, "against": against, "figure": figure}
            found.append(row | {"gain": gain.mean, "from": gain.low, "to": gain.high})
    return found


def main() -> None:
    runs = in_turns("churn", ["online_retail"], SEEDS, measure)["online_retail"]
    order = [REAL, *MADE, *(f"real + {kind}" for kind in MADE), *RULES]
    record(
        "churn",
        [{"method": way} | summary([run[way] for run in runs]) for way in order],
        gains=gains(runs) if len(runs) > 1 else [],
        data="online_retail",
        split="five folds of the customers; learned 180 days before the end of the "
        "log, asked 90 days before it",
        metric="auc: logistic regression, auc_trees: boosted trees, precision: mean "
        "precision of the former; impossible: rows that contradict themselves; "
        "nearest: distance to training rows, made over held-out; gains paired by fold, "
        "Student's 95% interval",
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
