"""Checkers for chapter 10, evaluation."""

from math import comb

import numpy as np
import torch

from ..metrics.distances import frechet_distance, precision_recall
from ._result import checker, require


@checker("一模一样的都找到了，像而不同的没有冤枉")
def leaked(answer):
    """`answer(train, test)`: which test images stand in train, (M,) bool."""
    source = torch.Generator().manual_seed(0)

    def draw(n):
        size = (n, 1, 6, 6)
        return torch.randint(256, size, generator=source, dtype=torch.uint8)

    train, test = draw(40), draw(9)
    test[2], test[5] = train[7], train[39]
    test[8] = train[20]
    test[8, 0, 0, :2] = train[20, 0, 0, :2].flip(0)  # the same sum, another picture
    before = train.clone()
    found = torch.as_tensor(answer(train, test))
    require(torch.equal(train, before), "`train` 被改动了")
    require(
        found.shape == (9,),
        f"形状应为 (M,) = (9,)，每张**测试图**一个，现在是 {tuple(found.shape)}",
    )
    require(found.dtype == torch.bool, f"应当是布尔张量，现在是 {found.dtype}")
    require(bool(found[2] and found[5]), "漏了：测试图 2 和 5 就在训练集里")
    require(not found[8], "冤枉了：测试图 8 与训练图 20 像素之和相同，但不是同一张")
    require(int(found.sum()) == 2, "多报了：没有出现过的图也被算成泄漏")


@checker("FD 近乎零，精确率却不到一半：一张真样本也没学会")
def fool(answer):
    """`answer(real)`: points with real's mean and covariance, but not its shape."""
    source = torch.Generator().manual_seed(0)
    for share in (0.5, 0.2):  # two clusters, equal and unequal
        side = (torch.rand(800, 1, generator=source) < share) * 2.0 - 1
        real = 3 + side * torch.tensor([2.0, 1.0])
        real = real + 0.2 * torch.randn(800, 2, generator=source)
        fake = torch.as_tensor(answer(real.clone()))
        require(
            fake.shape == real.shape,
            f"形状应与 real 相同：{tuple(real.shape)}，现在是 {tuple(fake.shape)}",
        )
        require(bool(fake.isfinite().all()), "含有 nan 或 inf")
        distance = frechet_distance(real, fake)
        allowed = real.T.cov().trace().item() / 100
        require(
            distance < allowed,
            f"FD 是 {distance:.3f}，要小于 {allowed:.3f}：均值和协方差都要与 real 相同",
        )
        precise = precision_recall(real, fake)["precision"]
        require(
            precise < 0.5,
            f"精确率 {precise:.2f}，还不算骗：换一个形状不同的分布",
        )


@checker("截距就是无穷多样本的 FD")
def fd_at_infinity(answer):
    """`answer(sizes, distances)`: the limit a of a + b / n."""
    sizes = np.array([500, 1_000, 2_000, 5_000])
    distances = 3.5 + 900 / sizes
    found = float(answer(sizes.copy(), distances.copy()))
    require(not np.isclose(found, 900), "这是斜率 b，要的是截距 a")
    require(found < distances[-1], "外推的值应当比最大的 n 量到的还小")
    require(
        np.isclose(found, 3.5), f"FD = 3.5 + 900/n 时应得到 3.5，现在是 {found:.3f}"
    )
    bent = distances + np.array([0.2, -0.1, 0.1, 0.0])
    right = np.polyfit(1 / sizes, bent, 1)[1]
    require(
        np.isclose(answer(sizes, bent), right),
        "不在一条直线上时，用**全部**的点做最小二乘",
    )


@checker("两头都算，对称，没有偏好时不超过 5%")
def preference_power(answer):
    """`answer(n, p)`: power of the exact two-sided test against no preference."""

    def tail(n, p, least):
        return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(least, n + 1))

    def right(n, p, alpha=0.025, both=True):
        least = next(c for c in range(n + 2) if tail(n, 0.5, c) <= alpha)
        return tail(n, p, least) + both * tail(n, 1 - p, least)

    for n, p in ((100, 0.6), (40, 0.7), (30, 0.45)):
        found = float(answer(n, p))
        one = right(n, p, alpha=0.05, both=False)
        require(abs(found - one) > 1e-6, "这是单侧的：两头各留 2.5%")
        double = right(n, p, alpha=0.05)
        require(
            abs(found - double) > 1e-6,
            "门槛太松：两头各不超过 2.5%，合起来才是 5%",
        )
        upper = right(n, p, both=False)
        require(
            abs(found - upper) > 1e-6 or upper == right(n, p),
            "少了一头：偏向 B 到了门槛，也算发现",
        )
        require(
            abs(found - right(n, p)) < 1e-6,
            f"n={n}、p={p} 时应为 {right(n, p):.4f}，现在是 {found:.4f}",
        )
    require(float(answer(3, 0.9)) == 0, "只问 3 次，怎样也过不了门槛，功效应为 0")


@checker("区间的宽窄由人与人的差别决定")
def rater_interval(answer):
    """`answer(hits)`: 95% interval of the hit rate from answers (R, T) of R raters."""
    rng = np.random.default_rng(0)
    skill = rng.beta(2, 2, size=(200, 1))
    hits = torch.as_tensor(rng.random((200, 20)) < skill)
    low, high = (float(end) for end in answer(hits))
    require(low < high, "应当返回 (low, high)，小的在前")
    means = hits.double().mean(1)
    right = 2 * 1.96 * means.std().item() / 200**0.5
    wide = high - low
    share = f"宽度 {wide:.3f}，应在 {right:.3f} 左右"
    require(wide < 2 * right, f"太宽了：标准差还要除以 √R。{share}")
    require(wide > 0.7 * right, f"太窄了：同一个人的回答不独立，以人为单位。{share}")
    require(abs(wide / right - 1) < 0.2, share)
    middle, mean = (low + high) / 2, means.mean().item()
    require(
        abs(middle - mean) < 0.2 * right,
        f"区间的中间应在平均命中率 {mean:.3f} 附近，现在是 {middle:.3f}",
    )
