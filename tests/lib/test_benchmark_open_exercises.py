"""The book's own scores are read from the chapters that ran, with what they judged."""

import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

from benchmarks.open_exercises import rows
from tools import chapter

TASK = (
    "```{{exercise-start}} ★ {kind}：快\n:label: ex-99-{k}\n```\n题。\n"
    "```{{exercise-end}}\n```\n```{{solution-start}} ex-99-{k}\n```"
)


def solved(k, kind, *said):
    """Return the cells of an exercise whose solution put out ``said``."""
    cells = [new_markdown_cell(TASK.format(k=k, kind=kind))]
    for text in said:
        shown = new_output("execute_result", {"text/plain": text})
        cells.append(new_code_cell(f"check({k})", outputs=[shown]))
    return [*cells, new_markdown_cell("```{solution-end}\n```")]


def test_the_verdict_of_each_open_exercise_is_kept():
    cells = solved(1, "实现", "通过 做对了") + solved(2, "开放", "True", "通过 得 7 分")
    found = rows([new_notebook(cells=cells)])
    assert found == {
        "ex-99-2": {
            "verdict": "得 7 分",
            "solution": chapter.exercises(new_notebook(cells=cells))[1].stamp,
        }
    }


def test_other_code_has_another_stamp():
    one, other = (
        chapter.exercises(new_notebook(cells=solved(k, "开放", "")))[0].stamp
        for k in (1, 2)
    )
    assert one != other


@pytest.mark.parametrize("said", ["未通过：得 1 分", "True"])
def test_a_solution_that_does_not_pass_is_no_score(said):
    with pytest.raises(ValueError, match="ex-99-2: no verdict"):
        rows([new_notebook(cells=solved(2, "开放", said))])
