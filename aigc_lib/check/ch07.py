"""Checkers for chapter 07, diffusion models and flow matching."""

import math

import torch
from torch import nn

from ..models.diffusion.ddpm import NoiseSchedule
from ..models.diffusion.solvers import euler, uniform_times
from ._result import checker, require


def same(a, b):
    return torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@checker("等于按后验权重的平均，离得再远也有限")
def posterior_mean(answer):
    """`answer(x, data, a)`: E[x_0 | x] if x_0 is any row of data, (B, d)."""
    torch.manual_seed(0)
    data, x, a = torch.randn(30, 2), torch.randn(4, 2), 0.6

    def right(root=0.6**0.5, spread=0.8):
        squares = (x[:, None] - root * data).square().sum(2)
        return (-squares / spread).softmax(1) @ data

    found = answer(x.clone(), data.clone(), a)
    require(isinstance(found, torch.Tensor), "应当返回张量")
    require(found.shape == (4, 2), f"形状应为 (4, 2)，现在是 {tuple(found.shape)}")
    require(not same(found, right(1.0)), "数据也要先乘 √a，再比较距离")
    require(not same(found, right(a)), "数据要乘 √a，不是 a")
    require(not same(found, right(spread=1 - a)), "指数里的分母是 2(1 − a)")
    require(
        not same(found, right(spread=2 * math.sqrt(1 - a))),
        "1 − a 已经是方差，不要再开方",
    )
    require(
        not same(found, math.sqrt(a) * right()),
        "平均的应是原来的数据，不是乘过 √a 的",
    )
    require(same(found, right()), "数值不对：按 softmax 的权重对 data 求平均")
    with torch.no_grad():
        far = answer(torch.tensor([[100.0, 0.0]]), data, 0.99)
    require(far.isfinite().all(), "x 很远时得到了 nan：权重全下溢成 0，请用 softmax")
    exact = data[(torch.tensor([[100.0, 0.0]]) - 0.99**0.5 * data).norm(dim=1).argmin()]
    require(same(far[0], exact), "x 很远、噪声很小时，应当就是最近的那个点")


@checker("一步落在该在的噪声水平上，走过去还走得回来")
def ddim_step(answer):
    """`answer(x, eps, a, b)`: x at signal b, from x at signal a and its noise."""
    schedule = NoiseSchedule("cosine")
    torch.manual_seed(0)
    data, eps = torch.randn(2, 3, 1, 4, 4)

    def at(a):
        return math.sqrt(a) * data + math.sqrt(1 - a) * eps

    for t, after in [(700, 300), (300, 700)]:
        a, b = schedule.signal[t], schedule.signal[after]
        found = answer(at(a).clone(), eps.clone(), a, b)
        require(isinstance(found, torch.Tensor), "应当返回张量")
        require(found.shape == data.shape, "形状应与 x 相同")
        require(not same(found, data), "这是猜出的原图；还要撒上 b 时刻的噪声")
        require(
            not same(found, math.sqrt(b) * data + (1 - b) * eps),
            "噪声的系数是 √(1 − b)，不是 1 − b",
        )
        require(not same(found, b * data + math.sqrt(1 - b) * eps), "原图的系数是 √b")
        require(same(found, answer(at(a), eps, a, b)), "两次不一样：DDIM 不掷骰子")
        require(same(found, at(b)), "没有落在 √b 原图 + √(1 − b) 噪声 上")
    require(same(answer(at(0.4), eps, 0.4, 1.0), data), "b = 1 时应当正好是原图")


