"""Checkers of chapter 03: right answers pass, each likely mistake gets its hint."""

import math

import torch
from checker_tests import make_tests

from aigc_lib.check import ch03


def kl_right(mu_q, log_var_q, mu_p, log_var_p, reduce=torch.sum):
    log_ratio = log_var_q - log_var_p
    squared = (mu_q - mu_p).square() * (-log_var_p).exp()
    return reduce(0.5 * (squared + log_ratio.exp() - 1 - log_ratio), 1)


def std_right(x, mean):
    return (x - mean).square().mean().sqrt()


def samples_right(log_weight):
    share = log_weight.softmax(0)
    return 1 / share.square().sum(0)


def samples_in_logs(log_weight):
    return (2 * log_weight.logsumexp(0) - (2 * log_weight).logsumexp(0)).exp()


def samples_by_weight(log_weight):
    w = log_weight.exp()
    return w.sum(0).square() / w.square().sum(0)


def rate_right(eigenvalues, noise_variance, weight=0.5):
    return weight * (eigenvalues / noise_variance).log().clamp(min=0)


def kl_each(mu, log_var):
    return 0.5 * (mu.square() + log_var.exp() - 1 - log_var)


def bits_right(mu, log_var, floor):
    return torch.clamp(kl_each(mu, log_var).mean(0), min=floor).sum()


CASES = [
    ("kl_between", kl_right, None),
    ("kl_between", lambda a, b, c, d: kl_right(c, d, a, b), "反了"),
    ("kl_between", lambda *a: kl_right(*a, torch.mean), "求和"),
    ("kl_between", lambda *a: kl_right(*a) / math.log(2), "nat"),
    ("kl_between", lambda a, b, c, d: kl_right(a, 2 * b, c, 2 * d), "log σ²"),
    ("kl_between", lambda *a: kl_right(*a).mean(), "形状"),
    ("kl_between", lambda a, b, c, d: kl_right(a, b, 0 * c, 0 * d), "第一个样本"),
    ("best_std", std_right, None),
    ("best_std", lambda x, m: std_right(x, m) ** 2, "开方"),
    ("best_std", lambda x, m: 5 * std_right(x, m), "求了和"),
    ("best_std", lambda x, m: (x - m).std(), "均值就是 0"),
    ("best_std", lambda x, m: (x - m).abs().mean(), "绝对"),
    ("best_std", lambda x, m: std_right(x, m).item(), "张量"),
    ("best_std", lambda x, m: (x - m).square().mean((1, 2, 3)).sqrt(), "形状"),
    ("best_std", lambda x, m: std_right(x, 0 * m), "应为"),
    ("effective_samples", samples_right, None),
    ("effective_samples", samples_in_logs, None),
    ("effective_samples", samples_by_weight, "留在对数"),
    ("effective_samples", lambda w: 1 / samples_right(w), "对调"),
    ("effective_samples", lambda w: samples_right(w).log(), "取指数"),
    ("effective_samples", lambda w: samples_right(w.T), "形状"),
    ("effective_samples", lambda w: samples_right(w) + 1, "应为"),
    ("rate_of_directions", rate_right, None),
    ("rate_of_directions", lambda e, n: 0.5 * (e / n).log(), "负"),
    ("rate_of_directions", lambda e, n: rate_right(e, n, 1.0), "½"),
    ("rate_of_directions", lambda e, n: rate_right(e, n, 0.5 / math.log(2)), "nat"),
    ("rate_of_directions", lambda e, n: 0.5 * (e / n).log().abs(), "坍塌"),
    ("rate_of_directions", lambda e, n: rate_right(e, n**2), "再平方"),
    ("rate_of_directions", lambda e, n: rate_right(e, n)[:2], "形状"),
    ("rate_of_directions", lambda e, n: rate_right(e, n) ** 2, "λ = 9"),
    ("free_bits", bits_right, None),
    ("free_bits", lambda m, v, f: kl_each(m, v).clamp(min=f).mean(0).sum(), "先对批"),
    ("free_bits", lambda m, v, f: kl_each(m, v).sum(1).mean().clamp(min=f), "每一维"),
    ("free_bits", lambda m, v, f: bits_right(m, v, f) - 3 * f, "减去"),
    ("free_bits", lambda m, v, f: kl_each(m, v).mean(0).clamp(max=f).sum(), "较小"),
    ("free_bits", lambda m, v, f: bits_right(m, v, 0.0), "每一维"),
    ("free_bits", lambda m, v, f: 2 * bits_right(m, v, f), "应为"),
    ("free_bits", lambda m, v, f: bits_right(m.detach(), v, f), "断了"),
    ("free_bits", lambda m, v, f: bits_right(m, v, f).expand(2), "形状"),
]


test_hint, test_nothing_raises = make_tests(ch03, CASES)
