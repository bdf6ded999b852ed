"""Checkers for chapter 13, retail and advertising."""

import inspect

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import beta, norm

from ..decisions.bandit import Counting, Thompson, play
from ..metrics import ranking
from ..metrics.intervals import paired_gain
from ..simulators.clicks import Creatives, Shoppers
from ._result import checker, choices, require


@checker("与库里的评分一致：折扣、分母、没命中的都对")
def ndcg(answer):
    """`answer(ranked, wanted, k)`: NDCG@k of one list for one customer's later set."""
    for ranked, wanted, k in (
        ([4, 7, 1, 9, 3], {7, 3}, 5),
        ([4, 7, 1, 9, 3], {1, 2, 4, 6}, 3),
        ([5, 6, 8], {0, 1}, 3),
        ([2, 0, 1, 3], {1, 3, 9}, 2),
    ):
        hit = torch.tensor([[item in wanted for item in ranked[:k]]])
        right = ranking.ndcg(hit, torch.tensor([len(wanted)])).item()
        places = [r for r, item in enumerate(ranked, 1) if item in wanted]
        share = sum(r <= k for r in places) / min(k, len(wanted))
        others = (
            (_worth(r for r in places if r <= k), "还没有除以最好的排法能得的"),
            (
                _worth(r for r in places if r <= k) / _worth(range(1, len(wanted) + 1)),
                "分母算多了：最好的排法也只有 k 个位置",
            ),
            (
                _worth(places) / _worth(range(1, min(k, len(wanted)) + 1)),
                "k 位以后的命中不算",
            ),
            (share, "这是召回率：名次没有算"),
        )
        found = float(answer(list(ranked), set(wanted), k))
        case = f"ranked={ranked}、wanted={wanted}、k={k} 时"
        for wrong, hint in others:
            same = np.isclose(found, wrong) and not np.isclose(wrong, right)
            require(not same, f"{case}{hint}")
        require(
            np.isclose(found, right), f"{case}应当是 {right:.4f}，你给出 {found:.4f}"
        )


def _worth(places):
    """What hits at these places, from 1, are worth together."""
    return sum(1 / np.log2(place + 1) for place in places)


@checker("与矩阵求逆的结果一致，两个方向各有各的分母")
def ease_of_two(answer):
    """`answer(n1, n2, both, penalty)`: (b12, b21) of EASE on a shelf of two."""
    for n1, n2, both, penalty in ((10, 4, 3, 1.0), (100, 7, 7, 5.0), (6, 6, 0, 2.0)):
        gram = np.array([[n1, both], [both, n2]], float)
        p = np.linalg.inv(gram + penalty * np.eye(2))
        b = np.eye(2) - p / np.diag(p)
        found = answer(n1, n2, both, penalty)
        require(
            isinstance(found, tuple | list) and len(found) == 2,
            "应当返回两个数：(b12, b21)",
        )
        case = f"n1={n1}、n2={n2}、both={both}、penalty={penalty:g} 时"
        first, second = map(float, found)
        require(
            n1 == n2 or not np.allclose([second, first], [b[0, 1], b[1, 0]]),
            f"{case}两个方向写反了：b12 的分母是已经买的第一件",
        )
        require(
            both == 0 or not np.allclose([first, second], [both / n1, both / n2]),
            f"{case}少了惩罚",
        )
        require(
            np.allclose([first, second], [b[0, 1], b[1, 0]]),
            f"{case}应当是 ({b[0, 1]:.4f}, {b[1, 0]:.4f})，"
            f"你给出 ({first:.4f}, {second:.4f})",
        )


