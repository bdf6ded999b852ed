"""Checkers of chapter 16: right answers pass, each likely mistake gets its hint."""

import numpy as np
import pytest
from checker_tests import make_tests
from scipy.stats import norm, poisson

from aigc_lib.check import ch16
from aigc_lib.decisions import stock


def cost_right(mean, std, shortage, excess, at_mean=False, unit=False):
    z = 0 if at_mean else norm.ppf(shortage / (shortage + excess))
    return (shortage + excess) * (1 if unit else std) * norm.pdf(z)


def two_opt_right(distance, tour, closed=True):
    tour, found = list(tour), True
    while found:
        found = False
        for i in range(1, len(tour) - 1):
            for j in range(i + 1, len(tour) - (not closed)):
                a, b, c, e = tour[i - 1], tour[i], tour[j], tour[(j + 1) % len(tour)]
                gain = distance[a, b] + distance[c, e] - distance[a, c] - distance[b, e]
                if gain > 1e-9:
                    tour[i : j + 1] = tour[i : j + 1][::-1]
                    found = True
    return tour


def short_right(means, capacity, least=0, alone=False):
    if alone:
        return 1 - np.prod(poisson.cdf(capacity, means))
    return poisson.sf(capacity - least, np.sum(means))


def by_total(demand, promotion, uplift=2.4):
    """Nine days of the last 26 weeks, brought to the promotions of the next nine."""
    days = demand.shape[1]
    factor = np.where(promotion > 0, uplift, 1.0)
    calm = demand / factor[:, :days]
    starts = np.arange(days - 7 * 26, days - 9, 7)
    shape = np.stack([calm[:, s : s + 9].sum(1) for s in starts], 1)
    weight = factor[:, days:].mean(1)
    return stock.newsvendor(shape * weight[:, None], 4, 1)


def mean_with_promotions(demand, promotion, uplift=2.4):
    days = demand.shape[1]
    factor = np.where(promotion > 0, uplift, 1.0)
    calm = demand / factor[:, :days]
    return 9 * calm[:, -56:].mean(1) * factor[:, days:].mean(1)


def blind(demand, promotion):
    return 9 * demand[:, -28:].mean(1)


CASES = [
    ("level", {"甲": 0.3, "乙": 0.75, "丙": 0.53}, None),
    ("level", {"甲": 0.7, "乙": 0.25, "丙": 0.53}, "甲 反了"),
    ("level", {"甲": 10 / 17, "乙": 0.75, "丙": 0.53}, "差价"),  # the whole price
    ("level", {"甲": 0.3, "乙": 0.3, "丙": 0.53}, "乙 不是"),  # nothing given back
    ("level", {"甲": 0.3, "乙": 0.75, "丙": 0.3}, "丙 不是"),  # nobody sent away
    ("level", {"甲": 3, "乙": 0.75, "丙": 0.53}, "在 0 与 1 之间"),
    ("level", {"甲": 0.3}, "应当是一个字典"),
    ("least_cost", cost_right, None),
    ("least_cost", lambda *a: cost_right(*a, at_mean=True), "按均值订货"),
    ("least_cost", lambda *a: cost_right(*a, unit=True), "少了标准差"),
    ("least_cost", lambda *a: 1.0, "应当是"),
    ("nine_days", {"甲": "一样", "乙": "更小"}, None),
    ("nine_days", {"甲": "更大", "乙": "更小"}, "都碰上坏运气"),
    ("nine_days", {"甲": "一样", "乙": "更大"}, "单看一天"),
    ("nine_days", {"甲": "一样"}, "应当是一个字典"),
    ("two_opt", two_opt_right, None),
    ("two_opt", lambda d, t: t, "没有变短"),
    ("two_opt", lambda d, t: two_opt_right(d, t, closed=False), "回车场的路也要算"),
    ("two_opt", lambda d, t: [0] * len(t), "正好去一次"),
    ("two_opt", lambda d, t: [*t[1:], 0], "还是车场"),
    ("runs_short", short_right, None),
    ("runs_short", lambda m, c: short_right(m, c, least=1), "正好装得下"),
    ("runs_short", lambda m, c: short_right(m, c, alone=True), "全程加起来"),
    ("runs_short", lambda m, c: 0.5, "应当约是"),
    ("order", by_total, None),
    ("order", blind, "促销的日子"),
    ("order", lambda d, p: -d[:, 0], "不小于零"),
    ("order", lambda d, p: d, "应当返回形状"),
]

test_hint, test_nothing_raises = make_tests(ch16, CASES)


def forecast(demand, start, horizon, first=28, last=0):
    level = demand[start - first : start + last].mean()
    week = demand[start - 28 : start].reshape(4, 7).mean(0)
    return level * np.resize(week / week.mean(), horizon)


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (forecast, 1, None),
        (forecast, 3, "不是第 3 行"),
        (forecast, None, "哪一行"),
        (lambda d, s, h: forecast(d, s, h, last=h), 1, "还在偷看"),
        (lambda d, s, h: forecast(d, s, h, first=56), 1, "前四周"),
        (lambda d, s, h: forecast(d, s, 7), 1, "14 天的预测"),
    ],
)
def test_the_backtest_that_looks_ahead(answer, line, hint):
    result = ch16.looked_ahead(answer, line=line)
    assert bool(result) == (hint is None), repr(result)
    assert hint is None or hint in result.message


def test_the_floor_of_the_orders_can_be_missed_and_passed():
    good, bad = ch16.order(by_total), ch16.order(blind)
    assert good
    assert not bad
    assert "倍" in good.message
    assert "倍" in bad.message
    at_the_mean = ch16.order(mean_with_promotions)
    assert not at_the_mean, "the ratio of the costs may not be left out"
