"""Checkers for chapter 07, diffusion models and flow matching."""

import math

import torch
from torch.distributions import Normal

from ..models.diffusion.ddpm import NoiseSchedule
from ..models.diffusion.solvers import euler, uniform_times
from ._result import checker, require


def same(a, b):
    return torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@checker("与得分、与十万个样本的回归都一致")
def noise_guess(answer):
    """`answer(x, a, m, s)`: E[eps | x] for data N(m, s^2) at signal a.

    Compared with the score of the noisy density by autograd (Tweedie's formula).
    """
    source = torch.Generator().manual_seed(0)
    for a, m, s in ((0.6, 0.0, 1.0), (0.3, 1.5, 0.5), (0.9, -1.0, 2.0)):
        data = m + s * torch.randn(100_000, generator=source)
        eps = torch.randn(100_000, generator=source)
        x = math.sqrt(a) * data + math.sqrt(1 - a) * eps
        probe = torch.linspace(-3, 3, 7).requires_grad_()
        noisy = Normal(math.sqrt(a) * m, math.sqrt(a * s**2 + 1 - a))
        (score,) = torch.autograd.grad(noisy.log_prob(probe).sum(), probe)
        right = -math.sqrt(1 - a) * score
        found = answer(probe.detach().clone(), a, m, s)
        require(isinstance(found, torch.Tensor), "应当返回张量")
        require(found.shape == (7,), f"形状应与 x 相同，现在是 {tuple(found.shape)}")
        require(not same(found, score), "这是得分；噪声还要乘 −√(1 − a)")
        require(not same(found, -right), "符号反了：得分指向数据，噪声背着数据")
        naive = (probe - math.sqrt(a) * m) / math.sqrt(1 - a)
        require(
            not same(found, naive),
            "把原图当成了均值 m：x 离得远，一部分是原图自己离得远，方差里要算上 a s²",
        )
        require(same(found, right), f"a = {a}、m = {m}、s = {s} 时数值不对")
        error = (answer(x, a, m, s) - eps).square().mean()
        least = a * s**2 / (a * s**2 + 1 - a)
        require(abs(error - least) < 0.02, "在样本上的误差不是最小的")


@checker("第 2 行的夹子去掉了，走过去还走得回来")
def flattened(answer, line=None):
    """`answer(x, eps, a, b)`: one step of DDIM without the clamp, `line` = 2."""
    require(line in (1, 2, 3, 4), "还要说出是哪一行：flattened(step, line=…)，1 到 4")
    source = torch.Generator().manual_seed(0)
    data, eps = torch.randn(2, 3, 1, 4, 4, generator=source)
    data = 2 * data  # beyond [-1, 1]

    def at(a):
        return math.sqrt(a) * data + math.sqrt(1 - a) * eps

    signal = NoiseSchedule("cosine").signal
    for t, after in [(700, 300), (300, 700)]:
        a, b = signal[t], signal[after]
        found = answer(at(a).clone(), eps.clone(), a, b)
        require(isinstance(found, torch.Tensor), "应当返回张量")
        require(found.shape == data.shape, "形状应与 x 相同")
        require(same(found, answer(at(a), eps, a, b)), "两次不一样：DDIM 不掷骰子")
        require(
            not same(found, math.sqrt(b) * data.clamp(-1, 1) + math.sqrt(1 - b) * eps),
            "原图还是被夹在 [−1, 1] 里",
        )
        require(same(found, at(b)), "没有落在 √b 原图 + √(1 − b) 噪声 上")
    require(same(answer(at(0.4), eps, 0.4, 1.0), data), "b = 1 时应当正好是原图")
    found = answer(data, eps, 1.0, 0.4)
    require(bool(found.isfinite().all()), "a = 1 时出了 nan：重算噪声时 0 除以 0")
    require(same(found, at(0.4)), "a = 1 时应当把 eps 撒到数据上")
    why = {
        1: "第 1 行是那一跳的式子反过来，没有错",
        3: "第 3 行没有错：夹过以后必须重算噪声，否则落不到 x_t 的路上",
        4: "第 4 行就是 DDIM 的式子",
    }
    require(line == 2, why.get(line, ""))


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
            require(False, f"x 的形状是 {shape} 时出错：先把 τ 变成 (B, 1, …) 的形状")
        pair = isinstance(found, tuple) and len(found) == 2
        require(pair, "应当返回两个张量：(原图, 噪声)")
        shapes = [tuple(part.shape) for part in found]
        require(shapes == [shape] * 2, f"形状应与 x 相同：{shape}，现在是 {shapes}")
        swapped = same(found[0], noise) and same(found[1], data)
        require(not swapped, "两个返回值的次序反了")
        wrong_way = same(found[0], x + lead * (data - noise))
        require(not wrong_way, "时间的方向反了：τ = 1 是数据，离数据还有 1 − τ")
        require(same(found[0], data), "原图不对：从 x 再走 1 − τ 的时间就到")
        require(same(found[1], noise), "噪声不对：从 x 退回 τ 的时间就到")