@checker("四样都对：`popular` 只数了训练的行")
def split(answer, line=None):
    """`answer(users, items, times, held)`: the repaired split; the fault is line 5."""
    require(line is not None, "还要说出是哪一行：split(split, line=…)")
    rng = np.random.default_rng(0)
    users, items = rng.integers(30, size=600), rng.integers(8, size=600)
    times, held = np.arange(600), np.arange(6)
    items[-1] = 8  # sold for the first time on the last day
    late, mine = times >= np.quantile(times, 0.8), np.isin(users, held)
    found = answer(users.copy(), items.copy(), times.copy(), held)
    require(
        isinstance(found, tuple) and len(found) == 4,
        "应当返回四样：train, history, later, popular",
    )
    masks = {
        "train": ~mine & ~late,
        "history": mine & ~late,
        "later": mine & late,
    }
    for (name, right), mask in zip(masks.items(), found, strict=False):
        mask = np.asarray(mask)
        require(
            mask.shape == right.shape and (mask == right).all(),
            f"`{name}` 原来是对的，你改动了它",
        )
    popular = np.asarray(found[3])
    require(
        len(popular) == 9, f"`popular` 应当长 9（每件商品一格），现在 {len(popular)}"
    )
    right = np.bincount(items[masks["train"]], minlength=9)
    for rows, hint in (
        (np.full(600, True), "`popular` 还是数了全部的行"),
        (~late, "`popular` 还数了留出的顾客"),
        (~mine, "`popular` 还数了切分以后的行"),
    ):
        same = (popular == np.bincount(items[rows], minlength=9)).all()
        require(not same, hint)
    require((popular == right).all(), "`popular` 应当只数训练的行，每行数一次")
    require(line == 5, f"第 {line} 行没有错。哪一个统计量是在全部数据上算的？")


@checker("与逐个结果枚举一致")
def visits_needed(answer):
    """`answer(shown, click, error)`: visits until IPS has this standard error."""
    for shown, click, error in ((0.5, 0.05, 0.01), (0.05, 0.2, 0.01), (1.0, 0.3, 0.1)):
        outcomes = [  # value, probability
            (1 / shown, shown * click),
            (0.0, shown * (1 - click)),
            (0.0, 1 - shown),
        ]
        mean = sum(value * p for value, p in outcomes)
        variance = sum((value - mean) ** 2 * p for value, p in outcomes)
        right = variance / error**2
        found = float(answer(shown, click, error))
        case = f"shown={shown}、click={click}、error={error} 时"
        plain = click * (1 - click) / error**2
        require(
            shown == 1 or not np.isclose(found, plain),
            f"{case}这是一直展示它时的答案，权重 1/p 还没有算进去",
        )
        require(
            not np.isclose(found, click / shown / error**2),
            f"{case}二阶矩还要减去均值的平方",
        )
        require(
            not np.isclose(found, variance / error),
            f"{case}标准误是方差除以次数再开方，要除以 error 的平方",
        )
        require(
            np.isclose(found, right), f"{case}应当是 {right:,.1f}，你给出 {found:,.1f}"
        )


@checker("与数值积分一致，而且每次都一样")
def probability_better(answer):
    """`answer(a1, b1, a2, b2)`: P(theta2 > theta1) of two beta beliefs."""
    for case in ((1, 1, 1, 1), (4, 98, 7, 95), (30, 970, 20, 980), (2, 5, 40, 3)):
        a1, b1, a2, b2 = case
        first, second = beta(a1, b1), beta(a2, b2)
        ends = second.ppf(1e-9), second.ppf(1 - 1e-9)
        right, _ = quad(
            lambda t, f=first, s=second: f.cdf(t) * s.pdf(t),
            *ends,
            points=[second.mean()],
            limit=200,
        )
        found, again = float(answer(*case)), float(answer(*case))
        require(found == again, "两次的答案不一样：不要用随机数")
        require(
            abs(right - 0.5) < 1e-3 or abs(found - (1 - right)) > 1e-4,
            f"{case} 时你给出的是第一条更好的概率",
        )
        require(
            abs(found - right) <= 1.05e-4,
            f"{case} 时应当是 {right:.4f}，你给出 {found:.4f}",
        )


