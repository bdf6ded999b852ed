"""Do generated normal parts help detectors that learn from normals only? On bsdata.

The groups of places of ``benchmarks.inspection``, and its PCA and kNN with the same
choices, which learn from the real normals; from these and as many that a flow draws,
which learned from the same ones, as long as the flow that detects there; or from the
real normals and each of them moved by up to two pixels, which needs no generator. kNN
keeps as many patches whatever it learns from.
"""

from __future__ import annotations

import time
from functools import partial

import torch
from torch.nn.functional import pad

import aigc_lib as aigc
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models import FlowMatching
from aigc_lib.models.edits import to_uint8
from benchmarks.inspection import (
    MEMORY,
    PCA,
    bsdata,
    detectors,
    judged,
    row_of,
    scaled,
    scored,
    told,
)
from benchmarks.record import kept, record, seeds

REAL, DRAWN, MOVED = "real normals", "drawn by a flow added", "moved copies added"
STEPS = 120  # of the flow, as in benchmarks.inspection
WAYS = [f"{way}, {source}" for way in (PCA, MEMORY) for source in (REAL, DRAWN, MOVED)]


def drawn(x: torch.Tensor, seed: int) -> torch.Tensor:
    """Draw as many pictures as there are normals (N, 1, 32, 32) uint8."""
    aigc.start(seed=seed)
    model = FlowMatching(image_size=32, width=16)
    aigc.fit(model, x, steps=scaled(STEPS), seed=seed, batch_size=32)
    return to_uint8(model.sample(len(x), seed=seed).cpu())


def moved(x: torch.Tensor, seed: int, most: int = 2) -> torch.Tensor:
    """Move each picture by up to ``most`` pixels; the edge is continued outwards."""
    source = torch.Generator().manual_seed(seed)
    wide = pad(x.float(), (most,) * 4, mode="replicate").to(torch.uint8)
    size = x.shape[-1]
    starts = torch.randint(2 * most + 1, (len(x), 2), generator=source).tolist()
    return torch.stack(
        [
            one[:, i : i + size, j : j + size]
            for one, (i, j) in zip(wide, starts, strict=True)
        ]
    )


def inspect(number: int) -> dict:
    """Judge both detectors with each source of normals on one group of places."""
    parts = bsdata(number)
    normals = parts["train"]
    began = time.perf_counter()
    made = drawn(normals, number)
    seconds = time.perf_counter() - began
    sources = {
        REAL: normals,
        DRAWN: torch.cat([normals, made]),
        MOVED: torch.cat([normals, moved(normals, number)]),
    }
    rows, picked = {}, {}
    for source, x in sources.items():
        maps, clock, picked[source] = detectors(
            parts | {"train": x}, number, (PCA, MEMORY)
        )
        for way, maps_of in maps.items():
            found = judged(scored(maps_of(parts["test"])), None, parts)
            found["train_seconds"] = clock[way] + seconds * (source == DRAWN)
            rows[f"{way}, {source}"] = found
    return {"ways": rows, "picked": picked}


def gains(found: list[dict]) -> dict[str, dict]:
    """Compare each detector with itself, without what was added."""
    answer = {}
    for key in ("auroc", "alarms"):
        each = {way: [run["ways"][way][key] for run in found] for way in WAYS}
        for way in (PCA, MEMORY):
            for source in (DRAWN, MOVED):
                gain = student_gain(each[f"{way}, {source}"], each[f"{way}, {REAL}"])
                answer[f"{key}, {way}, {source}"] = told(gain)
    return answer


def main() -> None:
    found = [kept("inspection_normals", f"{k}", partial(inspect, k)) for k in seeds(5)]
    rows = []
    for way in WAYS:
        rows.append(row_of("bsdata", way, [run["ways"][way] for run in found]))
        print(rows[-1], flush=True)
    record(
        "inspection_normals",
        rows,
        gains=gains(found),
        picked=[run["picked"] for run in found],
        metric="auroc of pictures, share of normals stopped at 95% recall; gains: "
        "with what was added less without it, paired over 5 groups of places, "
        "Student's t, 95%",
        steps={"flow": scaled(STEPS)},
    )


if __name__ == "__main__":
    main()
