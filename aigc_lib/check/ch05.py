"""Checkers for chapter 05, stable training and the family of GANs."""

import copy

import torch
from torch import nn

from ..models.gan.losses import cross_entropy_discriminator, nonsaturating_generator
from ._result import checker, require


@checker("与奇异值分解一致，全 1 向量起步会卡住的矩阵也对")
def largest_stretch(answer):
    """`answer(weight, steps)`: largest singular value by power iteration, scalar."""
    torch.manual_seed(0)
    stuck = torch.tensor([[2.0, -2.0], [1.0, 1.0]])  # all ones: the short direction
    for weight in (torch.randn(6, 4), torch.randn(3, 8), stuck):
        before = weight.clone()
        found = answer(weight, 200)
        require(torch.equal(weight, before), "`weight` 被改动了：在副本上算")
        require(isinstance(found, torch.Tensor), "应当返回标量张量")
        require(found.numel() == 1, f"应当返回一个数，现在是 {tuple(found.shape)}")
        values = torch.linalg.svdvals(weight)
        frobenius = values.square().sum().sqrt()
        require(
            not torch.isclose(found, frobenius, rtol=1e-3),
            "这是所有奇异值的平方和再开方，不是最大的一个",
        )
        require(
            not torch.isclose(found, values[0] ** 2, rtol=1e-3),
            "这是最大奇异值的平方：只乘 W 的那一步，长度才是奇异值",
        )
        require(
            weight is not stuck or not torch.isclose(found, values[1], rtol=1e-3),
            "卡在较小的奇异值上了：从随机向量开始",
        )
        require(
            torch.isclose(found, values[0], rtol=1e-3),
            f"{tuple(weight.shape)} 的矩阵应得 {values[0]:.3f}，现在是 {found:.3f}",
        )
    few = [float(answer(stuck + 0.0, 1)) for _ in range(5)]
    require(min(few) < 2.8, "一步就给出精确值：请用幂迭代，并用上参数 steps")


@checker("换编号不影响，一对一，而且是最好的配对")
def matched_accuracy(answer):
    """`answer(codes, labels, k)`: share that agrees under the best matching."""
    torch.manual_seed(0)
    labels = torch.randint(10, (500,))
    renamed = torch.randperm(10)[labels]
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
    torch.manual_seed(0)
    x = torch.randn(6, 2, 3, 4)
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


@checker("长度为 1，方向由风格决定")
def styled_weights(answer):
    """`answer(weight, scale)`: (O, I, k, k), (B, I) -> (B, O, I, k, k), unit length."""
    torch.manual_seed(0)
    weight, scale = torch.randn(4, 3, 3, 3), torch.randn(2, 3)
    found = answer(weight, scale)
    require(
        found.shape == (2, 4, 3, 3, 3),
        f"形状应为 (B, O, I, k, k) = (2, 4, 3, 3, 3)，现在是 {tuple(found.shape)}",
    )
    styled = weight * scale[:, None, :, None, None]
    require(not torch.allclose(found, styled, rtol=1e-3), "只调制了：还要除以长度")
    length = found.flatten(2).norm(dim=2)
    one = torch.allclose(length, torch.ones(2, 4), rtol=1e-3)
    require(one, "每张图、每个**输出**通道的长度应为 1：对 I、k、k 三个轴求")
    right = styled / styled.flatten(2).norm(dim=2)[..., None, None, None]
    require(torch.allclose(found, right, 1e-3, 1e-5), "倍数乘在**输入**通道上")
    zero = answer(weight, torch.zeros(1, 3))
    require(bool(zero.isfinite().all()), "风格全为 0 时出现 NaN：长度里加一个很小的数")


@checker("两个网络各走一步，方向相反，假样本切断了")
def train_step(answer):
    """`answer(generator, discriminator, adam_g, adam_d, real, noise)`: two losses."""
    torch.manual_seed(0)
    first = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    real, noise = torch.randn(8, 2) + 2, torch.randn(8, 2)

    def optimizers(players):
        return [torch.optim.SGD(p.parameters(), lr=0.5) for p in players]

    def wanted(real_up=True, updated=True):
        """The weights that a right step gives, or one with a known mistake."""
        g, d = copy.deepcopy(first)
        sgd_g, sgd_d = optimizers((g, d))
        fake, old = g(noise), copy.deepcopy(d)
        sign = 1 if real_up else -1
        cross_entropy_discriminator(sign * d(real), sign * d(fake.detach())).backward()
        sgd_d.step()
        sgd_g.zero_grad()
        nonsaturating_generator((d if updated else old)(fake)).backward()
        sgd_g.step()
        return g, d

    def same(a, b):
        pairs = zip(a.parameters(), b.parameters(), strict=True)
        return all(torch.allclose(p, q, atol=1e-6) for p, q in pairs)

    g, d = copy.deepcopy(first)
    losses = answer(g, d, *optimizers((g, d)), real, noise)
    require(isinstance(losses, tuple) and len(losses) == 2, "应当返回两个损失")
    require(not same(d, first[1]), "判别器的权重没有动：这正是 E052")
    require(not same(g, first[0]), "生成器的权重没有动：这正是 E052")
    require(not same(d, wanted(real_up=False)[1]), "判别器被教去信假样本：这正是 E050")
    require(
        same(d, wanted()[1]), "判别器的一步不对：真的往上，假的往下，只用自己的损失"
    )
    require(
        not same(g, wanted(updated=False)[0]),
        "生成器要面对**更新之后**的判别器",
    )
    require(same(g, wanted()[0]), "生成器走的一步不对：先 zero_grad，只用自己的损失")
    require(all(isinstance(x, float) for x in losses), "损失请用 .item() 变成数")
