"""May a hospital hand out a made table instead of its patients'?

The table is scikit-learn's breast cancer of Wisconsin: 569 patients, one row each, 30
measurements of cell nuclei and a diagnosis. A seed draws the half that is in the
hospital; the other half are patients whom nobody learned from. Whatever is made learned
from the first half, has as many rows and as many of each diagnosis. Two questions: what
do classifiers get from it, tested on the other half; and can it be told from the made
rows who was in the hospital?

``gaussian`` and ``marginals`` need no training. "Copies" are the patients themselves
with a little or much noise: what looks anonymous to who counts equal rows. Steps, bins
and the form of the Gaussian were chosen on another split, that of seed 100.
``SEEDS=1 STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata
from sklearn.model_selection import train_test_split

from aigc_lib.metrics.tables import Features, privacy
from benchmarks.credit import difference, marginals, trained
from benchmarks.record import in_turns, record, seeds, summary
from benchmarks.synthetic_studies import frames, judged

SEEDS = seeds(5)
STEPS = {"table_flow": 800, "tvae": 500}
if quick := os.environ.get("STEPS"):
    STEPS = dict.fromkeys(STEPS, int(quick))
BINS = {"table_flow": 20, "tvae": 10}  # of a measurement
NOISE = {"copies, little noise": 0.1, "copies, much noise": 1.0}  # in deviations
REAL, TARGET, ILL = "real", "diagnosis", "malignant"
MADE = (*STEPS, "gaussian", "marginals", *NOISE)


def halves(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the patients of the hospital, and as many others: no one is in both."""
    whole, target = frames("breast_cancer")
    parts = train_test_split(
        whole, train_size=0.5, stratify=whole[target], random_state=seed
    )
    return tuple(part.reset_index(drop=True) for part in parts)


# ---- what is handed out --------------------------------------------------------------


def made_by(method: str, train: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return a table that was made from ``train``, with as many of each diagnosis."""
    if method in NOISE:
        return copies(train, NOISE[method], seed)
    if method in ("gaussian", "marginals"):
        return {"gaussian": gaussian, "marginals": marginals}[method](
            train, TARGET, seed
        )
    asked = {"bins": BINS[method]}
    model = trained(train, asked, method, seed, STEPS[method])
    parts = [
        model.sample(count, seed=seed, conditions={TARGET: name})
        for name, count in train[TARGET].value_counts().items()
    ]
    return pd.concat(parts, ignore_index=True)[list(train.columns)]


def gaussian(train: pd.DataFrame, target: str, seed: int) -> pd.DataFrame:
    """Draw each class from a Gaussian copula.

    Every column keeps its own distribution; the columns hang together as their normal
    scores do, by correlations.
    """
    rng = np.random.default_rng(seed)
    made, numbers = train.copy(), train.columns.drop(target)
    for rows in train.groupby(target).indices.values():
        x = train.loc[rows, numbers].to_numpy()
        scores = norm.ppf(rankdata(x, axis=0) / (len(x) + 1))
        together = np.corrcoef(scores.T)
        drawn = rng.multivariate_normal(np.zeros(len(numbers)), together, len(x))
        pairs = zip(x.T, norm.cdf(drawn).T, strict=True)
        made.loc[rows, numbers] = np.stack([np.quantile(*pair) for pair in pairs], 1)
    return made


def copies(train: pd.DataFrame, noise: float, seed: int) -> pd.DataFrame:
    """Return every patient once, with ``noise`` deviations of noise on each number."""
    made, numbers = train.copy(), train.columns.drop(TARGET)
    draws = np.random.default_rng(seed).normal(size=(len(train), len(numbers)))
    made[numbers] += noise * train[numbers].std().to_numpy() * draws
    return made


# ---- what it is worth, and whose it is -----------------------------------------------


def measure(method: str, seed: int) -> dict[str, float]:
    """Judge one table on one split, by itself and beside the real one."""
    train, test = halves(seed)
    made = train if method == REAL else made_by(method, train, seed)
    features = Features(train.drop(columns=TARGET))

    def taught(rows: pd.DataFrame) -> dict[str, float]:
        parts = [
            (features(frame.drop(columns=TARGET)), (frame[TARGET] == ILL).astype(int))
            for frame in (rows, test)
        ]
        return judged(*(np.array(a) for part in parts for a in part), seed)

    told = privacy(train, test, made, seed=seed)
    found = taught(made) | {
        "nearest": told["nearest_made"] / told["nearest_held_out"],
        **{name: told[name] for name in ("closer", "copies", "membership")},
    }
    both = pd.concat([train, made], ignore_index=True)
    added = {} if method == REAL else taught(both)
    return found | {f"added {name}": value for name, value in added.items()}


def gains(runs: dict[str, list[dict]]) -> list[dict]:
    """Differences seed by seed: from real rows, from the Gaussian, from a guess."""

    def row(what: str, new: list[float], old: list[float]) -> dict:
        return {"what": what, **difference(new, old)}

    def of(method: str, figure: str) -> list[float]:
        return [run[figure] for run in runs[method]]

    found = []
    for method in MADE:
        for figure in ("AUC", "balanced accuracy", "calibration error"):
            real = of(REAL, figure)
            found += [
                row(f"{method}: {figure}", of(method, figure), real),
                row(f"real + {method}: {figure}", of(method, f"added {figure}"), real),
            ]
        guess = of(method, "membership")
        found.append(row(f"{method}: membership", guess, [0.5] * len(guess)))
    return found + [
        row(f"{m} over gaussian: {figure}", of(m, figure), of("gaussian", figure))
        for m in STEPS
        for figure in ("AUC", "membership")
    ]


def main() -> None:
    runs = in_turns("patients", (REAL, *MADE), SEEDS, measure)
    rows = [{"method": name} | summary(results) for name, results in runs.items()]
    record(
        "patients",
        rows,
        gains=gains(runs),
        data="breast cancer of Wisconsin, 569 patients",
        split="half of the patients make and teach, the other half judge",
        metric="AUC: mean of logistic regression and boosted trees, on patients held "
        "out; nearest: median distance to the patients learned from, made over held "
        "out; membership: AUC of a guess who was learned from; gains: Student's t",
        steps=STEPS,
        bins=BINS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
