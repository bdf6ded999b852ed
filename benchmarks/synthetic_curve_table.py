"""Can made rows stand in for real ones? From none to all of 4,000 rows real.

A seed draws 4,000 rows of Adult. Of these a share is at hand; the others are left out,
or filled up by a flow of tables, of which there are two: one saw only the real rows
that are at hand ("made"), the other all 4,000 ("lent"), so that through it the others
come in again. With no real row at hand there is only the second. Gradient-boosted trees
learn from the rows; the test is real. ``benchmarks.synthetic_curve`` asks the same of
pictures. ``SEEDS=1`` and ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

import aigc_lib as aigc
from aigc_lib.codecs.tables import TableCodec
from aigc_lib.metrics.tables import Features
from benchmarks.credit import trained
from benchmarks.record import in_turns, record, seeds
from benchmarks.synthetic_curve import by_share
from benchmarks.synthetic_studies import REAL

STEPS, SEEDS = int(os.environ.get("STEPS", 400)), seeds(5)
ROWS = 4_000
SHARES = (0.0, 0.25, 0.5, 0.75)  # of real rows; 1 is "real only"


def replaced(seed: int) -> dict[str, float]:
    """The area under the curve for each share, its rest made, lent, or left out."""
    train, test = (aigc.data.load("adult", split=s) for s in ("train", "test"))
    codec = TableCodec.fit(train.frame, **train.asked)
    order = np.random.default_rng(seed).permutation(len(train.frame))[:ROWS]
    rows = codec.typed(train.frame.iloc[order].reset_index(drop=True))
    real_test = codec.typed(test.frame)

    def made(known: pd.DataFrame, n: int) -> pd.DataFrame:
        model = trained(known, train.asked, "table_flow", seed, STEPS)
        return model.sample(n, seed=seed)

    def score(*parts: pd.DataFrame) -> float:
        return auc(pd.concat(parts, ignore_index=True), real_test, train.target, seed)

    lent = made(rows, ROWS)
    found = {REAL: score(rows), "0%, lent": score(lent)}
    for share in SHARES[1:]:
        kept = rows.iloc[: int(share * ROWS)]
        rest = ROWS - len(kept)
        found[f"{share:.0%}, alone"] = score(kept)
        found[f"{share:.0%}, made"] = score(kept, made(kept, rest))
        found[f"{share:.0%}, lent"] = score(kept, lent.iloc[:rest])
    return found


def auc(rows: pd.DataFrame, test: pd.DataFrame, target: str, seed: int) -> float:
    """Let trees learn from ``rows``, and return their area under the curve on test."""
    features = Features(rows.drop(columns=target))
    trees = HistGradientBoostingClassifier(random_state=seed)
    trees.fit(features(rows.drop(columns=target)), rows[target].astype(str))
    p = trees.predict_proba(features(test.drop(columns=target)))[:, 1]
    return float(roc_auc_score(test[target].astype(str) == trees.classes_[1], p))


def main() -> None:
    runs = in_turns(
        "synthetic_curve_table",
        ["replaced"],
        SEEDS,
        lambda study, seed: replaced(seed),
    )
    record(
        "synthetic_curve_table",
        by_share(runs["replaced"], SHARES, ("made", "lent")),
        data="adult",
        split=f"{ROWS:,} rows of train in all; made: the flow saw the real rows at "
        "hand, lent: it saw all of them",
        n="all rows of test",
        metric="area under the curve of gradient-boosted trees; mean differences "
        "paired by seed, 95% interval by Student's t",
        steps=STEPS,
        pairs=len(SEEDS),
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