@checker("两种换算都对，图像也能用")
def data_and_noise(answer):
    """`answer(v, x, t)`: what a velocity says of the data and of the noise."""
    torch.manual_seed(0)
    for shape in [(5, 2), (5, 1, 4, 4)]:
        data, noise = torch.randn(2, *shape)
        t = torch.rand(5)
        lead = t.view(-1, *[1] * (len(shape) - 1))
        x = (1 - lead) * noise + lead * data
        try:
            found = answer(data - noise, x, t)
        except RuntimeError:
            require(False, f"x 的形状是 {shape} 时出错：先把 t 变成 (B, 1, …) 的形状")
        pair = isinstance(found, tuple) and len(found) == 2
        require(pair, "应当返回两个张量：(原图, 噪声)")
        shapes = [tuple(part.shape) for part in found]
        require(shapes == [shape] * 2, f"形状应与 x 相同：{shape}，现在是 {shapes}")
        swapped = same(found[0], noise) and same(found[1], data)
        require(not swapped, "两个返回值的次序反了")
        wrong_way = same(found[0], x + lead * (data - noise))
        require(not wrong_way, "时间的方向反了：t = 1 是数据，离数据还有 1 − t")
        require(same(found[0], data), "原图不对：从 x 再走 1 − t 的时间就到")
        require(same(found[1], noise), "噪声不对：从 x 退回 t 的时间就到")


@checker("w = 0、1、3 都对，标签没有被改动")
def guided(answer):
    """`answer(net, x, t, labels, w, none)`: classifier-free guidance."""
    torch.manual_seed(0)
    table, line = nn.Embedding(4, 2), nn.Linear(3, 2)

    def net(x, t, labels):
        return line(torch.cat([x, t[:, None]], 1)) * table(labels)

    x, t, labels, none = torch.randn(3, 2), torch.rand(3), torch.tensor([0, 1, 2]), 3
    kept = labels.clone()
    given, without = net(x, t, labels), net(x, t, torch.full_like(labels, none))
    for w in (3.0, 0.0, 1.0):
        found = answer(net, x, t, labels, w, none)
        require(torch.equal(labels, kept), "`labels` 被改动了：另造一份全是 none 的")
        require(isinstance(found, torch.Tensor), "应当返回张量")
        require(found.shape == x.shape, f"形状应为 {tuple(x.shape)}")
        require(
            w != 3 or not same(found, given + w * (given - without)),
            "起点是没有标签的答案，不是有标签的",
        )
        require(
            w != 3 or not same(found, without + w * (without - given)),
            "方向反了：从没有标签的指向有标签的",
        )
        right = without + w * (given - without)
        require(same(found, right), f"w = {w:g} 时数值不对")


@checker("步长减半，误差降到四分之一；每步问两次")
def midpoint(answer):
    """`answer(velocity, x, times)`: a solver of order 2."""
    asked = []

    def velocity(x, t):
        asked.append((tuple(x.shape), tuple(t.shape)))
        return -x * (1 + t[:, None])

    start = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    kept, exact = start.clone(), start * math.exp(-1.5)

    def error(solver, steps):
        end = solver(velocity, start, uniform_times(steps).double())
        require(isinstance(end, torch.Tensor), "应当返回最后的 x")
        require(end.shape == start.shape, f"形状应为 {tuple(start.shape)}")
        return (end - exact).abs().max().item()

    coarse = error(answer, 16)
    require(torch.equal(start, kept), "`x` 被改动了：写 x = x + …，不要写 x += …")
    calls = len(asked) / 16
    require(calls == 2, f"每步应当问两次，现在问了 {calls:g} 次")
    require(set(asked) == {((2, 1), (2,))}, "velocity 要的 t 形状是 (B,)：用 t.expand")
    require(coarse < error(euler, 16), "比欧拉法还差：第二次要在中点的位置和时间上问")
    order = math.log2(coarse / error(answer, 32))
    require(order > 1.8, f"步长减半，误差只降到 1/{2**order:.1f}：看看中点的时间")
    late = 0.25 + 0.75 * torch.linspace(0, 1, 33).double().square()  # uneven steps
    end = answer(velocity, start, late)
    exact = start * math.exp(-0.75 - (1 - 0.25**2) / 2)
    require((end - exact).abs().max() < 0.01, "时刻要从 times 里取，步长可以不均匀")
