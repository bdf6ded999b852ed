"""Checkers for chapter 17, manufacturing: inspection and job shops."""

import numpy as np
import torch
from scipy.stats import norm

from ..data.made.textures import make
from ..decisions import jobplans, jobshop
from ..metrics.inspection import image_auroc
from ._result import Unfinished, checker, choices, require

FLOOR = 0.85


@checker("三个都对，和逐件数出来的一样")
def stopped(answer):
    """`{"1%": share, "10%": share, "50%": share}`: of stopped pieces, how many are bad.

    95% of the defects and 10% of the good pieces are stopped; by counting 1,000,000.
    """
    rates = {"1%": 0.01, "10%": 0.1, "50%": 0.5}
    require(
        isinstance(answer, dict) and set(answer) == set(rates),
        f"应当是一个字典，键是次品率 {'、'.join(rates)}",
    )
    for name, rate in rates.items():
        said = answer[name]
        if said is None or said is ...:
            raise Unfinished(f"{name} 还空着")
        bad = round(1_000_000 * rate)
        caught, wrongly = 0.95 * bad, 0.1 * (1_000_000 - bad)
        right = caught / (caught + wrongly)
        require(0 < said < 1, f"{name}：是一个 0 与 1 之间的比例")
        require(
            abs(said - 0.95) > 0.02 or abs(right - 0.95) < 0.02,
            f"{name}：95% 是次品里拦下的比例，问的是拦下的里面次品的比例",
        )
        require(
            abs(said - right) < 0.03,
            f"{name}：不是 {said:g}。一百万件里，拦下的次品几件，误拦的好件几件？",
        )


@checker("与 PCA 的重建差一致")
def visible(answer):
    """`answer(components, defect)`: the share of a defect's energy that PCA leaves.

    ``components`` (k, D) have orthonormal rows, ``defect`` (D,); compared with what is
    left after a projection of a picture with the defect, less that without it.
    """
    generator = np.random.default_rng(0)
    for k, d in ((1, 5), (4, 30), (29, 30)):
        components = np.linalg.qr(generator.normal(size=(d, k)))[0].T
        defect, picture = generator.normal(size=(2, d))

        def left(x, u=components):
            return x - (x @ u.T) @ u

        residual = left(picture + defect) - left(picture)
        right = (residual**2).sum() / (defect**2).sum()
        found = float(answer(components.copy(), defect.copy()))
        told = f"{k} 个分量、{d} 个像素时"
        require(
            abs(found - (1 - right)) > 1e-6 or abs(right - 0.5) < 1e-6,
            f"{told}你算的是 PCA 重建出来的那一份，看得见的是剩下的那一份",
        )
        require(
            abs(found - np.sqrt(right)) > 1e-6,
            f"{told}你给的是长度之比，题目要的是平方和之比",
        )
        require(
            abs(found - right) < 1e-6, f"{told}应当是 {right:.4f}，你给出 {found:.4f}"
        )


def small_shops(n=40):
    """Return made shops of 5 jobs and 4 machines."""
    shops = []
    for seed in range(n):
        generator = np.random.default_rng(seed)
        machines = np.stack([generator.permutation(4) for _ in range(5)])
        shops.append(jobshop.JobShop(machines, generator.integers(1, 20, (5, 4))))
    return shops


@checker("与枚举所有下界、再让求解器核对的一致")
def lower_bound(answer):
    """`answer(machines, durations)`: the makespan that no schedule undercuts.

    The longest job, or a machine's work with the least that must come before it and
    after it. Compared with the same by enumeration; CP-SAT's optimum is never below.
    """
    for number, shop in enumerate(small_shops(6)):
        m, d = shop.machines, shop.durations
        on = np.argsort(m, 1)
        before = np.cumsum(d, 1) - d
        after = d.sum(1, keepdims=True) - before - d
        rows = np.arange(len(d))[:, None]
        heads, tails, work = (x[rows, on] for x in (before, after, d))
        plain = max(d.sum(1).max(), work.sum(0).max())
        right = max(d.sum(1).max(), (heads.min(0) + work.sum(0) + tails.min(0)).max())
        found = float(answer(m.copy(), d.copy()))
        case = f"第 {number + 1} 道题"
        require(
            abs(found - plain) > 1e-9 or plain == right,
            f"{case}：{found:g} 是下界，还可以紧：一台机器开工之前，最早到的那件也要"
            "先做完前面的工序；收工之后，还有后面的工序",
        )
        require(
            found <= jobplans.solve(shop, effort=0.5).value + 1e-9,
            f"{case}：{found:g} 不是下界，有一份排程比它还早完工",
        )
        told = f"{case}：应当是 {right:g}，你给出 {found:g}"
        require(abs(found - right) < 1e-9, told)


