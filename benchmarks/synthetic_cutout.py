"""Does it help to cut squares out of pictures? Beside flips and no change at all.

The pictures, learner, steps and seeds are those of ``benchmarks.synthetic``; what is
compared was trained here anew, so that each pair is of one run. A square of 8 pixels
hides up to a twelfth of a picture, one of 14 up to a quarter: half of the side is what
DeVries & Taylor (2017) chose for ten classes. ``SEEDS=1`` and ``STEPS=20`` is a quick
try.
"""

from __future__ import annotations

from functools import partial

from aigc_lib.data import augment
from aigc_lib.metrics.learning import accuracy, taught
from benchmarks.record import in_turns, record, seeds
from benchmarks.synthetic import against_real
from benchmarks.synthetic_studies import FEW, MORE, REAL, STEPS, TEST, pictures

SEEDS = seeds(5)
SIZES = (8, 14)  # of the side of 28 pixels


def changed(size, x, y, generator):
    """Cut a square of ``size`` pixels out of each picture; the labels stay."""
    return augment.cut_out(x, size, generator), y


RECIPES = {
    REAL: None,
    "flips": lambda x, y, generator: (augment.flipped(x, generator), y),
    "flips and shifts": augment.moved,
    **{f"cutout of {size}": partial(changed, size) for size in SIZES},
}


def measure(study: str, seed: int) -> dict[str, float]:
    """Accuracy on real pictures of a classifier that learned with each change."""
    x, y, _, _, x_test, y_test = pictures(int(study.split()[1]), seed)
    y = augment.soft(y, 10)
    return {
        recipe: accuracy(taught(x, y, change, steps=STEPS, seed=seed), x_test, y_test)
        for recipe, change in RECIPES.items()
    }


def main() -> None:
    studies = [f"images {per_class}" for per_class in (FEW, MORE)]
    runs = in_turns("synthetic_cutout", studies, SEEDS, measure)
    record(
        "synthetic_cutout",
        against_real(runs),
        data="fashion_mnist",
        n=f"{FEW} or {MORE} training pictures of each class; {TEST:,} test pictures",
        metric="accuracy; mean difference from real only, paired by seed, 95% interval "
        "by Student's t",
        steps=STEPS,
        pairs=len(SEEDS),
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
