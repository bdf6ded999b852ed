"""Checkers of chapter 25: right answers pass, each likely mistake gets its hint."""

import torch
from checker_tests import make_tests
from torch.nn.functional import logsigmoid

from aigc_lib.check import ch25


def example(prompt, reply, end, length, hidden=1, shift=1, close=True, pad=-100):
    inputs = [*prompt, *reply, *[end] * (length - len(prompt) - len(reply))]
    targets = [-100] * len(inputs)
    whole = [*prompt, *reply, end]
    for i in range(len(whole) - shift):
        targets[i] = whole[i + shift]
    for i in range(len(prompt) - hidden if hidden is not None else 0):
        targets[i] = -100
    if not close:
        targets[len(prompt) + len(reply) - 1] = -100
    for i in range(len(prompt) + len(reply), length):
        targets[i] = pad
    return torch.tensor(inputs), torch.tensor(targets)


def merged(weight, a, b, alpha):
    return weight + alpha / len(a) * b @ a


def in_place(weight, a, b, alpha):
    weight += alpha / len(a) * b @ a
    return weight


def stops(text, phrases):
    return {p[-1] for p in phrases if text.endswith(p[:-1])}


def loss(policy, reference, beta):
    gain = policy - reference
    return -logsigmoid(beta * (gain[:, 0] - gain[:, 1])).mean()


def naive(policy, reference, beta):
    gain = policy - reference
    return -torch.sigmoid(beta * (gain[:, 0] - gain[:, 1])).log().mean()


CASES = [
    ("masked_example", example, None),
    ("masked_example", lambda *a: example(*a)[1], "两样"),
    ("masked_example", lambda p, r, e, n: example(p, r, e, n - 1), "应当长 8"),
    ("masked_example", lambda p, r, e, n: example(r, p, e, n), "先是提示"),
    ("masked_example", lambda *a: example(*a, hidden=None, shift=0), "错开一位"),
    ("masked_example", lambda *a: example(*a, hidden=None), "提示也在学"),
    ("masked_example", lambda *a: example(*a, hidden=0), "不能遮"),
    ("masked_example", lambda *a: example(*a, close=False), "结束"),
    ("masked_example", lambda *a: example(*a, pad=9), "补位也在学"),
    ("merged_weight", merged, None),
    ("merged_weight", in_place, "改动"),
    ("merged_weight", lambda w, a, b, s: s / len(a) * b @ a, "加上原来"),
    ("merged_weight", lambda w, a, b, s: w + b @ a, "alpha / r"),
    ("merged_weight", lambda w, a, b, s: w + s * b @ a, "行数"),
    ("merged_weight", lambda w, a, b, s: merged(w, a, b, s).T, "形状"),
    ("merged_weight", lambda w, a, b, s: w, "数值"),
    ("merged_weight", lambda w, a, b, s: w.tolist(), "张量"),
    ("still_wrong", lambda rates, n: (rates**n).mean(), None),
    ("still_wrong", lambda rates, n: rates.mean() ** n, "先取 n 次方"),
    ("still_wrong", lambda rates, n: (rates**n).sum(), "不是和"),
    ("still_wrong", lambda rates, n: 1 - (rates**n).mean(), "至少对一次"),
    ("still_wrong", lambda rates, n: rates.mean(), "应为 0.26"),
    ("blocked", stops, None),
    ("blocked", lambda t, p: list(stops(t, p)), None),
    ("blocked", lambda t, p: {x[-1] for x in p}, "不是见到末字"),
    ("blocked", lambda t, p: {x[-1] for x in p if x[:-1] in t}, "多拦"),
    (
        "blocked",
        lambda t, p: {x[-1] for x in p if x[:-1] and t.endswith(x[:-1])},
        "漏拦",
    ),
    ("blocked", lambda t, p: {x for x in p if t.endswith(x[:-1])}, "单个的字"),
    ("blocked", lambda t, p: "红", "集合"),
    ("preference_loss", loss, None),
    ("preference_loss", naive, "logsigmoid"),
    ("preference_loss", lambda p, r, b: loss(p, 0 * r, b), "参考"),
    ("preference_loss", lambda p, r, b: loss(p.flip(1), r.flip(1), b), "好坏反了"),
    ("preference_loss", lambda p, r, b: -loss(p, r, b), "符号"),
    ("preference_loss", lambda p, r, b: loss(p, r, 2 * b), "应为"),
    ("preference_loss", lambda p, r, b: loss(p, r, b).item(), "张量"),
    ("preference_loss", lambda p, r, b: loss(p, r, b)[None], "一个数"),
]


test_hint, test_nothing_raises = make_tests(ch25, CASES)
