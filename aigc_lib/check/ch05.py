"""Checkers for chapter 05, stable training and the family of GANs."""

import functools
import math

import numpy as np
import torch

from .. import data
from ..metrics.images import features, frechet_distance
from ..models.gan import (
    DCGAN,
    cross_entropy_discriminator,
    mlp,
    nonsaturating_generator,
)
from ..models.gan.conditional import with_code
from ..models.gan.style_nets import ModulatedConv
from ..train import fit
from ._result import checker, require


def _within(bound, value):
    return max(-bound, min(bound, value))


def _orbit(steps, rate=0.1, bound=np.inf, r1=0.0, gp=0.0, haste=1.0, start=(1.0, 0.0)):
    """Distances from the equilibrium of the two-parameter GAN, both moving at once."""
    (theta, psi), path = start, []
    for _ in range(steps):
        slope = 1 / (1 + math.exp(-_within(500, psi * theta)))
        sign = (psi > 0) - (psi < 0)
        push = -theta * slope - r1 * psi - gp * (abs(psi) - 1) * sign
        theta = _within(1e6, theta + rate * psi * slope)
        psi = _within(min(bound, 1e6), psi + rate * haste * push)
        path.append(math.hypot(theta, psi))
    return np.array(path)


@checker("上限以内收进来，以外甩出去，复数和实数两种情形都对")
def largest_rate(answer):
    """`answer(r1, haste)`: the step size below which simultaneous steps converge.

    Compared with the game itself, begun near the equilibrium, on both sides.
    """
    for r1, haste in [(0.3, 1.0), (0.5, 1.0), (0.2, 4.0), (1.5, 1.0), (0.9, 4.0)]:
        found = float(answer(r1, haste))
        require(np.isfinite(found) and found > 0, "应当是一个正数")
        inside, outside = (
            _orbit(4_000, rate=share * found, r1=r1, haste=haste, start=(1e-6, 0.0))[-1]
            for share in (0.98, 1.02)
        )
        kind = "复数" if haste * r1**2 <= 1 else "实数"
        where = f"γ={r1}、k={haste:g}（{kind}特征值）"
        require(inside < 1e-6, f"{where}：{found:.3f} 太大，小一点也甩出去了")
        require(outside > 1e-6, f"{where}：{found:.3f} 太小，大一点也收得进来")


PAIRINGS = {
    "R1 0.5": {"r1": 0.5},
    "R1 0.02": {"r1": 0.02},
    "GP and R1": {"gp": 0.5, "r1": 0.5},
    "clip and R1": {"bound": 0.5, "r1": 0.5},
    "GP, fast D": {"gp": 0.5, "haste": 4.0},
}


@checker("步子、惩罚要的斜率、裁剪的上限，各管各的")
def stops(answer):
    """`answer`: the set of names in `PAIRINGS` that end at the equilibrium."""
    require(isinstance(answer, set | frozenset | list | tuple), "应当是名字的集合")
    unknown = set(answer) - set(PAIRINGS)
    require(not unknown, f"没有这些名字：{', '.join(map(str, unknown))}")
    right = {k for k, v in PAIRINGS.items() if _orbit(4_000, **v)[-100:].max() < 1e-3}
    hints = {
        "R1 0.5": "阻尼够，步子也够小",
        "R1 0.02": "阻尼太小时，0.1 的步子算不算小？",
        "GP and R1": "ψ = 0 处梯度惩罚把 |ψ| 往外推，R1 往里拉，在哪里抵消？",
        "clip and R1": "裁剪只在 |ψ| 到了上限时起作用，中心附近谁说了算？",
        "GP, fast D": "快慢改不了惩罚要的斜率",
    }
    for name in PAIRINGS:
        require((name in answer) == (name in right), f"{name}：{hints[name]}")


@checker("换编号不影响，一对一，而且是最好的配对")
def matched_accuracy(answer):
    """`answer(codes, labels, k)`: share that agrees under the best matching."""
    source = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (500,), generator=source)
    renamed = torch.randperm(10, generator=source)[labels]
    found = float(answer(renamed, labels, 10))
    require(found != float((renamed == labels).float().mean()), "编号没有意义：先配对")
    require(abs(found - 1) < 1e-6, f"只换了编号时应得 1，现在是 {found:.3f}")
    split, one = torch.tensor([0, 1, 2, 2]), torch.tensor([0, 0, 0, 1])
    found = float(answer(split, one, 3))
    require(found != 0.75, "两个编码配了同一个类别：配对应当一对一")
    require(abs(found - 0.5) < 1e-6, f"应得 0.5，现在是 {found:.3f}")
    # greedy takes the 6 and is left with 0; the best matching takes 5 + 5
    codes = torch.tensor([0] * 11 + [1] * 5)
    labels = torch.tensor([0] * 6 + [1] * 5 + [0] * 5)
    found = float(answer(codes, labels, 2))
    require(abs(found - 6 / 16) > 1e-6, "先挑最大的一格未必最好：要所有格子之和最大")
    require(abs(found - 10 / 16) < 1e-6, f"应得 0.625，现在是 {found:.3f}")


