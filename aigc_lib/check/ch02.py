"""Checkers for chapter 02, probability and deep-learning primer."""

import math

import numpy as np
import torch
from torch.distributions import LogNormal, Normal, kl_divergence

from ._result import checker, require


def _close(a, b, tolerance=1e-5):
    return torch.allclose(a, b, rtol=tolerance, atol=tolerance)


@checker("与 torch.distributions 一致，远处也有限")
def log_normal(answer):
    """`answer(x, mu, log_var)`: log density of a normal, elementwise."""
    torch.manual_seed(0)
    x, mu, log_var = torch.randn(3, 4, 5, dtype=torch.float64)
    found = answer(x, mu, log_var)
    require(isinstance(found, torch.Tensor), "应当返回张量")
    require(found.shape == x.shape, "逐元素，不求和：形状应与 x 相同")
    right = Normal(mu, (0.5 * log_var).exp()).log_prob(x)
    as_std = Normal(mu, log_var.exp()).log_prob(x)
    require(not _close(found, as_std), "log_var 是方差的对数，不是标准差的对数")
    require(not _close(found, right.exp()), "这是密度，还要取对数")
    constant = 0.5 * math.log(2 * math.pi)
    require(not _close(found, right + constant), "少了常数 −½ log 2π")
    require(_close(found, right), "数值不对")
    far = answer(torch.tensor([1e3]), torch.zeros(1), torch.zeros(1))
    require(far.isfinite().all(), "远处不再有限：直接写对数，不要先算密度")


@checker("与 torch.distributions 一致，方向也对")
def kl_normal(answer):
    """`answer(mu_p, sigma_p, mu_q, sigma_q)`: KL(p, q) of two normals, in nats."""
    torch.manual_seed(0)
    mu_p, mu_q = torch.randn(2, 6, dtype=torch.float64)
    sigma_p, sigma_q = torch.rand(2, 6, dtype=torch.float64) + 0.5
    p, q = Normal(mu_p, sigma_p), Normal(mu_q, sigma_q)
    found, right = answer(mu_p, sigma_p, mu_q, sigma_q), kl_divergence(p, q)
    require(isinstance(found, torch.Tensor), "应当返回张量")
    require(found.shape == right.shape, "逐元素，不求和")
    require(not _close(found, kl_divergence(q, p)), "方向反了：期望是对 p 求的")
    require(not _close(found, right / math.log(2)), "单位应是 nat，用自然对数")
    require(_close(found, right), "数值不对：p = q 时应为 0")


CURVATURE, RATE = 22.0, 0.1
CAUSES = ("学习率太大", "梯度符号反了", "没有清零")


def runaway_run(steps=6):
    """Return w before and after each step of gradient descent on a parabola."""
    w, path = 1.0, [1.0]
    for _ in range(steps):
        w -= RATE * CURVATURE * w
        path.append(w)
    return path


@checker("比值 −1.2 给出了曲率，曲率给出了界限")
def runaway(answer, cause=None):
    """`(largest rate, cause)`: the largest rate at which the run stays bounded."""
    require(cause in CAUSES, f"还要说出毛病：cause= {'、'.join(CAUSES)} 之一")
    why = {
        "梯度符号反了": "符号反了，w 会一路变大而不变号；这串数正负交替",
        "没有清零": "没有清零时，相邻两步之比不会是常数；这里总是 −1.2",
    }
    require(cause == CAUSES[0], why.get(cause, ""))
    found, limit = float(answer), 2 / CURVATURE
    require(
        not math.isclose(found, 1 / CURVATURE, rel_tol=0.02),
        "这是一步走到谷底的学习率；再大一倍仍不发散",
    )

    def grows(rate):
        return abs(1 - rate * CURVATURE) > 1 + 1e-9

    require(
        not grows(found * (1 - 1e-3)),
        f"学习率 {found:.4f} 时，每一步乘 {1 - found * CURVATURE:.2f}，还是发散",
    )
    require(grows(found * (1 + 1e-2)), f"{found:.4f} 不发散，可是还能再大")
    require(math.isclose(found, limit, rel_tol=0.01), f"应当约为 {limit:.4f}")


