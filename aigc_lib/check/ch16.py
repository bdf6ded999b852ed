"""Checkers for chapter 16, supply chains: orders, forecasts and routes."""

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm, poisson

from ..decisions import routes, stock
from ..simulators.demand import Shop
from ..simulators.freight import places
from ._result import Unfinished, checker, choices, require

COVER, FIRST, WEEKS, FLOOR = 9, 7 * 78, 26, 1.35


@checker("三个水平都对，和逐个订货量试出来的一样")
def level(answer):
    """`{"甲": share, "乙": share, "丙": share}`: bought for 7 yuan, sold for 10.

    What is left is lost in the first and third shop, given back for 6 in the second;
    a customer sent away costs 5 more in the third. Compared with the cheapest of all
    orders against 200,000 draws.
    """
    prices = {"甲": (10 - 7, 7), "乙": (10 - 7, 7 - 6), "丙": (10 - 7 + 5, 7)}
    require(
        isinstance(answer, dict) and set(answer) == set(prices),
        f"应当是一个字典，键是 {'、'.join(prices)}",
    )
    demand = np.random.default_rng(0).gamma(4, 25, 200_000)
    orders = np.quantile(demand, np.linspace(0.02, 0.98, 97))
    for name, (short, left) in prices.items():
        if answer[name] is None or answer[name] is ...:
            raise Unfinished(f"{name} 还空着")
        costs = [stock.newsvendor_cost(q, demand, short, left).mean() for q in orders]
        right = (demand <= orders[np.argmin(costs)]).mean()
        said = float(answer[name])
        require(0 < said < 1, f"{name}：水平在 0 与 1 之间，是“够卖”的机会")
        require(
            abs(said - (1 - right)) > 0.03 or abs(right - 0.5) < 0.03,
            f"{name} 反了：缺货越贵，越要多订",
        )
        require(
            abs(said - right) < 0.03,
            f"{name} 不是 {said:g}：缺一件少赚的是差价，剩一件亏的是收不回来的进价。"
            "多订一件，省下的与多花的在哪里相等？",
        )


@checker("与数值积分一致")
def least_cost(answer):
    """`answer(mean, std, shortage, excess)`: the least cost under a normal demand."""
    for case in ((100.0, 10.0, 4.0, 1.0), (50.0, 20.0, 1.0, 9.0), (8.0, 1.0, 2.0, 2.0)):
        mean, std, short, left = case
        order = norm.ppf(short / (short + left), mean, std)

        def paid(d, q=order, short=short, left=left, mean=mean, std=std):
            cost = short * max(d - q, 0) + left * max(q - d, 0)
            return cost * norm.pdf(d, mean, std)

        right = quad(paid, mean - 9 * std, mean + 9 * std, points=[order])[0]
        at_mean = (short + left) * std * norm.pdf(0)
        found = float(answer(*case))
        told = f"mean, std, shortage, excess = {case} 时"
        require(
            abs(found - at_mean) > 1e-6 or abs(right - at_mean) < 1e-6,
            f"{told}这是按均值订货的费用，最好的订货量不在均值",
        )
        require(
            abs(found * std - right) > 1e-6 or std == 1,
            f"{told}少了标准差：需求的单位换成打，费用也要跟着换",
        )
        require(
            abs(found - right) < 1e-4, f"{told}应当是 {right:.4f}，你给出 {found:.4f}"
        )


@checker("两个都对，和抽样的一致")
def nine_days(answer):
    """`{"甲": word, "乙": word}`: the sum of nine days' 95% quantiles.

    Against the 95% quantile of their sum, by 200,000 draws: 甲 sells alike on all
    days, 乙 one piece with a chance of 3%, each day for itself.
    """
    words = ("更大", "更小", "一样")
    choices(answer, {"甲": words, "乙": words})
    generator = np.random.default_rng(0)
    alike = np.repeat(generator.gamma(3, 2, (200_000, 1)), COVER, 1)
    rare = generator.binomial(1, 0.03, (200_000, COVER))
    hints = {
        "甲": "九天会不会在同一次里都碰上坏运气？",
        "乙": "单看一天，95% 分位数是几件？九天里至少卖出一件的机会呢？",
    }
    for name, x in {"甲": alike, "乙": rare}.items():
        apart, at_once = np.quantile(x, 0.95, axis=0).sum(), np.quantile(x.sum(1), 0.95)
        ratio = apart / at_once
        right = "一样" if abs(ratio - 1) < 0.01 else "更大" if ratio > 1 else "更小"
        require(answer[name] == right, f"{name}：不是“{answer[name]}”。{hints[name]}")


@checker("改对了：改掉以后的日子，预测不动")
def looked_ahead(answer, line=None):
    """`answer(demand, start, horizon)`: the repaired forecast; the fault is line 1."""
    require(line is not None, "还要说出是哪一行：looked_ahead(forecast, line=…)")
    demand = Shop(mean=30).simulate(1, 200, seed=4).demand[0]
    found = np.asarray(answer(demand.copy(), 140, 14), float)
    require(found.shape == (14,), f"应当返回 14 天的预测，你给出形状 {found.shape}")
    changed = demand.copy()
    changed[140:] += 500
    again = np.asarray(answer(changed, 140, 14), float)
    require(np.allclose(found, again), "把第 140 天以后全改掉，预测跟着变了：还在偷看")
    week = demand[112:140].reshape(4, 7).mean(0)
    require(
        np.allclose(found, np.resize(week, 14)),
        "没有偷看了，但是不等于前四周同一个星期几的平均：水平与形状各用哪一段？",
    )
    require(line == 1, f"不是第 {line} 行：哪一行用到了 start 以后的数？")


