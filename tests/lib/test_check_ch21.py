"""Checkers of chapter 21: right answers pass, each likely mistake gets its hint."""

import math

import numpy as np
import pytest
from checker_tests import make_tests
from scipy.stats import norm

from aigc_lib.check import ch21
from aigc_lib.metrics.drift import stability_index


def by_group(group, share, seed, least=1):
    photos = np.unique(group)
    count = max(least, round(share * len(photos)))
    chosen = np.random.default_rng(seed).permutation(photos)[:count]
    return np.isin(group, chosen)


def by_group_half_up(group, share, seed):
    count = max(1, int(share * len(np.unique(group)) + 0.5))
    return by_group(group, 0, seed, count)


def by_group_up(group, share, seed):  # as scikit-learn's GroupShuffleSplit counts
    return by_group(group, 0, seed, math.ceil(share * len(np.unique(group))))


def by_row(group, share, seed):
    return np.random.default_rng(seed).random(len(group)) < share


def by_share_of_rows(group, share, seed):
    test = np.zeros(len(group), bool)
    for photo in np.random.default_rng(seed).permutation(np.unique(group)):
        test |= group == photo
        if test.mean() >= share:
            return test
    return test


def optimism(k, s):
    x = np.linspace(-9, 9, 20_001)
    return s * np.trapezoid(x * k * norm.pdf(x) * norm.cdf(x) ** (k - 1), x)


def halving(settings, score, steps, up=1, afresh=False, double=2):
    alive, before, spent = list(settings), 0, 0
    while len(alive) > 1:
        spent += len(alive) * (steps - (0 if afresh else before))
        ranked = sorted(alive, key=lambda s: score(s, steps), reverse=True)
        alive = ranked[: max(1, (len(ranked) + up) // 2)]
        before, steps = steps, double * steps
    return alive[0], spent


def trained_at_once(settings, score, steps):  # also where nothing is to choose
    left, spent = halving(settings, score, steps)
    return left, spent or len(settings) * steps


def smoothed(usual, days, keep=0.8):
    p = usual / usual.sum()
    smooth, found = p, []
    for day in days:
        smooth = keep * smooth + (1 - keep) * day / day.sum()
        found.append(((smooth - p) * np.log(smooth / p)).sum())
    return np.array(found)


def daily(usual, days):
    return np.array([stability_index(usual, day) for day in days])


def plain_logarithm(usual, days):
    p, q = usual / usual.sum(), days / days.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((q - p) * np.log(q / p)).sum(1) + np.log(0 * q.sum(1))


def by_the_date(usual, days):
    return np.isin(np.arange(len(days)), [20, 64, 108, 152]).astype(float)


def by_the_length(usual, days):
    return np.full(len(days), float(len(days) < 1_000))


CASES = [
    ("alarms", {5: "几乎没有", 40: "大半"}, None),
    ("alarms", {5: "大半", 40: "大半"}, "分 5 格"),
    ("alarms", {5: "几乎没有", 40: "一成到五成"}, "分 40 格"),
    ("alarms", {40: "大半"}, "应当是一个字典"),
    ("alarms", {5: "几乎没有", 40: "不知道"}, "从这几个里选"),
    ("expected_psi", lambda b, n, m: (b - 1) * (1 / n + 1 / m), None),
    ("expected_psi", lambda b, n, m: b * (1 / n + 1 / m), "自由的只有"),
    ("expected_psi", lambda b, n, m: (b - 1) / m, "参考也只有有限个"),
    ("expected_psi", lambda b, n, m: (b - 1) / (n + m), "相加"),
    ("expected_psi", lambda b, n, m: 0.1, "模拟的平均"),
    ("split_by_group", by_group, None),
    ("split_by_group", by_group_half_up, None),
    ("split_by_group", by_group_up, "张原图在测试里"),
    ("split_by_group", by_row, "分到了两边"),
    ("split_by_group", by_share_of_rows, "张原图在测试里"),
    ("split_by_group", lambda g, p, s: by_group(g, p, s, 0), "张原图在测试里"),
    ("split_by_group", lambda g, p, s: by_group(g, p, 0), "换了种子"),
    ("split_by_group", lambda g, p, s: np.flatnonzero(by_group(g, p, s)), "布尔"),
    ("optimism", optimism, None),
    ("optimism", lambda k, s: s * np.sqrt(2 * np.log(k)), "1/√π"),
    ("optimism", lambda k, s: s * norm.ppf(k / (k + 1)), "1/√π"),
    ("optimism", lambda k, s: optimism(k, s) * (1 + (k > 2)), "抽样的平均"),
    ("optimism", lambda k, s: s, "没有虚高"),
    ("halving", halving, None),
    ("halving", lambda s, f, n: halving(s, f, n, up=0), "应当花 48 步"),
    ("halving", lambda s, f, n: halving(s, lambda *a: -f(*a), n), "应当剩下"),
    ("halving", lambda s, f, n: halving(s, f, n, afresh=True), "只付差额"),
    ("halving", lambda s, f, n: (halving(s, f, n)[0], 0), "应当花"),
    ("halving", lambda s, f, n: halving(s, f, n)[0], "应当返回两样"),
    ("halving", trained_at_once, "一开始就只有一组"),
    ("open_watch", smoothed, None),
    ("open_watch", daily, "同一个方向"),
    ("open_watch", by_the_date, "同一个方向"),
    ("open_watch", by_the_length, "同一个方向"),
    ("open_watch", lambda u, d: smoothed(u, d[::-1])[::-1], "看了以后"),
    ("open_watch", lambda u, d: 0.5, "数组"),
    ("open_watch", plain_logarithm, "NaN"),
]
test_hint, test_nothing_raises = make_tests(ch21, CASES)


def searched(x, y, settings, fit, choose=1, report=2, fold=0):
    order = np.random.default_rng(0).permutation(len(x))
    parts = np.array_split(order, 3)
    models = [fit(s, x[parts[fold]], y[parts[fold]]) for s in settings]
    rows = parts[choose]
    best = int(np.argmax([np.mean(m(x[rows]) == y[rows]) for m in models]))
    rows = parts[report]
    return settings[best], np.mean(models[best](x[rows]) == y[rows])


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (searched, 7, None),
        (searched, None, "哪一行"),
        (searched, 6, "没有错"),
        (lambda *a: searched(*a, report=1), 7, "仍是挑选用的"),
        (lambda *a: searched(*a, choose=2, report=1), 7, "挑中的设置变了"),
        (lambda *a: searched(*a, fold=2), 7, "不许重新训练"),
        (lambda *a: (searched(*a)[0], 0.5), 7, "第三份"),
        (lambda *a: None, 7, "没有返回值"),
    ],
)
def test_the_search_that_reports_too_much(answer, line, hint):
    result = ch21.honest_search(answer, line=line)
    assert bool(result) == (hint is None)
    assert hint is None or hint in result.message


def test_an_unfinished_choice_is_no_mistake():
    assert not ch21.alarms({5: ..., 40: "大半"}).finished