@checker("面积是 1，与对数正态分布一致")
def log_density(answer):
    """`answer(x)`: log density of exp(z), z standard normal."""
    x = torch.linspace(0.05, 9, 50, dtype=torch.float64)
    found, right = answer(x), LogNormal(0.0, 1.0).log_prob(x)
    require(isinstance(found, torch.Tensor), "应当返回张量")
    require(found.shape == x.shape, "逐元素：形状应与 x 相同")
    require(not _close(found, right + x.log()), "少了导数一项：面积不是 1")
    require(not _close(found, right + 2 * x.log()), "导数一项的符号反了：拉开就变稀")
    require(not _close(found, right.exp()), "这是密度，还要取对数")
    require(_close(found, right), "数值不对")


@checker("均值与标准误都对")
def monte_carlo(answer):
    """`answer(values)`: (mean, standard error of the mean)."""
    values = torch.tensor([1.0, 2.0, 4.0, 9.0], dtype=torch.float64)
    found = answer(values)
    require(isinstance(found, tuple) and len(found) == 2, "应当返回一对数")
    mean, error = map(float, found)
    std = values.std().item()
    require(math.isclose(mean, 4.0), "均值不对")
    require(not math.isclose(error, std), "这是样本的标准差，还要除以 √n")
    require(not math.isclose(error, std / 4), "除以 √n，不是 n")
    require(
        not math.isclose(error, values.std(correction=0).item() / 2),
        "方差的分母用 n − 1，否则偏小",
    )
    require(math.isclose(error, std / 2), "标准误不对")


@checker()
def one_for_two(answer):
    """`(mu, sigma)` of the normal nearest to half N(-3, 1) + half N(3, 1), forward KL.

    Compared with the best pair of a grid, by numerical integration.
    """
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    require(pair, "应当是一对数：(mu, sigma)")
    mu, sigma = map(float, answer)
    x = torch.linspace(-12, 12, 481, dtype=torch.float64)
    p = (Normal(-3.0, 1.0).log_prob(x).exp() + Normal(3.0, 1.0).log_prob(x).exp()) / 2
    best = min(
        ((m / 4, s / 20) for m in range(-14, 15) for s in range(10, 80)),
        key=lambda pair: -(p * Normal(*pair).log_prob(x)).sum().item(),
    )
    said = f"格子上最好的是 mu = {best[0]:.1f}、sigma = {best[1]:.2f}"
    require(abs(abs(mu) - 3) > 0.3, f"只认一团的是反向 KL；正向的要盖住两团。{said}")
    require(abs(mu - best[0]) < 0.15, f"均值不对。{said}")
    require(abs(sigma - 10) > 0.2, f"10 是方差，标准差还要开方。{said}")
    require(abs(sigma - 3) > 0.05, f"团间的 3 算上了，团内的 1 没有：方差相加。{said}")
    require(abs(sigma - best[1]) < 0.1, f"宽度不对。{said}")
    return said


@checker()
def score_gradient(answer):
    """`answer(f, mu, rng)`: d/dmu of E f(x), x ~ N(mu, 1), from 100 values of f.

    Score: root mean square error of 200 estimates. Floor: 0.4.
    """
    floor, budget, mu, asked = 0.4, 100, 1.5, []

    def f(x):
        asked.append(np.size(x))
        return x**2 + np.cos(3 * x)

    # E cos(3x) = cos(3 mu) exp(-9 / 2)
    truth = 2 * mu - 3 * math.sin(3 * mu) * math.exp(-4.5)

    def stratified(f, mu, rng):
        u = (np.arange(budget) + rng.random(budget)) / budget
        eps = torch.special.ndtri(torch.from_numpy(u)).numpy()
        return (f(mu + eps) * eps).mean()

    def score(estimate):
        rng, errors = np.random.default_rng(0), []
        for _ in range(200):
            asked.clear()
            errors.append(float(estimate(f, mu, rng)) - truth)
            points = sum(asked)
            require(points <= budget, f"问了 {points} 个点，只许 {budget} 个")
        return float(np.sqrt(np.mean(np.square(errors))))

    mine, ours = score(answer), score(stratified)
    said = f"均方根误差 {mine:.3f}，底线 {floor}，书里的解 {ours:.3f}"
    require(math.isfinite(mine), "含有 nan 或 inf")
    require(mine <= floor, f"{said}。ε 抽得匀一些，或者减去会抖的那一部分")
    return said
