"""Checkers of chapter 04: right answers pass, each likely mistake gets its hint."""

import numpy as np
import torch
from checker_tests import make_tests
from torch.nn.functional import softplus

from aigc_lib.check import ch04


def js_right(p, q):
    def kl(a):
        there = a > 0
        return np.sum(a[there] * np.log(a[there] / ((p + q) / 2)[there]))

    return (kl(p) + kl(q)) / 2


def js_without_care(p, q):
    m = (p + q) / 2
    return (np.sum(p * np.log(p / m)) + np.sum(q * np.log(q / m))) / 2


def smooth_right(real, fake, on_real=0.9, on_fake=0.0):
    def entropy(logits, label):
        return (label * softplus(-logits) + (1 - label) * softplus(logits)).mean()

    return entropy(real, on_real) + entropy(fake, on_fake)


def smooth_by_probability(real, fake):
    p, q = real.sigmoid(), fake.sigmoid()
    return -(0.9 * p.log() + 0.1 * (1 - p).log()).mean() - (1 - q).log().mean()


def difference_right(f, x, h=1e-6, divide=2.0, both=True):
    steps = h * torch.eye(x.numel(), dtype=x.dtype).view(-1, *x.shape)
    slope = [(f(x + s) - f(x - s if both else x)) / (divide * h) for s in steps]
    return torch.stack(slope).view_as(x)


def difference_in_place(f, x, h=1e-6):
    x += 0.0
    result = difference_right(f, x, h)
    x[0] += h
    return result


def slerp_right(u, v, t):
    omega = torch.acos(torch.dot(u / u.norm(), v / v.norm()))
    t = t[:, None]
    return (torch.sin((1 - t) * omega) * u + torch.sin(t * omega) * v) / omega.sin()


def lerp(u, v, t):
    return torch.lerp(u, v, t[:, None])


def projected(u, v, t):
    return torch.nn.functional.normalize(lerp(u, v, t), dim=1) * u.norm()


def slopes_right(critic, x, reduce=torch.sum, power=1):
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(reduce(critic(x)), x)
    return gradient.flatten(1).norm(dim=1) ** power


def slopes_by_backward(critic, x):
    x = x.detach().requires_grad_()
    critic(x).sum().backward()
    return x.grad.flatten(1).norm(dim=1)


def slopes_of_vectors_only(critic, x):
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    return gradient.norm(dim=1)


CASES = [
    ("js_divergence", js_right, None),
    ("js_divergence", js_without_care, "nan"),
    ("js_divergence", lambda p, q: 2 * js_right(p, q), "平均"),
    ("js_divergence", lambda p, q: js_right(p, q) / np.log(2), "nat"),
    ("js_divergence", lambda p, q: np.sum(p * np.log(p / q)), "应为"),
    ("smooth_discriminator", smooth_right, None),
    ("smooth_discriminator", smooth_by_probability, "有限"),
    ("smooth_discriminator", lambda r, f: smooth_right(r, f, 0.9, 0.1), "假样本"),
    ("smooth_discriminator", lambda r, f: smooth_right(r, f, 1.0), "0.9"),
    ("smooth_discriminator", lambda r, f: smooth_right(r, f, 0.0, 0.9), "对调"),
    ("smooth_discriminator", lambda r, f: smooth_right(r, f) / 2, "相加"),
    ("difference_gradient", difference_right, None),
    ("difference_gradient", lambda f, x, h=1e-6: -difference_right(f, x, h), "E065"),
    (
        "difference_gradient",
        lambda f, x, h=1e-6: difference_right(f, x, h, 1.0),
        "一倍",
    ),
    (
        "difference_gradient",
        lambda f, x, h=1e-6: difference_right(f, x, h, 1.0, both=False) + 0.1,
        "数值",
    ),
    ("difference_gradient", difference_in_place, "改动"),
    ("difference_gradient", lambda f, x, h=1: difference_right(f, x), "参数 h"),
    ("slerp", slerp_right, None),
    ("slerp", lerp, "直线"),
    ("slerp", lambda u, v, t: slerp_right(v, u, t), "t = 0"),
    ("slerp", projected, "t = 0"),
    ("slerp", lambda u, v, t: slerp_right(u, v, t).T, "形状"),
    ("slopes", slopes_right, None),
    ("slopes", lambda c, x: slopes_right(c, x, torch.mean), "mean"),
    ("slopes", lambda c, x: slopes_right(c, x, power=2), "开方"),
    ("slopes", slopes_by_backward, "留下了梯度"),
    ("slopes", slopes_of_vectors_only, "图像"),
    ("slopes", lambda c, x: slopes_right(c, x).mean(), "形状"),
]


test_hint, test_nothing_raises = make_tests(ch04, CASES)
