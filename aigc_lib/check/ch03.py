"""Checkers for chapter 03, variational autoencoders."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ._result import checker, require


def of_shape(found, shape, what):
    """Demand a tensor of that shape; ``what`` names the shape."""
    require(isinstance(found, Tensor), "应当返回张量")
    require(
        found.shape == shape,
        f"形状应为 {what} = {tuple(shape)}，现在是 {tuple(found.shape)}",
    )
    return found.detach().double()


@checker("与 PyTorch 一致，方向没有弄反")
def kl_between(answer):
    """`answer(mu_q, log_var_q, mu_p, log_var_p)`: KL(q || p) in nats, (B,)."""
    torch.manual_seed(0)
    mu_q, log_var_q, mu_p, log_var_p = torch.randn(4, 5, 3, dtype=torch.float64)
    q, p = Normal(mu_q, (log_var_q / 2).exp()), Normal(mu_p, (log_var_p / 2).exp())
    each = kl_divergence(q, p)
    found = answer(mu_q, log_var_q, mu_p, log_var_p)
    found = of_shape(found, (5,), "(B,)")
    right = each.sum(1)
    require(
        not torch.allclose(found, kl_divergence(p, q).sum(1)),
        "方向反了：这是 KL(p || q)",
    )
    require(not torch.allclose(found, each.mean(1)), "对维应当求和，不是求平均")
    require(not torch.allclose(found, right / math.log(2)), "单位应是 nat，用自然对数")
    as_std = kl_divergence(Normal(mu_q, log_var_q.exp()), Normal(mu_p, log_var_p.exp()))
    require(not torch.allclose(found, as_std.sum(1)), "log_var 是 log σ²，不是 log σ")
    require(torch.allclose(found, right), f"第一个样本应为 {right[0]:.4f}")


@checker("正是让似然最大的那个 s")
def best_std(answer):
    """`answer(x, mean)`: the deviation that maximises the likelihood, a scalar."""
    torch.manual_seed(0)
    x, mean = torch.rand(2, 4, 1, 5, 5, dtype=torch.float64).unbind()
    found = of_shape(answer(x, mean), (), "标量")
    error = x - mean
    right = error.square().mean().sqrt()
    require(not torch.isclose(found, right.square()), "这是方差 s²，还要开方")
    require(
        not torch.isclose(found, error.square().flatten(1).sum(1).mean().sqrt()),
        "对像素求了和：s 是每个像素的噪声，应当求平均",
    )
    require(not torch.isclose(found, error.std()), "减去了平均误差：噪声的均值就是 0")
    require(not torch.isclose(found, error.abs().mean()), "这是绝对误差的平均")
    require(torch.isclose(found, right), f"应为 {right:.4f}，现在是 {found:.4f}")


@checker("权重相等时是 k，一个独大时是 1，也不下溢")
def effective_samples(answer):
    """`answer(log_weight)`: (sum w)² / sum w² of log weights (k, B) -> (B,)."""
    torch.manual_seed(0)
    log_weight = torch.randn(7, 3, dtype=torch.float64)
    found = of_shape(answer(log_weight.clone()), (3,), "(B,)")
    w = log_weight.exp()
    right = w.sum(0).square() / w.square().sum(0)
    require(not torch.allclose(found, 1 / right), "分子分母对调了")
    require(not torch.allclose(found, right.log()), "这是它的对数，还要取指数")
    require(torch.allclose(found, right), f"应为 {right[0]:.4f}，现在是 {found[0]:.4f}")
    far = answer(torch.full((7, 2), -5000.0, dtype=torch.float64))
    require(bool(torch.isfinite(far).all()), "log w = −5000 时得到了 nan：留在对数里算")
    require(torch.allclose(far, torch.full_like(far, 7.0)), "应为 k = 7")
    alone = torch.tensor([[0.0], [-200.0], [-300.0]])
    require(torch.allclose(answer(alone).double(), torch.ones(1).double()), "应为 1")


@checker("活着的方向花 ½ log(λ/s²)，其余为 0")
def rate_of_directions(answer):
    """`answer(eigenvalues, noise_variance)`: mean KL of each direction, (M,)."""
    eigenvalues = torch.tensor([9.0, 4.0, 1.5, 0.5, 0.01], dtype=torch.float64)
    noise = 1.5
    found = of_shape(answer(eigenvalues.clone(), noise), (5,), "(M,)")
    require(bool((found > -1e-9).all()), "KL 不会是负的：λ < s² 的方向应为 0")
    alive = eigenvalues > noise
    variance = noise / eigenvalues[alive]
    mean_square = 1 - variance
    right = torch.zeros(5, dtype=torch.float64)
    right[alive] = 0.5 * (mean_square + variance - 1 - variance.log())
    require(not torch.allclose(found, 2 * right), "大了一倍：KL 前面有 ½")
    require(not torch.allclose(found, right / math.log(2)), "单位应是 nat")
    require(bool(found[~alive].abs().max() < 1e-9), "λ ≤ s² 的方向坍塌了，KL 应为 0")
    by_std = 0.5 * (eigenvalues[:2] / noise**2).log()
    require(not torch.allclose(found[:2], by_std), "noise_variance 已是 s²，不要再平方")
    require(torch.allclose(found, right), f"λ = 9 时应为 {right[0]:.4f}")


@checker("额度以内不罚，也没有梯度；额度以外照旧")
def free_bits(answer):
    """`answer(mu, log_var, floor)`: sum over dimensions of max(floor, mean KL)."""
    torch.manual_seed(0)
    scale = torch.tensor([2.0, 1.0, 0.1], dtype=torch.float64)
    mu = scale * torch.randn(8, 3, dtype=torch.float64)
    log_var = torch.zeros_like(mu)
    log_var[:, 0] = -1.0
    rate = 0.5 * (mu.square() + log_var.exp() - 1 - log_var)  # (B, d)
    floor = 0.3
    found = of_shape(answer(mu.clone(), log_var.clone(), floor), (), "标量")
    per_sample = rate.clamp(min=floor).mean(0).sum()
    require(
        not torch.isclose(found, per_sample), "先对批取平均，再与额度比：额度是给一维的"
    )
    in_sum = rate.sum(1).mean().clamp(min=floor)
    require(
        not torch.isclose(found, in_sum),
        "额度没有落到每一维：各有一份，不足的按 floor 计",
    )
    excess = (rate.mean(0) - floor).clamp(min=0).sum()
    require(not torch.isclose(found, excess), "不足的按 floor 计，不是减去 floor")
    below = rate.mean(0).clamp(max=floor).sum()
    require(not torch.isclose(found, below), "取的是较小的一个，应取较大的")
    right = rate.mean(0).clamp(min=floor).sum()
    require(torch.isclose(found, right), f"应为 {right:.4f}，现在是 {found:.4f}")
    leaf = mu.clone().requires_grad_()
    loss = answer(leaf, log_var, floor)
    require(loss.requires_grad, "梯度断了：不要用 .item() 或 detach()")
    (gradient,) = torch.autograd.grad(loss, leaf)
    require(bool(gradient[:, 2].abs().max() == 0), "额度以内的维不应有梯度")
    require(bool(gradient[:, 0].abs().min() > 0), "额度以外的维应当有梯度")
