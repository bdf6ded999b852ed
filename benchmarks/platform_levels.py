"""Platform levels, column by column: crossed, whole and new?

A Markov chain learns the columns of twelve levels and writes ``WIDE`` columns, looking
back at none to eight. A draft is cut behind its last ground, which is its exit; then
`farthest` says whether one comes from the left to the right. Whole is a draft of which
no pipe is cut in half. New is one that shares no longer run of columns with a learned
level than some piece of a held-out level does. Opponents: columns by lot (looking back
at none), and the pieces themselves. Chains learn the same; seeds are those of the
drafts. ``N=10`` is a quick try.
"""

from __future__ import annotations

import os
from functools import cache, partial
from itertools import pairwise

import numpy as np

import aigc_lib as aigc
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models.markov_tiles import MarkovTiles
from aigc_lib.simulators.platform import farthest, platform_faults, standing
from benchmarks.record import kept, record, seeds

SEEDS, N = seeds(5), int(os.environ.get("N", 200))
ORDERS, WIDE, STRIDE = (0, 1, 2, 4, 8), 80, 10
FIGURES = ("exit", "crossed", "whole", "new", "all_three", "longest")
PIPES = ("<>", "[]")  # left and right halves
Columns = list[str]


@cache
def levels(split: str) -> list[Columns]:
    """The levels of a split, each as its columns from left to right."""
    found = aigc.data.load("vglc", split=split)
    return [sideways(text.split("\n")) for text in found]


def sideways(lines: list[str]) -> list[str]:
    """Turn rows into columns, or columns into rows."""
    return ["".join(signs) for signs in zip(*lines, strict=True)]


def longest_run(columns: Columns, known: list[Columns]) -> int:
    """How many columns in a row stand so in one of the ``known`` levels."""
    every = (columns, *known)
    number = {c: k for k, c in enumerate(sorted({c for one in every for c in one}))}
    own, *texts = ["".join(chr(number[c]) for c in one) for one in every]
    most = 0
    for start in range(len(own)):
        while start + most < len(own) and any(
            own[start : start + most + 1] in text for text in texts
        ):
            most += 1
    return most


def cut(columns: Columns) -> Columns:
    """Leave out what comes behind the last column with ground."""
    while columns and not standing(columns[-1], 0):
        columns = columns[:-1]
    return columns


def pipes_are_whole(columns: Columns) -> bool:
    """Whether right of each left half is a right half, and the other way round."""
    return all(
        (a == left) == (b == right)
        for one, after in pairwise(columns)
        for a, b in zip(one, after, strict=True)
        for left, right in PIPES
    )


def verdict(columns: Columns, limit: int) -> dict[str, float]:
    """What is true of one draft; ``limit`` is the longest run that is new."""
    ended = cut(columns)
    rows = sideways(ended)
    longest = longest_run(columns, levels("train"))
    told = {
        "crossed": not platform_faults(rows) and farthest("\n".join(rows))[0],
        "whole": pipes_are_whole(columns),
        "new": longest <= limit,
    }
    ends = {"exit": len(ended) == len(columns), "longest": longest}
    return told | ends | {"all_three": all(told.values())}


@cache
def pieces() -> list[Columns]:
    """Pieces of the held-out levels, as wide as a draft."""
    return [
        level[at : at + WIDE]
        for level in levels("test")
        for at in range(0, len(level) - WIDE + 1, STRIDE)
    ]


@cache
def limit() -> int:
    """The longest run that any piece of a held-out level shares with a learned one."""
    return max(longest_run(one, levels("train")) for one in pieces())


def judged(drafts: list[Columns]) -> dict[str, float]:
    """Mean figures of drafts; of the longest run, the median."""
    found = [verdict(one, limit()) for one in drafts]
    told = {key: float(np.mean([v[key] for v in found])) for key in FIGURES}
    return told | {"longest": float(np.median([v["longest"] for v in found]))}


def drafted(order: int, n: int, seed: int) -> list[Columns]:
    """Write ``n`` drafts, each column by the ``order`` columns before it."""
    names = sorted({column for level in levels("train") for column in level})
    number = {column: k for k, column in enumerate(names)}
    grids = [np.array([[number[c] for c in level]]) for level in levels("train")]
    chain = MarkovTiles(grids, [(0, -k) for k in range(1, order + 1)])
    made = chain.sample(n, (1, WIDE), seed=seed)[:, 0]
    return [[names[k] for k in row] for row in made]


def measure(seed: int) -> dict[str, dict]:
    """The figures of each chain, with one seed."""
    told = {str(k): judged(drafted(k, N, 100 + seed)) for k in ORDERS}
    print(seed, told, flush=True)
    return told


def row_of(order: str, runs: list[dict[str, dict]]) -> dict:
    """Means over the seeds with Student's intervals; what one column has less."""
    row = {"order": order}
    for key in FIGURES:
        own = [run[order][key] for run in runs]
        row[key] = float(np.mean(own))
        if len(runs) > 1 and key != "longest":
            share = student_gain(own, [0.0] * len(own))
            row[f"{key}_interval"] = [max(0.0, share.low), min(1.0, share.high)]
            if order != "1":
                gain = student_gain(own, [run["1"][key] for run in runs])
                row[f"{key}_gain"] = gain.mean
                row[f"{key}_gain_interval"] = [gain.low, gain.high]
    return row


def main() -> None:
    runs = [
        kept("platform_levels", str(seed), partial(measure, seed)) for seed in SEEDS
    ]
    rows = [row_of(str(order), runs) for order in ORDERS]
    record(
        "platform_levels",
        [*rows, {"order": "held out"} | judged(pieces())],
        limit=limit(),
        pieces=len(pieces()),
        data="vglc: 12 levels to learn from, 3 held out",
        split="three levels of one world held out",
        n=f"{N} drafts of {WIDE} columns an order and seed",
        metric="crossed: from the left to the last ground, jumps of five tiles; whole: "
        "no half pipe; new: no longer run of a learned level than in some piece of a "
        "held-out one; longest: such a run, in columns, median; gains over one column, "
        "Student's t over seeds",
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
