"""Checkers of chapter 03: right answers pass, each likely mistake gets its hint."""

import math

import torch
from checker_tests import make_tests

from aigc_lib.check import ch03


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


def kl(a, b):
    return (torch.xlogy(a, a) - torch.xlogy(a, b)).sum(-1)


def kl_without_care(a, b):
    return (a * (a / b).log()).sum(-1)


def split_right(q, prior, kl=kl):
    mixed = q.mean(0)
    return kl(q, mixed).mean(), kl(mixed, prior)


CASES = [
    ("alive", (5, 2), None),
    ("alive", (7, 2), "不是全部"),
    ("alive", (4, 2), "求和时不对"),
    ("alive", (5, 5), "权重就变了"),
    ("alive", (5, 3), "求平均时不对"),
    ("alive", 5, "两个数"),
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
    ("split_rate", split_right, None),
    ("split_rate", lambda q, p: (0.0, kl(q, p).mean()), "不是码率"),
    ("split_rate", lambda q, p: (0.0, kl(p, q.mean(0))), "反了"),
    ("split_rate", lambda q, p: split_right(q, p)[::-1], "对调"),
    ("split_rate", lambda q, p: (kl(q, p).mean(), split_right(q, p)[1]), "之和"),
    ("split_rate", lambda q, p: (kl(q, p).mean() - 0.1, 0.1), "到先验"),
    ("split_rate", lambda q, p: split_right(q, p, kl_without_care), "nan"),
    ("split_rate", lambda q, p: 1.0, "两个数"),
    ("diagnosis", (4, 0.25), None),
    ("diagnosis", (2, 0.25), "标准差"),
    ("diagnosis", (5, 0.25), "对批"),
    ("diagnosis", (3, 0.25), "哪一项"),
    ("diagnosis", (4, 4), "反了"),
    ("diagnosis", (4, 0.5), "几维"),
    ("diagnosis", 4, "两个数"),
    ("open_digits", {"hidden": 2_000}, "超出预算"),
    ("open_digits", {"likelihood": "gaussian"}, "只比伯努利"),
    ("open_digits", {"body": "best"}, "choose one of"),
    ("open_digits", 3, "字典"),
]


test_hint, test_nothing_raises = make_tests(ch03, CASES)


def test_the_impossible_bound_is_above_what_any_model_can_do():
    before = torch.get_rng_state()
    first, *_, last = ch03.impossible_history().splitlines()
    assert torch.equal(torch.get_rng_state(), before)
    best = float(first.split()[-2])
    assert float(last.split()[1]) > best + 0.5
    mended, entropy = ch03._impossible(300, 0, torch.sum)
    assert mended[-1][1] < -entropy + 0.2


def test_an_open_answer_is_scored_against_the_floor():
    result = ch03.open_digits({"hidden": 16}, steps=1)
    assert not result
    assert "底线" in result.message
    assert "另一台机器" in result.message
