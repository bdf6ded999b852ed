"""What each open exercise's checker said of the book's solution, in `make book`.

The reader's twins tell it under the task, where the solution is folded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import nbformat
from nbformat import NotebookNode

from benchmarks.chapters import EXECUTED
from benchmarks.record import ROOT, record
from tools import chapter

PASSED = "通过 "


def rows(notebooks: Iterable[NotebookNode]) -> dict[str, dict[str, str]]:
    """Return {label: {verdict, solution}} of the open exercises in executed chapters.

    ``solution`` tells for which code the verdict was given.

    Raises:
        ValueError: no cell of a solution shows that the checker let it pass.
    """
    found = {}
    for exercise in (e for n in notebooks for e in chapter.exercises(n) if e.is_open):
        said = [chapter.said(cell).strip() for cell in exercise.solution or ()]
        passed = [text for text in said if text.startswith(PASSED)]
        if not passed:
            raise ValueError(
                f"{exercise.label}: no verdict among {said}; end a cell on the Result "
                "of the checker and run make book"
            )
        verdict = passed[-1].removeprefix(PASSED)
        found[exercise.label] = {"verdict": verdict, "solution": exercise.stamp}
    return found


def main() -> None:
    paths = sorted(EXECUTED.glob("cpu/*/*.ipynb"))
    ran = [nbformat.read(p, 4) for p in paths if ".failed" not in p.name]
    if not ran:
        raise SystemExit("no executed chapter: run `make book` first")
    path = ROOT / "results" / "open_exercises.json"
    before = json.loads(path.read_text("utf-8"))["rows"] if path.exists() else {}
    record("open_exercises", dict(sorted((before | rows(ran)).items())), profile="cpu")


if __name__ == "__main__":
    main()
