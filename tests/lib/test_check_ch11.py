"""Checkers of chapter 11: right answers pass, each likely mistake gets its hint."""

import numpy as np
import pytest
import torch
from checker_tests import make_tests

from aigc_lib.check import ch11

CAUGHT = {"A": "读配置", "B": "训练之前", "C": "关卡", "D": "发现不了"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def retried_right(p_good, p_bad, share, tries):
    bad = share * (1 - (1 - p_bad) ** tries)
    return bad / (bad + (1 - share) * (1 - (1 - p_good) ** tries))


def retried_of_all(p_good, p_bad, share, tries):
    return share * (1 - (1 - p_bad) ** tries)


def flops_right(tokens, width, depth, cache, twice=2, attention=True):
    total = 0
    for t in range(1, tokens + 1):
        rows = 1 if cache else t
        total += 12 * width**2 * rows + attention * 2 * rows * t * width
    return twice * depth * total


def threshold_right(good, bad, spread, share, miss, reject, sign=1):
    tilt = np.log(miss * share / (reject * (1 - share)))
    return (good + bad) / 2 + sign * spread**2 / (good - bad) * tilt


def gate_right(figures, most):
    return bool(most) and all(figures[name] <= bound for name, bound in most.items())


def gate_broken(figures, most):
    return all(not figures.get(name, 0.0) > bound for name, bound in most.items())


def gate_nan_mended(figures, most):
    return all(figures.get(name, 0.0) <= bound for name, bound in most.items())


def gate_without_rules(figures, most):
    return all(figures[name] <= bound for name, bound in most.items())


class Modes:
    stds, least, count = 3, 10, 1_000

    def evaluate(self, trained, held_out, seed):
        x = trained.sample(self.count, seed=seed)
        distance, nearest = torch.cdist(x, held_out.modes).min(1)
        hit = nearest[distance <= self.stds * held_out.std]
        counts = hit.bincount(minlength=len(held_out.modes))
        found = int((counts >= self.least).sum())
        return {"modes": found, "share": len(hit) / len(x)}


class AnyModes(Modes):
    least = 1


class Everything(Modes):
    stds = 1e9


class Unseeded(Modes):
    def evaluate(self, trained, held_out, seed):
        return trained.sample(10)


class Empty:
    def evaluate(self, trained, held_out, seed): ...


class WrongArguments:
    def evaluate(self, model, data): ...


def fixed(hits, tried, n=250, threshold=0.76):
    if tried < n:
        return "more"
    return "deploy" if hits >= threshold * tried else "reject"


def evidence(hits, tried):
    odds = np.log(0.25) + hits * np.log(0.7 / 0.8)
    odds += (tried - hits) * np.log(0.3 / 0.2)
    if odds < np.log(0.1) - 2.4:
        return "deploy"
    return "reject" if odds > np.log(0.1) + 3.2 else "more"


CASES = [
    ("caught", CAUGHT, None),
    ("caught", CAUGHT | {"A": "训练之前"}, "A 不是"),
    ("caught", CAUGHT | {"B": "读配置"}, "B 不是"),
    ("caught", CAUGHT | {"C": "发现不了"}, "C 不是"),
    ("caught", CAUGHT | {"D": "关卡"}, "D 不是"),
    ("caught", CAUGHT | {"D": "永远"}, "从这四个里选"),
    ("caught", {"A": "关卡"}, "应当是一个字典"),
    ("retried", retried_right, None),
    ("retried", retried_of_all, "除以上线的总数"),
    ("retried", lambda g, b, s, k: retried_right(g, b, s, 1), "只试一次"),
    ("retried", lambda g, b, s, k: retried_right(g, b, s, k + 1), "应当是"),
    ("generation_flops", flops_right, None),
    ("generation_flops", lambda *a: flops_right(*a, twice=1), "少了一半"),
    ("generation_flops", lambda *a: flops_right(*a, attention=False), "注意力里"),
    ("generation_flops", lambda t, w, d, c: flops_right(t, w, d, True), "应当是"),
    ("best_threshold", threshold_right, None),
    ("best_threshold", lambda g, b, *rest: (g + b) / 2, "不在正中"),
    ("best_threshold", lambda *a: threshold_right(*a, sign=-1), "方向反了"),
    ("best_threshold", lambda *a: threshold_right(*a, sign=2), "应当是"),
    ("modes_module", Modes, None),
    ("modes_module", Modes(), None),
    ("modes_module", AnyModes, "至少要有 1%"),
    ("modes_module", Everything, "3 个标准差"),
    ("modes_module", Unseeded, "把 seed 传给"),
    ("modes_module", WrongArguments, "it must be def evaluate"),
    ("doubled", {"批量": (1, 2), "宽度": (4, 2)}, None),
    ("doubled", {"批量": (2, 2), "宽度": (4, 2)}, "批量加倍时，权重"),
    ("doubled", {"批量": (1, 2), "宽度": (2, 2)}, "宽度加倍时，权重"),
    ("doubled", {"批量": (1, 2), "宽度": (4, 4)}, "宽度加倍时，激活"),
    ("doubled", {"批量": (1, 2)}, "应当是一个字典"),
    ("doubled", {"批量": 1, "宽度": (4, 2)}, "写成"),
    ("open_gate", evidence, None),
    ("open_gate", fixed, "不必抽满"),
    ("open_gate", lambda hits, tried: "deploy", "不必抽满"),
    ("open_gate", lambda hits, tried: "wait", "只能是"),
]
test_hint, test_nothing_raises = make_tests(ch11, CASES)


@pytest.mark.parametrize(
    ("answer", "lines", "hint"),
    [
        (gate_right, (3, 4), None),
        (gate_right, None, "哪两行"),
        (gate_right, (2, 4), "行号不对"),
        (gate_right, (3, 6), "行号不对"),  # a new demand, no fault of the two
        (gate_broken, (3, 4), "NaN"),
        (gate_nan_mended, (3, 4), "不能当成 0"),
        (gate_without_rules, (3, 4), "一条规则也没有"),
        (lambda figures, most: False, (3, 4), "好模型也被拦下"),
        (lambda figures, most: "no", (3, 4), "True 或 False"),
    ],
)
def test_leaky_gate(answer, lines, hint):
    result = ch11.leaky_gate(answer, lines=lines)
    assert bool(result) is (hint is None), repr(result)
    if hint:
        assert hint in result.message


def test_what_is_left_open_is_unfinished():
    assert not ch11.caught(CAUGHT | {"B": ...}).finished
    assert not ch11.modes_module(Empty).finished
    assert not ch11.leaky_gate(..., lines=(3, 4)).finished


def test_no_fixed_number_of_samples_reaches_the_floor():
    for n in (150, 200, 250, 300, 350, 400):
        for threshold in (0.75, 0.7575, 0.765):
            result = ch11.open_gate(
                lambda hits, tried, n=n, t=threshold: fixed(hits, tried, n, t)
            )
            assert result.finished
            assert not result
