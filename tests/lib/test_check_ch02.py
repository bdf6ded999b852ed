"""Checkers of chapter 02: right answers pass, each likely mistake gets its hint."""

import math

import pytest

from aigc_lib.check import ch02

HALF_LOG = 0.5 * math.log(2 * math.pi)


def log_normal(x, mu, log_var):
    return -0.5 * ((x - mu).square() / log_var.exp() + log_var) - HALF_LOG


def kl_normal(mu_p, sigma_p, mu_q, sigma_q):
    squares = sigma_p.square() + (mu_p - mu_q).square()
    return (sigma_q / sigma_p).log() + squares / (2 * sigma_q.square()) - 0.5


def log_mixture(x, log_weights, mu, log_var):
    return (log_weights + log_normal(x[:, None], mu, log_var)).logsumexp(1)


def log_density(x):
    return -0.5 * x.log().square() - HALF_LOG - x.log()


def monte_carlo(values):
    return values.mean(), values.std() / len(values) ** 0.5


RIGHT = [log_normal, kl_normal, log_mixture, log_density, monte_carlo]


@pytest.mark.parametrize("answer", RIGHT)
def test_right_answers(answer):
    assert getattr(ch02, answer.__name__)(answer)


@pytest.mark.parametrize("answer", RIGHT)
def test_unfinished(answer):
    result = getattr(ch02, answer.__name__)(lambda *_: ...)
    assert not result
    assert not result.finished


def naive_mixture(x, log_weights, mu, log_var):
    return (log_weights + log_normal(x[:, None], mu, log_var)).exp().sum(1).log()


WRONG = [
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, v).sum(), "求和"),
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, 2 * v), "标准差"),
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, v).exp(), "取对数"),
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, v) + HALF_LOG, "常数"),
    (ch02.log_normal, lambda x, m, v: log_normal(x, m, v).exp().log(), "有限"),
    (ch02.kl_normal, lambda a, b, c, d: kl_normal(c, d, a, b), "方向"),
    (ch02.kl_normal, lambda *a: kl_normal(*a) / math.log(2), "nat"),
    (ch02.kl_normal, lambda *a: kl_normal(*a) + 0.5, "数值"),
    (ch02.log_mixture, lambda x, w, m, v: log_mixture(x, 0 * w, m, v), "权重"),
    (
        ch02.log_mixture,
        lambda x, w, m, v: (w.exp() * log_normal(x[:, None], m, v)).sum(1),
        "反过来",
    ),
    (ch02.log_mixture, naive_mixture, "logsumexp"),
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
