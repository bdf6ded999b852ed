"""Checkers for chapter 04, generative adversarial networks."""

import functools

import numpy as np
import torch
from torch import nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    conv_transpose2d,
    softplus,
)

from .. import data
from ..models.gan import (
    LOSSES,
    MLPGAN,
    cross_entropy_discriminator,
    mlp,
    nonsaturating_generator,
)
from ..train import fit
from ._result import checker, require


@checker("与逐点穷举一致，有 0 的格子也对")
def least_losses(answer):
    """`answer(p, q)`: the least hinge and least squares loss of D on p and q.

    p, q: probability vectors. The checker tries every logit at every cell.
    """
    rng = np.random.default_rng(0)
    logits = np.linspace(-3, 3, 6_001)[:, None]  # (L, 1)

    def tried(p, q):
        hinge = p * np.maximum(0, 1 - logits) + q * np.maximum(0, 1 + logits)
        squares = 0.5 * p * (logits - 1) ** 2 + 0.5 * q * logits**2
        return hinge.min(0).sum(), squares.min(0).sum()

    def found(p, q):
        with np.errstate(all="ignore"):
            pair = answer(p.copy(), q.copy())
        require(np.shape(pair) == (2,), "应当返回两个数：（铰链, 最小二乘）")
        return np.asarray(pair, dtype=float)

    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    pair, right = found(p, q), tried(p, q)
    overlap = np.minimum(p, q).sum()
    require(
        not np.isclose(pair[0], overlap), "铰链少了一倍：两项都要算，共 2 min(p, q)"
    )
    require(
        not np.isclose(pair[0], 2 - 2 * overlap), "这是 |p − q| 之和，还要从 2 里减去"
    )
    require(not np.isclose(pair[1], 2 * right[1]), "最小二乘大了一倍：两项前面各有 ½")
    for value, wanted, name in zip(pair, right, ("铰链", "最小二乘"), strict=True):
        require(np.isclose(value, wanted, atol=1e-5), f"{name}应为 {wanted:.4f}")
    holes = np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.0, 0.5, 0.5, 0.0])
    pair = found(*holes)
    require(np.isfinite(pair).all(), "有 0 的时候得到了 nan：p + q = 0 的格子不算")
    require(np.allclose(pair, tried(*holes), atol=1e-5), "有 0 的格子算得不对")


@checker("真样本的标签是 0.9，假样本的标签是 0，极端的 logit 也有限")
def smooth_discriminator(answer):
    """`answer(real, fake)`: cross-entropy with the labels 0.9 and 0."""
    noise = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 64, dtype=torch.float64, generator=noise).unbind()
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
    require(
        not torch.allclose(found, -right, rtol=1e-4),
        "符号反了：梯度指上坡，负号属于更新",
    )
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
    angle = torch.acos(torch.dot(u, v) / (u.norm() * v.norm()))
    middle = (angle / 2).sin() / angle.sin() * (u + v)
    require(torch.allclose(found[1], middle, atol=1e-3), "t = ½ 时与公式不符")
    x, y = torch.eye(2).unbind()
    arc = answer(x, y, torch.linspace(0, 1, 7))
    round_ = torch.allclose(arc.norm(dim=1), torch.ones(7), atol=1e-5)
    require(round_, "单位向量之间的弧上，每个点的长度都应是 1")
    angle = torch.atan2(arc[:, 1], arc[:, 0])
    even = torch.allclose(angle, torch.linspace(0, torch.pi / 2, 7), atol=1e-4)
    require(even, "角度应随 t 均匀变化")
    for longer in (1.0, 2.0, 1.0 + 1e-6):
        line = answer(x, longer * x, torch.tensor([0.0, 0.5, 1.0]))
        require(
            bool(line.isfinite().all()), "两个方向相同时得到了 nan：这时退回直线插值"
        )
        middle = torch.allclose(line[1], (1 + longer) / 2 * x, atol=1e-4)
        require(middle, "两个方向相同时，中点应是两者的平均")


@checker("与训练出来的一致：没有一组停在零")
def resting(answer):
    """`answer`: {loss: (L_D, L_G)} where q = p and D is the best there is.

    The checker trains one number, the logit that the best D gives everywhere there.
    """
    names = ("nonsaturating", "minimax", "lsgan")
    require(isinstance(answer, dict), "应当是字典：{损失: (L_D, L_G)}")
    missing = [name for name in names if name not in answer]
    require(not missing, f"还缺：{', '.join(missing)}")
    for name in names:
        require(np.shape(answer[name]) == (2,), f"{name} 应为 (L_D, L_G) 两个数")
        logit = torch.full((1,), 0.7, dtype=torch.float64, requires_grad=True)
        for _ in range(400):
            (slope,) = torch.autograd.grad(
                LOSSES[name].discriminator(logit, logit), logit
            )
            logit = (logit - 0.2 * slope).detach().requires_grad_()
        logit = logit.detach()
        right = (
            LOSSES[name].discriminator(logit, logit).item(),
            LOSSES[name].generator(logit).item(),
        )
        d_loss, g_loss = map(float, answer[name])
        require(
            abs(d_loss) > 1e-6,
            f"{name} 的 L_D 不是零：真假分不开时，判别器每次都要付出代价",
        )
        require(abs(d_loss - right[0]) < 2e-3, f"{name} 的 L_D 不对：logit 停在哪里？")
        require(abs(g_loss + right[1]) > 2e-3, f"{name} 的 L_G 符号反了：照定义代入")
        require(abs(g_loss - right[1]) < 2e-3, f"{name} 的 L_G 不对：代入同一个 logit")


