"""Checkers for chapter 03, variational autoencoders."""

import functools
import math

import torch
from torch import Tensor, nn

from .. import data
from ..models.vae import VAE, normal_log_density
from ..train import fit
from ._result import checker, require


def of_shape(found, shape, what):
    """Demand a tensor of that shape; ``what`` names the shape."""
    require(isinstance(found, Tensor), "应当返回张量")
    require(
        found.shape == shape,
        f"形状应为 {what} = {tuple(shape)}，现在是 {tuple(found.shape)}",
    )
    return found.detach().double()


VARIANCES, NOISE, PIXELS = (50.0, 20.0, 8.0, 3.0, 1.5, 0.6, 0.2), 1.0, 10


def _alive(beta):
    """Count the directions of a linear VAE whose best decoder weight is not 0.

    For a decoder weight w the best encoder is known: variance b s² / (w² + b s²) and
    weight w / (w² + b s²). What is left, a function of w alone, is tried everywhere.
    """
    w = torch.linspace(0, 10, 20_001, dtype=torch.float64)
    count = 0
    for variance in VARIANCES:
        spread = beta * NOISE / (w.square() + beta * NOISE)
        slope = w / (w.square() + beta * NOISE)
        error = variance * (1 - w * slope).square() + w.square() * spread
        rate = 0.5 * (slope.square() * variance + spread - 1 - spread.log())
        best = (error / (2 * NOISE) + beta * rate).argmin()
        count += bool(rate[best] > 1e-3)
    return count


@checker("求平均等于把 KL 加重，方差不够大的方向就坍塌了")
def alive(answer):
    """`answer`: directions alive when the error is summed, and when it is averaged."""
    require(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "应当是两个数：（求和时, 求平均时）",
    )
    summed, averaged = answer
    right = _alive(1.0), _alive(float(PIXELS))
    require(summed != len(VARIANCES), "不是全部：一维带来的还原要抵得过它的 KL")
    require(summed == right[0], "求和时不对：方差与噪声方差 1 比，谁大？")
    require(averaged != summed, "求平均把失真除以 10，KL 没有变，权重就变了")
    require(averaged == right[1], "求平均时不对：等于 β 取多少？方差要与 β s² 比")


@checker("正是让似然最大的那个 s")
def best_std(answer):
    """`answer(x, mean)`: the deviation that maximises the likelihood, a scalar."""
    noise = torch.Generator().manual_seed(0)
    x, mean = torch.rand(2, 4, 1, 5, 5, dtype=torch.float64, generator=noise).unbind()
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
    noise = torch.Generator().manual_seed(0)
    log_weight = torch.randn(7, 3, dtype=torch.float64, generator=noise)
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


@checker("活跃的方向花 ½ log(λ/s²)，其余为 0")
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
    noise = torch.Generator().manual_seed(0)
    scale = torch.tensor([2.0, 1.0, 0.1], dtype=torch.float64)
    mu = scale * torch.randn(8, 3, dtype=torch.float64, generator=noise)
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


@checker("两半之和正是平均的 KL，有 0 也不怕")
def split_rate(answer):
    """`answer(q, prior)`: mutual information, and KL of the mean of q to the prior.

    q: (N, K) rows of probabilities; prior: (K,). Compared with sums over all cells.
    """
    noise = torch.Generator().manual_seed(0)
    q = torch.rand(6, 4, generator=noise, dtype=torch.float64).square()
    q = q / q.sum(1, keepdim=True)
    prior = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)

    def found(q, prior):
        pair = answer(q.clone(), prior.clone())
        require(
            isinstance(pair, tuple) and len(pair) == 2, "应当返回两个数：（互信息, KL）"
        )
        return float(pair[0]), float(pair[1])

    mixed = q.mean(0)
    far = (mixed * (mixed / prior).log()).sum().item()
    rate = (q * (q / prior).log()).sum(1).mean().item()
    first, second = found(q, prior)
    require(abs(second - rate) > 1e-9, "第二个数是**聚合后验**到先验的 KL，不是码率")
    back = (prior * (prior / mixed).log()).sum().item()
    require(abs(second - back) > 1e-9, "方向反了：是 KL(q ‖ p)")
    require(abs(first - far) > 1e-9 or abs(second - rate + far) > 1e-9, "两个数对调了")
    require(abs(first + second - rate) < 1e-9, f"两半之和应为平均的 KL {rate:.4f}")
    require(
        abs(second - far) < 1e-9, f"到先验的 KL 应为 {far:.4f}，现在是 {second:.4f}"
    )
    own = torch.eye(4, dtype=torch.float64)
    first, second = found(own, torch.full((4,), 0.25, dtype=torch.float64))
    require(math.isfinite(first + second), "有 0 的时候得到了 nan：0 log 0 按 0 算")
    apart = abs(first - math.log(4)) < 1e-9 and abs(second) < 1e-9
    require(apart, "一个样本一个码时，互信息应为 log N，第二个数应为 0")


