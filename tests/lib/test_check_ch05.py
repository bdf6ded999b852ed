"""Checkers of chapter 05: right answers pass, each likely mistake gets its hint."""

import math

import torch
from checker_tests import make_tests
from scipy.optimize import linear_sum_assignment

from aigc_lib.check import ch05


def rate_right(r1, haste):
    if haste * r1**2 <= 1:
        return 4 * r1
    return 4 / (haste * r1 + math.sqrt((haste * r1) ** 2 - haste))


def table(codes, labels, k):
    return (codes * k + labels).bincount(minlength=k * k).view(k, k)


def match_right(codes, labels, k):
    counts = table(codes, labels, k).numpy()
    return counts[linear_sum_assignment(counts, maximize=True)].sum() / len(codes)


def match_by_majority(codes, labels, k):
    return table(codes, labels, k).max(1).values.sum() / len(codes)


def match_greedily(codes, labels, k):
    counts, total = table(codes, labels, k).clone(), 0
    for _ in range(k):
        i, j = divmod(int(counts.argmax()), k)
        total += max(int(counts[i, j]), 0)
        counts[i], counts[:, j] = -1, -1
    return total / len(codes)


def deviation_right(x, unbiased=False, eps=1e-8, axis=0):
    variance = x.var(axis, unbiased=unbiased)
    value = (variance + eps).sqrt().mean()
    return torch.cat([x, value.expand(len(x), 1, *x.shape[2:])], 1)


CASES = [
    ("largest_rate", rate_right, None),
    ("largest_rate", lambda r1, haste: 4 * r1, "实数"),
    ("largest_rate", lambda r1, haste: 2 * r1, "太小"),
    ("largest_rate", lambda r1, haste: 4 * r1 * haste, "太大"),
    ("largest_rate", lambda r1, haste: -1.0, "正数"),
    ("stops", {"R1 0.5", "clip and R1"}, None),
    ("stops", {"R1 0.5"}, "裁剪"),
    ("stops", {"R1 0.5", "clip and R1", "R1 0.02"}, "步子"),
    ("stops", {"R1 0.5", "clip and R1", "GP and R1"}, "抵消"),
    ("stops", {"R1 0.5", "clip and R1", "GP, fast D"}, "快慢"),
    ("stops", {"R1"}, "没有这些名字"),
    ("stops", 3, "集合"),
    ("matched_accuracy", match_right, None),
    ("matched_accuracy", lambda c, y, k: (c == y).float().mean(), "编号"),
    ("matched_accuracy", match_by_majority, "一对一"),
    ("matched_accuracy", match_greedily, "之和"),
    ("with_deviation", deviation_right, None),
    ("with_deviation", lambda x: deviation_right(x, unbiased=True), "N − 1"),
    ("with_deviation", lambda x: deviation_right(x, eps=0.0), "NaN"),
    ("with_deviation", lambda x: deviation_right(x, axis=(0, 2, 3)), "全批"),
    ("with_deviation", lambda x: x, "形状"),
    ("with_deviation", lambda x: deviation_right(x).flip(1), "前面"),
    ("ten_times", (1, 10), None),
    ("ten_times", (10, 10), "分母"),
    ("ten_times", (1, 1), "几次"),
    ("ten_times", (0.1, 10), "各大"),
    ("ten_times", 10, "两个数"),
    ("diagnosis", (3, 0.25), None),
    ("diagnosis", (1, 0.25), "没有错"),
    ("diagnosis", (6, 0.25), "哪里来"),
    ("diagnosis", (5, 0.25), "对不上"),
    ("diagnosis", (3, 0.5), "附近"),
    ("diagnosis", (3, 0.27), "独立"),
    ("diagnosis", 3, "两个数"),
    ("open_digits", {"width": 64}, "超出预算"),
    ("open_digits", {"loss": "best"}, "choose one of"),
    ("open_digits", 3, "字典"),
]


test_hint, test_nothing_raises = make_tests(ch05, CASES)


def test_the_disobedient_history_shows_what_the_exercise_says():
    before = torch.get_rng_state()
    broken, mended = (
        float(ch05.disobedient_history(mended=m).split()[-1]) for m in (False, True)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert abs(broken - 0.25) < 0.15
    assert mended > 0.8


def test_an_open_answer_is_scored_against_the_floor():
    result = ch05.open_digits({"width": 2}, steps=1)
    assert not result
    assert "底线" in result.message
    assert "另一台机器" in result.message
