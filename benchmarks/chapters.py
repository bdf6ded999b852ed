"""Minutes and memory per chapter, as the last `make book` of each profile took.

The table of chapter 00 is read from it.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from benchmarks.record import record
from tools import chapter

EXECUTED = Path(__file__).parent.parent / "_build" / "executed"


def rows(costs: list[dict], notebooks: dict[str, NotebookNode]) -> list[dict]:
    """Return a row for each chapter that ran in the cpu profile, in reading order.

    ``costs`` are {chapter, profile, seconds, peak_mb}, ``notebooks`` the sources by
    the chapter's name.
    """
    by_profile = {(cost["chapter"], cost["profile"]): cost for cost in costs}
    found = []
    for (name, profile), cost in sorted(by_profile.items()):
        if profile != "cpu":
            continue
        row = {"chapter": name, "title": f"{name[:2]} {title(notebooks[name])}"}
        row |= {"minutes": round(cost["seconds"] / 60, 2)}
        row |= {"seconds": cost["seconds"], "peak_mb": cost["peak_mb"]}
        if smoke := by_profile.get((name, "smoke")):
            row["smoke_seconds"] = smoke["seconds"]
        found.append(row)
    return found


def title(notebook: NotebookNode) -> str:
    """Return the chapter's title, its first heading."""
    lines = notebook.cells[0].source.splitlines()
    return next(line[2:] for line in lines if line.startswith("# "))


def main() -> None:
    costs = []
    for path in sorted(EXECUTED.glob("*/*/*.ipynb")):
        if ".failed" not in path.name:
            cost = nbformat.read(path, as_version=4).metadata["aigc"]
            costs.append({"chapter": path.stem} | dict(cost))
    if not any(cost["profile"] == "cpu" for cost in costs):
        raise SystemExit("no executed chapter: run `make book JOBS=1` first")
    sources = {source.stem: chapter.read(source) for source in chapter.sources()}
    record("chapters", rows(costs, sources))


if __name__ == "__main__":
    main()
