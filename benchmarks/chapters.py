"""Seconds and memory per chapter, as the last `make book` of each profile took them."""

from __future__ import annotations

from pathlib import Path

import nbformat

from benchmarks.record import record

EXECUTED = Path(__file__).parent.parent / "_build" / "executed"


def main() -> None:
    rows = []
    for path in sorted(EXECUTED.glob("*/*/*.ipynb")):
        if ".failed" not in path.name:
            cost = nbformat.read(path, as_version=4).metadata["aigc"]
            rows.append({"chapter": path.stem} | dict(cost))
    if not rows:
        raise SystemExit("no executed chapter: run `make book JOBS=1` first")
    record("chapters", rows)


if __name__ == "__main__":
    main()
