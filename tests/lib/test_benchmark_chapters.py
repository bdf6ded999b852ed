"""Rows of the teacher's table: one a chapter; the data it names come from the cards."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import aigc_lib as aigc
from benchmarks.chapters import rows
from tools import chapter

COST = {"peak_mb": 900}


def notebook(code, heading="(ch01)=\n# 概述\n\nText"):
    return new_notebook(cells=[new_markdown_cell(heading), new_code_cell(code)])


def test_one_row_a_chapter():
    costs = [
        {"chapter": "02_b", "profile": "cpu", "seconds": 90.0} | COST,
        {"chapter": "01_a", "profile": "smoke", "seconds": 6.0} | COST,
        {"chapter": "01_a", "profile": "cpu", "seconds": 30.0} | COST,
        {"chapter": "03_c", "profile": "gpu", "seconds": 1.0} | COST,
    ]
    first = notebook('aigc.data.load("mnist")')
    found = rows(costs, {"01_a": first, "02_b": notebook("1"), "03_c": notebook("1")})
    assert [row["chapter"] for row in found] == ["01_a", "02_b"]
    assert found[0]["title"] == "01 概述"
    assert found[0]["minutes"] == 0.5
    assert found[0]["smoke_seconds"] == 6.0
    assert "smoke_seconds" not in found[1]


@pytest.mark.parametrize(
    ("number", "said"),
    [("03", "mnist 11.6 MB"), ("21", "fashion_mnist 30.9 MB"), ("25", None)],
)
def test_the_page_asks_for_what_a_chapter_loads(number, said, capsys):
    """Chapter 21 reads the licences of other sets; 25 needs none."""
    page = chapter.read(chapter.sources("00")[0])
    (cell,) = (c for c in chapter.code_cells(page) if ".chapters" in c.source)
    exec(cell.source, {"aigc": aigc})
    told = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert told.get(number) == said
