"""Checkers of chapter 18: right answers pass, each likely mistake gets its hint."""

import re
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from checker_tests import make_tests

from aigc_lib.check import ch18
from aigc_lib.decisions.courses import by_rule


def told(p, right, guess, slip):
    known, unknown = (1 - slip, guess) if right else (slip, 1 - guess)
    return p * known / (p * known + (1 - p) * unknown)


def update(p, right, guess, slip, learn):
    after = told(p, right, guess, slip)
    return after + (1 - after) * learn


def expected(p, guess, slip, learn):
    return p + (1 - p) * learn


def posterior(share, guess, slip, right):
    has, lacks = share, 1 - share
    for g, s, r in zip(guess, slip, right, strict=True):
        has, lacks = has * (1 - s if r else s), lacks * (g if r else 1 - g)
    return has / (has + lacks)


def joined(problems, skills, right):
    found, last = [], None
    for problem, skill, answer in zip(problems, skills, right, strict=True):
        if problem == last:
            found[-1][0].append(skill)
        else:
            found.append(([skill], answer))
        last = problem
    return [(tuple(own), answer) for own, answer in found]


def by_problem(problems, skills, right):
    found = {}
    for problem, skill, answer in zip(problems, skills, right, strict=True):
        found.setdefault(problem, ([], answer))[0].append(skill)
    return [(tuple(own), answer) for own, answer in found.values()]


def percent(question):
    match = re.fullmatch(r"([1-9]\d*)的([1-9]\d*)%等于几？", question)
    return Fraction(int(match[1]) * int(match[2]), 100) if match else False


def mixed(seen):
    world = SimpleNamespace(**vars(seen))
    skill = by_rule(rotate=False)(world) // 3
    turn = np.arange(len(skill)) + [len(own) for own in seen.taken]
    return 3 * skill + np.array([0, 0, 0, 1, 2])[turn % 5]


test_hint, test_nothing_raises = make_tests(
    ch18,
    [
        ("update", update, None),
        ("update", lambda p, r, g, s, learn: told(p, r, g, s), "练习学到的"),
        ("update", lambda p, r, g, s, learn: p + (1 - p) * learn, "答对还是答错"),
        (
            "update",
            lambda p, r, g, s, learn: told(p, r, g, s) * (1 - learn),
            "还不会的那一份",
        ),
        ("expected_mastery", expected, None),
        ("expected_mastery", lambda p, g, s, learn: p, "枚举得"),
        ("posterior", posterior, None),
        ("posterior", lambda share, g, s, r: share, "应当是"),
        (
            "posterior",
            lambda share, g, s, r: (
                share * np.prod([1 - b if c else b for b, c in zip(s, r, strict=True)])
            ),
            "总和",
        ),
        ("percent", percent, None),
        ("percent", lambda q: float(percent(q)), "返回 Fraction"),
        ("percent", lambda q: Fraction(re.findall(r"\d+", q)[0]), "应当是"),
        (
            "percent",
            lambda q: Fraction(
                np.prod([int(n) for n in re.findall(r"\d+", q)]).item(), 100
            ),
            "不是这种题",
        ),
        ("demand", {"taken": "多", "gain": "少"}, None),
        ("demand", {"taken": "多", "gain": "多"}, "考试的增益"),
        ("demand", {"taken": "少", "gain": "少"}, "上的课"),
        ("demand", {"taken": "多"}, "字典"),
        ("open_next", mixed, None),
        ("open_next", lambda seen: np.zeros(len(seen.names), int), "每位至少"),
        ("open_next", lambda seen: np.arange(len(seen.names)) % 36, "底线"),
        ("open_next", lambda seen: np.full(len(seen.names), 99), "编号从 0 到 35"),
        ("open_next", lambda seen: [0], "每人一门课"),
        ("open_next", lambda seen: seen.mastery.argmin(1), "mastery"),
        ("joined", joined, "还要说出"),
    ],
)


@pytest.mark.parametrize(
    ("answer", "leak", "hint"),
    [
        (joined, "同题的后几行", None),
        (joined, "学生在两边", "看证据"),
        (joined, "别的", "从这几个里选"),
        (by_problem, "同题的后几行", "另一次回答"),
        (
            lambda p, s, r: [((a,), b) for a, b in zip(s, r, strict=True)],
            "同题的后几行",
            "还是分开的",
        ),
    ],
)
def test_the_diagnosis(answer, leak, hint):
    result = ch18.joined(answer, leak=leak)
    assert bool(result) == (hint is None)
    assert hint is None or hint in result.message, repr(result)
