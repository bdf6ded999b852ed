"""Checkers of chapter 07: right answers pass, each likely mistake gets its hint."""

import math
from itertools import pairwise

import pytest
import torch
from checker_tests import make_tests

from aigc_lib.check import ch07
from aigc_lib.models.diffusion.solvers import euler, heun


def guess_right(x, a, m, s, sign=1, power=0.5):
    return sign * (1 - a) ** power * (x - math.sqrt(a) * m) / (a * s**2 + 1 - a)


def guess_naive(x, a, m, s):
    return (x - math.sqrt(a) * m) / math.sqrt(1 - a)


def step_right(x, eps, a, b):
    data = (x - math.sqrt(1 - a) * eps) / math.sqrt(a)
    return math.sqrt(b) * data + math.sqrt(1 - b) * eps


def step_clamped(x, eps, a, b):
    data = ((x - math.sqrt(1 - a) * eps) / math.sqrt(a)).clamp(-1, 1)
    return math.sqrt(b) * data + math.sqrt(1 - b) * eps


def step_recomputed(x, eps, a, b):
    data = (x - math.sqrt(1 - a) * eps) / math.sqrt(a)
    eps = (x - math.sqrt(a) * data) / math.sqrt(1 - a) if a < 1 else eps * math.nan
    return math.sqrt(b) * data + math.sqrt(1 - b) * eps


def step_with_dice(x, eps, a, b):
    return step_right(x, torch.randn_like(eps), a, b)


def both_right(v, x, t):
    t = t.view(-1, *[1] * (x.dim() - 1))
    return x + (1 - t) * v, x - t * v


def both_reversed(v, x, t):
    return both_right(v, x, 1 - t)


def late(steps, power=2):
    return 1 - (1 - torch.linspace(0, 1, steps + 1)) ** power


def adams(velocity, x):
    before = None
    for t, after in pairwise(late(8)):
        step, now = after - t, velocity(x, t.expand(len(x)))
        bend = 0 if before is None else step / (2 * before[0]) * (now - before[1])
        x, before = x + step * (now + bend), (step, now)
    return x


def one_by_one(velocity, x):
    return torch.cat([euler(velocity, part, late(8)) for part in x.split(1)])


def midpoint_right(velocity, x, times, share=0.5, wait=True):
    for t, after in pairwise(times):
        step = after - t
        half = x + share * step * velocity(x, t.expand(len(x)))
        moment = t + 0.5 * step if wait else t
        x = x + step * velocity(half, moment.expand(len(x)))
    return x


def midpoint_in_place(velocity, x, times):
    for t, after in pairwise(times):
        half = x + 0.5 * (after - t) * velocity(x, t.expand(len(x)))
        x += (after - t) * velocity(half, ((t + after) / 2).expand(len(x)))
    return x


CASES = [
    ("noise_guess", guess_right, None),
    ("noise_guess", guess_naive, "均值 m"),
    ("noise_guess", lambda x, a, m, s: guess_right(x, a, m, s, -1), "符号"),
    ("noise_guess", lambda x, a, m, s: guess_right(x, a, m, s, -1, 0), "得分"),
    ("noise_guess", lambda x, a, m, s: guess_right(x, a, 0.0, s), "数值"),
    ("noise_guess", lambda x, a, m, s: guess_right(x, a, m, s)[:2], "形状"),
    ("data_and_noise", both_right, None),
    ("data_and_noise", lambda v, x, t: both_right(v, x, t)[::-1], "次序"),
    ("data_and_noise", both_reversed, "方向"),
    ("data_and_noise", lambda v, x, t: (both_right(v, x, t)[0], x - v), "噪声不对"),
    ("data_and_noise", lambda v, x, t: (x + (1 - t) * v, x - t * v), "(B, 1, …)"),
    ("data_and_noise", lambda v, x, t: both_right(v, x, t)[0], "两个"),
    ("exaggerated", ("大", "小"), None),
    ("exaggerated", ["大", "小"], None),
    ("exaggerated", ("相等", "小"), "平均猜错"),
    ("exaggerated", ("大", "大"), "散开"),
    ("exaggerated", ("大", "窄"), "窄"),
    ("exaggerated", "大", "两个词"),
    ("least_loss", lambda s: math.pi * s / 2, None),
    ("least_loss", lambda s: s * (math.atan(s) + math.atan(1 / s)), None),
    ("least_loss", lambda s: s**2 + 1, "方差"),
    ("least_loss", lambda s: s**2 / (s**2 + 1), "少除"),
    ("least_loss", lambda s: math.pi * s**2 / 2, "应当约为"),
    ("few_steps", lambda v, x: euler(v, x, late(8)), None),
    ("few_steps", adams, None),
    ("few_steps", lambda v, x: euler(v, x, late(8, 1)), "底线"),
    ("few_steps", lambda v, x: heun(v, x, late(8)), "只许 8"),
    ("few_steps", one_by_one, "一起"),
    ("few_steps", lambda v, x: x, "底线"),
    ("few_steps", lambda v, x: x[:5], "形状"),
    ("few_steps", lambda v, x: x * math.nan, "nan"),
    ("midpoint", midpoint_right, None),
    ("midpoint", heun, None),
    ("midpoint", euler, "两次"),
    ("midpoint", lambda v, x, s: midpoint_right(v, x, s, wait=False), "时间"),
    ("midpoint", lambda v, x, s: midpoint_right(v, x, s, share=0.0), "时间"),
    ("midpoint", lambda v, x, s: midpoint_right(v, x, s, share=-1.0), "还差"),
    ("midpoint", midpoint_in_place, "改动"),
    ("midpoint", lambda v, x, s: x, "两次"),
    (
        "midpoint",
        lambda v, x, s: midpoint_right(v, x, torch.linspace(0, 1, len(s)).double()),
        "times",
    ),
]


test_hint, test_nothing_raises = make_tests(ch07, CASES)


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (step_right, 2, ""),
        (step_right, None, "哪一行"),
        (step_right, 3, "第 3 行没有错"),
        (step_clamped, 2, "夹在"),
        (step_recomputed, 2, "nan"),
        (step_with_dice, 2, "骰子"),
        (lambda x, e, a, b: step_right(x, e, a, 1.0), 2, "落在"),
        (lambda x, e, a, b: 3, 2, "张量"),
    ],
)
def test_flattened(answer, line, hint):
    result = ch07.flattened(answer, line=line)
    assert bool(result) is (hint == "")
    assert hint in result.message


def test_an_open_answer_is_told_both_scores():
    message = ch07.few_steps(lambda v, x: euler(v, x, late(8))).message
    assert "得分 0.0" in message
    assert "书里的解 0.0" in message
