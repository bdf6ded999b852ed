"""The latent flow of ``benchmarks.painters`` with more time: was it the time?

The same net, data, seeds and questions, ``SECONDS`` of one core for each seed, a third
of it for the autoencoder, as before. ``SECONDS=10 N=40`` is a quick try.
"""

from __future__ import annotations

import os

from benchmarks import painters
from benchmarks.record import in_turns, record, summary

SECONDS = float(os.environ.get("SECONDS", 600))
WAY = "latent flow"


def main() -> None:
    painters.SECONDS = SECONDS
    runs = in_turns("painters_longer", [WAY], painters.SEEDS, painters.measured)[WAY]
    rows = []
    for split in painters.SPLITS:
        own = [{k: v for k, v in r[split].items() if k != "hits"} for r in runs]
        rows.append({"split": split} | summary(own))
    record(
        "painters_longer",
        rows,
        training=summary([run["training"] for run in runs]),
        chosen=[run["best"] for run in runs],
        tried=runs[0]["tried"],
        data="scenes: 4,000 to learn from",
        n=f"{painters.N} sentences a split, a picture each, {len(runs)} seeds",
        metric="share of pictures in which the reader of made scenes sees what was "
        "asked",
        seconds=SECONDS,
        seeds=list(painters.SEEDS),
    )


if __name__ == "__main__":
    main()
