"""Checkers of chapter 05: right answers pass, each likely mistake gets its hint."""

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from aigc_lib.check import ch05
from aigc_lib.models.gan.losses import (
    cross_entropy_discriminator,
    nonsaturating_generator,
)


def stretch_right(weight, steps, start=torch.randn):
    v = start(weight.shape[1])
    for _ in range(steps):
        u = weight @ (v / v.norm())
        v = weight.T @ (u / u.norm())
    return v.norm()


def stretch_in_place(weight, steps):
    weight /= 2
    return stretch_right(weight, steps)


def table(codes, labels, k):
    return (codes * k + labels).bincount(minlength=k * k).view(k, k)


def match_right(codes, labels, k):
    counts = table(codes, labels, k).numpy()
    return counts[linear_sum_assignment(counts, maximize=True)].sum() / len(codes)


def match_by_majority(codes, labels, k):
    return table(codes, labels, k).max(1).values.sum() / len(codes)


def match_greedily(codes, labels, k):
    counts, total = table(codes, labels, k).clone(), 0
    for _ in range(k):
        i, j = divmod(int(counts.argmax()), k)
        total += max(int(counts[i, j]), 0)
        counts[i], counts[:, j] = -1, -1
    return total / len(codes)


def deviation_right(x, unbiased=False, eps=1e-8, axis=0):
    variance = x.var(axis, unbiased=unbiased)
    value = (variance + eps).sqrt().mean()
    return torch.cat([x, value.expand(len(x), 1, *x.shape[2:])], 1)


def style_right(weight, scale, axes=(2, 3, 4), eps=1e-8, divide=True):
    styled = weight * scale[:, None, :, None, None]
    length = (styled.square().sum(axes, keepdim=True) + eps).sqrt()
    return styled / length if divide else styled


def style_on_outputs(weight, scale):
    flipped = style_right(weight[:3].transpose(0, 1).contiguous(), scale[:, :3])
    return style_right(weight, torch.ones_like(scale) + 0 * flipped.sum())


def step_right(g, d, adam_g, adam_d, real, noise, sign=1, detach=True, again=True):
    fake = g(noise)
    on_fake = d(fake.detach() if detach else fake)
    before = d(fake.clone()) if not again else None
    loss_d = cross_entropy_discriminator(sign * d(real), sign * on_fake)
    adam_d.zero_grad()
    loss_d.backward(retain_graph=True)
    loss_g = None
    if not again:
        loss_g = nonsaturating_generator(before)
        adam_g.zero_grad()
        (gradient,) = torch.autograd.grad(loss_g, [fake], retain_graph=True)
        fake.backward(gradient)
    adam_d.step()
    if again:
        loss_g = nonsaturating_generator(d(fake))
        if detach:
            adam_g.zero_grad()
        loss_g.backward()
    adam_g.step()
    return loss_d.item(), loss_g.item()


def step_of_losses_only(g, d, adam_g, adam_d, real, noise):
    fake = g(noise)
    judged = cross_entropy_discriminator(d(real), d(fake))
    return judged.item(), nonsaturating_generator(d(fake)).item()


def step_of_discriminator_only(g, d, adam_g, adam_d, real, noise):
    loss = cross_entropy_discriminator(d(real), d(g(noise).detach()))
    loss.backward()
    adam_d.step()
    return loss.item(), 0.0


CASES = [
    ("largest_stretch", stretch_right, None),
    ("largest_stretch", lambda w, steps: stretch_right(w, steps, torch.ones), "随机"),
    ("largest_stretch", lambda w, steps: stretch_right(w, steps) ** 2, "平方"),
    ("largest_stretch", lambda w, steps: w.norm(), "平方和"),
    ("largest_stretch", lambda w, steps: torch.linalg.svdvals(w)[0], "幂迭代"),
    ("largest_stretch", lambda w, steps: w @ torch.ones(w.shape[1]), "一个数"),
    ("largest_stretch", stretch_in_place, "改动"),
    ("matched_accuracy", match_right, None),
    ("matched_accuracy", lambda c, y, k: (c == y).float().mean(), "编号"),
    ("matched_accuracy", match_by_majority, "一对一"),
    ("matched_accuracy", match_greedily, "之和"),
    ("with_deviation", deviation_right, None),
    ("with_deviation", lambda x: deviation_right(x, unbiased=True), "N − 1"),
    ("with_deviation", lambda x: deviation_right(x, eps=0.0), "NaN"),
    ("with_deviation", lambda x: deviation_right(x, axis=(0, 2, 3)), "全批"),
    ("with_deviation", lambda x: x, "形状"),
    ("with_deviation", lambda x: deviation_right(x).flip(1), "前面"),
    ("styled_weights", style_right, None),
    ("styled_weights", lambda w, s: style_right(w, s, divide=False), "调制"),
    ("styled_weights", lambda w, s: style_right(w, s, axes=(1, 2, 3, 4)), "输出"),
    ("styled_weights", lambda w, s: style_right(w, s, eps=0.0), "NaN"),
    ("styled_weights", style_on_outputs, "输入"),
    ("styled_weights", lambda w, s: w, "形状"),
    ("train_step", step_right, None),
    ("train_step", lambda *a: step_right(*a, sign=-1), "E050"),
    ("train_step", lambda *a: step_right(*a, detach=False), "zero_grad"),
    ("train_step", lambda *a: step_right(*a, again=False), "更新之后"),
    ("train_step", step_of_losses_only, "E052"),
    ("train_step", step_of_discriminator_only, "生成器"),
    ("train_step", lambda *a: step_right(*a)[0], "两个"),
    (
        "train_step",
        lambda *a: tuple(torch.tensor(x) for x in step_right(*a)),
        ".item()",
    ),
]


@pytest.mark.parametrize(("name", "answer", "hint"), CASES)
def test_right_answers_pass_and_mistakes_get_their_hint(name, answer, hint):
    result = getattr(ch05, name)(answer)
    assert result.finished
    assert bool(result) == (hint is None), result
    if hint:
        assert hint in result.message


@pytest.mark.parametrize("name", sorted({name for name, *_ in CASES}))
def test_unfinished_answers_are_told_so(name):
    check = getattr(ch05, name)
    assert not check(...).finished
    assert not check(lambda *arguments: None).finished
