"""Does a bias survive when the decisions that have it are generated anew?

Applicants are made up, and so are past decisions, with a bias that one number sets. A
score learns from the decisions but is not told the group; the district tells. It learns
from the real ones, from those of a flow of tables, or from those of the same flow when
it is asked for the same share of approvals in both groups. Who would repay is known.
``STEPS=20`` is a quick try.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from aigc_lib.metrics.fairness import group_rates
from aigc_lib.metrics.tables import Features
from aigc_lib.simulators.credit import applicants
from benchmarks.credit import GRANTED, SEEDS, STEPS, difference, score, trained
from benchmarks.record import in_turns, record, summary

BIASES = (0.0, 1.0, 2.0)
SOURCES = ("real", "table_flow", "table_flow, balanced")
PEOPLE, JUDGED = 2_000, 20_000
AS_TEXT = {"district": str, "approved": str}


def biased(bias: str, seed: int) -> dict[str, float]:
    """Learn past decisions of one bias, and look at those who would repay."""
    past = applicants(PEOPLE, bias=float(bias), seed=seed)
    frame = past.frame.drop(columns="repaid")
    frame = frame.astype(AS_TEXT)
    model = trained(frame, {"kinds": {"district": "category"}}, "table_flow", seed)
    sources = {
        "real": frame,
        "table_flow": model.sample(len(frame), seed=seed),
        "table_flow, balanced": balanced(model, frame, seed),
    }
    new = applicants(JUDGED, bias=float(bias), seed=1_000 + seed)
    answer = {}
    for source, rows in sources.items():
        for name, value in learned(rows, new.frame).items():
            answer[f"{source}: {name}"] = value
    return answer


def learned(rows: pd.DataFrame, new: pd.DataFrame) -> dict[str, float]:
    """Learn to decide as before, from ``rows``; judge the decisions on new people."""
    hidden, rows = ["group", "approved"], rows.astype(AS_TEXT)
    features = Features(rows.drop(columns=hidden))
    model = LogisticRegression(C=0.3, max_iter=500)
    model.fit(features(rows.drop(columns=hidden)), rows["approved"] == "1")
    seen = new.drop(columns=[*hidden, "repaid"]).astype({"district": str})
    p, repaid = score(model, features(seen)), new["repaid"].to_numpy()
    granted = p >= np.quantile(p, 1 - GRANTED)
    rates = group_rates(granted, repaid, new["group"])
    gap = rates["B"]["true_positive_rate"] - rates["A"]["true_positive_rate"]
    return {"gap": float(gap), "auc_repaid": float(roc_auc_score(repaid, p))}


def balanced(model: Any, frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """As many made people, of whom in both groups the same share is approved."""
    share, made = (frame["approved"] == "1").mean(), []
    for k, group in enumerate("AB"):
        n = int((frame["group"] == group).sum())
        for value, part in (("1", share), ("0", 1 - share)):
            asked = {"group": group, "approved": value}
            own = model.sample(round(n * part), seed=10 * seed + k, conditions=asked)
            made.append(own.astype(AS_TEXT))
    return pd.concat(made, ignore_index=True)


def of_source(results: list[dict], source: str) -> dict[str, float]:
    """Return the figures of one source over the seeds, the gap with its interval."""
    names = ("gap", "auc_repaid")
    runs = [{name: r[f"{source}: {name}"] for name in names} for r in results]
    gaps = [run["gap"] for run in runs]
    found = difference(gaps, [0.0] * len(gaps))
    row = summary(runs) | {"mean_gap": found["gain"]}
    row["mean_gap_min"] = found.get("from", found["gain"])
    row["mean_gap_max"] = found.get("to", found["gain"])
    more = [run["gap"] - r["real: gap"] for run, r in zip(runs, results, strict=True)]
    against = difference(more, [0.0] * len(more))
    row |= {"more": against["gain"], "more_min": against.get("from", against["gain"])}
    return row | {"more_max": against.get("to", against["gain"])}


def main() -> None:
    people = in_turns("credit_bias", map(str, BIASES), SEEDS, biased)
    record(
        "credit_bias",
        [
            {"bias": float(bias), "source": source} | of_source(results, source)
            for bias, results in people.items()
            for source in SOURCES
        ],
        data=f"simulators.credit: {PEOPLE:,} past decisions, {JUDGED:,} new applicants",
        metric="gap: share of those who would repay and get a loan, group B less group "
        f"A, loans to the safest {GRANTED:.0%}; means with Student's 95% interval",
        steps=STEPS["table_flow"],
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
