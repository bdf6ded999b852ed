"""Checkers for chapter 12, synthetic data."""

import math

import numpy as np
import torch

from ..simulators.drift import DriftingTaste
from ._result import Unfinished, checker, choices, require

ERRORS, COVERAGES = ("五分之一", "一半", "不变"), ("95%", "60%", "30%", "10%")
SHARES = ("63%", "37%", "16%", "1%")
FAULTS = ("泄漏", "指标", "近邻太少")


def _nearest(value, choices):
    """Return which of the written shares lies nearest, in ratio."""
    return min(choices, key=lambda c: abs(math.log(value / (int(c[:-1]) / 100))))


@checker("与模拟一致：误差不动，区间窄了五倍")
def many_more(answer):
    """`{"误差": ..., "覆盖率": ...}` of 100 real and 2,400 made numbers; simulated."""
    choices(answer, {"误差": ERRORS, "覆盖率": COVERAGES})
    rng = np.random.default_rng(0)
    mean, spread, m = [], [], 2_400
    for _ in range(400):
        real = rng.standard_normal(100)
        made = real.mean() + real.std(ddof=1) * rng.standard_normal(m)
        pool = np.concatenate([real, made])
        mean.append((real.mean(), pool.mean()))
        spread.append(pool.std(ddof=1) / 50)
    alone, joined = np.sqrt((np.array(mean) ** 2).mean(0))
    factor = {"五分之一": 0.2, "一半": 0.5, "不变": 1.0}
    error = min(ERRORS, key=lambda e: abs(math.log(joined / alone / factor[e])))
    inside = (np.abs(np.array(mean)[:, 1]) <= 1.96 * np.array(spread)).mean()
    require(
        answer["误差"] == error,
        "误差不对。造的数以真数的平均为中心：真数的平均差多少，合起来还差多少",
    )
    require(
        answer["覆盖率"] == _nearest(inside, COVERAGES),
        "覆盖率不对。区间的长度按两千五百个数来算，误差却是一百个数的",
    )


@checker("与模拟一致")
def coverage(answer):
    """`answer(n, m)`: coverage of the naive interval; simulated with known variance."""
    rng = np.random.default_rng(0)
    for n, m in ((20, 0), (20, 20), (20, 180), (50, 10), (10, 1_000)):
        center = rng.standard_normal(40_000) / n**0.5
        noise = rng.standard_normal(40_000) * m**0.5 / (n + m)
        right = (np.abs(center + noise) <= 1.96 / (n + m) ** 0.5).mean()
        found = float(answer(n, m))
        case = f"n={n}、m={m} 时"
        without = math.erf(1.96 * (n / (n + m)) ** 0.5 / 2**0.5)
        require(
            abs(found - without) > 1e-6 or abs(without - right) < 0.012,
            f"{case}少了造的数自己的抽样噪声，m / (n + m)² 那一项",
        )
        require(
            abs(found - 0.95) > 1e-3 or m == 0,
            f"{case}不会还是 95%：造的数不独立于真的数",
        )
        require(
            abs(found - right) < 0.012,
            f"{case}模拟出来约 {right:.3f}，你给出 {found:.3f}",
        )


@checker("与几万条链的平均一致")
def expected_variance(answer):
    """`answer(n, share, generations)`: mean variance; simulated on 40,000 chains."""
    rng = np.random.default_rng(0)
    for n, share, generations in (
        (10, 0.0, 5),
        (10, 0.2, 1),
        (10, 0.5, 6),
        (5, 0.2, 8),
    ):
        chains = 40_000
        mean, variance = np.zeros(chains), np.ones(chains)
        for _ in range(generations):
            fresh = rng.random((n, chains)) < share
            own = mean + np.sqrt(variance) * rng.standard_normal((n, chains))
            rows = np.where(fresh, rng.standard_normal((n, chains)), own)
            mean, variance = rows.mean(0), rows.var(0)
        right = variance.mean()
        found = float(answer(n, share, generations))
        case = f"n={n}、share={share}、{generations} 代时"
        if share == 0:
            require(
                abs(found - (1 - 1 / n) ** generations) < 1e-9,
                f"{case}应当正好是 (1 − 1/n)^t",
            )
        require(
            abs(found - right) < 4 * variance.std() / chains**0.5,
            f"{case}模拟出来约 {right:.3f}，你给出 {found:.3f}。"
            "混合分布的方差里，两个中心的差也算一份",
        )


@checker("纯噪声上约五成，有信号时照样看得见")
def leaky_smote(answer, fault=None):
    """`answer(x, y, seed)`: balanced accuracy, SMOTE inside the training part only.

    On labels that have nothing to do with x it must be near 1/2; on two groups that
    are well apart it must be near 1.
    """
    require(fault is not None, "还要说出毛病：leaky_smote(honest, fault=…)")
    require(fault in FAULTS, f"fault 从这几个里选：{'、'.join(FAULTS)}")

    def table(shift, seed):
        source = torch.Generator().manual_seed(seed)
        y = (torch.arange(300) % 10 == 0).long()
        return torch.randn(300, 10, generator=source) + shift * y[:, None], y

    noise = np.mean([float(answer(*table(0.0, s), s)) for s in range(12)])
    require(0 <= noise <= 1, "应当返回 0 到 1 之间的数")
    require(
        noise < 0.62,
        f"标签与特征无关，却还有 {noise:.0%}：测试集里有造的行，"
        "或者训练的行是用测试的行造的",
    )
    require(noise > 0.38, f"标签与特征无关，应当约五成，你给出 {noise:.0%}")
    signal = np.mean([float(answer(*table(3.0, s), s)) for s in range(4)])
    require(signal > 0.9, f"两类分得很开，应当接近 1，你给出 {signal:.2f}")
    require(fault == "泄漏", "毛病不是这个：换指标、多看近邻，纯噪声上还是太高")