def impossible_history(steps=300, seed=0):
    """Return the log of exercise 03-7: a bound above minus the entropy of the data."""
    log, entropy = _impossible(steps, seed)
    lines = [f"no model can do better than {-entropy:.2f} nats", "step  reported bound"]
    lines += [f"{step:4}  {bound:14.2f}" for step, bound in log]
    return "\n".join(lines)


@functools.cache
def _impossible(steps, seed, reduce=torch.mean):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        mixing = torch.randn(4, 8)
        covariance = mixing.T @ mixing + 0.1 * torch.eye(8)
        source = torch.distributions.MultivariateNormal(torch.zeros(8), covariance)
        encoder, decoder = nn.Linear(8, 8), nn.Linear(4, 8)
        log_noise = nn.Parameter(torch.zeros(1))
        parts = [*encoder.parameters(), *decoder.parameters(), log_noise]
        adam, log = torch.optim.Adam(parts, lr=2e-2, fused=True), []
        for step in range(steps + 1):
            x = source.sample((512,))
            mu, log_var = encoder(x).chunk(2, dim=1)
            z = mu + (0.5 * log_var).exp() * torch.randn_like(mu)
            distortion = -normal_log_density(x, decoder(z), log_noise)
            rate = reduce(0.5 * (mu.square() + log_var.exp() - 1 - log_var), 1)
            loss = (distortion + rate).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            if step % (steps // 5) == 0:
                log.append((step, -loss.item()))
    return log, source.entropy().item()


@checker("对维求平均等于 β = 1/4，小于 1，就不再是下界")
def diagnosis(answer):
    """`answer`: (line, beta) of the training whose bound is too good.

    No model beats minus the entropy of the data on average; the sum in place of the
    mean in line 4 brings the log of `impossible_history` below it.
    """
    require(
        isinstance(answer, tuple | list) and len(answer) == 2, "应当是两个数：(行号, β)"
    )
    line, beta = answer
    require(line != 2, "第 2 行是对的：log_var 的一半取指数，正是标准差")
    require(line != 5, "第 5 行只对批求平均，那是对的")
    require(line == 4, "哪一项太小，下界就会太高？")
    require(beta != 4, "方向反了：求平均把码率变小了")
    require(abs(beta - 0.25) < 1e-6, "对几维求了平均？每一维的 KL 因此乘了多少？")


DIGIT_STEPS, DIGIT_PARAMETERS, DIGIT_FLOOR, DIGIT_OURS = 300, 900_000, 102.0, 99.4
FIT_KEYS = ("ema", "cooldown")


@checker()
def open_digits(answer, steps=DIGIT_STEPS):
    """`answer`: settings of a Bernoulli `VAE`, and `ema`, `cooldown` of `fit`.

    Trains 300 steps of 64 black-and-white digits of scikit-learn with seed 0. The
    score is -log p(x) of 200 test images in nats, from 50 importance samples each.
    """
    require(isinstance(answer, dict), "应当是字典：VAE 的参数，以及 ema、cooldown")
    settings = {"likelihood": "bernoulli", "body": "mlp"} | answer
    require(settings["likelihood"] == "bernoulli", "似然已定：只比伯努利的")
    how = {key: settings.pop(key) for key in FIT_KEYS if key in settings}
    train, test = (
        (data.load("digits", split=split).x > 127).to(torch.uint8) * 255
        for split in ("train", "test")
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VAE(**settings)
        size = sum(p.numel() for p in model.parameters())
        require(
            size <= DIGIT_PARAMETERS,
            f"超出预算：{size:,} 个参数，最多 {DIGIT_PARAMETERS:,} 个",
        )
        fit(model, train, steps=steps, batch_size=64, seed=0, **how)
        score = model.nll(test[:200].float() / 127.5 - 1, k=50).mean().item()
    said = (
        f"得分 {score:.1f} nat（{size:,} 个参数），底线 {DIGIT_FLOOR}；"
        f"书里的解在另一台机器上是 {DIGIT_OURS}"
    )
    require(score <= DIGIT_FLOOR, said)
    return said
