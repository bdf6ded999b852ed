"""Checkers for chapter 14, finance."""

import numpy as np
from scipy.stats import binom, norm

from ..metrics.ledger import NUMBER, Ledger
from ..metrics.series import crps_normal
from ..simulators.market import Market
from ._result import Unfinished, checker, choices, require

LIMIT = 3.841459  # of chi-squared with one degree of freedom, 5%
ONSET, DAYS, STREAMS, SLOPE = 80, 200, 400, 0.03
RUN_LENGTH, FLOOR = 100, 18.5


@checker("两个倍数都对，和抽样的一致")
def sample_price(answer):
    """`{"绝对误差": factor, "CRPS": factor}` of one sample used as a forecast.

    Compared with 200,000 draws from a normal that is right.
    """
    require(
        isinstance(answer, dict) and set(answer) == {"绝对误差", "CRPS"},
        '应当是一个字典，键是 "绝对误差" 和 "CRPS"',
    )
    x, other, y = np.random.default_rng(0).normal(0, 3, (3, 200_000))
    found = {
        "绝对误差": np.abs(x - y).mean() / np.abs(y).mean(),
        "CRPS": np.abs(x - y).mean()
        / (np.abs(x - y).mean() - np.abs(x - other).mean() / 2),
    }
    hints = {
        "绝对误差": "两个独立的正态相减，标准差是几倍？绝对误差随标准差走",
        "CRPS": "报分布时有一项要减去；它与第一项是什么关系？",
    }
    for name, right in found.items():
        said = answer[name]
        if said is None or said is ...:
            raise Unfinished(f"{name} 还空着")
        require(
            abs(float(said) / right - 1) < 0.05,
            f"{name}不是 {float(said):g} 倍。{hints[name]}",
        )


@checker("与逐个次数相加的一致")
def power(answer):
    """`answer(n, rate)`: chance that Kupiec's test of 99% refuses at 5%."""
    for n, rate in ((250, 0.01), (250, 0.03), (1_000, 0.02), (600, 0.0)):
        right = _power(n, rate, two_sided=True)
        found = float(answer(n, rate))
        case = f"n={n}、rate={rate} 时"
        low = _power(n, rate, two_sided=False)
        require(
            abs(found - low) > 1e-6 or abs(right - low) < 1e-6,
            f"{case}你只算了跌破太多的一头；太少也会被拒绝",
        )
        require(
            abs(found - (1 - right)) > 1e-6 or abs(right - 0.5) < 1e-6,
            f"{case}这是接受的机会，要的是拒绝的",
        )
        under_null = _power(n, 0.01, two_sided=True)
        require(
            abs(found - under_null) > 1e-6 or abs(right - under_null) < 1e-6,
            f"{case}哪些次数被拒绝由 0.01 定，它们的概率要用真正的 rate 算",
        )
        require(
            abs(found - right) < 1e-6, f"{case}应当是 {right:.4f}，你给出 {found:.4f}"
        )


def _power(n, rate, *, two_sided):
    k = np.arange(n + 1)
    best = binom.logpmf(k, n, k / n)
    refused = 2 * (best - binom.logpmf(k, n, 0.01)) > LIMIT
    if not two_sided:
        refused &= k > 0.01 * n
    return float(binom.pmf(k, n, rate)[refused].sum())