WORDS = ("大", "相等", "小")


def mixture_field(modes, std):
    """Return the exact velocity of straight paths to equal normals at modes (K, d)."""

    def velocity(x, t):
        t = t[:, None]
        variance = (t * std) ** 2 + (1 - t) ** 2  # of x_t within a mode, (B, 1)
        off = x[:, None] - t[:, :, None] * modes  # (B, K, d)
        weights = (-off.square().sum(2) / (2 * variance)).softmax(1)[:, :, None]
        scaled = off / variance[:, :, None]
        data = modes + (t * std**2)[:, :, None] * scaled
        return (weights * (data - (1 - t)[:, :, None] * scaled)).sum(1)

    return velocity


@checker()
def exaggerated(answer):
    """`(mean, spread)`: words of WORDS for guidance w = 3, against 1 and 0.5.

    Compared with a walk in the exact field of two normals at 1 and -1.
    """
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    require(pair, '应当是两个词，例如 ("相等", "相等")')
    for word in answer:
        require(word in WORDS, f"{word!r} 不在 {'、'.join(WORDS)} 里")
    one = mixture_field(torch.tensor([[1.0]]), 0.5)
    both = mixture_field(torch.tensor([[1.0], [-1.0]]), 0.5)
    x = torch.randn(4_000, 1, generator=torch.Generator().manual_seed(0))

    def guided(x, t, w=3.0):
        without = both(x, t)
        return without + w * (one(x, t) - without)

    made = euler(guided, x, uniform_times(400))
    mean, spread = made.mean().item(), made.std().item()
    said = f"走出来的平均是 {mean:.2f}，标准差是 {spread:.2f}"
    truth = tuple(
        WORDS[0] if found > wanted + 0.05 else WORDS[2 if found < wanted - 0.05 else 1]
        for found, wanted in ((mean, 1), (spread, 0.5))
    )
    require(answer[0] == truth[0], f"平均猜错了。{said}：想想推力指向哪里")
    require(answer[1] == truth[1], f"散开的程度猜错了。{said}：想想谁被推得最厉害")
    return said


@checker("与积分和样本的回归一致，s → 0 时趋于 0")
def least_loss(answer):
    """`answer(s)`: least loss of flow matching on N(0, s^2), by quadrature."""
    tau = (torch.arange(2_000, dtype=torch.float64) + 0.5) / 2_000
    for s in (1.0, 0.5, 3.0, 1e-3):
        right = (s**2 / (tau**2 * s**2 + (1 - tau) ** 2)).mean().item()
        found = float(answer(s))
        plain = s**2 + 1
        require(
            not math.isclose(found, plain, rel_tol=1e-3),
            "这是 v 自己的方差；网络看得见 x_τ，能猜中一部分",
        )
        require(
            not math.isclose(found, (s**2 / (s**2 + 1)), rel_tol=1e-3),
            "少除了 (1 − τ)²：v = (x_0 − x_τ)/(1 − τ)",
        )
        close = math.isclose(found, right, rel_tol=2e-3, abs_tol=1e-6)
        require(close, f"s = {s:g} 时应当约为 {right:.4f}，你给出 {found:.4f}")


@checker()
def few_steps(answer):
    """`answer(velocity, x)`: walk from noise to ring8 in at most 8 evaluations.

    Score: root mean square distance to the end of the exact path. Floor: 0.02.
    """
    floor, budget, asked = 0.02, 8, []
    angles = torch.arange(8) * math.pi / 4
    field = mixture_field(2 * torch.stack([angles.cos(), angles.sin()], 1), 0.02)

    def velocity(x, tau):
        asked.append(len(x))
        return field(x, tau)

    def late(steps):  # ever smaller steps towards the data
        return 1 - (1 - uniform_times(steps)) ** 2

    x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    exact = euler(field, x, late(1_000))

    def score(end):
        return (end - exact).square().sum(1).mean().sqrt().item()

    end = answer(velocity, x.clone())
    require(isinstance(end, torch.Tensor), "应当返回最后的 x")
    require(end.shape == x.shape, f"形状应为 {tuple(x.shape)}")
    require(set(asked) <= {len(x)}, "每次都要把全部的点一起问")
    require(len(asked) <= budget, f"问了 {len(asked)} 次，只许 {budget} 次")
    require(bool(end.isfinite().all()), "含有 nan 或 inf")
    mine, ours = score(end), score(euler(field, x, late(budget)))
    said = f"得分 {mine:.4f}，底线 {floor}，书里的解 {ours:.4f}；问了 {len(asked)} 次"
    require(mine <= floor, f"{said}。均匀的步子在最后一段太大")
    return said


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