@checker("没有一步两边交换还能更短，每位顾客正好一次")
def two_opt(answer):
    """`answer(distance, tour)`: the tour (n,), reversed in parts until none helps."""
    for seed in range(4):
        xy = places(24, seed)
        d = np.linalg.norm(xy[:, None] - xy[None], axis=2)
        start = [0, *np.random.default_rng(seed).permutation(np.arange(1, 25)).tolist()]
        tour = [int(i) for i in answer(d.copy(), list(start))]
        require(
            sorted(tour) == list(range(25)),
            "每个地点都要正好去一次：返回的不是原来那些编号的一个排列",
        )
        require(tour[0] == 0, "第一个应当还是车场 0")
        require(_length(d, tour) < _length(d, start) - 1e-9, "没有变短：原样返回可不行")
        i, j, gain = _best_turn(d, tour)
        require(
            gain < 1e-9,
            f"还能短 {gain:.2f}：把第 {i} 到第 {j} 个倒过来。最后一段回车场的路也要算",
        )


def _length(d, tour):
    return d[tour, np.roll(tour, -1)].sum()


def _best_turn(d, tour):
    """Return the two ends of the part whose reversal gains most, and the gain."""
    n, best = len(tour), (0, 0, 0.0)
    for i in range(1, n - 1):
        for j in range(i + 1, n):
            a, b, c, e = tour[i - 1], tour[i], tour[j], tour[(j + 1) % n]
            gain = d[a, b] + d[c, e] - d[a, c] - d[b, e]
            if gain > best[2]:
                best = (i, j, gain)
    return best


@checker("与逐天派车数出来的一致")
def runs_short(answer):
    """`answer(means, capacity)`: the chance that a route must go back at least once.

    Customers' demand is Poisson; compared with 100,000 days of `routes.executed`.
    """
    for means, capacity in (((3.0, 5.0, 4.0), 15), ((2.0,) * 6, 12), ((9.0,), 12)):
        found = float(answer(np.array(means), capacity))
        generator = np.random.default_rng(1)
        days = generator.poisson(means, (100_000, len(means)))
        xy = np.concatenate([np.zeros((1, 2)), np.ones((len(means), 2))])
        truck = routes.Instance.at(xy, np.append(0, means), max(capacity, sum(means)))
        object.__setattr__(truck, "capacity", float(capacity))
        way = [list(range(1, len(means) + 1))]
        cost = routes.executed(truck, way, np.c_[np.zeros(len(days)), days])
        right = float((cost > cost.min() + 1e-9).mean())
        case = f"means={list(means)}、capacity={capacity} 时"
        at_least = float(poisson.sf(capacity - 1, sum(means)))
        require(
            abs(found - at_least) > 1e-6,
            f"{case}正好装得下不用回去：要的是超过载重的机会",
        )
        alone = 1 - np.prod(poisson.cdf(capacity, means))
        require(
            abs(found - alone) > 1e-6 or len(means) == 1,
            f"{case}不是某一位超过载重，而是全程加起来超过",
        )
        require(
            abs(found - right) < 0.006,
            f"{case}应当约是 {right:.3f}，你给出 {found:.3f}",
        )


@checker()
def order(answer):
    """`answer(demand, promotion)`: pieces of each item for the next nine days, (N,).

    ``demand`` (N, T) until today, ``promotion`` (N, T + 9) with the nine days to come.
    Score: mean cost over that of who knows the truth, a piece short 4, one left 1.
    Floor: ``FLOOR``.
    """
    shop = Shop()
    sales = shop.simulate(40, FIRST + 7 * WEEKS + COVER, seed=99)
    days = range(FIRST, FIRST + 7 * WEEKS, 7)
    generator = np.random.default_rng(3)
    paid = {"yours": [], "truth": []}
    for day in days:
        span = slice(day, day + COVER)
        asked = sales.demand[:, span].sum(1)
        promotion = sales.promotion[:, : day + COVER]
        found = answer(sales.demand[:, :day].copy(), promotion.copy())
        found = np.asarray(found, float)
        require(found.shape == (40,), f"应当返回形状 (40,)，你给出 {found.shape}")
        require(
            np.isfinite(found).all() and (found >= 0).all(),
            "订货量应当是不小于零的数",
        )
        means = np.repeat(sales.mean[None, :, span], 200, 0)
        draws = shop.draw(means, sales.spread, generator).sum(2).T
        best = stock.newsvendor(draws, 4, 1)
        paid["yours"].append(stock.newsvendor_cost(found, asked, 4, 1).mean())
        paid["truth"].append(stock.newsvendor_cost(best, asked, 4, 1).mean())
    yours, truth = np.mean(paid["yours"]), np.mean(paid["truth"])
    said = (
        f"每次每种 {yours:.1f} 元，知道真相的人 {truth:.1f} 元，"
        f"{yours / truth:.2f} 倍，底线 {FLOOR} 倍"
    )
    require(yours / truth <= FLOOR, f"{said}。促销的日子与平常的日子分开看了吗？")
    return said
