"""Readers of what learners answered: (card, split, paths) -> ``Answers``."""

from __future__ import annotations

import gzip
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..answers import Answers
from ..catalog import Card
from ..download import CorruptFile

JOINED = 0.9  # agreement from which two skills are taken for those of one problem
Rows = list[tuple[str, list[int], list[int]]]  # learner, skills, right


def read_assistments(card: Card, split: str, paths: list[Path]) -> Answers:
    """Read ASSISTments 2009-10; rows of one problem are joined to one answer.

    The files have a row for each *skill* of a problem: whoever reads the first row of
    a problem knows the answer of the others. See ``joined``.
    """
    return _assistments(*paths)[split]


def read_exam(card: Card, split: str, paths: list[Path]) -> Answers:
    """Read an exam of math2015: pupils by items, full marks are right.

    Every item has the skills that its experts name. About one pupil in five is for the
    test.
    """
    scores, needs = _table(paths[0]), _table(paths[1])
    skill_names = [
        line.split("\t", 1)[1].strip().rstrip(",")
        for line in paths[2].read_text("utf-8").splitlines()[1:]
        if line.strip()
    ]
    if needs.shape != (scores.shape[1], len(skill_names)):
        raise CorruptFile(
            f"{paths[1]} has shape {needs.shape}, not one row for each of "
            f"{scores.shape[1]} items and a column for each of {len(skill_names)} "
            "skills"
        )
    items = [
        (f"第 {i + 1} 题", *(skill_names[s] for s in np.flatnonzero(row)))
        for i, row in enumerate(needs)
    ]
    right = (scores >= 1).astype(int)
    answers = Answers.of(
        {
            f"pupil {u}": list(zip(items, row.tolist(), strict=True))
            for u, row in enumerate(right)
        },
        items=items,
    )
    return dict(zip(("train", "test"), answers.divided(), strict=True))[split]


def joined(
    skills: list[int], right: list[int], together: set[tuple[int, int]]
) -> list[tuple[tuple[int, ...], int]]:
    """Join neighbouring rows that ``together`` takes for one problem.

    Whether rows are joined is decided by their skills alone, never by the answers: a
    rule that looked at these would give them away. The answer is that of the first row.
    """
    problems: list[tuple[list[int], int]] = []
    for place, (skill, answer) in enumerate(zip(skills, right, strict=True)):
        pair = (skills[place - 1], skill) if place else None
        if pair in together and skill not in problems[-1][0]:
            problems[-1][0].append(skill)
        else:
            problems.append(([skill], answer))
    return [(tuple(own), answer) for own, answer in problems]


def same_problem(rows: Rows, least: float = JOINED) -> set[tuple[int, int]]:
    """Find the ordered pairs of skills whose neighbouring rows nearly always agree.

    Two rows of one problem agree always; two problems in about two of three cases.
    """
    seen: Counter[tuple[int, int]] = Counter()
    equal: Counter[tuple[int, int]] = Counter()
    for _, skills, right in rows:
        for a, b, first, second in zip(
            skills, skills[1:], right, right[1:], strict=False
        ):
            if a != b:
                seen[a, b] += 1
                equal[a, b] += first == second
    return {pair for pair, n in seen.items() if equal[pair] >= least * n}


@lru_cache(1)
def _assistments(names: Path, train: Path, test: Path) -> dict[str, Answers]:
    title = _skill_names(names)
    parts = {"train": _lines(train, "train"), "test": _lines(test, "test")}
    together = same_problem(parts["train"])
    histories = {
        split: {
            who: [
                (tuple(title[s] for s in own), answer)
                for own, answer in joined(skills, right, together)
            ]
            for who, skills, right in rows
        }
        for split, rows in parts.items()
    }
    asked = [item for own in histories.values() for r in own.values() for item, _ in r]
    items = sorted({tuple(sorted(item)) for item in asked})
    return {
        split: Answers.of(own, items=items, split=split)
        for split, own in histories.items()
    }


def _skill_names(path: Path) -> dict[int, str]:
    """Read the names of the skills; those of one name get their number behind it."""
    try:
        rows = [line.split("\t", 1) for line in path.read_text("utf-8").splitlines()]
        found = {int(number): name.strip() for number, name in rows if number}
    except ValueError as error:
        raise CorruptFile(f"{path} has no lines of number and name: {error}") from None
    twice = Counter(found.values())
    return {n: f"{s} ({n})" if twice[s] > 1 else s for n, s in found.items()}


def _lines(path: Path, split: str) -> Rows:
    """Read three lines a learner: how many, which skills, right or wrong.

    Raises:
        CorruptFile: they are not.
    """
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            lines = [line.strip().strip(",") for line in file]
    except (EOFError, OSError, UnicodeDecodeError) as error:
        raise CorruptFile(f"{path} is no gzip file of lines: {error}") from None
    rows: Rows = []
    try:
        lines = [line for line in lines if line]
        for n, skills, right in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
            own = [int(s) for s in skills.split(",")]
            answers = [int(r) for r in right.split(",")]
            if not len(own) == len(answers) == int(n):
                raise ValueError(f"{n} answers with {len(own)} and {len(answers)}")
            rows.append((f"{split} {len(rows)}", own, answers))
    except ValueError as error:
        raise CorruptFile(f"{path}: {error}, learner {len(rows)}") from None
    return rows


def _table(path: Path) -> np.ndarray:
    try:
        return np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise CorruptFile(f"{path} is no table of numbers: {error}") from None
