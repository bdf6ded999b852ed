"""Checkers of chapter 10: right answers pass, each likely mistake gets its hint."""

import numpy as np
import pytest
import torch
from checker_tests import make_tests
from torch.distributions import Binomial

from aigc_lib.check import ch10
from aigc_lib.metrics.intervals import bootstrap_interval, proportion_interval


def leaked_right(train, test):
    known = {image.numpy().tobytes() for image in train}
    return torch.tensor([image.numpy().tobytes() in known for image in test])


def leaked_by_sum(train, test):
    sums = train.flatten(1).sum(1)
    return torch.isin(test.flatten(1).sum(1), sums)


def fool_right(real):
    axes = torch.linalg.cholesky(real.T.cov())
    corners = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]]) * 2**0.5
    fake = real.mean(0) + corners @ axes.T
    return fake.repeat(-(-len(real) // 4), 1)[: len(real)]


def fool_by_normal(real):
    z = torch.randn(real.shape, generator=torch.Generator().manual_seed(1))
    z = (z - z.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(z.T.cov())).T
    return real.mean(0) + z @ torch.linalg.cholesky(real.T.cov()).T


def limit_right(sizes, distances):
    return np.polyfit(1 / sizes, distances, 1)[1]


def limit_of_two(sizes, distances):
    return limit_right(sizes[[0, -1]], distances[[0, -1]])


def tail(n, p):
    mass = Binomial(n, torch.tensor(p, dtype=torch.float64))
    mass = mass.log_prob(torch.arange(n + 1).double()).exp()
    return torch.cat([mass.flip(0).cumsum(0).flip(0), torch.zeros(1)])


def power(n, p, alpha, later=0):
    return tail(n, p)[int((tail(n, 0.5) > alpha).sum()) + later].item()


def preference_right(n, p, alpha=0.05):
    return power(n, p, alpha / 2) + power(n, 1 - p, alpha / 2)


def rater_right(hits, axis=1, root=True):
    means = hits.double().mean(axis)
    reach = 1.96 * means.std() / (len(means) ** 0.5 if root else 1)
    return means.mean() - reach, means.mean() + reach


def two_nearest(samples, train):
    near = torch.cdist(samples, train).sort().values
    return near[:, 1] / near[:, 0]


def many_nearest(samples, train):
    near = torch.cdist(samples, train).sort().values
    return near[:, 1:31].mean(1) / near[:, 0]


def nearest_only(samples, train):
    return -torch.cdist(samples, train).min(1).values


def jackknife(x, f, groups=20, factor=lambda g: g - 1, power=0.5):
    parts = x.chunk(groups)
    rest = [torch.cat([*parts[:g], *parts[g + 1 :]]) for g in range(groups)]
    values = torch.tensor([float(f(part)) for part in rest]).double()
    return (factor(groups) * values.var(correction=0)).item() ** power


PAIRS = {0.6: ("升", "降"), 1.5: ("降", "升")}
CASES = [
    ("leaked", leaked_right, None),
    ("leaked", leaked_by_sum, "冤枉"),
    ("leaked", lambda a, b: leaked_right(b, a), "测试图"),
    ("leaked", lambda a, b: torch.zeros(len(b), dtype=torch.bool), "漏了"),
    ("leaked", lambda a, b: torch.arange(len(b)) < 8, "多报"),
    ("leaked", lambda a, b: leaked_right(a, b).nonzero(), "形状"),
    ("leaked", lambda a, b: leaked_right(a, b).int(), "布尔"),
    ("fool", fool_right, None),
    ("fool", fool_by_normal, None),
    ("fool", lambda x: x, "精确率"),
    ("fool", lambda x: x.mean(0).expand_as(x), "协方差"),
    ("fool", lambda x: fool_right(x) + 1, "均值"),
    ("fool", lambda x: fool_right(x)[:4], "形状"),
    ("fool", lambda x: x / 0, "nan"),
    ("fd_at_infinity", limit_right, None),
    ("fd_at_infinity", lambda n, d: np.polyfit(1 / n, d, 1)[0], "斜率"),
    ("fd_at_infinity", lambda n, d: d.min(), "外推"),
    ("fd_at_infinity", lambda n, d: np.polyfit(n, d, 1)[1], "外推"),
    ("fd_at_infinity", lambda n, d: 0.0, "应得到"),
    ("fd_at_infinity", limit_of_two, "全部"),
    ("preference_power", preference_right, None),
    ("preference_power", lambda n, p: power(n, p, 0.05), "单侧"),
    ("preference_power", lambda n, p: preference_right(n, p, 0.1), "太松"),
    ("preference_power", lambda n, p: power(n, p, 0.025), "少了一头"),
    ("preference_power", lambda n, p: power(n, p, 0.025, later=1), "应为"),
    ("rater_interval", rater_right, None),
    (
        "rater_interval",
        lambda h: bootstrap_interval(h.double().mean(1), torch.mean),
        None,
    ),
    (
        "rater_interval",
        lambda h: proportion_interval(int(h.sum()), h.numel()),
        "太窄",
    ),
    ("rater_interval", lambda h: rater_right(h, root=False), "太宽"),
    ("rater_interval", lambda h: rater_right(h)[::-1], "小的在前"),
    ("rater_interval", lambda h: [e + 0.1 for e in rater_right(h)], "中间"),
    ("mmd_factor", lambda p, q: (p - q) ** 2, None),
    ("mmd_factor", lambda p, q: abs(p - q), "平方"),
    ("mmd_factor", lambda p, q: p**2, "应当是"),
    ("mmd_factor", lambda p, q: p**2 - q**2, "应当是"),
    ("scaled", PAIRS, None),
    ("scaled", PAIRS | {0.6: ("降", "降")}, "精确率猜错"),
    ("scaled", PAIRS | {1.5: ["降", "降"]}, "召回率猜错"),
    ("scaled", PAIRS | {1.5: ("降", "平")}, "“升”或“降”"),
    ("scaled", {0.6: ("升", "降")}, "两个键"),
    ("suspicion", two_nearest, None),
    ("suspicion", many_nearest, None),
    ("suspicion", nearest_only, "疏密"),
    ("suspicion", lambda s, t: -two_nearest(s, t), "次序"),
    ("suspicion", lambda s, t: torch.cdist(s, t), "形状"),
    ("suspicion", lambda s, t: two_nearest(s, t) * torch.nan, "nan"),
]


test_hint, test_nothing_raises = make_tests(ch10, CASES)


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (jackknife, 4, ""),
        (jackknife, None, "哪一行"),
        (jackknife, 2, "第 2 行没有错"),
        (lambda x, f, g: jackknife(x, f, g, lambda g: 1), 4, "原来的"),
        (lambda x, f, g: jackknife(x, f, g, power=1), 4, "开方"),
        (lambda x, f, g: jackknife(x, f, g, lambda g: g), 4, "不是 G"),
        (lambda x, f, g: jackknife(x, f, g, lambda g: (g - 1) ** 2), 4, "标准差乘"),
        (lambda x, f, g: 0.1, 4, "应当是"),
    ],
)
def test_too_narrow(answer, line, hint):
    result = ch10.too_narrow(answer, line=line)
    assert bool(result) is (hint == ""), result
    assert hint in result.message


def test_many_neighbours_beat_the_books_own():
    message = ch10.suspicion(many_nearest).message
    mine, floor, ours = (float(part.split()[1]) for part in message.split("，"))
    assert mine > ours > floor
