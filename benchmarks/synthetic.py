"""When do made-up data help? Pictures, tables, speech and text beside cheap changes.

In every study the test data are real and were split off first; what makes the samples
learned from the very rows that the classifier has. Every recipe gets the same learner,
with the same steps and rates; of the texts each chooses its penalty on the same lines
that were held out. Differences are paired by seed: a seed draws the rows, the models,
the changes. The only exception is named: "made, generator saw more" learned from other
pictures too.

Studies: ``images`` with few and with more pictures; ``generations``, ten of them, each
learned from the samples of the one before; ``table``; ``speech`` (made-up voices);
``text``. ``SEEDS=1`` and ``STEPS=20`` is a quick try. Pictures that made ones stand in
for: ``benchmarks.synthetic_curve``.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import aigc_lib as aigc
from aigc_lib.metrics.intervals import student_gain
from benchmarks.image_quality import save_figure
from benchmarks.record import in_turns, record, seeds, summary
from benchmarks.synthetic_studies import (
    FEW,
    MORE,
    REAL,
    SCHEMES,
    STEPS,
    TEST,
    generations,
    images,
    speech,
    table,
    text,
)

SEEDS = seeds(5)
STUDIES = {
    f"images {FEW}": lambda seed: images(FEW, seed),
    f"images {MORE}": lambda seed: images(MORE, seed),
    **{
        f"generations {scheme}": lambda seed, scheme=scheme: generations(scheme, seed)
        for scheme in SCHEMES
    },
    "german_credit 700": lambda seed: table("german_credit", 700, seed),
    "breast_cancer 60": lambda seed: table("breast_cancer", 60, seed),
    "vowels 3": lambda seed: speech(3, seed),
    "banking77 5": lambda seed: text(5, seed),
    "banking77 30": lambda seed: text(30, seed),
}


def against_real(runs: dict[str, list[dict]]) -> list[dict]:
    """What each recipe gains over real data only, by the seeds, with its interval."""
    rows = []
    for study, results in runs.items():
        for key in results[0]:
            recipe, _, figure = key.partition(": ")
            base = f"{REAL}: {figure}" if figure else REAL
            if "generations" in study or key.startswith("copi"):
                continue
            if base not in results[0]:
                continue
            values = [run[key] for run in results]
            row = {"id": f"{study} {key}", "study": study, "recipe": recipe}
            row |= {"figure": figure or "accuracy"}
            row |= summary([{"value": value} for value in values])
            if key != base and len(values) > 1:
                gain = student_gain(values, [run[base] for run in results])
                row |= {"gain": gain.mean, "from": gain.low, "to": gain.high}
                row["found"] = gain.found
            rows.append(row)
    return rows


def gains(rows: list[dict], runs: dict[str, list[dict]]) -> list[dict]:
    """The differences that the table of the book quotes."""
    found = [
        {"data": row["study"], "recipe": row["recipe"], "against": REAL}
        | {key: row[key] for key in ("figure", "gain", "from", "to")}
        for row in rows
        if "gain" in row and not row["recipe"].startswith("real ")
    ]
    for per_class in (FEW, MORE):
        results = runs[f"images {per_class}"]
        new, old = "made", "flips and shifts"
        if len(results) > 1:
            gain = student_gain([r[new] for r in results], [r[old] for r in results])
            found.append(
                {"data": f"images {per_class}", "recipe": new, "against": old}
                | {"figure": "accuracy", "gain": gain.mean}
                | {"from": gain.low, "to": gain.high}
            )
    return found


def by_generation(runs: dict[str, list[dict]]) -> list[dict]:
    """Medians over the seeds: a row a scheme, lists over the generations."""
    rows = []
    for scheme in SCHEMES:
        results = runs[f"generations {scheme}"]
        row = {"scheme": scheme}
        for figure in results[0]:
            lists = np.array([run[figure] for run in results])
            row[figure] = np.median(lists, 0).tolist()
            row |= {
                f"{figure}_first": row[figure][1],
                f"{figure}_last": row[figure][-1],
            }
            if scheme != SCHEMES[0] and len(results) > 1:
                base = [run[figure][-1] for run in runs[f"generations {SCHEMES[0]}"]]
                gain = student_gain(lists[:, -1], base)
                row[f"{figure}_gain"] = [gain.mean, gain.low, gain.high]
        rows.append(row)
    return rows


def draw(lines: list[dict]) -> None:
    """Write what becomes of the generations."""
    _, axes = aigc.plots.figure(1, 3, width=2.9, height=2.8)
    for ax, figure in zip(axes, ("variance", "tail recall", "accuracy"), strict=True):
        for row in lines:
            ax.plot(row[figure], "o-", ms=3, label=row["scheme"])
        ax.set(xlabel="generation", title=figure)
    axes[0].legend()
    save_figure("synthetic_generations")


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    runs = in_turns(
        "synthetic", STUDIES, SEEDS, lambda study, seed: STUDIES[study](seed)
    )
    rows = against_real(runs)
    lines = by_generation(runs)
    copies = {
        study: summary(
            [{k: v for k, v in run.items() if k.startswith("copi")} for run in results]
        )
        for study, results in runs.items()
        if any(k.startswith("copi") for k in results[0])
    }
    record(
        "synthetic",
        rows,
        gains=gains(rows, runs),
        generations=lines,
        copies=copies,
        data="fashion_mnist; german_credit, breast_cancer; vowels; banking77",
        split="all that is made learned from the training rows; figures are on real "
        "test rows",
        n=f"{TEST:,} test pictures; 300 test rows; 300 test sounds; 800 test lines",
        metric="mean difference from real only, paired by seed, 95% interval by "
        "Student's t",
        steps=STEPS,
        pairs=len(SEEDS),
        seeds=list(SEEDS),
    )
    draw(lines)


if __name__ == "__main__":
    main()
