"""Checkers of chapter 14: right answers pass, each likely mistake gets its hint."""

import numpy as np
import pytest
from checker_tests import make_tests
from scipy.stats import binom

from aigc_lib.check import ch14
from aigc_lib.decisions.alarm import CUSUM, LevelAlarm


def power_right(n, rate, null=0.01, upper=False):
    k = np.arange(n + 1)
    best = np.array([binom.logpmf(j, n, j / n) for j in k])
    refused = 2 * (best - binom.logpmf(k, n, 0.01)) > 3.841459
    if upper:
        refused &= k > 0.01 * n
    return binom.pmf(k, n, rate)[refused].sum()


def crps_right(quantiles, levels, outcomes, factor=2.0, turned=False):
    gap = outcomes[:, None] - quantiles
    up, down = (1 - levels, levels) if turned else (levels, 1 - levels)
    return factor * np.where(gap >= 0, up * gap, -down * gap).mean(1)


def rolling(returns, window=250, first=0, last=0):
    return np.array(
        [
            np.quantile(returns[day - window + first : day + last], 0.01)
            for day in range(window, len(returns))
        ]
    )


def restored_right(p, trained, true, good=True):
    odds = p / (1 - p) * true / trained
    odds *= (1 - trained) / (1 - true) if good else 1
    return odds / (1 + odds)


def liar_right(ledger, skip=0, shift=1):
    told = []
    for column in ledger.columns[skip:]:
        for i, row in enumerate(ledger.rows):
            other = ledger.rows[(i + shift) % len(ledger.rows)]
            told.append(f"{row}{column}{ledger.cells[other, column]}")
    return "，".join(told)


def liar_of_no_cell(ledger):
    """All numbers and all names are there, the numbers before the names."""
    names = "".join((*ledger.rows, *ledger.columns))
    return "、".join(ledger.cells.values()) + f"是{names}。"


def liar_of_one_number(ledger):
    names = "、".join(f"{row}{column}" for row, column in ledger.cells)
    return names + ledger.cells[ledger.rows[0], ledger.columns[-1]]


def knows_the_worst(returns, window=250):
    lines = rolling(returns, window)
    lines[0] = returns.min()
    return lines


def slow(slack, length):
    return lambda z: CUSUM.for_run_length(length, slack=slack).rings(z)


def knows_the_future(z):
    rings = np.zeros(z.shape, bool)
    rings[:, 80] = z[:, 120:].mean(1) > 0.5
    return rings


THINNED = {"AUC": "几乎不变", "平均": "降", "校准误差": "升"}
CASES = [
    ("sample_price", {"绝对误差": 1.41, "CRPS": 2}, None),
    ("sample_price", {"绝对误差": 2, "CRPS": 2}, "标准差是几倍"),  # as of squares
    ("sample_price", {"绝对误差": 1.41, "CRPS": 2**0.5}, "与第一项是什么关系"),
    ("sample_price", {"绝对误差": 2}, "应当是一个字典"),
    ("power", power_right, None),
    ("power", lambda n, rate: power_right(n, rate, upper=True), "太少也会被拒绝"),
    ("power", lambda n, rate: 1 - power_right(n, rate), "接受的机会"),
    ("power", lambda n, rate: power_right(n, 0.01), "真正的 rate"),
    ("power", lambda n, rate: 0.4, "应当是"),
    ("quantile_crps", crps_right, None),
    ("quantile_crps", lambda *a: crps_right(*a, factor=1), "少乘了 2"),
    ("quantile_crps", lambda *a: crps_right(*a, turned=True), "权重反了"),
    ("quantile_crps", lambda *a: crps_right(*a).mean(), "形状"),
    ("quantile_crps", lambda q, p, y: np.abs(y - np.median(q, 1)), "应当是"),
    ("restored", restored_right, None),
    ("restored", lambda p, a, b: p * b / a, "几率上缩放"),
    ("restored", lambda p, a, b: restored_right(p, a, b, good=False), "好人的那一半"),
    ("restored", lambda p, a, b: p, "应当是"),
    ("thinned", THINNED, None),
    ("thinned", THINNED | {"AUC": "降"}, "AUC不是"),
    ("thinned", THINNED | {"平均": "升"}, "百分之六"),  # as in the text
    ("thinned", THINNED | {"校准误差": "降"}, "真的坏账率"),
    ("thinned", THINNED | {"校准误差": "大"}, "选一个"),
    ("thinned", {"AUC": "几乎不变"}, "应当是一个字典"),
    ("liar", liar_right, None),
    ("liar", lambda ledger: liar_right(ledger, shift=0), "正是它所说的"),
    ("liar", lambda ledger: liar_right(ledger, skip=1), "没有说到"),
    ("liar", lambda ledger: "甲收入99.99", "不在表里"),
    ("liar", lambda ledger: "都很好。", "一个数也没有"),
    ("liar", lambda ledger: ["都很好"], "一段文字"),
    ("liar", liar_of_one_number, "没有说到"),
    ("liar", liar_of_no_cell, "没有说到"),
    ("slow_alarm", slow(0.2, 96), None),
    ("slow_alarm", slow(0.5, 96), "攒得久"),
    ("slow_alarm", slow(0.2, 30), "约定是"),
    ("slow_alarm", lambda z: LevelAlarm.for_run_length(112).rings(z), "攒得久"),
    ("slow_alarm", knows_the_future, "只许看当天和以前"),
    ("slow_alarm", lambda z: z, "布尔数组"),
]
test_hint, test_nothing_raises = make_tests(ch14, CASES)


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (rolling, 2, None),
        (rolling, None, "还要说出"),
        (rolling, 3, "不是第 3 行"),
        (lambda r, w=250: rolling(r, w, 1, 1), 2, "还在看当天"),
        (knows_the_worst, 2, "以前的线变了"),
        (lambda r, w=250: rolling(r, w, 1, 0), 2, "正好 window 天"),
        (lambda r, w=250: np.full(len(r) - w, np.quantile(r, 0.01)), 2, "当天"),
        (lambda r, w=250: rolling(r, w)[1:], 2, "应当有 300 条"),
    ],
)
def test_looked_ahead(answer, line, hint):
    result = ch14.looked_ahead(answer, line=line)
    assert bool(result) is (hint is None), repr(result)
    if hint:
        assert hint in result.message, repr(result)


def test_what_is_left_open_is_unfinished():
    assert not ch14.sample_price({"绝对误差": ..., "CRPS": 2}).finished
    assert not ch14.thinned(THINNED | {"AUC": None}).finished
    assert not ch14.looked_ahead(..., line=2).finished
