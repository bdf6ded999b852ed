"""Checkers of chapter 09: right answers pass, each likely mistake gets its hint."""

import torch
from checker_tests import make_tests
from torch.nn.functional import cross_entropy

from aigc_lib.check import ch09

RIGHT = {"A": "错开一行", "B": "长度没有归一", "C": "塌成一点"}


def targets(logits):
    return torch.arange(len(logits))


def texts(logits):
    return cross_entropy(logits, targets(logits))


def twins_right(logits, twins, halves=2):
    wide = torch.cat([logits.T, twins[:, None]], 1)
    return (texts(logits) + cross_entropy(wide, targets(logits))) / halves


def twins_wrong_way(logits, twins):
    wide = torch.cat([logits, twins[:, None]], 1)
    return (cross_entropy(wide, targets(logits)) + texts(logits.T)) / 2


def twins_shared(logits, twins):
    wide = torch.cat([logits.T, twins.expand(len(logits), -1)], 1)
    return (texts(logits) + cross_entropy(wide, targets(logits))) / 2


def twins_one_way(logits, twins):
    return 2 * twins_right(logits, twins) - texts(logits)


def pointwise(joint):
    return (joint / joint.sum(1, keepdim=True) / joint.sum(0, keepdim=True)).log()


CASES = [
    ("with_twins", twins_right, None),
    ("with_twins", lambda a, b: (texts(a) + texts(a.T)) / 2, "分母"),
    ("with_twins", twins_wrong_way, "方向反了"),
    ("with_twins", twins_shared, "只多一个"),
    ("with_twins", twins_one_way, "句子找图"),
    ("with_twins", lambda a, b: twins_right(a, b, 1), "平均"),
    ("with_twins", lambda a, b: a, "一个数"),
    ("best_score", pointwise, None),
    ("best_score", lambda p: (p / p.sum(0, keepdim=True)).log(), None),
    ("best_score", torch.log, "错误答案也按"),
    ("best_score", lambda p: pointwise(p).exp(), "取对数"),
    ("best_score", lambda p: p[:2], "形状"),
    ("best_score", torch.zeros_like, "期望损失"),
    ("read_tables", RIGHT, None),
    ("read_tables", RIGHT | {"C": "错开一行"}, "谁和谁都一样近"),
    ("read_tables", RIGHT | {"A": "塌成一点"}, "依次在第"),
    ("read_tables", RIGHT | {"B": "错开一行"}, "处处最高"),
    ("read_tables", RIGHT | {"B": "不知道"}, "选一个"),
]
test_hint, test_nothing_raises = make_tests(ch09, CASES)


def test_the_best_score_really_costs_least():
    torch.manual_seed(1)
    joint = torch.rand(3, 3, dtype=torch.float64)
    joint = joint / joint.sum()
    score = pointwise(joint).requires_grad_()
    gap = score[:, None, :] - score[:, :, None]
    nats = torch.log1p(gap.exp()) * joint[:, :, None] * joint.sum(0)
    (slope,) = torch.autograd.grad(nats.sum(), score)
    assert slope.abs().max() < 1e-12


def test_the_tables_show_what_they_should():
    tables = ch09.three_runs()
    assert tables["A"].argmax(1).tolist() == [5, 0, 1, 2, 3, 4]
    assert tables["B"].argmax(0).tolist() == [2] * 6
    assert tables["C"].max() - tables["C"].min() < 0.1
