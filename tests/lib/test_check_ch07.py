"""Checkers of chapter 07: right answers pass, each likely mistake gets its hint."""

import math
from itertools import pairwise

import torch
from checker_tests import make_tests

from aigc_lib.check import ch07
from aigc_lib.models.diffusion.solvers import euler, heun


def mean_right(x, data, a, root=None, spread=None, out=1.0):
    root = math.sqrt(a) if root is None else root
    squares = (x[:, None] - root * data).square().sum(2)
    return (-squares / (spread or 2 * (1 - a))).softmax(1) @ (out * data)


def mean_unstable(x, data, a):
    squares = (x[:, None] - math.sqrt(a) * data).square().sum(2)
    weights = (-squares / (2 * (1 - a))).exp()
    return weights / weights.sum(1, keepdim=True) @ data


def ddim_right(x, eps, a, b, signal=math.sqrt, noise=lambda b: math.sqrt(1 - b)):
    data = (x - math.sqrt(1 - a) * eps) / math.sqrt(a)
    return signal(b) * data + noise(b) * eps


def ddim_with_dice(x, eps, a, b):
    return ddim_right(x, torch.randn_like(eps), a, b)


def both_right(v, x, t):
    t = t.view(-1, *[1] * (x.dim() - 1))
    return x + (1 - t) * v, x - t * v


def both_reversed(v, x, t):
    return both_right(v, x, 1 - t)


def guided_right(net, x, t, labels, w, none):
    given, without = net(x, t, labels), net(x, t, torch.full_like(labels, none))
    return without + w * (given - without)


def guided_from_given(net, x, t, labels, w, none):
    given, without = net(x, t, labels), net(x, t, torch.full_like(labels, none))
    return given + w * (given - without)


def guided_backwards(net, x, t, labels, w, none):
    given, without = net(x, t, labels), net(x, t, torch.full_like(labels, none))
    return without + w * (without - given)


def guided_in_place(net, x, t, labels, w, none):
    given = net(x, t, labels)
    without = net(x, t, labels.fill_(none))
    return without + w * (given - without)


def midpoint_right(velocity, x, times, share=0.5, wait=True):
    for t, after in pairwise(times):
        step = after - t
        half = x + share * step * velocity(x, t.expand(len(x)))
        moment = t + 0.5 * step if wait else t
        x = x + step * velocity(half, moment.expand(len(x)))
    return x


def midpoint_in_place(velocity, x, times):
    for t, after in pairwise(times):
        half = x + 0.5 * (after - t) * velocity(x, t.expand(len(x)))
        x += (after - t) * velocity(half, ((t + after) / 2).expand(len(x)))
    return x


CASES = [
    ("posterior_mean", mean_right, None),
    ("posterior_mean", mean_unstable, "nan"),
    ("posterior_mean", lambda x, d, a: mean_right(x, d, a, root=1.0), "先乘"),
    ("posterior_mean", lambda x, d, a: mean_right(x, d, a, root=a), "不是 a"),
    ("posterior_mean", lambda x, d, a: mean_right(x, d, a, spread=1 - a), "分母"),
    (
        "posterior_mean",
        lambda x, d, a: mean_right(x, d, a, spread=2 * (1 - a) ** 0.5),
        "方差",
    ),
    ("posterior_mean", lambda x, d, a: mean_right(x, d, a, out=a**0.5), "乘过"),
    ("posterior_mean", lambda x, d, a: d[torch.cdist(x, d).argmin(1)], "softmax"),
    ("posterior_mean", lambda x, d, a: mean_right(x, d, a).T, "形状"),
    ("ddim_step", ddim_right, None),
    ("ddim_step", lambda x, e, a, b: ddim_right(x, e, a, 1.0), "原图；"),
    (
        "ddim_step",
        lambda x, e, a, b: ddim_right(x, e, a, b, noise=lambda b: 1 - b),
        "1 − b",
    ),
    ("ddim_step", lambda x, e, a, b: ddim_right(x, e, a, b, signal=float), "√b"),
    ("ddim_step", ddim_with_dice, "骰子"),
    ("ddim_step", lambda x, e, a, b: x, "落在"),
    ("data_and_noise", both_right, None),
    ("data_and_noise", lambda v, x, t: both_right(v, x, t)[::-1], "次序"),
    ("data_and_noise", both_reversed, "方向"),
    ("data_and_noise", lambda v, x, t: (both_right(v, x, t)[0], x - v), "噪声不对"),
    ("data_and_noise", lambda v, x, t: (x + (1 - t) * v, x - t * v), "(B, 1, …)"),
    ("data_and_noise", lambda v, x, t: both_right(v, x, t)[0], "两个"),
    ("guided", guided_right, None),
    ("guided", guided_from_given, "起点"),
    ("guided", guided_backwards, "方向"),
    ("guided", guided_in_place, "改动"),
    ("guided", lambda net, x, t, labels, w, none: net(x, t, labels), "数值"),
    ("midpoint", midpoint_right, None),
    ("midpoint", heun, None),
    ("midpoint", euler, "两次"),
    ("midpoint", lambda v, x, s: midpoint_right(v, x, s, wait=False), "时间"),
    ("midpoint", lambda v, x, s: midpoint_right(v, x, s, share=0.0), "时间"),
    ("midpoint", lambda v, x, s: midpoint_right(v, x, s, share=-1.0), "还差"),
    ("midpoint", midpoint_in_place, "改动"),
    ("midpoint", lambda v, x, s: x, "两次"),
    (
        "midpoint",
        lambda v, x, s: midpoint_right(v, x, torch.linspace(0, 1, len(s)).double()),
        "times",
    ),
]


test_hint, test_nothing_raises = make_tests(ch07, CASES)
