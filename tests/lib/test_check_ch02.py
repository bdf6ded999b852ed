"""Checkers of chapter 02: right answers pass, each likely mistake gets its hint."""

import math

import numpy as np
import pytest
import torch

from aigc_lib.check import ch02

HALF_LOG = 0.5 * math.log(2 * math.pi)


def log_normal(x, mu, log_var):
    return -0.5 * ((x - mu).square() / log_var.exp() + log_var) - HALF_LOG


def kl_normal(mu_p, sigma_p, mu_q, sigma_q):
    squares = sigma_p.square() + (mu_p - mu_q).square()
    return (sigma_q / sigma_p).log() + squares / (2 * sigma_q.square()) - 0.5


def log_density(x):
    return -0.5 * x.log().square() - HALF_LOG - x.log()


def monte_carlo(values):
    return values.mean(), values.std() / len(values) ** 0.5


RIGHT = [log_normal, kl_normal, log_density, monte_carlo]


@pytest.mark.parametrize("answer", RIGHT)
def test_right_answers(answer):
    assert getattr(ch02, answer.__name__)(answer)


@pytest.mark.parametrize("answer", RIGHT)
def test_unfinished(answer):
    result = getattr(ch02, answer.__name__)(lambda *_: ...)
    assert not result
    assert not result.finished


def plain(f, mu, rng, n=100):
    eps = rng.normal(size=n)
    return (f(mu + eps) * eps).mean()


def stratified(f, mu, rng):
    u = (np.arange(100) + rng.random(100)) / 100
    eps = torch.special.ndtri(torch.from_numpy(u)).numpy()
    return (f(mu + eps) * eps).mean()


def hermite(f, mu, rng):
    eps, weights = np.polynomial.hermite_e.hermegauss(40)
    return (f(mu + eps) * eps * weights).sum() / weights.sum()


def slope_at_the_mean(f, mu, rng):
    return (f(mu + 1e-4) - f(mu - 1e-4)) / 2e-4


WRONG = [
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, v).sum(), "求和"),
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, 2 * v), "标准差"),
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, v).exp(), "取对数"),
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, v) + HALF_LOG, "常数"),
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, v).exp().log(), "有限"),
    (ch02.kl_normal, lambda a, b, c, d: kl_normal(c, d, a, b), "方向"),
    (ch02.kl_normal, lambda *a: kl_normal(*a) / math.log(2), "nat"),
    (ch02.kl_normal, lambda *a: kl_normal(*a) + 0.5, "数值"),
    (ch02.one_for_two, (-3, 1), "反向"),
    (ch02.one_for_two, (1, 3.2), "均值"),
    (ch02.one_for_two, (0, 10), "开方"),
    (ch02.one_for_two, (0, 3), "方差相加"),
    (ch02.one_for_two, (0, 2), "宽度"),
    (ch02.one_for_two, 0, "一对"),
    (ch02.score_gradient, plain, "底线"),
    (ch02.score_gradient, lambda f, m, r: plain(f, m, r, 1_000), "只许 100"),
    (ch02.score_gradient, slope_at_the_mean, "底线"),
    (ch02.score_gradient, lambda f, m, r: math.nan, "nan"),
    (ch02.log_density, lambda x: log_density(x) + x.log(), "导数"),
    (ch02.log_density, lambda x: log_density(x) + 2 * x.log(), "符号"),
    (ch02.log_density, lambda x: log_density(x).exp(), "取对数"),
    (ch02.monte_carlo, lambda v: v.mean(), "一对"),
    (ch02.monte_carlo, lambda v: (v.mean(), v.std()), "√n"),
    (ch02.monte_carlo, lambda v: (v.mean(), v.std() / len(v)), "不是 n"),
    (ch02.monte_carlo, lambda v: (v.mean(), v.std(correction=0) / 2), "n − 1"),
]


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_hint(check, answer, hint):
    result = check(answer)
    assert not result
    assert hint in result.message


@pytest.mark.parametrize(
    ("rate", "cause", "hint"),
    [
        (1 / 11, "学习率太大", ""),
        (0.0909, "学习率太大", ""),
        (1 / 11, None, "还要说出毛病"),
        (1 / 11, "梯度符号反了", "正负交替"),
        (1 / 11, "没有清零", "常数"),
        (1 / 22, "学习率太大", "再大一倍"),
        (0.01, "学习率太大", "还能再大"),
        (0.1, "学习率太大", "发散"),
    ],
)
def test_runaway(rate, cause, hint):
    result = ch02.runaway(rate, cause=cause)
    assert bool(result) is (hint == ""), result
    assert hint in result.message


def test_the_run_is_what_gradient_descent_gives():
    path = ch02.runaway_run()
    w = torch.ones((), requires_grad=True)
    for value in path[1:]:
        (slope,) = torch.autograd.grad(ch02.CURVATURE / 2 * w**2, w)
        w = (w - ch02.RATE * slope).detach().requires_grad_()
        assert w.item() == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("answer", [stratified, hermite])
def test_better_estimates_pass(answer):
    assert ch02.score_gradient(answer)


def test_the_wide_normal_passes():
    assert ch02.one_for_two((0, math.sqrt(10)))


@pytest.mark.parametrize("check", [ch02.runaway, ch02.one_for_two, ch02.score_gradient])
def test_open_answers(check):
    assert not check(...).finished
