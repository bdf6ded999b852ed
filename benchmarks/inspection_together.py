"""Three detectors of ``benchmarks.inspection`` put together by a rule set beforehand.

PCA of pixels and kNN of patches look for what normal pictures do not have, the marker
that learned pasted defects for what a defect has: where one errs, another need not. The
rule was written down before a picture was judged by it, and no other was tried:

    logarithm of the two that are distances (the marker's scores are logits already);
    less the mean, over the standard deviation, of the validation part's normals, from
    which none of the three has learned; the mean of the three.

The deviation and not a robust spread, so that a way whose normals have a heavy tail,
which are its false alarms, counts less. Equal weights and not those that pasted defects
would choose: the marker has learned just these. Maps of pixels are not put together.

All three are trained here anew, as for results/inspection.json. ``missed`` counts
defects below the threshold that stops ``ALARMS`` of the judged normals.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from aigc_lib.metrics.intervals import student_gain
from benchmarks.inspection import (
    MARKER,
    MEMORY,
    PCA,
    SETS,
    detectors,
    judged,
    row_of,
    scored,
    told,
)
from benchmarks.record import kept, record, seeds

PARTS, TOGETHER = (PCA, MEMORY, MARKER), "all three together"
ANY = "any of the three"  # each at ALARMS: stops more normals than one alone
ALARMS = 0.1


def in_normals(way: str, scores: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Say how many deviations of held-out ``normals`` the ``scores`` are above them."""
    if way != MARKER:
        scores, normals = np.log(scores), np.log(normals)
    return (scores - normals.mean()) / normals.std()


def above(scores: np.ndarray, defect: np.ndarray) -> np.ndarray:
    """Whether each defect is stopped where ``ALARMS`` of the normals are."""
    return scores[defect] > np.quantile(scores[~defect], 1 - ALARMS)


def misses(stopped: dict[str, np.ndarray]) -> dict[str, dict[str, int]]:
    """Count what a way misses, and of that what all together find; and the reverse."""
    found = stopped[TOGETHER]
    union = {ANY: np.any([stopped[way] for way in PARTS], 0)}
    return {
        way: {
            "missed": int((~some).sum()),
            "regained": int((~some & found).sum()),
            "lost": int((some & ~found).sum()),
            "defects": len(some),
        }
        for way, some in (stopped | union).items()
    }


def inspect(name: str, seed: int) -> dict:
    """Judge the three and their mean on one seed or group of places."""
    parts = SETS[name](seed)
    maps, clock, picked = detectors(parts, seed, PARTS)
    scores, levels = {}, {}
    for way in PARTS:
        scores[way] = scored(maps[way](parts["test"]))
        usual = scored(maps[way](parts["validation"]))
        levels[way] = in_normals(way, scores[way], usual)
    scores[TOGETHER] = np.mean(list(levels.values()), 0)
    defect = parts["defect"]
    rows = {way: judged(s, None, parts) for way, s in scores.items()}
    for way, row in rows.items():
        row["train_seconds"] = clock.get(way, sum(clock.values()))
    alike = {
        kind: np.corrcoef([level[some] for level in levels.values()]).tolist()
        for kind, some in (("normal", ~defect), ("defect", defect))
    }
    missed = misses({way: above(s, defect) for way, s in scores.items()})
    return {"ways": rows, "missed": missed, "alike": alike, "picked": picked}


def summed(found: list[dict]) -> dict:
    """Add up over the runs what was missed; average how alike the ways are."""
    missed = {
        way: {key: sum(run["missed"][way][key] for run in found) for key in first}
        for way, first in found[0]["missed"].items()
    }
    alike = {}
    for kind in ("normal", "defect"):
        mean = np.mean([run["alike"][kind] for run in found], 0)
        for i, j in ((0, 1), (0, 2), (1, 2)):
            alike[f"{kind}, {PARTS[i]} and {PARTS[j]}"] = float(mean[i, j])
    return {"missed": missed, "alike": alike}


def main() -> None:
    rows, gains, context, groups = [], {}, {}, {}
    for name in ("bsdata", "cloth"):
        found = [
            kept("inspection_together", f"{name} {s}", partial(inspect, name, s))
            for s in seeds(5)
        ]
        for way in (*PARTS, TOGETHER):
            each = [run["ways"][way] for run in found]
            rows.append(row_of(name, way, each))
            print(rows[-1], flush=True)
        for key in ("auroc", "alarms"):
            each = {
                way: [run["ways"][way][key] for run in found]
                for way in (*PARTS, TOGETHER)
            }
            groups[f"{name}, {key}"] = each
            for way in PARTS:
                gains[f"{name}, {key}, {TOGETHER} against {way}"] = told(
                    student_gain(each[TOGETHER], each[way])
                )
        context[name] = summed(found) | {"picked": [run["picked"] for run in found]}
    record(
        "inspection_together",
        rows,
        gains=gains,
        groups=groups,
        **context,
        alarms=ALARMS,
        metric="auroc of pictures, share of normals stopped at 95% recall; gains: "
        "paired over 5 seeds or groups of places, Student's t, 95%; alike: correlation "
        "of standardised scores",
    )


if __name__ == "__main__":
    main()
