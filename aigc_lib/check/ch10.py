"""Checkers for chapter 10, evaluation."""

from math import comb

import numpy as np
import torch
from sklearn import metrics

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


@checker("与逐项求和一致：按两个比例之差的平方")
def mmd_factor(answer):
    """`answer(p, q)`: KD of two mixtures of good and bad, in units of KD(good, bad).

    Enumerated on five points with the kernel (1 + x y) ** 3.
    """
    points = np.linspace(-1, 1, 5)
    kernel = (1 + np.outer(points, points)) ** 3
    good, bad = np.array([5, 3, 1, 1, 0]) / 10, np.array([0, 1, 2, 3, 4]) / 10

    def distance(a, b):
        return a @ kernel @ a + b @ kernel @ b - 2 * a @ kernel @ b

    for p, q in ((0.1, 0.0), (0.1, 0.2), (0.7, 0.3), (1.0, 0.0), (0.4, 0.4)):
        mixed = [(1 - share) * good + share * bad for share in (p, q)]
        right = distance(*mixed) / distance(good, bad)
        found, case = float(answer(p, q)), f"p = {p:g}、q = {q:g} 时"
        linear = abs(found - abs(p - q)) < 1e-9 and abs(p - q) not in (0, 1)
        require(not linear, f"{case}核均值之差是 |p − q| 倍，KD 还要平方")
        require(
            abs(found - right) < 1e-9,
            f"{case}应当是 {right:.4f}，你给出 {found:.4f}",
        )


@checker("平均数、方差的标准误都对")
def too_narrow(answer, line=None):
    """`answer(x, f, groups)`: grouped jackknife error; the fault is in `line` 4."""
    require(line in (1, 2, 3, 4), "还要说出是哪一行：too_narrow(…, line=…)，1 到 4")
    x = torch.randn(2_000, generator=torch.Generator().manual_seed(0)) * 3
    for groups in (20, 5):
        for f in (torch.mean, torch.var):
            parts = x.chunk(groups)
            left_out = [
                f(torch.cat([*parts[:g], *parts[g + 1 :]])).item()
                for g in range(groups)
            ]
            spread = float(np.var(left_out))
            right = (spread * (groups - 1)) ** 0.5
            found = float(answer(x.clone(), f, groups))
            case = f"{f.__name__}、{groups} 组时"
            require(not np.isclose(found, spread**0.5), f"{case}还是原来的那个数")
            require(
                not np.isclose(found, right**2, rtol=1e-3),
                f"{case}这是方差，还要开方",
            )
            require(
                not np.isclose(found, spread**0.5 * (groups - 1)),
                f"{case}方差乘 G − 1，再开方；不是标准差乘 G − 1",
            )
            require(
                not np.isclose(found, (spread * groups) ** 0.5, rtol=1e-4),
                f"{case}乘的是 G − 1，不是 G",
            )
            require(
                np.isclose(found, right, rtol=1e-4),
                f"{case}应当是 {right:.4f}，你给出 {found:.4f}",
            )
    require(line == 4, f"第 {line} 行没有错：每次去掉一组，再算一次")


@checker()
def scaled(answer):
    """`{0.6: (precision, recall), 1.5: ...}`: 升 or 降 against a factor of 1.

    Measured on 600 normals in 8 dimensions.
    """
    require(
        isinstance(answer, dict) and set(answer) == {0.6, 1.5},
        "应当是一个字典，两个键是 0.6 和 1.5",
    )
    for pair in answer.values():
        right = isinstance(pair, tuple | list) and len(pair) == 2
        require(right and set(pair) <= {"升", "降"}, "每一项是一对字，各为“升”或“降”")
    source = torch.Generator().manual_seed(0)
    real, drawn = torch.randn(2, 600, 8, generator=source)
    before = precision_recall(real, drawn)
    said = f"乘 1：{before['precision']:.2f} 和 {before['recall']:.2f}"
    for factor in (0.6, 1.5):
        after = precision_recall(real, factor * drawn)
        said += f"；乘 {factor}：{after['precision']:.2f} 和 {after['recall']:.2f}"
        for mine, name in zip(answer[factor], ("precision", "recall"), strict=True):
            rose = "升" if after[name] > before[name] else "降"
            zh = "精确率" if name == "precision" else "召回率"
            require(mine == rose, f"乘 {factor} 的{zh}猜错了。精确率和召回率，{said}")
    return f"精确率和召回率，{said}"


@checker()
def suspicion(answer):
    """`answer(samples, train)`: how much each sample looks copied, (n,).

    Score: mean area under the ROC curve over three worlds of twelve clusters, dense
    and sparse, with one sample in five a noisy copy. Floor: 0.85.
    """
    floor = 0.85

    def nearest_two(samples, train):
        near = torch.cdist(samples, train).sort().values
        return near[:, 1] / near[:, 0]

    scores = {"mine": [], "ours": []}
    for seed in range(3):
        samples, train, copied = _world(seed)
        found = torch.as_tensor(answer(samples.clone(), train.clone()))
        shape = tuple(found.shape)
        require(shape == (len(samples),), f"形状应为 (n,)，现在是 {shape}")
        require(bool(found.isfinite().all()), "含有 nan 或 inf")
        scores["mine"].append(metrics.roc_auc_score(copied, found.double()))
        scores["ours"].append(
            metrics.roc_auc_score(copied, nearest_two(samples, train))
        )
    mine, ours = (float(np.mean(values)) for values in scores.values())
    said = f"得分 {mine:.3f}，底线 {floor}，书里的解 {ours:.3f}"
    require(mine > 0.4, f"{said}。次序反了？越像抄的，数要越大")
    require(mine >= floor, f"{said}。最近的距离要与当地的疏密相比")
    return said


def _world(seed):
    """Return samples (500, 16), train (1500, 16), and which samples are copies."""
    source = torch.Generator().manual_seed(seed)
    centres = 6 * torch.randn(12, 16, generator=source)
    stds = torch.logspace(-1, 0.3, 12)

    def fresh(n):
        k = torch.randint(12, (n,), generator=source)
        return centres[k] + stds[k, None] * torch.randn(n, 16, generator=source), k

    train, k = fresh(1_500)
    pick = torch.randint(1_500, (100,), generator=source)
    noise = torch.randn(100, 16, generator=source)
    copies = train[pick] + 0.7 * stds[k[pick], None] * noise
    samples = torch.cat([fresh(400)[0], copies])
    copied = torch.arange(500) >= 400
    order = torch.randperm(500, generator=source)  # no hint from the order
    return samples[order], train, copied[order]
