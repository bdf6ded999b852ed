"""Checkers of chapter 20: right answers pass, each likely mistake gets its hint."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from checker_tests import make_tests

from aigc_lib.check import ch20
from aigc_lib.codecs.designs import crossed
from aigc_lib.data.made.designs import WATCHES
from aigc_lib.metrics.designs import DesignJudge

MIXED = {"合规": "一部分", "新": "几乎全部", "合风格": "几乎没有"}
CLAIM = re.compile(r"(\w+率)最高的是(\w+?)：[^。]*?，最低的是(\w+?)。")


def lighter(luminance, ratio, added=0.05):
    needed = ratio * (luminance + added) - added
    return math.inf if needed > 1 + 1e-9 else needed


def false_claims(text, table, ties=True):
    found = []
    for column, high, low in CLAIM.findall(text):
        values = [row[column] for row in table.values()]
        for word, row, end in (("最高", high, max), ("最低", low, min)):
            alone = values.count(end(values)) == 1 or not ties
            if not (table[row][column] == end(values) and alone):
                found.append((column, row, word))
    return found


def share_new(made, train, held_out, by="held_out", limit=None):
    def nearest(a, b):
        return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))

    if by == "held_out":
        limits = nearest(held_out, train).min(1)
    else:
        apart = nearest(train, train)
        if by == "others":
            np.fill_diagonal(apart, np.inf)
        limits = apart.min(1)
    if limit is None:
        limit = np.quantile(limits, 0.05)
    return float((nearest(made, train).min(1) > limit).mean())


def drafts(m, p, spread=True):
    return m / p, math.sqrt(m * (1 - p)) / p if spread else math.sqrt(1 - p) / p


def liar(week, lies=3):
    cells = {column: text for (_, column), text in week.ledger.cells.items()}
    swaps = [
        (cells["本周销量"], cells["本周销量"] + "5"),
        (cells["退货率"], "5" + cells["退货率"]),
        (week.turn, "下降" if week.turn == "上升" else "上升"),
    ]
    text = week.summary
    for old, new in swaps[:lies]:
        text = text.replace(old, new)
    return text


def useful(train, keeps, n, screen=True, times=10):
    judge = DesignJudge(WATCHES, train, train)
    near = judge.neighbours(10)
    made = crossed(train, near, times * n, seed=0)
    good = judge.passes(made) if screen else np.ones(len(made), bool)
    made = made[good]
    return made[keeps(made)][:n].reset_index(drop=True)


CASES = [
    ("mixed_families", MIXED, None),
    ("mixed_families", MIXED | {"合规": "几乎没有"}, "哪几条规矩"),
    ("mixed_families", MIXED | {"合风格": "一部分"}, "有几样不同"),
    ("mixed_families", MIXED | {"新": "几乎没有"}, "旧作里有没有"),
    ("lighter", lighter, None),
    ("lighter", lambda y, r: r * y, "先加 0.05"),
    ("lighter", lambda y, r: r * (y + 0.05) - 0.05, "math.inf"),
    ("superlatives", false_claims, None),
    ("superlatives", lambda text, table: [], "漏了"),
    ("superlatives", lambda t, b: false_claims(t, b, ties=False), "并列"),
    ("drafts", drafts, None),
    ("drafts", lambda m, p: drafts(m, p, spread=False), "方差相加"),
    ("drafts", lambda m, p: (m * (1 - p) / p, 1.0), "平均要"),
    ("liar", liar, None),
    ("liar", lambda week: liar(week, lies=2), "只有 2 处假"),
    ("liar", lambda week: "青禾书店销量下降50%，掉色100次", "ROUGE-L"),
    ("left_hander", {"打乱": 0.5, "不打乱": 0.8}, None),
    ("left_hander", {"打乱": 0.8, "不打乱": 0.8}, "左边站的是谁"),
    ("useful_watches", useful, None),
    ("useful_watches", lambda t, k, n: useful(t, k, n, screen=False), "新"),
    ("useful_watches", lambda t, k, n: useful(t, k, n, False, 100), "预算"),
    ("useful_watches", lambda t, k, n: t[:n], "新 0%"),
    ("useful_watches", lambda t, k, n: pd.concat([t[:1]] * n), "一模一样"),
    ("useful_watches", lambda t, k, n: t[: n - 1], "300 行"),
]

test_hint, test_nothing_raises = make_tests(ch20, CASES)


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (share_new, 2, None),
        (lambda *x: share_new(*x, by="others"), 2, None),
        (lambda *x: share_new(*x, by="itself"), 2, "挪动"),
        (lambda *x: 0.0, 2, "九成五"),
        (lambda *x: share_new(*x, limit=0.5), 2, "九成五"),
        (share_new, 3, "第 3 行没有错"),
        (share_new, None, "哪一行"),
    ],
)
def test_too_new(answer, line, hint):
    result = ch20.too_new(answer, line)
    if hint is None:
        assert result, repr(result)
    else:
        assert not result
        assert hint in result.message, repr(result)


def test_the_broken_lines_let_copies_pass():
    train, held_out, copies = ch20.nearly_copies()
    assert share_new(copies, train, held_out, by="itself") == 1
    assert share_new(copies, train, held_out) == 0
