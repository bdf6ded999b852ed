"""Checkers of chapter 25: right answers pass, each likely mistake gets its hint."""

import math

import pytest
import torch
from checker_tests import make_tests
from torch.nn.functional import logsigmoid

from aigc_lib.check import ch25
from aigc_lib.data.made.product_copy import check_copy


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


def zeros_behind(prompt, reply, end, length):
    inputs, targets = example(prompt, reply, end, length)
    inputs[len(prompt) + len(reply) :] = 0
    return inputs, targets


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


def beta_moment(a, b, n):
    return math.prod((a + i) / (a + b + i) for i in range(n))


def borrowed(lines, facts):
    """Take the next line of the same kind and put the words of these facts into it."""
    found = []
    for start, wanted in enumerate(facts):
        for i in range(len(lines)):
            text, known = (
                part[(start + i) % len(lines)] for part in (lines.texts, lines.facts)
            )
            if known["品类"] != wanted["品类"] or known.keys() != wanted.keys():
                continue
            if len(known["卖点"]) != len(wanted["卖点"]):
                continue
            for name, old in known.items():
                pairs = [(old, wanted[name])]
                if name == "卖点":
                    pairs = zip(old, wanted[name], strict=True)
                for before, after in pairs:
                    text = text.replace(before, after)
            if check_copy(text, wanted).true:
                found.append(text)
                break
        else:
            found.append(ch25.filled(wanted))
    return found


def doubled(lines, facts):
    return [ch25.filled(f) + chr(20_000 + i) for i, f in enumerate(facts)]


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
    ("masked_example", zeros_behind, "补满"),
    ("still_wrong", beta_moment, None),
    ("still_wrong", lambda a, b, n: (a / (a + b)) ** n, "一样难"),
    ("still_wrong", lambda a, b, n: 1 - beta_moment(a, b, n), "至少对一次"),
    ("still_wrong", lambda a, b, n: beta_moment(b, a, n), "应为"),
    ("still_wrong", lambda a, b, n: beta_moment(a, b, n + 1), "应为"),
    ("break_even", (48, 77), None),
    ("break_even", [48, 77], None),
    ("break_even", (96, 77), "满秩"),
    ("break_even", (48, 76), "要学"),
    ("break_even", (48.0, 77), "整数"),
    ("break_even", (48, -1), "边长"),
    ("break_even", (48,), "两个"),
    ("mended_example", (4, example), None),
    ("mended_example", (1, example), "一个结尾"),
    ("mended_example", (5, example), "第一个词元"),
    ("mended_example", (9, example), "1 数到 6"),
    ("mended_example", (4, ch25.broken_example), "结束"),
    ("mended_example", (4, lambda *a: example(*a, pad=0)), "补位也在学"),
    ("mended_example", example, "两样"),
    ("open_copy", borrowed, None),
    ("open_copy", lambda lines, facts: [ch25.filled(f) for f in facts], "一副模板"),
    ("open_copy", lambda lines, facts: list(lines.texts[:200]), "不符"),
    ("open_copy", doubled, "不像话"),
    ("open_copy", lambda lines, facts: ["好"], "列表"),
    ("open_copy", lambda lines, facts: facts, "字符串"),
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


def test_the_broken_example_never_stops():
    assert min(ch25.lengths_written(ch25.broken_example)) == 100
    assert max(ch25.lengths_written(example)) < 100


def test_lengths_are_those_of_real_lines():
    mean = sum(ch25.lengths_written(example)) / 20
    assert 15 < mean < 60


@pytest.mark.parametrize("rank", [1, 48])
def test_weights_of_a_lora(rank):
    assert ch25.lora_weights(torch.nn.Linear(96, 384, bias=False), rank) == rank * 480
