"""``python -m aigc_lib check``: an answer in the reader's own file."""

import pytest

from aigc_lib.__main__ import main

RIGHT = """
import numpy as np
from helper import half

def js_divergence(p, q):
    m = half * (p + q)
    return half * sum(
        np.sum(a[a > 0] * np.log(a[a > 0] / m[a > 0])) for a in (p, q)
    )

if __name__ == "__main__":
    raise SystemExit("a check is no run of the file")
"""


@pytest.fixture
def answer(tmp_path):
    """Write the reader's file, beside one that it imports; return its path."""
    (tmp_path / "helper.py").write_text("half = 0.5", encoding="utf-8")

    def write(text, name="我的答案.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize(
    "exercise", ["04.js_divergence", "4.js_divergence", "ch04.js_divergence"]
)
def test_a_right_answer_passes(answer, capsys, exercise):
    assert main(["check", exercise, answer(RIGHT)]) == 0
    assert capsys.readouterr().out.startswith("通过")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (RIGHT.replace("return half *", "return"), "未通过：大了一倍"),
        ("def js_divergence(p, q): ...", "还没有写完"),
        ("js_divergence = ...", "还没有写完"),
        ("def js_divergence(p, q): return nothing", "NameError"),
    ],
)
def test_a_wrong_answer_gets_its_hint(answer, capsys, text, hint):
    assert main(["check", "04.js_divergence", answer(text)]) == 1
    printed = capsys.readouterr()
    assert hint in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("exercise", "text", "reason"),
    [
        ("04.js_divergance", RIGHT, "did you mean 'js_divergence'"),
        ("04", RIGHT, "choose one of js_divergence"),
        ("04.require", RIGHT, "exercise='require'"),  # a helper, no checker
        ("77.x", RIGHT, "chapter='77': choose one of 00"),
        ("04.js_divergence", "def js_div(p, q): ...", "did you mean 'js_div'"),
        ("04.js_divergence", "x = 1\ny = x / 0\n", "line 2: y = x / 0\nZeroDivision"),
        ("04.js_divergence", "import helper\nhelper.no", "line 2: helper.no\n"),
        ("04.js_divergence", "def f(:\n", "line 1: def f(:\nSyntaxError"),
        ("04.js_divergence", "raise SystemExit(0)", "line 1: raise SystemExit(0)"),
        (
            "04.js_divergence",
            "def js_divergence(p, q): raise SystemExit(0)",
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
    assert main(["check", "04.js_divergence", str(tmp_path / "none.py")]) == 2
    assert "none.py: no such file" in capsys.readouterr().err