@checker("与数窗口得到的一致")
def slope_bound(answer):
    """`answer([(kernel, stride), ...])`: how much the layers stretch at most.

    A convolution whose flattened kernel has largest singular value 1 stretches by at
    most the root of the number of windows that hold one pixel, which are counted here.
    """
    for layers in ([(4, 2), (4, 2)], [(3, 1)], [(2, 2)], [(5, 2), (3, 2)], []):
        right = 1.0
        for kernel, stride in layers:
            ones = torch.ones(1, 1, 8, 8), torch.ones(1, 1, kernel, kernel)
            windows = conv_transpose2d(*ones, stride=stride).max().item()
            right *= windows**0.5
        found = float(answer(list(layers)))
        require(
            not layers or right == 1 or abs(found - right**2) > 1e-6,
            "这是平方的倍数，还要开方",
        )
        require(
            layers != [(5, 2), (3, 2)] or abs(found - 2.5 * 1.5) > 1e-6,
            "一个像素落在整数个窗口里：除不尽时向上取整",
        )
        require(found > right - 1e-6, f"{layers} 的上限应为 {right:g}，{found:g} 太小")
        require(found < right + 1e-6, f"{layers} 的上限应为 {right:g}，{found:g} 太松")


def odd_history(steps=300, seed=0):
    """Return the log of exercise 04-7: a game in which D also pays for G's loss."""
    lines = ["step  D(x)  D(G(z))  centre off by"]
    for step, real, fake, off in _odd_game(steps, seed):
        lines.append(f"{step:4}  {real:4.2f}  {fake:7.2f}  {off:13.2f}")
    return "\n".join(lines)


@functools.cache
def _odd_game(steps, seed):
    blob = data.load("blob").x
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = mlp(2, 64, 2)
        discriminator = nn.Sequential(mlp(2, 64, 1), nn.Flatten(0))
        adam_g = torch.optim.Adam(generator.parameters(), 5e-4, (0.0, 0.9), fused=True)
        adam_d = torch.optim.Adam(
            discriminator.parameters(), 2e-3, (0.0, 0.9), fused=True
        )
        log = []
        for step in range(steps + 1):
            real = blob[torch.randint(len(blob), (128,))]
            adam_g.zero_grad()
            adam_d.zero_grad()
            fake = generator(torch.randn(128, 2))
            nonsaturating_generator(discriminator(fake)).backward()
            adam_g.step()
            on_real, on_fake = discriminator(real), discriminator(fake.detach())
            cross_entropy_discriminator(on_real, on_fake).backward()
            adam_d.step()
            if step % (steps // 5) == 0:
                off = (fake.mean(0) - blob.mean(0)).norm().item()
                belief = on_real.sigmoid().mean(), on_fake.sigmoid().mean()
                log.append((step, *(b.item() for b in belief), off))
    return log


@checker("第 5 行之前没有清梯度：判别器也在降 L_G，D 成了 (p + q) / (p + 2q)")
def diagnosis(answer):
    """`answer`: (line, what D says where q = p while it also pays for G's loss).

    Compared with the run behind `odd_history`, and with the least mixed loss.
    """
    require(np.shape(answer) == (2,), "应当是两个数：(行号, 数)")
    line, belief = answer
    require(line != 3, "第 3 行之前刚清过：看是谁在判别器上留下了梯度，又被谁用了")
    require(line != 1, "第 1 行自己就在清梯度")
    require(line == 5, "哪一行的 backward 会加到判别器已有的梯度上？")
    require(abs(belief - 0.5) > 1e-3, "那是没有错的博弈的均衡；记录里不是这个数")
    measured = _odd_game(300, 0)[-1][1]
    require(abs(belief - measured) < 0.1, f"记录里停在 {measured:.2f} 附近")
    d = torch.linspace(0.001, 0.999, 9_981, dtype=torch.float64)
    best = d[(-2 * d.log() - (1 - d).log()).argmin()].item()
    require(abs(belief - best) < 2e-3, "要精确的数：写出混在一起的损失，逐点求最小")


RING_STEPS, RING_PARAMETERS, RING_FLOOR, RING_OURS = 600, 60_000, 0.20, 0.36
FIT_KEYS = ("ema", "cooldown")


@checker()
def open_ring(answer, steps=RING_STEPS):
    """`answer`: settings of `MLPGAN`, and `ema`, `cooldown` of `fit`, for `ring8`.

    Trains 600 steps of 128 points with seed 0. The score is the share of 4,000 samples
    within 3 standard deviations of a mode, times the share of the 8 modes found.
    """
    require(isinstance(answer, dict), "应当是字典：MLPGAN 的参数，以及 ema、cooldown")
    ring = data.load("ring8")
    how = {key: value for key, value in answer.items() if key in FIT_KEYS}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        gan = MLPGAN(**{k: v for k, v in answer.items() if k not in FIT_KEYS})
        size = sum(p.numel() for p in gan.parameters())
        require(
            size <= RING_PARAMETERS,
            f"超出预算：{size:,} 个参数，最多 {RING_PARAMETERS:,} 个",
        )
        fit(gan, ring, steps=steps, batch_size=128, seed=0, **how)
        points = gan.sample(4_000, seed=1).cpu()
    distance, nearest = torch.cdist(points, ring.modes).min(1)
    hits = nearest[distance < 3 * ring.std].bincount(minlength=len(ring.modes))
    modes = int((hits > 0.01 * len(points)).sum())
    score = hits.sum().item() / len(points) * modes / len(ring.modes)
    said = (
        f"得分 {score:.3f}（{modes} 个模式），底线 {RING_FLOOR}；"
        f"书里的解在另一台机器上是 {RING_OURS}"
    )
    require(score >= RING_FLOOR, said)
    return said