@checker("数值和形状都对，全批相同时梯度也有限")
def with_deviation(answer):
    """`answer(x)`: (N, C, H, W) -> (N, C + 1, H, W), the batch's mean deviation."""
    x = torch.randn(6, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    found = answer(x)
    require(
        found.shape == (6, 3, 3, 4),
        f"形状应为 (6, 3, 3, 4)，不是 {tuple(found.shape)}",
    )
    require(torch.equal(found[:, :2], x), "原来的通道要放在前面，不能改动")
    plane, value = found[:, 2], found[0, 2, 0, 0]
    require(plane.unique().numel() == 1, "新通道处处是同一个数")
    right = x.std(0, unbiased=False).mean()
    unbiased = x.std(0).mean()
    require(not torch.isclose(value, unbiased, rtol=1e-4), "方差除以 N，不是 N − 1")
    require(torch.isclose(value, right, rtol=1e-3), "对**全批**求标准差，再平均")
    same = torch.zeros(4, 1, 2, 2, requires_grad=True)
    answer(same).sum().backward()
    require(bool(same.grad.isfinite().all()), "全批相同时梯度是 NaN：开方之前加一点")


@checker("解调除掉了总的力气，只留下通道之间的比例")
def ten_times(answer):
    """`answer`: how much more a layer gives for a ten times larger style.

    With demodulation and without, measured on a `ModulatedConv` of the library.
    """
    require(np.shape(answer) == (2,), "应当是两个数：(有解调, 没有解调)")
    measured = []
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        x, style = torch.randn(2, 4, 5, 5), torch.randn(2, 3)
        for demodulate in (True, False):
            layer = ModulatedConv(4, 6, style=3, demodulate=demodulate)
            before = layer(x, style)
            layer.scale.weight *= 10
            layer.scale.bias *= 10
            measured.append((layer(x, style).norm() / before.norm()).item())
    require(abs(answer[1] - measured[1]) < 1e-2, "没有解调时：输出对倍数是几次的？")
    require(abs(answer[0] - 10) > 1e-2, "有解调时：分母里也有这个倍数")
    require(abs(answer[0] - measured[0]) < 1e-2, "有解调时：分子、分母各大了几倍？")


def disobedient_history(steps=300, seed=0, mended=False):
    """Return the log of exercise 05-5: how often a conditional GAN obeys."""
    log = _conditional(steps, seed, mended)
    lines = [f"{'mended' if mended else 'as printed'}: step  share that obeys"]
    return "\n".join(lines + [f"{step:16}  {share:17.2f}" for step, share in log])


@functools.cache
def _conditional(steps, seed, mended):
    corners = 1.5 * torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator, score = mlp(6, 64, 2), mlp(6, 64, 1)
        adam_g = torch.optim.Adam(generator.parameters(), 1e-3, (0.0, 0.9), fused=True)
        adam_d = torch.optim.Adam(score.parameters(), 4e-3, (0.0, 0.9), fused=True)

        def judge(x, label):
            return score(with_code(x, label, 4)).flatten()

        log, n = [], 128
        for step in range(steps + 1):
            real_label = torch.randint(4, (n,))
            real = corners[real_label] + 0.25 * torch.randn(n, 2)
            noise, label = torch.randn(n, 2), torch.randint(4, (n,))
            fake = generator(with_code(noise, label, 4))
            asked = label if mended else torch.randint(4, (n,))
            on_real, on_fake = judge(real, real_label), judge(fake.detach(), asked)
            adam_d.zero_grad()
            cross_entropy_discriminator(on_real, on_fake).backward()
            adam_d.step()
            adam_g.zero_grad()
            nonsaturating_generator(judge(fake, asked)).backward()
            adam_g.step()
            if step % (steps // 5) == 0:
                with torch.no_grad():
                    label = torch.arange(4).repeat(250)
                    points = generator(with_code(torch.randn(1_000, 2), label, 4))
                obeyed = torch.cdist(points, corners).argmin(1) == label
                log.append((step, obeyed.float().mean().item()))
    return log


@checker("判别器评的标签，生成器从没见过：画什么都与它无关")
def diagnosis(answer):
    """`answer`: (line, share that obeys) of the conditional GAN of exercise 05-5."""
    require(np.shape(answer) == (2,), "应当是两个数：(行号, 比例)")
    line, share = answer
    require(line != 1, "第 1 行只是抽噪声和标签，没有错")
    require(line not in (4, 6), "这一行用的 asked 是哪里来的？")
    require(line == 3, "哪一行让生成器与判别器听到的标签对不上？")
    measured = np.mean([share for _, share in _conditional(300, 0, False)[1:]])
    require(abs(share - measured) < 0.1, f"记录里在 {measured:.2f} 附近")
    require(
        abs(share - 1 / 4) < 1e-3, "要精确的数：图与所问的标签独立，碰对的机会多大？"
    )


DIGIT_STEPS, DIGIT_PARAMETERS, DIGIT_FLOOR, DIGIT_OURS = 100, 200_000, 13.0, 9.6
FIT_KEYS = ("ema", "cooldown")


@checker()
def open_digits(answer, steps=DIGIT_STEPS):
    """`answer`: settings of a `DCGAN`, and `ema`, `cooldown` of `fit`.

    Trains 100 steps of 32 digits of scikit-learn with seed 0. The score is the Fréchet
    distance of 1,000 samples to the test images, on the library's features.
    """
    require(isinstance(answer, dict), "应当是字典：DCGAN 的参数，以及 ema、cooldown")
    how = {key: value for key, value in answer.items() if key in FIT_KEYS}
    train, test = (data.load("digits", split=split).x for split in ("train", "test"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = DCGAN(**{k: v for k, v in answer.items() if k not in FIT_KEYS})
        size = sum(p.numel() for p in model.parameters())
        require(
            size <= DIGIT_PARAMETERS,
            f"超出预算：{size:,} 个参数，最多 {DIGIT_PARAMETERS:,} 个",
        )
        fit(model, train, steps=steps, batch_size=32, seed=0, **how)
        made = model.sample(1_000, seed=1).cpu()
    score = frechet_distance(features(test), features(made))
    said = (
        f"得分 {score:.1f}（{size:,} 个参数），底线 {DIGIT_FLOOR}；"
        f"书里的解在另一台机器上是 {DIGIT_OURS}"
    )
    require(score <= DIGIT_FLOOR, said)
    return said
