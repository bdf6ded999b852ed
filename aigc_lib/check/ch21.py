"""Checkers for chapter 21, the life of a project."""

import numpy as np

from ..decisions.alarm import LevelAlarm, delays
from ..metrics.drift import stability_index
from ._result import checker, choices, require


@checker()
def alarms(answer):
    """`{5: word, 40: word}`: how often an index above 0.1 rings when nothing moved.

    Counted over 10,000 quiet days of 100 requests in so many bins, against a
    reference of 10,000.
    """
    words = ("大半", "一成到五成", "几乎没有")
    choices(answer, {5: words, 40: words})
    rng, said = np.random.default_rng(21), []
    for bins, word in answer.items():
        flat = np.full(bins, 1 / bins)
        month = rng.multinomial(10_000, flat)
        days = rng.multinomial(100, flat, 10_000)
        share = np.mean([stability_index(month, day) > 0.1 for day in days])
        right = words[0] if share > 0.5 else words[1] if share >= 0.1 else words[2]
        require(
            word == right,
            f"分 {bins} 格：数到的是 {share:.1%}。没有变化时，PSI 的平均与格数有关",
        )
        said.append(f"分 {bins} 格：{share:.1%}")
    return "；".join(said)


@checker("与模拟一致，而且与各格的机会无关")
def expected_psi(answer):
    """`answer(bins, n, m)`: mean of the index of two samples of one distribution."""
    rng = np.random.default_rng(0)
    for bins, n, m in ((4, 4_000, 800), (10, 3_000, 3_000), (6, 1_000, 5_000)):
        shares = rng.dirichlet(np.full(bins, 8.0))
        p, q = (rng.multinomial(k, shares, 4_000) / k for k in (n, m))
        found = ((q - p) * np.log(q / p)).sum(1)
        right, given = found.mean(), float(answer(bins, n, m))
        case = f"bins={bins}、n={n}、m={m} 时"
        for wrong, hint in (
            (bins * (1 / n + 1 / m), "各格的比例加起来是 1，自由的只有 B−1 格"),
            ((bins - 1) / m, "参考也只有有限个：它的方差也要算"),
            ((bins - 1) / (n + m), "两堆的方差是相加，不是把样本合起来"),
        ):
            same = np.isclose(given, wrong, rtol=1e-6)
            require(not same, f"{case}{hint}")
        require(
            np.isclose(given, right, rtol=0.06),
            f"{case}模拟的平均是 {right:.5f}，你给出 {given:.5f}",
        )


@checker("同一张原图的副本都在一边，比例对，由种子决定")
def split_by_group(answer):
    """`answer(group, share, seed)`: the test rows, whole groups, a share of them."""
    group = np.random.default_rng(3).permutation(np.repeat(np.arange(40) * 7, 5))
    group = np.concatenate([group, np.full(30, 999)])  # one with more copies
    for share in (0.25, 0.4, 0.001):  # of 41: no halves, which people round both ways
        test = np.asarray(answer(group.copy(), share, 0))
        require(
            test.shape == group.shape and test.dtype == bool,
            "应当返回与 group 一样长的布尔数组",
        )
        torn = [g for g in np.unique(group) if len(set(test[group == g].tolist())) > 1]
        require(not torn, f"原图 {torn[:1]} 的副本分到了两边：抽的应当是原图，不是行")
        photos, wanted = len(np.unique(group[test])), max(1, round(share * 41))
        require(
            photos == wanted,
            f"share={share} 时应当有 {wanted} 张原图在测试里，你给出 {photos} 张",
        )
    one, again = (np.asarray(answer(group.copy(), 0.5, 1)) for _ in range(2))
    require((one == again).all(), "同一个种子两次给出不同的划分")
    others = [np.asarray(answer(group.copy(), 0.5, seed)) for seed in (2, 3)]
    require(any((one != other).any() for other in others), "换了种子，划分没有变")


@checker("与闭式解和抽样都一致")
def optimism(answer):
    """`answer(k, s)`: the mean of the largest of k normal errors of deviation s."""
    rng = np.random.default_rng(0)
    require(np.isclose(float(answer(1, 2.0)), 0, atol=1e-3), "只试一组，没有虚高")
    two = float(answer(2, 1.0))
    require(
        np.isclose(two, np.pi**-0.5, rtol=1e-3),
        f"k=2、s=1 时应当是 1/√π={np.pi**-0.5:.4f}，你给出 {two:.4f}",
    )
    for k, s in ((10, 1.0), (40, 0.03)):
        right = s * rng.standard_normal((40_000, k)).max(1).mean()
        found = float(answer(k, s))
        require(
            not np.isclose(found, s * np.sqrt(2 * np.log(k)), rtol=1e-3),
            f"k={k} 时 s√(2 ln k) 只是 k 很大时的近似，还差一截",
        )
        require(
            np.isclose(found, right, rtol=0.015),
            f"k={k}、s={s} 时抽样的平均是 {right:.4f}，你给出 {found:.4f}",
        )


