"""Would longer training change what ``benchmarks.designs`` found? One curve of it.

The useful share of drafts of watches, by steps, against the part of a collection that
there is to choose by, beside that of points between neighbours. One seed: it is the
curve that steps are chosen from, not a comparison.
"""

from __future__ import annotations

from aigc_lib.codecs.designs import crossed
from aigc_lib.metrics.designs import DesignJudge
from benchmarks.designs import DRAFTS, MAKERS, SPACES, collection, learned, within
from benchmarks.record import kept, record

STEPS, NEAR = (1_000, 2_000, 4_000), 100


def main() -> None:
    train, valid, _ = collection("watches", 0)
    judge = DesignJudge(SPACES["watches"], train, valid)

    def figures(drafts) -> dict[str, float]:
        drafts = within("watches", drafts)
        told, left = judge(drafts), judge(drafts[judge.passes(drafts)][:250])
        return told.figures() | {"screened_useful": float(left.useful.mean())}

    rows = []
    for maker in MAKERS:
        for steps in STEPS:
            row = kept(
                "design_steps",
                f"{maker} {steps}",
                lambda maker=maker, steps=steps: figures(
                    learned(maker, train, steps, 0).sample(DRAFTS, seed=1)
                ),
            )
            rows.append({"way": f"{maker}, {steps} steps"} | row)
            print(rows[-1], flush=True)
    between = crossed(train, judge.neighbours(NEAR), DRAFTS, seed=1)
    rows.append({"way": "neighbours"} | figures(between))
    record(
        "design_steps",
        rows,
        data="watches, the part of a made collection that there is to choose by",
        n=DRAFTS,
        metric="as in benchmarks.designs; screened_useful of 250 that pass",
        seeds=[0],
    )


if __name__ == "__main__":
    main()
