"""Checkers for chapter 04, generative adversarial networks."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from ._result import checker, require


@checker("非负、对称、不超过 log 2，并且最优处的价值等于 2 JS − log 4")
def js_divergence(answer):
    """`answer(p, q)`: Jensen–Shannon divergence of probability vectors, in nats."""
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    best = p / (p + q)
    value = np.sum(p * np.log(best) + q * np.log(1 - best))
    found = float(answer(p.copy(), q.copy()))
    right = (value + np.log(4)) / 2
    require(not np.isclose(found, 2 * right), "大了一倍：JS 是两个 KL 的**平均**")
    require(not np.isclose(found, right / np.log(2)), "单位应是 nat，用自然对数")
    require(
        np.isclose(found, right), f"p={p.round(2)}、q={q.round(2)} 时应为 {right:.4f}"
    )
    require(np.isclose(answer(q, p), found), "应当对称：JS(p, q) = JS(q, p)")
    require(abs(answer(p, p)) < 1e-12, "p = q 时应为 0")
    left, right = np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.0, 0.0, 0.5, 0.5])
    with np.errstate(all="ignore"):
        apart = float(answer(left, right))
    require(np.isfinite(apart), "有 0 的时候得到了 nan 或 inf：只在 p > 0 的地方求和")
    require(np.isclose(apart, np.log(2)), "互不重叠的两个分布，JS 应为 log 2")


@checker("真样本的标签是 0.9，假样本的标签是 0，极端的 logit 也有限")
def smooth_discriminator(answer):
    """`answer(real, fake)`: cross-entropy with the labels 0.9 and 0."""
    real, fake = torch.randn(2, 64, dtype=torch.float64).unbind()
    # unequal lengths tell a mean over each batch from a mean over both
    real = torch.cat([real, real + 1])

    def loss(on_real, on_fake):
        return binary_cross_entropy_with_logits(
            real, torch.full_like(real, on_real)
        ) + binary_cross_entropy_with_logits(fake, torch.full_like(fake, on_fake))

    found = answer(real, fake)
    require(isinstance(found, torch.Tensor) and found.dim() == 0, "应当返回标量张量")
    require(not torch.isclose(found, loss(0.9, 0.1)), "假样本的标签不要平滑，仍是 0")
    require(not torch.isclose(found, loss(1.0, 0.0)), "真样本的标签还是 1，应是 0.9")
    require(not torch.isclose(found, loss(0.0, 0.9)), "真假的标签对调了")
    require(torch.isclose(found, loss(0.9, 0.0)), "数值不对：两批各自取平均，再相加")
    far = torch.tensor([-1e4, 1e4], requires_grad=True)
    extreme = answer(far, far)
    (gradient,) = torch.autograd.grad(extreme, far)
    finite = extreme.isfinite() and gradient.isfinite().all()
    require(finite, "logit 为 ±1e4 时不再有限：用 softplus，不要先算概率")


@checker("与自动微分一致，符号也对")
def difference_gradient(answer):
    """`answer(f, x)`: gradient by central differences, in the shape of x."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()

    def generator_loss(x):
        return softplus(-net(x)).mean()

    x = torch.randn(2, 3, dtype=torch.float64)
    before = x.clone()
    found = answer(generator_loss, x)
    require(torch.equal(x, before), "`x` 被改动了：在副本上加步长")
    require(isinstance(found, torch.Tensor), "应当返回张量")
    require(found.shape == x.shape, f"形状应与 x 相同：{tuple(x.shape)}")
    leaf = x.clone().requires_grad_()
    (right,) = torch.autograd.grad(generator_loss(leaf), leaf)
    found = found.detach()
    require(not torch.allclose(found, -right, rtol=1e-4), "符号反了：这正是 E065")
    require(not torch.allclose(found, 2 * right, rtol=1e-4), "大了一倍：分母是 2h")
    require(torch.allclose(found, right, rtol=1e-5, atol=1e-9), "数值不对")

    def cubic(x):
        return x.pow(3).sum()

    rough = answer(cubic, torch.zeros(1, dtype=torch.float64), h=0.1)
    require(
        torch.allclose(rough.detach(), torch.tensor([0.01]).double()),
        "请用中心差分，并且用上参数 h",
    )


@checker("端点、长度和中点都对")
def slerp(answer):
    """`answer(u, v, t)`: points on the arc from u to v, (T, d)."""
    torch.manual_seed(0)
    u, v = torch.randn(2, 64).unbind()
    found = answer(u, v, torch.tensor([0.0, 0.5, 1.0]))
    require(
        found.shape == (3, 64),
        f"形状应为 (T, d) = (3, 64)，现在是 {tuple(found.shape)}",
    )
    ends = torch.allclose(found[0], u, atol=1e-4) and torch.allclose(
        found[2], v, atol=1e-4
    )
    require(ends, "t = 0 应得到 u，t = 1 应得到 v")
    straight = torch.allclose(found[1], (u + v) / 2, atol=1e-3)
    require(not straight, "这是直线插值：中点的长度缩短了")
    x, y = torch.eye(2).unbind()
    arc = answer(x, y, torch.linspace(0, 1, 7))
    round_ = torch.allclose(arc.norm(dim=1), torch.ones(7), atol=1e-5)
    require(round_, "单位向量之间的弧上，每个点的长度都应是 1")
    angle = torch.atan2(arc[:, 1], arc[:, 0])
    even = torch.allclose(angle, torch.linspace(0, torch.pi / 2, 7), atol=1e-4)
    require(even, "角度应随 t 均匀变化")


@checker("每个样本各得其斜率，参数上没有留下梯度")
def slopes(answer):
    """`answer(critic, x)`: norm of the gradient at each sample, (B,)."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0))
    x = torch.randn(5, 3)
    found = answer(critic, x)
    require(found.shape == (5,), f"形状应为 (B,) = (5,)，现在是 {tuple(found.shape)}")
    one_by_one = torch.stack(
        [torch.autograd.functional.jacobian(critic, row[None]).norm() for row in x]
    )
    found = found.detach()
    squared = torch.allclose(found, one_by_one.square(), rtol=1e-3)
    require(not squared, "这是范数的平方，还要开方")
    averaged = torch.allclose(found, one_by_one / 5, rtol=1e-3)
    require(not averaged, "小了 B 倍：对 sum 求导，不要对 mean 求导")
    require(torch.allclose(found, one_by_one, rtol=1e-3), "与逐个样本算出的不一致")
    left = any(p.grad is not None for p in critic.parameters())
    require(not left, "critic 的参数上留下了梯度：用 torch.autograd.grad")
    require(x.grad is None and not x.requires_grad, "`x` 被改动了：先 detach")
    images = answer(
        nn.Sequential(nn.Flatten(), nn.Linear(8, 1), nn.Flatten(0)),
        torch.randn(4, 2, 2, 2),
    )
    require(images.shape == (4,), "图像也要能用：(B, C, H, W) 先展平再求范数")