@checker("与正态的闭式一致")
def quantile_crps(answer):
    """`answer(quantiles, levels, outcomes)`: compared with the normal's closed form."""
    levels = (np.arange(2_000) + 0.5) / 2_000
    mean, std = np.array([0.0, 1.0, -2.0]), np.array([1.0, 0.5, 3.0])
    outcomes = np.array([0.3, -1.0, 4.0])
    quantiles = mean[:, None] + std[:, None] * norm.ppf(levels)
    found = np.asarray(answer(quantiles, levels, outcomes), float)
    right = crps_normal(mean, std, outcomes)
    require(found.shape == (3,), f"应当返回形状 (3,)，你给出 {found.shape}")
    require(
        not np.allclose(2 * found, right, rtol=1e-2), "少乘了 2：积分的两倍才是 CRPS"
    )
    turned = 2 * np.mean(
        np.where(
            outcomes[:, None] >= quantiles,
            (1 - levels) * (outcomes[:, None] - quantiles),
            levels * (quantiles - outcomes[:, None]),
        ),
        1,
    )
    require(
        not np.allclose(found, turned, rtol=1e-3),
        "两边的权重反了：真值高出分位数时，每单位罚的是 level",
    )
    require(
        np.allclose(found, right, rtol=1e-2),
        f"应当是 {right.round(3)}，你给出 {found.round(3)}",
    )


@checker("改对了：改掉以后的日子，当天的线不动")
def looked_ahead(answer, line=None):
    """`answer(returns, window)`: the repaired rolling line; the fault is in line 2."""
    require(line is not None, "还要说出是哪一行：looked_ahead(rolling_var, line=…)")
    returns = Market().simulate(400, seed=3).returns
    window = 100
    found = np.asarray(answer(returns.copy(), window), float)
    require(
        found.shape == (300,),
        f"400 天、窗口 100，应当有 300 条线，你给出 {found.shape}",
    )
    changed = returns.copy()
    changed[250:] = -50.0
    again = np.asarray(answer(changed, window), float)
    require(
        np.isclose(found[150], again[150]),
        "改掉第 250 天自己的收益，第 250 天的线跟着变了：还在看当天",
    )
    require(
        np.allclose(found[:151], again[:151]), "改掉以后的日子，以前的线变了：还在偷看"
    )
    right = [np.quantile(returns[d - window : d], 0.01) for d in range(window, 400)]
    require(
        np.allclose(found, right),
        "没有偷看了，但是与前 window 天的 1% 分位数不符：到前一天为止，正好 window 天",
    )
    require(line == 2, f"不是第 {line} 行：哪一行决定了“过去”是哪些天？")


@checker("三个都对，和真的训练出来的一样")
def thinned(answer):
    """`{"AUC": word, "平均": word, "校准误差": word}`: three in four bad are lost."""
    names, words = ("AUC", "平均", "校准误差"), ("升", "降", "几乎不变")
    choices(answer, dict.fromkeys(names, words))
    hints = {
        "AUC": "AUC 只看次序；随便丢一些坏账，改的主要是截距",
        "平均": "模型以为坏账只有百分之六",
        "校准误差": "报的机会与真的坏账率差多少？",
    }
    for name, right in _thinned().items():
        require(answer[name] == right, f"{name}不是“{answer[name]}”。{hints[name]}")


def _thinned():
    """Train with all and with few of the bad on a made-up portfolio; what changed?"""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    x, half = rng.normal(0, 1, (40_000, 4)), 20_000
    y = rng.random(len(x)) < 1 / (1 + np.exp(1.7 - x @ [0.8, 0.5, -0.6, 0.0]))
    left = ~y[:half] | (rng.random(half) < 0.25)
    figures = []
    for rows in (np.arange(half), np.flatnonzero(left)):
        p = LogisticRegression().fit(x[rows], y[rows]).predict_proba(x[half:])[:, 1]
        error = [
            abs(p[part].mean() - y[half:][part].mean())
            for part in np.array_split(p.argsort(), 10)
        ]
        figures.append((roc_auc_score(y[half:], p), p.mean(), np.mean(error)))
    said = {}
    for name, before, after in zip(("AUC", "平均", "校准误差"), *figures, strict=True):
        change = after - before
        said[name] = "几乎不变" if abs(change) < 0.01 else "升" if change > 0 else "降"
    return said


