"""Inspection of bsdata at 64 px, as the patches come, beside 32 px.

The detectors of ``benchmarks.inspection`` that are cheap enough, on the same groups of
places, at both sizes in one run. Nothing but the size changes: the same steps, the same
choices on pasted defects, the same rule from map to score.
"""

from __future__ import annotations

from functools import partial

from aigc_lib.metrics.intervals import student_gain
from benchmarks.inspection import (
    MARKER,
    MEMORY,
    PCA,
    bsdata,
    detectors,
    judged,
    row_of,
    scored,
    told,
)
from benchmarks.record import kept, record, seeds

WAYS, SIZES = (PCA, MEMORY, MARKER), (32, 64)


def inspect(size: int, number: int) -> dict:
    """Judge the detectors on one group of places."""
    parts = bsdata(number, size)
    maps, clock, picked = detectors(parts, number, WAYS)
    rows = {}
    for way in WAYS:
        rows[way] = judged(scored(maps[way](parts["test"])), None, parts)
        rows[way]["train_seconds"] = clock[way]
    return {"ways": rows, "picked": picked}


def main() -> None:
    rows, runs, gains = [], {}, {}
    for number in seeds(5):
        for size in SIZES:
            key = f"{size} px {number}"
            answer = kept("inspection_fine", key, partial(inspect, size, number))
            print(key, answer, flush=True)
            runs.setdefault(size, []).append(answer)
    found = {
        (way, size): [run["ways"][way] for run in runs[size]]
        for way in WAYS
        for size in SIZES
    }
    for (way, size), each in found.items():
        rows.append(row_of(f"{size} px", way, each))
        rivals = {(PCA, other) for other in SIZES} | {(way, 32)}
        for rival in sorted(rivals - {(way, size)}):
            for key in ("auroc", "alarms"):
                pair = ([e[key] for e in found[one]] for one in ((way, size), rival))
                name = f"{key}, {way}, {size} px against {rival[0]}, {rival[1]} px"
                gains[name] = told(student_gain(*pair))
    record(
        "inspection_fine",
        rows,
        gains=gains,
        picked={str(size): [run["picked"] for run in runs[size]] for size in SIZES},
        metric="auroc of pictures, share of normals stopped at 95% recall; gains: "
        "paired over 5 groups of places, Student's t, 95%",
    )


if __name__ == "__main__":
    main()
