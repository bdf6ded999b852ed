"""Checkers of chapter 12: right answers pass, each likely mistake gets its hint."""

import math

import numpy as np
import pytest
import torch
from checker_tests import make_tests

from aigc_lib.check import ch12
from aigc_lib.data import augment


def coverage_right(n, m, noise=1):
    true = math.sqrt(1 / n + noise * m / (n + m) ** 2)
    return math.erf(1.96 / math.sqrt(n + m) / true / math.sqrt(2))


def variance_right(n, share, generations, between=1):
    variance, square = 1.0, 0.0
    for _ in range(generations):
        pool = share + (1 - share) * variance + between * share * (1 - share) * square
        variance, square = (1 - 1 / n) * pool, (1 - share) ** 2 * square + pool / n
    return variance


def smote_right(x, y, seed, before=False):
    source = torch.Generator().manual_seed(seed)
    if before:
        missing = int((y == 0).sum() - (y == 1).sum())
        x = torch.cat([x, augment.smote(x[y == 1], missing, generator=source)])
        y = torch.cat([y, torch.ones(missing, dtype=torch.long)])
    order = torch.randperm(len(x), generator=source)
    test, train = order[: len(x) // 3], order[len(x) // 3 :]
    a, b = x[train], y[train]
    missing = int((b == 0).sum() - (b == 1).sum())
    if missing > 0 and not before:
        a = torch.cat([a, augment.smote(a[b == 1], missing, generator=source)])
        b = torch.cat([b, torch.ones(missing, dtype=torch.long)])
    said = b[torch.cdist(x[test], a).argmin(1)]
    rates = [(said == y[test])[y[test] == c].double().mean() for c in (0, 1)]
    return float(sum(rates) / 2)


def cutmix_right(x, y, generator, blend=False, area=True, clone=True, fixed=False):
    other = torch.randperm(len(x), generator=generator)
    height, width = x.shape[-2:]
    top, down = torch.randint(height + 1, (2,), generator=generator).sort().values
    left, right = torch.randint(width + 1, (2,), generator=generator).sort().values
    if fixed:
        top, down, left, right = map(torch.tensor, (2, 8, 3, 9))
    pasted = (down - top) * (right - left) / (height * width)
    share = pasted if area else torch.rand(1, generator=generator)
    source = x[other].clone()
    new = x.clone() if clone else x
    if blend:
        new = (1 - share) * x + share * source
    else:
        new[..., top:down, left:right] = source[..., top:down, left:right]
    return new, (1 - share) * y + share * y[other]


def kept_right(c, divide=True):
    density = math.exp(-c * c / 2) / math.sqrt(2 * math.pi)
    share = math.erf(c / math.sqrt(2))
    return (share - 2 * c * density) / (share if divide else 1)


def everything(items, likes, ages):
    return ((2 * likes - 1)[:, None] * items).mean(0)


def window(items, likes, ages):
    return everything(items[ages < 5], likes[ages < 5], ages)


def last_one(items, likes, ages):
    return everything(items[ages == 0], likes[ages == 0], ages)


GUESS = {"误差": "不变", "覆盖率": "30%"}
CASES = [
    ("many_more", GUESS, None),
    ("many_more", GUESS | {"误差": "五分之一"}, "误差不对"),
    ("many_more", GUESS | {"覆盖率": "95%"}, "覆盖率不对"),
    ("many_more", GUESS | {"覆盖率": "10%"}, "覆盖率不对"),
    ("many_more", GUESS | {"覆盖率": "20%"}, "从这几个里选"),
    ("many_more", {"误差": "不变"}, "应当是一个字典"),
    ("coverage", coverage_right, None),
    ("coverage", lambda n, m: coverage_right(n, m, 0), "抽样噪声"),
    ("coverage", lambda n, m: 0.95, "不会还是 95%"),
    ("coverage", lambda n, m: coverage_right(n, m, 3), "模拟出来约"),
    ("expected_variance", variance_right, None),
    ("expected_variance", lambda n, s, g: variance_right(n, s, g, 0), "两个中心"),
    ("expected_variance", lambda n, s, g: (1 - 1 / n) ** g, "模拟出来约"),
    ("expected_variance", lambda n, s, g: 1.0, "应当正好是"),
    ("cutmix", cutmix_right, None),
    ("cutmix", lambda *a: cutmix_right(*a, blend=True), "原样贴过来"),
    ("cutmix", lambda *a: cutmix_right(*a, area=False), "标签与面积不一致"),
    ("cutmix", lambda *a: cutmix_right(*a, clone=False), "先 clone"),
    ("cutmix", lambda *a: cutmix_right(*a, fixed=True), "随机的"),
    ("cutmix", lambda x, y, g: (x, y), "随机的"),
    ("cutmix", lambda x, y, g: x, "应当返回"),
    ("survival", {1: "63%", 10: "16%"}, None),
    ("survival", {1: "37%", 10: "16%"}, "1 代不是"),
    ("survival", {1: "63%", 10: "1%"}, "10 代不是"),
    ("survival", {1: "63%"}, "应当是一个字典"),
    ("track", ch12._weighted, None),
    ("track", everything, "平均余弦 0.609"),  # as the task says
    ("track", last_one, "打折扣"),
    ("track", window, "平均余弦 0.820"),  # as the task says
    ("track", lambda items, likes, ages: items, "应当返回 (8,)"),
    ("track", lambda items, likes, ages: np.full(8, np.nan), "NaN"),
]
test_hint, test_nothing_raises = make_tests(ch12, CASES)


@pytest.mark.parametrize(
    ("answer", "fault", "hint"),
    [
        (smote_right, "泄漏", None),
        (smote_right, None, "说出毛病"),
        (smote_right, "指标", "毛病不是这个"),
        (smote_right, "别的", "从这几个里选"),
        (lambda *a: smote_right(*a, before=True), "泄漏", "标签与特征无关，却还有"),
        (lambda *a: 0.5, "泄漏", "应当接近 1"),
        (lambda *a: 0.1, "泄漏", "应当约五成"),
    ],
)
def test_leaky_smote(answer, fault, hint):
    result = ch12.leaky_smote(answer, fault=fault)
    assert bool(result) is (hint is None), repr(result)
    if hint:
        assert hint in result.message


@pytest.mark.parametrize(
    ("answer", "generations", "hint"),
    [
        (kept_right, 3, None),
        (kept_right, 5, "代数不对"),
        (lambda c: kept_right(c, divide=False), 3, "忘了除以"),
        (lambda c: 1.0, 3, "应当是"),
    ],
)
def test_kept_variance(answer, generations, hint):
    result = ch12.kept_variance(answer, generations=generations)
    assert bool(result) is (hint is None), repr(result)
    if hint:
        assert hint in result.message


def test_what_is_left_open_is_unfinished():
    assert not ch12.many_more(GUESS | {"误差": ...}).finished
    assert not ch12.survival({1: "63%", 10: None}).finished
    assert not ch12.kept_variance(kept_right).finished
    assert not ch12.leaky_smote(..., fault="泄漏").finished


@pytest.mark.parametrize("name", ["leaky_smote", "kept_variance"])
@pytest.mark.parametrize("answer", [None, ..., lambda *a, **k: None, 3, lambda: 1])
def test_no_answer_raises(name, answer):
    assert not getattr(ch12, name)(answer)
