"""Rows of the teacher's table: one a chapter, its data found in its code."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from aigc_lib.data import CATALOG
from benchmarks.chapters import data_of, rows

COST = {"peak_mb": 900}


def notebook(code, heading="(ch01)=\n# 概述\n\nText"):
    return new_notebook(cells=[new_markdown_cell(heading), new_code_cell(code)])


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ('aigc.data.load("fashion_mnist", standin="digits")', ["fashion_mnist"]),
        ('for n in ("mnist", "cifar10", "mnist"): load(n)', ["mnist", "cifar10"]),
        ('aigc.data.load("ring8")', []),  # made on the spot
        ("x = 1  # fashion_mnist", []),
    ],
)
def test_data_to_download(code, data):
    assert data_of(notebook(code)) == data


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
    mnist = sum(file.bytes for file in CATALOG["mnist"].files) / 1e6
    assert found[0]["download_mb"] == pytest.approx(mnist, abs=0.06)
    assert (found[1]["data"], found[1]["download_mb"]) == ("", 0)