@checker("挑的还是那一组，报的是没有参与挑选的那一份")
def honest_search(answer, line=None):
    """`answer(x, y, settings, fit)`: the setting and an honest accuracy; line 7."""
    require(line is not None, "还要说出是哪一行：honest_search(search, line=…)")
    truth, reported = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x, y = np.arange(90), rng.integers(0, 2, 90)
        guesses, fitted = rng.integers(0, 2, (50, 90)), []

        def fit(setting, x, y, guesses=guesses, fitted=fitted):
            fitted.append((setting, frozenset(np.asarray(x).tolist())))
            return guesses[setting].__getitem__

        order = np.random.default_rng(0).permutation(90)
        a, b, c = np.array_split(order, 3)
        best = int(np.argmax([(guesses[s][b] == y[b]).mean() for s in range(50)]))
        chosen, score = answer(x, y, list(range(50)), fit)
        require(
            len(fitted) == 50 and all(rows == frozenset(a) for _, rows in fitted),
            "每组设置只训练一次，只用第一份：不许重新训练",
        )
        require(
            chosen == best,
            "挑中的设置变了：仍要用第二份挑。用第三份挑，就只是换了一份来虚报",
        )
        reported.append(float(score))
        truth.append((guesses[best][c] == y[c]).mean())
    require(
        np.mean(reported) < 0.6,
        f"标签是硬币，你平均报出 {np.mean(reported):.2f}：报的仍是挑选用的那一份",
    )
    require(np.allclose(reported, truth), "报的应当是被挑中的那组在第三份上的正确率")
    require(line == 7, f"第 {line} 行没有错。挑选本身没有错，报哪一个数错了？")


@checker("每轮留一半，只付差额")
def halving(answer):
    """`answer(settings, score, steps)`: the setting that is left, and the steps."""
    rng = np.random.default_rng(5)
    for count, steps in ((8, 10), (5, 4), (1, 7), (12, 1)):
        curves, asked = rng.random((count, 12)), []

        def score(s, t, curves=curves, asked=asked, steps=steps):
            asked.append((s, t))
            return curves[s, int(np.log2(t / steps))]

        alive, rung, spent, before = list(range(count)), 0, 0, 0
        while len(alive) > 1:
            spent += len(alive) * (steps * 2**rung - before)
            before = steps * 2**rung
            alive.sort(key=lambda s: -curves[s, rung])
            alive, rung = alive[: (len(alive) + 1) // 2], rung + 1
        found = answer(list(range(count)), score, steps)
        case = f"{count} 组、steps={steps} 时"
        require(
            isinstance(found, tuple) and len(found) == 2, "应当返回两样：设置、步数"
        )
        require(
            found[0] == alive[0],
            f"{case}应当剩下第 {alive[0]} 组，你剩下 {found[0]}；"
            "奇数组留多的一半，每轮的步数加倍",
        )
        require(
            count > 1 or found[1] == 0,
            f"一开始就只有一组：没有什么可比，不练，花 0 步，你给出 {found[1]}",
        )
        full = sum(t for _, t in asked)
        require(
            found[1] == spent or found[1] != full or full == spent,
            f"{case}接着练只付差额：应当是 {spent} 步，你算成每轮从头练，{full} 步",
        )
        require(found[1] == spent, f"{case}应当花 {spent} 步，你给出 {found[1]}")


def _psi_of_smoothed(usual, days, keep=0.75):
    """The book's statistic: the index of shares smoothed over days."""
    p = usual / usual.sum()
    smooth, found = p, []
    for day in days:
        smooth = keep * smooth + (1 - keep) * day / day.sum()
        found.append(((smooth - p) * np.log(smooth / p)).sum())
    return np.array(found)


def _psi_of_day(usual, days):
    return np.array([stability_index(usual, day) for day in days])


def _wait(statistic):
    """Mean days until a small drift is noticed, at a false alarm in fifty days."""
    rng, flat, t = np.random.default_rng(8), np.full(10, 0.1), np.arange(200)[:, None]
    usual = rng.multinomial(20_000, flat).astype(float)

    def stream(shares, onset):
        days = rng.multinomial(100, np.where(t < onset, flat, shares)).astype(float)
        return _checked(statistic(usual.copy(), days), len(days))

    # calm streams are as long as the others, and the drift begins on any day: a
    # statistic that looks at the date or the length gains nothing
    alarm = LevelAlarm(1.0).tune([stream(flat, 0) for _ in range(8)], 50)
    late = []
    for kinds, factor in (([4, 9], 1.45), ([0, 1, 2, 3], 0.7)):
        shares = flat.copy()
        shares[kinds] *= factor
        shares /= shares.sum()
        for onset in rng.integers(10, 100, 30):
            rings = alarm.rings(stream(shares, onset))
            late.append(min(delays(rings[None], onset)[0], 100))
    return float(np.mean(late))


def _checked(values, n):
    values = np.asarray(values, float)
    require(values.shape == (n,), f"应当返回 ({n},) 的数组，每天一个")
    require(np.isfinite(values).all(), "统计量里有 NaN 或无穷：空格子的对数？")
    return values


@checker()
def open_watch(answer):
    """`answer(usual, days)`: a statistic a day, from that day and those before.

    Score: mean days until two small drifts are noticed, with a threshold that rings
    once in fifty quiet days. Floor: 8.
    """
    rng, floor = np.random.default_rng(1), 8.0
    usual, days = np.full(10, 500.0), rng.multinomial(100, np.full(10, 0.1), 30)
    whole = _checked(answer(usual.copy(), days.astype(float)), 30)
    part = _checked(answer(usual.copy(), days[:20].astype(float)), 20)
    require(np.allclose(whole[:20], part), "第 t 天的值看了以后的日子")
    mine, ours, daily = map(_wait, (answer, _psi_of_smoothed, _psi_of_day))
    said = (
        f"平均晚 {mine:.1f} 天，底线 {floor:g}，书里的解 {ours:.1f}，"
        f"每天的 PSI {daily:.1f}"
    )
    require(mine <= floor, f"{said}。漂移天天同一个方向，这一点用上了吗？")
    return said
