"""Job shops of the literature: CP-SAT and two rules against all 86 known optima.

As the first part of ``benchmarks.jobshop``, which takes the small ones only and less
time: also the larger ones, up to 20 x 20 and 30 x 15, ``EFFORT`` deterministic seconds
each.
"""

from __future__ import annotations

import os
from functools import partial

import aigc_lib as aigc
from benchmarks.jobshop import gaps_of, is_small, solved
from benchmarks.record import kept, record

EFFORT = float(os.environ.get("EFFORT", 3))


def main() -> None:
    facts = aigc.data.load("jobshop").facts
    runs = [
        kept(
            "jobshop_optima", f["name"], partial(solved, f["name"], f["upper"], EFFORT)
        )
        for f in facts
    ]
    rows = []
    for what, wanted in {
        "all": lambda _: True,
        "at most 100 operations": is_small,
        "more": lambda f: not is_small(f),
    }.items():
        pairs = [(f, r) for f, r in zip(facts, runs, strict=True) if wanted(f)]
        rows += gaps_of(what, *map(list, zip(*pairs, strict=True)))
    record(
        "jobshop_optima",
        rows,
        data="all job shops of the literature whose optimum is known",
        metric="gap: makespan / optimum - 1, 95% bootstrap over problems; solved: gap "
        "0; proven: CP-SAT's bound is the optimum",
        effort=EFFORT,
    )


if __name__ == "__main__":
    main()
