"""Checkers of chapter 04: right answers pass, each likely mistake gets its hint."""

import math

import numpy as np
import torch
from checker_tests import make_tests
from torch.nn.functional import softplus

from aigc_lib.check import ch04


def least_right(p, q):
    there = p + q > 0
    p, q = p[there], q[there]
    return 2 * np.minimum(p, q).sum(), (p * q / (p + q)).sum() / 2


def least_without_care(p, q):
    return 2 * np.minimum(p, q).sum(), (p * q / (p + q)).sum() / 2


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


def slerp_formula(u, v, t):
    omega = torch.acos(torch.dot(u / u.norm(), v / v.norm()))
    t = t[:, None]
    return (torch.sin((1 - t) * omega) * u + torch.sin(t * omega) * v) / omega.sin()


def slerp_right(u, v, t):
    if torch.cosine_similarity(u, v, 0) > 1 - 1e-6:
        return torch.lerp(u, v, t[:, None])
    return slerp_formula(u, v, t)


def slerp_stops(u, v, t):
    if torch.cosine_similarity(u, v, 0) > 1 - 1e-6:
        return u.expand(len(t), -1)
    return slerp_formula(u, v, t)


def slerp_of_directions(u, v, t):
    """The arc between the directions, the lengths between the lengths."""
    length = torch.lerp(u.norm(), v.norm(), t)[:, None]
    return slerp_right(u / u.norm(), v / v.norm(), t) * length


def lerp(u, v, t):
    return torch.lerp(u, v, t[:, None])


def projected(u, v, t):
    return torch.nn.functional.normalize(lerp(u, v, t), dim=1) * u.norm()


RESTING = {
    "nonsaturating": (2 * math.log(2), math.log(2)),
    "minimax": (2 * math.log(2), -math.log(2)),
    "lsgan": (0.25, 0.125),
}


def bound_right(layers, divide=lambda k, s: math.ceil(k / s), power=1):
    return math.prod(divide(*layer) for layer in layers) ** power


CASES = [
    ("least_losses", least_right, None),
    ("least_losses", least_without_care, "nan"),
    ("least_losses", lambda p, q: (np.minimum(p, q).sum(), 0.1), "一倍"),
    ("least_losses", lambda p, q: (np.abs(p - q).sum(), 0.1), "减去"),
    (
        "least_losses",
        lambda p, q: (least_right(p, q)[0], 2 * least_right(p, q)[1]),
        "½",
    ),
    ("least_losses", lambda p, q: (least_right(p, q)[0], 0.3), "最小二乘应为"),
    ("least_losses", lambda p, q: (1.9, 0.3), "铰链应为"),
    ("least_losses", lambda p, q: 1.0, "两个数"),
    ("smooth_discriminator", smooth_right, None),
    ("smooth_discriminator", smooth_by_probability, "有限"),
    ("smooth_discriminator", lambda r, f: smooth_right(r, f, 0.9, 0.1), "假样本"),
    ("smooth_discriminator", lambda r, f: smooth_right(r, f, 1.0), "0.9"),
    ("smooth_discriminator", lambda r, f: smooth_right(r, f, 0.0, 0.9), "对调"),
    ("smooth_discriminator", lambda r, f: smooth_right(r, f) / 2, "相加"),
    ("difference_gradient", difference_right, None),
    ("difference_gradient", lambda f, x, h=1e-6: -difference_right(f, x, h), "上坡"),
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
    ("slerp", slerp_formula, "nan"),
    ("slerp", slerp_stops, "平均"),
    ("slerp", slerp_of_directions, "公式不符"),
    ("resting", RESTING, None),
    ("resting", {"minimax": (0, 0)}, "还缺"),
    ("resting", RESTING | {"lsgan": (0.0, 0.125)}, "不是零"),
    ("resting", RESTING | {"lsgan": (0.5, 0.125)}, "L_D 不对"),
    ("resting", RESTING | {"minimax": (2 * math.log(2), math.log(2))}, "符号"),
    ("resting", RESTING | {"lsgan": (0.25, 0.25)}, "L_G 不对"),
    ("resting", RESTING | {"lsgan": 0.25}, "两个数"),
    ("slope_bound", bound_right, None),
    ("slope_bound", lambda ls: bound_right(ls, power=2), "开方"),
    ("slope_bound", lambda ls: bound_right(ls, lambda k, s: k / s), "取整"),
    ("slope_bound", lambda ls: bound_right(ls, lambda k, s: k // s + 1), "太松"),
    ("slope_bound", lambda ls: 1.0, "太小"),
    ("diagnosis", (5, 2 / 3), None),
    ("diagnosis", (3, 0.5), "刚清过"),
    ("diagnosis", (1, 0.5), "自己"),
    ("diagnosis", (6, 0.5), "哪一行"),
    ("diagnosis", (5, 0.5), "均衡"),
    ("diagnosis", (5, 0.3), "附近"),
    ("diagnosis", (5, 0.7), "精确"),
    ("diagnosis", 5, "两个数"),
    ("open_ring", {"hidden": 400}, "超出预算"),
    ("open_ring", {"loss": "best"}, "choose one of"),
    ("open_ring", [1], "字典"),
]


test_hint, test_nothing_raises = make_tests(ch04, CASES)


def test_the_odd_history_shows_what_the_exercise_says():
    before = torch.get_rng_state()
    last = ch04.odd_history().splitlines()[-1].split()
    assert torch.equal(torch.get_rng_state(), before)
    real, fake, off = map(float, last[1:])
    assert abs(real - 2 / 3) < 0.1
    assert abs(fake - 2 / 3) < 0.1
    assert off < 0.5


def test_an_open_answer_is_scored_against_the_floor():
    result = ch04.open_ring({}, steps=3)
    assert not result
    assert "底线" in result.message
    assert "另一台机器" in result.message