@checker("与小世界里逐项相加的一致")
def restored(answer):
    """`answer(p, trained, true)`: the chance under the true prior.

    Compared with the enumeration of a world in which x takes five values.
    """
    like_bad = np.array([0.05, 0.1, 0.2, 0.25, 0.4])
    like_good = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
    for trained, true in ((0.5, 0.2), (0.5, 0.05), (0.3, 0.6), (0.2, 0.2)):

        def posterior(prior):
            joint = prior * like_bad
            return joint / (joint + (1 - prior) * like_good)

        p, right = posterior(trained), posterior(true)
        found = np.array([float(answer(float(q), trained, true)) for q in p])
        case = f"trained={trained}、true={true} 时"
        scaled = p * true / trained
        require(
            not np.allclose(found, scaled) or trained == true,
            f"{case}按比例缩放机会不对：要在几率上缩放，机会才不会超过 1",
        )
        odds = p / (1 - p) * true / trained
        half = odds / (1 + odds)
        require(
            not np.allclose(found, half) or trained == true,
            f"{case}只换了坏账的那一半先验，好人的那一半也要换",
        )
        require(
            np.allclose(found, right, atol=1e-9),
            f"{case}应当是 {right.round(3)}，你给出 {found.round(3)}",
        )


@checker("每个数都在表里，没有一个在它的格子里")
def liar(answer):
    """`answer(ledger)`: all numbers are in the ledger, none where the text says."""
    for rows in (("甲", "乙"), ("东", "西", "南")):
        cells = {
            (row, column): f"{value:.2f}"
            for k, column in enumerate(("收入", "成本", "利润"))
            for row, value in zip(rows, 10 * k + np.arange(len(rows)), strict=True)
        }
        ledger = Ledger(cells)
        text = answer(ledger)
        require(isinstance(text, str), "应当返回一段文字")
        numbers = NUMBER.findall(text)
        require(numbers, "文中一个数也没有")
        foreign = [n for n in numbers if n not in ledger.cells.values()]
        require(not foreign, f"{foreign[:1]} 不在表里，只看数值的检查也会发现")
        audit = ledger.audit(text)
        require(
            not audit.traced,
            f"“{audit.traced[0].text if audit.traced else ''}”正是它所说的那一格",
        )
        told = {
            trace.cell
            for number in set(numbers)
            for trace in Ledger(dict.fromkeys(cells, number)).audit(text).traced
        }
        for row, column in cells:
            require(
                (row, column) in told,
                f"没有说到 {row}/{column}：每一格都要说，先行，再列，再数",
            )


@checker()
def slow_alarm(answer):
    """`answer(z)`: when it rings, (R, T) booleans, by what was seen so far.

    Score: mean days to the first ring after a slow rise begins; at most one false one
    in ``RUN_LENGTH`` days. Floor: ``FLOOR``.
    """
    quiet = np.random.default_rng(1).normal(0, 1, (STREAMS, DAYS))
    rising = np.random.default_rng(2).normal(0, 1, (STREAMS, DAYS))
    rising[:, ONSET:] += SLOPE * np.arange(1, DAYS - ONSET + 1)
    rings = np.asarray(answer(rising.copy()))
    require(
        rings.shape == rising.shape and rings.dtype == bool,
        f"应当返回形状 {rising.shape} 的布尔数组",
    )
    cut = rising.copy()
    cut[:, 120:] = 0.0
    require(
        (np.asarray(answer(cut))[:, :120] == rings[:, :120]).all(),
        "改掉第 120 天以后的数，以前的答案变了：只许看当天和以前",
    )
    false = np.asarray(answer(quiet.copy())).sum()
    every = quiet.size / max(1, false)
    require(
        every >= RUN_LENGTH,
        f"平静时 {every:.0f} 天误报一次，约定是 {RUN_LENGTH} 天以上：门槛再高一点",
    )
    after = rings[:, ONSET:]
    late = np.where(after.any(1), after.argmax(1) + 1, DAYS - ONSET).mean()
    said = f"晚 {late:.1f} 天，底线 {FLOOR}；平静时 {every:.0f} 天误报一次"
    require(late <= FLOOR, f"{said}。变化小，就要攒得久")
    return said