@checker("与数值积分一致：被报出来的，平均总比真的大")
def reported(answer):
    """`answer(true, error, z=1.96)`: the mean of an estimate that is above z error."""
    for true, error, z in ((0.002, 0.003, 1.96), (0.0, 1.0, 1.96), (5.0, 1.0, 1.0)):
        density = norm(true, error)
        top = max(z * error, true) + 12 * error
        weight, _ = quad(density.pdf, z * error, top)
        total, _ = quad(lambda t, d=density: t * d.pdf(t), z * error, top)
        right = total / weight
        found = float(answer(true, error, z))
        case = f"true={true}、error={error}、z={z} 时"
        require(
            not np.isclose(found, total),
            f"{case}还要除以“报出来”的概率：求的是条件期望",
        )
        require(
            not np.isclose(found, true) or np.isclose(right, true),
            f"{case}这是没有挑过的平均：没报出来的也算进去了",
        )
        require(
            np.isclose(found, right, rtol=1e-4),
            f"{case}应当是 {right:.5f}，你给出 {found:.5f}",
        )


@checker()
def friends(answer):
    """`{0.0: word, 0.9: word}`: do friends' purchases help a new customer?

    Measured: the clicks on ten items, ranked by friends against popularity, paired by
    user in five worlds each.
    """
    choices(answer, dict.fromkeys((0.0, 0.9), ("有用", "没用")))
    said = []
    for homophily, word in answer.items():
        gains = [[], []]
        for seed in range(5):
            world = Shoppers(300, 80, homophily=homophily, groups=10, seed=seed)
            log = world.purchases(15)
            item = np.array([int(name.split()[1]) for name in log.items])
            bought = np.zeros(world.utility.shape)
            bought[np.repeat(np.arange(300), 15), item] = 1
            near = bought[world.friends(10)].mean(1)
            popular = np.broadcast_to(bought.mean(0), near.shape)
            for some, scores in zip(
                gains, (near + 1e-3 * popular, popular), strict=True
            ):
                ranked = torch.from_numpy(np.argsort(-scores)[:, :10].copy())
                some.append(world.expected(ranked))
        gain = paired_gain(*map(torch.cat, gains))
        right = "有用" if gain.low > 0 else "没用"
        figures = (
            f"每份列表 {gain.mean:+.3f} 次点击 [{gain.low:+.3f}, {gain.high:+.3f}]"
        )
        require(
            word == right,
            f"homophily={homophily:g}：量到的是 {figures}。"
            "朋友的口味与你的相同的那一份，从哪里来？",
        )
        said.append(f"homophily={homophily:g}：{figures}")
    return "；".join(said)


class _Informed(Counting):
    """The book's policy: Thompson sampling that knows what click rates are like."""

    def choose(self):
        failed = self.tried - self.paid
        return self.rng.beta(self.paid + 2, failed + 78).argmax(1)


@checker()
def open_policy(answer):
    """`answer(arms, replications, seed)`: a policy for `play`.

    Score: mean regret in 200 games of five creatives with rates from Beta(2, 78) and
    3,000 visitors. Floor: 20.
    """
    floor, games, visitors = 20.0, 200, 3_000

    def score(make):
        rates = np.random.default_rng(13).beta(2, 78, (games, 5))
        policy = make(5, games, 1)
        for name in ("choose", "learn", "winner"):
            require(
                callable(getattr(policy, name, None)),
                f"返回的对象没有 `{name}`；继承 Counting 就有 learn 和 winner",
            )
        world = Creatives(rates, replications=games, seed=13)
        return play(policy, world, visitors).regret.mean()

    require(
        callable(answer) and not inspect.isclass(answer),
        "应当是一个函数：open_policy(arms, replications, seed)",
    )
    mine = score(answer)
    ours = score(lambda arms, n, seed: _Informed(arms, replications=n, seed=seed))
    flat = score(lambda arms, n, seed: Thompson(arms, replications=n, seed=seed))
    said = (
        f"平均少得 {mine:.1f} 次点击，底线 {floor:g}，书里的解 {ours:.1f}，"
        f"均匀先验的汤普森 {flat:.1f}"
    )
    require(mine <= floor, f"{said}。开头浪费在哪里？")
    return said