def windows(seed=0, places=12, each=20):
    """Return features (N, 6) of windows, place (N,) and defect (N,) of a made spindle.

    Each place has a look of its own; a defect moves a little in one direction.
    """
    generator = np.random.default_rng(seed)
    place = np.repeat(np.arange(places), each)
    looks = generator.normal(0, 3, (places, 6))
    x = looks[place] + generator.normal(0, 0.3, (places * each, 6))
    defect = np.tile(np.arange(each) < each // 4, places)
    x[defect, 0] += 1.2
    return x, place, defect


@checker("改对了：测试的位置，训练里一次也没有")
def by_place(answer, line=None):
    """`answer(place, seed)`: (N,) bool, what is for the test; the fault is line 2."""
    require(line is not None, "还要说出是哪一行：by_place(divide, line=…)")
    _, place, _ = windows()
    drawn = []
    for seed in range(3):
        test = np.asarray(answer(place.copy(), seed))
        require(
            test.shape == place.shape and test.dtype == bool,
            f"应当返回 {place.shape} 的 bool，你给出 {test.shape} {test.dtype}",
        )
        both = set(place[test]) & set(place[~test])
        require(not both, f"位置 {min(both, default='')} 训练和测试里都有")
        require(0.1 < test.mean() < 0.6, f"测试占 {test.mean():.0%}，应当约四分之一")
        drawn.append(tuple(test))
    require(len(set(drawn)) > 1, "换了 seed，划分没有变")
    require(line == 2, f"不是第 {line} 行：哪一行决定了谁去训练、谁去测试？")


@checker("两个都对，和试出来的一致")
def sooner(answer):
    """`{"顺序固定": word, "规则当场挑": word}`: can less work make the end later?

    By making all operations of made shops shorter at random.
    """
    words = ("可能", "不可能")
    choices(answer, {"顺序固定": words, "规则当场挑": words})
    later = {"顺序固定": False, "规则当场挑": False}
    generator = np.random.default_rng(0)
    for shop in small_shops():
        starts, ends = jobshop.dispatch(shop, "spt")
        order = jobshop.order_of(shop, starts)
        less = shop.durations * generator.uniform(0.8, 1, (50, *shop.durations.shape))
        fixed = jobshop.executed(shop, order, less)[1].max(1)
        base = jobshop.executed(shop, order)[1].max()
        later["顺序固定"] |= bool((fixed > base + 1e-9).any())
        free = jobshop.dispatch(shop, "spt", less)[1].max(1)
        later["规则当场挑"] |= bool((free > ends.max() + 1e-9).any())
    for name, found in later.items():
        right = "可能" if found else "不可能"
        require(
            answer[name] == right,
            f"{name}：试了两千次，答案是“{right}”。每道工序的开始由什么决定？",
        )


@checker("与抽样的一致")
def slower_of_two(answer):
    """`answer(mean1, std1, mean2, std2)`: the mean of the later of two normal times.

    By 1,000,000 draws.
    """
    generator = np.random.default_rng(0)
    z = generator.normal(size=(2, 1_000_000))
    for a, s, b, t in ((10, 2, 10, 2), (10, 1, 12, 3), (5, 4, 9, 0.5)):
        right = np.maximum(a + s * z[0], b + t * z[1]).mean()
        found = float(answer(a, s, b, t))
        told = f"mean1, std1, mean2, std2 = {a, s, b, t} 时"
        require(
            abs(found - max(a, b)) > 1e-6,
            f"{told}你给的是两个均值里大的，最大值的均值比它大",
        )
        require(
            abs(found - right) < 0.015,
            f"{told}应当约是 {right:.3f}，你给出 {found:.3f}",
        )


def faint_maps(seed=0):
    """Return maps (200, 16, 16) and defect (200,): half have a spot above the noise."""
    generator = np.random.default_rng(seed)
    maps = generator.gamma(2, 0.1, (200, 16, 16))
    defect = np.arange(200) % 2 == 1
    maps[defect, 5:8, 5:8] += 1.5
    return maps, defect


@checker("改对了：有缺陷的图分数高")
def one_scale(answer, line=None):
    """`answer(maps)`: scores (N,) of maps (N, H, W); the fault is line 1."""
    require(line is not None, "还要说出是哪一行：one_scale(score, line=…)")
    for seed in range(3):
        maps, defect = faint_maps(seed)
        found = np.asarray(answer(maps.copy()), float)
        require(found.shape == (200,), f"应当返回 (200,)，你给出 {found.shape}")
        require(np.ptp(found) > 1e-9, "所有的图同一个分数：还在把每张图拉到同样的范围")
        auroc = image_auroc(found, defect)
        require(auroc > 0.99, f"AUROC {auroc:.2f}：有缺陷的图没有排到前面")
    require(line == 1, f"不是第 {line} 行：哪一行让图与图之间不能比了？")


@checker()
def detector(answer):
    """`answer(normals, x)`: scores (N,) of pictures x (N, 1, 32, 32) uint8.

    ``normals`` (300, 1, 32, 32) are brushed metal. Two pictures must get the same score
    in any company. Score: AUROC, mean of two seeds. Floor: ``FLOOR``.
    """
    found = []
    for seed in (71, 72):
        normals = make(300, material="metal", seed=seed).x
        test = make(200, material="metal", defects=0.5, seed=seed + 100)
        scores = np.asarray(answer(normals.clone(), test.x.clone()), float)
        require(scores.shape == (200,), f"应当返回 (200,)，你给出 {scores.shape}")
        require(np.isfinite(scores).all(), "分数里有 NaN 或无穷")
        some = torch.tensor([3, 50, 120])
        few = np.asarray(answer(normals.clone(), test.x[some].clone()), float)
        require(
            np.allclose(few, scores[some.numpy()], rtol=1e-3, atol=1e-6),
            "一张图的分数不能随同来的图而变：产线上的件一件一件地来",
        )
        found.append(image_auroc(scores, (test.y > 0).numpy()))
    said = f"AUROC {np.mean(found):.3f}，底线 {FLOOR}"
    require(np.mean(found) >= FLOOR, f"{said}。条纹的亮度各图不同，看的是局部吗？")
    return said


def clark(mean1, std1, mean2, std2):
    """The mean of the later of two independent normal times (Clark 1961)."""
    theta = np.hypot(std1, std2)
    a = (mean1 - mean2) / theta
    return mean1 * norm.cdf(a) + mean2 * norm.cdf(-a) + theta * norm.pdf(a)
