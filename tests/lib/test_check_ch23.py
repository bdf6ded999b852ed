"""Checkers of chapter 23: right answers pass, each likely mistake gets its hint."""

import math

import numpy as np
import pytest
import torch
from checker_tests import make_tests
from sklearn.feature_extraction.text import TfidfVectorizer

from aigc_lib.check import ch23


def fused(rankings, k, first=1):
    scores = {}
    for one in rankings:
        for place, name in enumerate(one, start=first):
            scores[name] = scores.get(name, 0) + 1 / (k + place)
    return sorted(scores, key=scores.get, reverse=True)


def only_in_all(rankings, k):
    return [x for x in fused(rankings, k) if all(x in one for one in rankings)]


def by_best_place(rankings, k):
    names = {x for one in rankings for x in one}
    return sorted(names, key=lambda x: min(o.index(x) for o in rankings if x in o))


def loss(s, n):
    return math.log(1 + (n - 1) * math.exp(-s))


def recall(entries, index_of):
    index = index_of(entries)
    tests = [(q, name) for name, _, asked in entries for q in asked[1:]]
    hits = [
        max(index, key=lambda r: ch23.common(q, r[0]))[1] == name for q, name in tests
    ]
    return sum(hits) / len(hits)


def without_tests(entries):
    return [(t, name) for name, t, _ in entries] + [
        (asked[0], name) for name, _, asked in entries
    ]


def titles(entries):
    return [(t, name) for name, t, _ in entries]


def erlang(arrivals, minutes, agents):
    load = arrivals * minutes
    terms = [load**k / math.factorial(k) for k in range(agents)]
    last = load**agents / math.factorial(agents) * agents / (agents - load)
    return last / (sum(terms) + last) * minutes / (agents - load)


def apart(arrivals, minutes, agents):
    return erlang(arrivals / agents, minutes, 1)


def reply(model, x, needed=0.0, quiet=True, named=True, sure=True):
    was = model.training
    if quiet:
        model.eval()
    with torch.no_grad():
        p = model(x).softmax(1)
    model.train(was)
    if sure and p.max() < needed:
        return None
    return model.names[int(p.argmax())] if named else int(p.argmax())


def nearest(inside, outside, asked):
    v = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(inside + outside)
    a, b, c = (v.transform(x) for x in (inside, outside, asked))
    return (c @ a.T).max(1).toarray()[:, 0] - 1.5 * (c @ b.T).max(1).toarray()[:, 0]


CASES = [
    ("saturation", 2.5, None),
    ("saturation", 2.497, None),
    ("saturation", 1_000, "成比例"),
    ("saturation", 1, "还是涨的"),
    ("saturation", 1.5, "跑出来不是"),
    ("saturation", "2.5", "一个数"),
    ("fuse", fused, None),
    ("fuse", lambda r, k: fused(r, k)[::-1], "次序应为"),
    ("fuse", only_in_all, "一边没找到的"),
    ("fuse", by_best_place, "次序应为"),
    ("fuse", lambda r, k: 3, "列表"),
    ("chance_loss", loss, None),
    ("chance_loss", lambda s, n: -loss(s, n), "符号"),
    (
        "chance_loss",
        lambda s, n: math.log(n - 1 + 1e-12) if not s else loss(s, n),
        "自己也在",
    ),
    ("chance_loss", lambda s, n: math.log(n) - s, "应为"),
    ("mended_recall", (2, lambda e: recall(e, without_tests)), None),
    ("mended_recall", (2, lambda e: recall(e, titles)), "没考的那一句"),
    ("mended_recall", (2, ch23.broken_recall), "还是满分"),
    ("mended_recall", (3, lambda e: recall(e, without_tests)), "考题本身"),
    ("mended_recall", (5, lambda e: recall(e, without_tests)), "怎样比较"),
    ("mended_recall", (1, lambda e: recall(e, without_tests)), "不是这一行"),
    ("waiting", erlang, None),
    ("waiting", apart, "各排各的队"),
    ("waiting", lambda a, m, c: erlang(a, m, c) + m, "只要等待"),
    ("waiting", lambda a, m, c: 3 * erlang(a, m, c), "模拟得"),
    ("mended_reply", (1, reply), None),
    ("mended_reply", (2, reply), "不是这一行"),
    (
        "mended_reply",
        (1, lambda m, x, needed=0: reply(m, x, needed, quiet=False)),
        "一时一个样",
    ),
    (
        "mended_reply",
        (1, lambda m, x, needed=0: reply(m, x, needed, named=False)),
        "编号不是回答",
    ),
    (
        "mended_reply",
        (1, lambda m, x, needed=0: reply(m, x, needed, sure=False)),
        "不知道就说不知道",
    ),
    (
        "mended_reply",
        (1, lambda m, x, needed=0: reply(m.eval(), x, needed)),
        "原来的模式",
    ),
    (
        "mended_reply",
        (1, lambda m, x, needed=0: (reply(m, x, needed), m.train())[0]),
        "原来的模式",
    ),
    ("open_refusal", lambda a, b, c: np.zeros(len(c)), "几乎全一样"),
    ("open_refusal", lambda a, b, c: [1.0], "各一个分"),
    ("open_refusal", lambda a, b, c: -nearest(a, b, c), "方向反了"),
    ("open_refusal", lambda a, b, c: np.full(len(c), np.nan), "NaN"),
]

test_hint, test_nothing_raises = make_tests(ch23, CASES)


def test_the_broken_evaluation_is_perfect_and_the_mended_one_is_not():
    assert ch23.broken_recall() == 1.0
    assert recall(ch23.ENTRIES, without_tests) < 0.9


def test_the_broken_reply_wavers():
    assert len(set(ch23.asked_again(ch23.broken_reply))) == 2


def test_the_simulated_queue_meets_the_closed_form_of_one_agent():
    assert ch23.queue_waits(0.5, 1.0, 1) == pytest.approx(1.0, rel=0.05)


def test_outliers_beat_the_floor():
    result = ch23.open_refusal(learned)
    assert result, repr(result)
    assert "底线" in result.message


def learned(inside, outside, asked):
    from sklearn.linear_model import LogisticRegression

    v = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True)
    x = v.fit_transform(inside[::3] + outside)
    y = [1] * len(inside[::3]) + [0] * len(outside)
    model = LogisticRegression(C=30, class_weight="balanced", max_iter=200)
    return model.fit(x, y).predict_proba(v.transform(asked))[:, 1]
