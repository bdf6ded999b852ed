"""Checkers of chapter 24: right answers pass, each likely mistake gets its hint."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from checker_tests import make_tests

from aigc_lib.check import ch24


def copied(a, b, moves=lambda m, n: (n[2] - m[2], n[0] - m[0]), more=1):
    a, b = ([moves(m, n) for m, n in pairwise(x)] for x in (a, b))
    best, row = 0, [0] * (len(b) + 1)
    for move in a:
        row = [0] + [row[j] + 1 if move == other else 0 for j, other in enumerate(b)]
        best = max(best, *row)
    return best + more if best else 0


def prepared(tunes, rng, keys=range(-5, 7), early=False):
    if early:
        tunes = [t.transposed(k) for t in tunes for k in keys]
        keys = [0]
    order = rng.permutation(len(tunes))
    cut = len(tunes) * 9 // 10
    train = [tunes[i].transposed(k) for i in order[:cut] for k in keys]
    return train, [tunes[i] for i in order[cut:]]


def always_the_same(tunes, rng):
    return prepared(tunes, np.random.default_rng(0))


def bridge(P, start, end, n, t):
    power = np.linalg.matrix_power
    return power(P, t)[start] * power(P, n - t)[:, end]


def normed(*args):
    found = bridge(*args)
    return found / found.sum()


def interpolated(history, symbol, seen, tau, size, orders=(0, 1, 2)):
    p = 1 / size
    for k in orders:
        context = history[2 - k :]
        after = [
            seen[i + k] for i in range(len(seen) - k) if seen[i : i + k] == context
        ]
        p = (after.count(symbol) + tau * p) / (len(after) + tau)
    return p


def unmixed(history, symbol, seen, tau, size):
    after = [seen[i + 2] for i in range(len(seen) - 2) if seen[i : i + 2] == history]
    return after.count(symbol) / len(after) if after else 1 / size


def rhythm(train):
    counts = {}

    def context(past):
        starts = np.cumsum([0, *past])
        before = dict(zip(starts.tolist(), past, strict=False))
        return sum(past) % 16, before.get(sum(past) - 32)

    for tune in train:
        for i, length in enumerate(tune):
            counts.setdefault(context(tune[:i]), Counter())[length] += 1

    def p(past, length):
        own = counts.get(context(past), Counter())
        return (own[length] + 1 / 16) / (own.total() + 1)

    return p


BELL = [80, 200, 360, 480, 640, 760, 920]
CASES = [
    ("slots", {"folk": 69, "chorale": 149}, None),
    ("slots", {"folk": 64, "chorale": 149}, "五格条件"),
    ("slots", {"folk": 61, "chorale": 149}, "bar 或 beat"),
    ("slots", {"folk": 69, "chorale": 133}, "bar 或 beat"),
    ("slots", {"folk": 69, "chorale": 7}, "不对"),
    ("slots", [69, 149], "字典"),
    ("slots", {"folk": ..., "chorale": 149}, "还空着"),
    ("copied", copied, None),
    ("copied", lambda a, b: copied(a, b, more=0), "全部的音数"),
    ("copied", lambda a, b: copied(a, b, lambda m, n: n), "移调"),
    ("copied", lambda a, b: copied(a, b, lambda m, n: n[2] - m[2]), "慢一倍"),
    ("bridge", normed, None),
    ("bridge", bridge, "归一"),
    ("bridge", lambda p, s, e, n, t: np.linalg.matrix_power(p, t)[s], "走一步看一步"),
    ("bridge", lambda p, s, e, n, t: np.ones(3) / 3, "应当是"),
    ("useful", lambda s: math.exp(-(s**2)), None),
    ("useful", lambda s: math.exp(-(s**2) / 2), "差一倍"),
    ("useful", lambda s: 1 / (1 + s), "抽样得到"),
    ("interpolated", interpolated, None),
    ("interpolated", unmixed, "概率是 0"),
    ("interpolated", lambda *a: interpolated(*a, orders=(2, 1, 0)), "应当是"),
    ("partials", BELL, None),
    ("partials", [-80, *BELL[1:]], "绝对值"),
    ("partials", [200, 480, 760], "还少 4"),
    ("partials", [*BELL, 400], "没有"),
    ("rhythm", rhythm, None),
    ("rhythm", lambda train: lambda past, length: 1 / 16, "底线"),
    ("rhythm", lambda train: lambda past, length: 1 / 8, "应当是 1"),
    ("rhythm", lambda train: 3, "返回一个函数"),
]

test_hint, test_nothing_raises = make_tests(ch24, CASES)


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (prepared, 2, None),
        (prepared, 5, "不是第 5 行"),
        (prepared, None, "哪一行"),
        (lambda t, r: prepared(t, r, early=True), 2, "十分之一"),
        (lambda t, r: prepared(t, r, keys=[0]), 2, "18 × 12"),
        (always_the_same, 2, "由 rng 决定"),
        (lambda t, r: 3, 2, "两样"),
    ],
)
def test_prepared(answer, line, hint):
    result = ch24.prepared(answer, line=line)
    assert bool(result) == (hint is None)
    assert hint is None or hint in result.message


@pytest.mark.parametrize("answer", [None, ..., lambda *a: None, 3])
def test_prepared_never_raises(answer):
    assert not ch24.prepared(answer, line=2)


def test_the_evidence_is_a_leak():
    assert ch24.evidence() > 0.99
