"""Checkers for chapter 24, 【待写】what it is about."""

from ._result import checker, require


@checker("【待写】答对时说的话")
def predict(answer):
    """`answer`: 【待写】a number or a word, judged by running what it is about."""
    require(answer == 2, "【待写】给答错的人的提示，不把答案说出来")


@checker("【待写】答对时说的话")
def write(answer):
    """`answer(x)`: 【待写】compared with a closed form or an invariant."""
    require(answer(2) == 4, "【待写】提示")


@checker("【待写】答对时说的话")
def diagnose(answer):
    """`answer`: 【待写】the line or cause, from the evidence in the task."""
    require(answer == "line 2", "【待写】提示")


@checker("【待写】答对时说的话")
def derive(answer):
    """`answer(x)`: 【待写】compared with a numerical derivative or integral."""
    require(abs(answer(1.0) - 2.0) < 1e-6, "【待写】提示")


@checker("【待写】答对时说的话")
def beat(answer):
    """`answer()`: 【待写】the score must pass a floor within a budget."""
    require(0.5 < answer() < 1, "【待写】提示")