@checker("标签与面积一致")
def cutmix(answer):
    """`answer(x, y, generator)`: a rectangle of another picture, labels by area."""
    n, size = 24, 12
    y = torch.eye(n)
    values = torch.arange(n).float()
    x = values[:, None, None, None].expand(n, 2, size, size).clone()
    kept, shares = x.clone(), []
    for seed in range(30):
        made = answer(x, y, torch.Generator().manual_seed(seed))
        require(isinstance(made, tuple) and len(made) == 2, "应当返回 (x, y)")
        again = answer(x, y, torch.Generator().manual_seed(seed))
        require(torch.equal(x, kept), "改动了传进来的 x：先 clone")
        images, labels = made
        require(
            images.shape == x.shape and labels.shape == y.shape,
            "形状应当与传进来的相同",
        )
        require(
            torch.equal(images, again[0]) and torch.equal(labels, again[1]),
            "同一个种子，两次不一样：随机数都要从 generator 来",
        )
        require(
            torch.allclose(labels.sum(1), torch.ones(n), atol=1e-5), "标签之和应当是 1"
        )
        area = torch.stack(
            [(images[:, 0] == v).float().mean((1, 2)) for v in values], 1
        )
        require(
            torch.allclose(area.sum(1), torch.ones(n), atol=1e-5),
            "像素应当原样贴过来，不是按比例叠加（那是 mixup）",
        )
        require(
            torch.allclose(area, labels, atol=1e-5),
            "标签与面积不一致：按裁好之后实际贴上的面积算",
        )
        pasted = (images != x)[:, 0]
        for mask in pasted[pasted.flatten(1).any(1)][:1]:
            box = mask.any(1)[:, None] & mask.any(0)[None]
            require(torch.equal(mask, box), "贴上的不是一个矩形")
        shares.append(float(1 - area.diagonal().min()))
    require(len(set(shares)) > 5, "矩形的大小应当是随机的")
    require(max(shares) > 0, "一次也没有贴上")


@checker("与截断正态的抽样一致")
def kept_variance(answer, generations=None):
    """`answer(c)`: variance of N(0, 1) within [-c, c]; drawn, and by scipy's law."""
    from scipy.stats import truncnorm

    for c in (0.3, 0.6745, 1.0, 2.0, 4.0):
        right = float(truncnorm(-c, c).var())
        found = float(answer(c))
        share = math.erf(c / 2**0.5)
        require(
            abs(found - right * share) > 1e-6 or abs(share - 1) < 1e-3,
            f"c={c} 时忘了除以留下的机会 2Φ(c) − 1",
        )
        require(
            abs(found - right) < 1e-4, f"c={c} 时应当是 {right:.4f}，你给出 {found:.4f}"
        )
    if generations is None or generations is ...:
        raise Unfinished("还要答几代：kept_variance(kept_variance, generations=…)")
    steps, variance = 0, 1.0
    while variance >= 0.01:
        variance, steps = variance * float(truncnorm(-0.6745, 0.6745).var()), steps + 1
    require(generations == steps, "代数不对：每一代乘上同一个倍数，乘到百分之一以下")


@checker("与一万次重抽一致")
def survival(answer):
    """`{1: share, 10: share}`: the chance that a letter is still there."""
    choices(answer, {1: SHARES, 10: SHARES})
    rng = np.random.default_rng(0)
    n, count = 10_000, np.ones(20_000, int)
    for generation in range(1, 11):
        count = rng.binomial(n, count / n)
        if generation in answer:
            right = _nearest((count > 0).mean(), SHARES)
            hint = {
                1: "一次也抽不到的机会是 (1 − 1/n)ⁿ",
                10: "活下来的会变多，不是每代都乘 63%",
            }
            require(
                answer[generation] == right,
                f"{generation} 代不是 {answer[generation]}。{hint[generation]}",
            )


FLOOR = 0.83


@checker()
def track(answer):
    """`answer(items, likes, ages)`: a direction (8,), asked once a period.

    Score: mean cosine with the taste of the next period; 8 worlds, periods 10 to 59.
    """
    mine, ours = _followed(answer), _followed(_weighted)
    said = f"平均余弦 {mine:.3f}，底线 {FLOOR:.2f}，书里的解 {ours:.3f}"
    require(mine >= FLOOR, f"{said}。太旧的记录要打折扣，太新的又太少")
    return said


def _followed(answer):
    scores = []
    for world in range(8):
        public = DriftingTaste(speed=0.3, sharpness=2, seed=world)
        items, likes, periods = [], [], []
        for period in range(60):
            items.append(public.items(20))
            likes.append(public.likes(items[-1]))
            periods.append(np.full(20, period))
            public.step()
            if period < 10:
                continue
            logged = map(np.concatenate, (items, likes, periods))
            x, y, when = logged
            direction = np.asarray(answer(x, y, period - when), float)
            require(direction.shape == (8,), f"应当返回 (8,)，你给出 {direction.shape}")
            require(np.isfinite(direction).all(), "方向里有 NaN 或无穷")
            length = np.linalg.norm(direction)
            scores.append(direction @ public.taste / length if length else 0.0)
    return float(np.mean(scores))


def _weighted(items, likes, ages):
    """Logistic regression in which records count less with age."""
    from sklearn.linear_model import LogisticRegression

    recent = ages < 16
    x, y, weight = items[recent], likes[recent], 0.7 ** ages[recent]
    if y.min() == y.max():
        return ((2 * y - 1)[:, None] * x).sum(0)
    return LogisticRegression(C=0.3).fit(x, y, sample_weight=weight).coef_[0]
