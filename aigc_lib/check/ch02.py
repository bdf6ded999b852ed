"""Checkers for chapter 02, probability and deep-learning primer."""

import math

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


@checker("权重用上了，远处也有限")
def log_mixture(answer):
    """`answer(x, log_weights, mu, log_var)`: log density of a mixture, (B,)."""
    x = torch.linspace(-4, 4, 7, dtype=torch.float64)
    log_weights = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64).log()
    mu = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64)
    log_var = torch.tensor([0.0, -1.0, 1.0], dtype=torch.float64)
    found = answer(x, log_weights, mu, log_var)
    require(isinstance(found, torch.Tensor), "应当返回张量")
    require(found.shape == x.shape, "形状应为 (B,)：对 K 求和")
    parts = Normal(mu, (0.5 * log_var).exp()).log_prob(x[:, None])
    require(not _close(found, parts.logsumexp(1)), "没有用上权重")
    mixed_logs = (log_weights.exp() * parts).sum(1)
    require(not _close(found, mixed_logs), "先对密度求和再取对数，不是反过来")
    require(_close(found, (log_weights + parts).logsumexp(1)), "数值不对")
    far = answer(torch.full_like(x, 1e3), log_weights, mu, log_var)
    require(far.isfinite().all(), "远处变成了 −inf：用 logsumexp")


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
