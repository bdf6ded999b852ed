"""Checkers of chapter 13: right answers pass, each likely mistake gets its hint."""

import numpy as np
import pytest
from checker_tests import make_tests
from scipy.stats import beta, norm

from aigc_lib.check import ch13
from aigc_lib.decisions.bandit import Counting, EpsilonGreedy, Thompson


def worth(ranked, wanted, k):
    return sum(1 / np.log2(r + 2) for r, i in enumerate(ranked[:k]) if i in wanted)


def ndcg(ranked, wanted, k, places=min, seen=None):
    best = sum(1 / np.log2(r + 2) for r in range(places(k, len(wanted))))
    return worth(ranked, wanted, seen or k) / best


def recall(ranked, wanted, k):
    return len(wanted & set(ranked[:k])) / min(k, len(wanted))


def two(n1, n2, both, penalty):
    return both / (n1 + penalty), both / (n2 + penalty)


def better(a1, b1, a2, b2, points=20_000):
    u = (np.arange(points) + 0.5) / points
    return beta(a1, b1).cdf(beta(a2, b2).ppf(u)).mean()


def by_luck(a1, b1, a2, b2):
    second = np.random.beta(a2, b2, 1_000)  # a count of wins could come out twice
    return beta(a1, b1).cdf(second).mean()


def reported(true, error, z=1.96):
    c = z - true / error
    return true + error * norm.pdf(c) / norm.sf(c)


def without_division(true, error, z=1.96):
    c = z - true / error
    return true * norm.sf(c) + error * norm.pdf(c)


class Informed(Counting):
    def choose(self):
        failed = self.tried - self.paid
        return self.rng.beta(self.paid + 2, failed + 78).argmax(1)


class OnlyChoose:
    def choose(self):
        return np.zeros(200, int)


def of(kind, **options):
    return lambda arms, n, seed: kind(arms, replications=n, seed=seed, **options)


CASES = [
    ("ndcg", ndcg, None),
    ("ndcg", worth, "还没有除以"),
    ("ndcg", recall, "召回率"),
    ("ndcg", lambda r, w, k: ndcg(r, w, k, lambda k, n: n), "只有 k 个位置"),
    ("ndcg", lambda r, w, k: ndcg(r, w, k, seen=9), "以后的命中"),
    ("ndcg", lambda r, w, k: 0.5, "应当是"),
    ("ease_of_two", two, None),
    ("ease_of_two", lambda a, b, m, p: two(b, a, m, p), "写反了"),
    ("ease_of_two", lambda a, b, m, p: two(a, b, m, 0), "少了惩罚"),
    ("ease_of_two", lambda a, b, m, p: two(a, b, m, 2 * p), "应当是"),
    ("ease_of_two", lambda a, b, m, p: 0.5, "两个数"),
    ("visits_needed", lambda p, q, e: (q / p - q**2) / e**2, None),
    ("visits_needed", lambda p, q, e: q * (1 - q) / e**2, "权重 1/p"),
    ("visits_needed", lambda p, q, e: q / p / e**2, "减去均值的平方"),
    ("visits_needed", lambda p, q, e: (q / p - q**2) / e, "error 的平方"),
    ("visits_needed", lambda p, q, e: 2 * (q / p - q**2) / e**2, "应当是"),
    ("probability_better", better, None),
    ("probability_better", lambda *a: 1 - better(*a), "第一条更好"),
    ("probability_better", by_luck, "不要用随机数"),
    ("probability_better", lambda *a: better(*a, points=20), "应当是"),
    ("reported", reported, None),
    ("reported", without_division, "条件期望"),
    ("reported", lambda true, error, z=1.96: true, "没有挑过"),
    ("reported", lambda true, error, z=1.96: reported(true, 2 * error, z), "应当是"),
    ("friends", {0.0: "没用", 0.9: "有用"}, None),
    ("friends", {0.0: "有用", 0.9: "有用"}, "homophily=0"),
    ("friends", {0.0: "没用", 0.9: "没用"}, "homophily=0.9"),
    ("friends", {0.0: "没用"}, "应当是一个字典"),
    ("friends", {0.0: "没用", 0.9: "看情况"}, "从这几个里选"),
    ("open_policy", of(Informed), None),
    ("open_policy", of(Thompson), "开头浪费"),
    ("open_policy", of(EpsilonGreedy), "开头浪费"),
    ("open_policy", Informed, "应当是一个函数"),
    ("open_policy", lambda arms, n, seed: OnlyChoose(), "没有 `learn`"),
]
test_hint, test_nothing_raises = make_tests(ch13, CASES)


def repaired(users, items, times, held, rows="train", shift=0):
    late, mine = times >= np.quantile(times, 0.8), np.isin(users, held)
    train, history, later = ~mine & ~late, mine & ~late, mine & late
    counted = {"train": train, "all": mine | ~mine, "early": ~late, "others": ~mine}
    popular = np.bincount(items[counted[rows]], minlength=items.max() + 1)
    return train, history, later, popular + shift


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (repaired, 5, None),
        (repaired, None, "哪一行"),
        (repaired, 4, "没有错"),
        (lambda *a: repaired(*a, rows="all"), 5, "全部的行"),
        (lambda *a: repaired(*a, rows="early"), 5, "留出的顾客"),
        (lambda *a: repaired(*a, rows="others"), 5, "切分以后"),
        (lambda *a: repaired(*a, shift=1), 5, "每行数一次"),
        (lambda *a: repaired(*a)[:3], 5, "四样"),
        (lambda *a: (*repaired(*a)[:3], np.ones(8)), 5, "长 9"),
        (lambda *a: (*repaired(*a)[2::-1], repaired(*a)[3]), 5, "你改动了它"),
    ],
)
def test_split(answer, line, hint):
    result = ch13.split(answer, line=line)
    assert result.finished
    assert bool(result) is (hint is None), repr(result)
    if hint:
        assert hint in result.message


def test_what_is_left_open_is_unfinished():
    assert not ch13.friends({0.0: ..., 0.9: "有用"}).finished
    assert not ch13.split(..., line=5).finished
