"""Checkers of chapter 17: right answers pass, each likely mistake gets its hint."""

import numpy as np
import pytest
import torch
from checker_tests import make_tests
from scipy.ndimage import gaussian_filter

from aigc_lib.check import ch17


def visible_right(u, d, power=2, kept=False):
    inside = d @ u.T @ u
    outside = inside if kept else d - inside
    return ((outside**2).sum() / (d**2).sum()) ** (power / 2)


def bound_right(machines, durations, ends=True, sign=1):
    best = durations.sum(1).max()
    for m in range(machines.shape[1]):
        rows, columns = np.nonzero(machines == m)
        work = durations[rows, columns].sum()
        heads = [durations[j, :k].sum() for j, k in zip(rows, columns, strict=True)]
        tails = [
            durations[j, k + 1 :].sum() for j, k in zip(rows, columns, strict=True)
        ]
        pick = min if sign > 0 else max
        best = max(best, work + ends * (pick(heads) + pick(tails)))
    return best


def off_the_streaks(normals, x):
    def features(pictures):
        p = pictures[:, 0].float().numpy()
        along = p - gaussian_filter(p, (0, 0.5, 6))
        spot = gaussian_filter(along, (0, 0.7, 0.7)).reshape(len(p), -1)
        jump = np.abs(np.diff(p, axis=2)).reshape(len(p), -1)
        lines = np.sort(jump)[:, -8:].mean(1)
        return np.stack([-spot.min(1), spot.max(1), lines], 1)

    known = features(normals)
    return ((features(x) - known.mean(0)) / known.std(0)).max(1)


CASES = [
    ("stopped", {"1%": 0.088, "10%": 0.514, "50%": 0.905}, None),
    ("stopped", {"1%": 0.95, "10%": 0.95, "50%": 0.95}, "拦下的里面"),
    ("stopped", {"1%": 0.5, "10%": 0.514, "50%": 0.905}, "误拦"),
    ("stopped", {"1%": 8.8, "10%": 0.514, "50%": 0.905}, "0 与 1"),
    ("stopped", {"1%": 0.088}, "应当是一个字典"),
    ("visible", visible_right, None),
    ("visible", lambda u, d: visible_right(u, d, kept=True), "剩下的那一份"),
    ("visible", lambda u, d: visible_right(u, d, power=1), "长度之比"),
    ("visible", lambda u, d: 1.0, "应当是"),
    ("lower_bound", bound_right, None),
    ("lower_bound", lambda m, d: bound_right(m, d, ends=False), "还可以紧"),
    ("lower_bound", lambda m, d: bound_right(m, d, sign=-1), "不是下界"),
    ("lower_bound", lambda m, d: 1.0, "应当是"),
    ("sooner", {"顺序固定": "不可能", "规则当场挑": "可能"}, None),
    ("sooner", {"顺序固定": "可能", "规则当场挑": "可能"}, "顺序固定"),
    ("sooner", {"顺序固定": "不可能", "规则当场挑": "不可能"}, "规则当场挑"),
    ("slower_of_two", ch17.clark, None),
    ("slower_of_two", lambda a, s, b, t: max(a, b), "比它大"),
    ("slower_of_two", lambda a, s, b, t: max(a, b) + s, "应当约是"),
    ("detector", off_the_streaks, None),
    ("detector", lambda n, x: x.float().mean((1, 2, 3)), "底线"),
    ("detector", lambda n, x: x.float().mean((1, 2, 3)) / x.float().max(), "同来的图"),
    ("detector", lambda n, x: x, "应当返回"),
]

test_hint, test_nothing_raises = make_tests(ch17, CASES)


def divide(place, seed):
    names = np.random.default_rng(seed).permutation(np.unique(place))
    return np.isin(place, names[: len(names) // 4])


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (divide, 2, None),
        (divide, 3, "不是第 3 行"),
        (divide, None, "哪一行"),
        (lambda p, s: np.random.default_rng(s).random(len(p)) < 0.25, 2, "都有"),
        (lambda p, s: np.isin(p, [0, 1, 2]), 2, "没有变"),
        (lambda p, s: divide(p, s).astype(int), 2, "bool"),
        (lambda p, s: np.zeros(len(p), bool), 2, "四分之一"),
    ],
)
def test_windows_are_divided_by_place(answer, line, hint):
    result = ch17.by_place(answer, line=line)
    assert bool(result) == (hint is None), repr(result)
    assert hint is None or hint in result.message


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (lambda m: m.max((1, 2)), 1, None),
        (lambda m: m.max((1, 2)), 2, "不是第 2 行"),
        (lambda m: m.max((1, 2)), None, "哪一行"),
        (lambda m: (m / m.max((1, 2), keepdims=True)).max((1, 2)), 1, "同一个分数"),
        (lambda m: m.min((1, 2)), 1, "没有排到前面"),
        (lambda m: m.max(2), 1, "应当返回"),
    ],
)
def test_maps_stay_on_one_scale(answer, line, hint):
    result = ch17.one_scale(answer, line=line)
    assert bool(result) == (hint is None), repr(result)
    assert hint is None or hint in result.message


def test_the_floor_can_be_missed_and_passed():
    assert "AUROC" in ch17.detector(off_the_streaks).message
    assert not ch17.detector(lambda n, x: torch.zeros(len(x)))
