"""Reader of job shops of the literature, with what is known of their optima."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..catalog import Card
from ..download import CorruptFile
from ..text import Record


def read_jobshop(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read shops in their usual form; facts: name, jobs, machines, lower and upper.

    The form: a line with the numbers of jobs and machines, then a line a job, of pairs
    machine and duration in the order of the work. "train" are those whose optimum is
    known (lower == upper), "test" those where it is not.
    """
    try:
        known = json.loads(gzip.decompress(paths[0].read_bytes()))
        for name, shop in known.items():
            bounds = shop["metadata"]
            if (bounds["optimum"] is None) != (split == "test"):
                continue
            jobs = [
                " ".join(f"{m} {d}" for m, d in zip(*job, strict=True))
                for job in zip(
                    shop["machines_matrix"], shop["duration_matrix"], strict=True
                )
            ]
            machines = len(shop["duration_matrix"][0])
            facts = {
                "name": name,
                "jobs": len(jobs),
                "machines": machines,
                "lower": bounds["lower_bound"],
                "upper": bounds["upper_bound"],
            }
            text = "\n".join([f"{len(jobs)} {machines}", *jobs])
            yield Record(text, None, facts)
    except (gzip.BadGzipFile, EOFError, zlib.error, KeyError, ValueError) as error:
        raise CorruptFile(f"{paths[0]} holds no job shops: {error}") from None
