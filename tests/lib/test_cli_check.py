"""``python -m aigc_lib check``: an answer in the reader's own file."""

import re
from pathlib import Path

import pytest

from aigc_lib.__main__ import EXAMPLES, main

RIGHT = """
from helper import exact

def order_free_sum(values):
    return exact(values)

if __name__ == "__main__":
    raise SystemExit("a check is no run of the file")
"""
PAGES = (Path(__file__).parents[2] / "chapters").rglob("*.md")


@pytest.fixture
def answer(tmp_path):
    """Write the reader's file, beside one that it imports; return its path."""
    (tmp_path / "helper.py").write_text(
        "from math import fsum as exact", encoding="utf-8"
    )

    def write(text, name="我的答案.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize(
    "exercise", ["00.order_free_sum", "0.order_free_sum", "ch00.order_free_sum"]
)
def test_a_right_answer_passes(answer, capsys, exercise):
    assert main(["check", exercise, answer(RIGHT)]) == 0
    assert capsys.readouterr().out.startswith("通过")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (RIGHT.replace("exact(values)", "sum(values)"), "未通过："),
        ("def order_free_sum(values): ...", "还没有写完"),
        ("order_free_sum = ...", "还没有写完"),
        ("def order_free_sum(values): return nothing", "NameError"),
    ],
)
def test_a_wrong_answer_gets_its_hint(answer, capsys, text, hint):
    assert main(["check", "00.order_free_sum", answer(text)]) == 1
    printed = capsys.readouterr()
    assert hint in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("exercise", "text", "reason"),
    [
        ("00.order_free_som", RIGHT, "did you mean 'order_free_sum'"),
        ("00", RIGHT, "choose one of order_free_sum"),
        ("00.require", RIGHT, "exercise='require'"),  # a helper, no checker
        ("77.x", RIGHT, "chapter='77': choose one of 00"),
        (
            "00.order_free_sum",
            "def order_free(values): ...",
            "did you mean 'order_free'",
        ),
        ("00.order_free_sum", "x = 1\ny = x / 0\n", "line 2: y = x / 0\nZeroDivision"),
        ("00.order_free_sum", "import helper\nhelper.no", "line 2: helper.no\n"),
        ("00.order_free_sum", "def f(:\n", "line 1: def f(:\nSyntaxError"),
        ("00.order_free_sum", "raise SystemExit(0)", "line 1: raise SystemExit(0)"),
        (
            "00.order_free_sum",
            "def order_free_sum(values): raise SystemExit(0)",
            "the answer calls exit()",
        ),
    ],
)
def test_what_cannot_be_checked_is_explained(answer, capsys, exercise, text, reason):
    assert main(["check", exercise, answer(text)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert reason in error
    assert "Traceback" not in error


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert main(["check", "00.order_free_sum", str(tmp_path / "none.py")]) == 2
    assert "none.py: no such file" in capsys.readouterr().err


def test_what_examples_and_pages_ask_for_is_there(capsys):
    texts = [EXAMPLES["check"], *(page.read_text(encoding="utf-8") for page in PAGES)]
    asked = re.findall(r"python -m aigc_lib check (\S+) ", "\n".join(texts))
    assert asked
    for exercise in asked:
        assert main(["check", exercise, "no such file"]) == 2
        assert capsys.readouterr().err == "error: no such file: no such file\n", (
            exercise
        )
