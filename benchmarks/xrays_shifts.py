"""Do generated chest pictures help a detector whose pictures are shifted, not flipped?

In ``benchmarks.xrays`` shifts alone are the best that needs no generator, and every
generated picture was flipped too. Here a detector learns from the same tenths of the
same seeds with shifts only: the real pictures, or these and as many that the same flow
or VAE draws. All are trained here anew, so that each pair is of one run.
"""

from __future__ import annotations

from benchmarks.record import in_turns, record
from benchmarks.xrays import (
    GENERATORS,
    NAMES,
    SEEDS,
    SHARE,
    STEPS,
    detector,
    drawn,
    gains,
    joined,
    judged,
    means,
    parts,
    shifts,
    tenth,
)

WITH = {generator: f"{generator}, shifts only" for generator in GENERATORS}


def measure(name: str, seed: int) -> dict:
    """Judge the detectors that learned from one tenth of the training split."""
    real = tenth(name, seed)
    recipes = {"shifts": real}
    for generator, recipe in WITH.items():
        recipes[recipe] = joined(real, drawn(generator, real, seed))
    return {
        "figures": {
            recipe: judged(name, detector(*pictures, shifts, seed))
            for recipe, pictures in recipes.items()
        }
    }


def main() -> None:
    rows, all_gains = [], []
    for name, runs in in_turns("xrays_shifts", NAMES, SEEDS, measure).items():
        rows += means(runs, name)
        if len(runs) > 1:
            pairs = [(recipe, "shifts") for recipe in WITH.values()]
            all_gains += gains(runs, name, pairs)
    record(
        "xrays_shifts",
        rows,
        gains=all_gains,
        data="pneumoniamnist; phantoms drawn by data.made.phantoms",
        split=f"{SHARE:.0%} of train, the tenths of benchmarks.xrays; judged by test",
        n={name: len(parts(name)["test"].x) for name in NAMES},
        metric="AUC, ECE (15 bins), Brier; gains paired by seed, Student's t",
        steps={"detector": STEPS},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
