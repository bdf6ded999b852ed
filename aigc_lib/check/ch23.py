"""Checkers for chapter 23, a customer-service assistant that quotes its sources."""

import heapq
import math
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from ..data.made.grammar import phrases
from ..data.made.service import OUTSIDE
from ..models.transformer.pairs import contrast
from ._result import checker, require


def _word_score(times: int, length: int = 100) -> float:
    """What one word adds to BM25 in a text of average length, its IDF aside."""
    k1, b, mean = 1.5, 0.75, 100
    return times / (times + k1 * (1 - b + b * length / mean))


@checker("一个词再多，也只值到 k1 + 1 倍")
def saturation(answer):
    """`answer`: how many times the score of once a word adds that stands 1,000 times.

    In a text of average length, k1 = 1.5; compared with a run of the formula.
    """
    require(
        isinstance(answer, int | float) and not isinstance(answer, bool),
        "应当是一个数：1,000 次的得分是 1 次的几倍",
    )
    right = _word_score(1_000) / _word_score(1)
    require(answer < 100, "不是按次数成比例的：看看分母里的次数")
    require(answer > 1.05, "还是涨的，只是越来越慢")
    require(
        abs(answer - right) < 0.1,
        f"跑出来不是 {answer}：令次数趋于无穷，得分趋于多少？再除以一次的得分",
    )


@checker("只看名次，哪边的分数大都不要紧")
def fuse(answer):
    """`answer(rankings, k)`: names in order by the sum of 1 / (k + place)."""
    cases = (
        ([["a", "b", "c"], ["b", "c", "a"]], 10, ["b", "a", "c"]),
        ([["x", "y"], ["z", "y"]], 1, ["y", "x", "z"]),
        ([["p", "q", "r", "s"]], 60, ["p", "q", "r", "s"]),
        ([["a", "b"], ["b"], ["b", "a"]], 5, ["b", "a"]),
    )
    for rankings, k, right in cases:
        kept = [list(one) for one in rankings]
        found = answer([list(one) for one in rankings], k)
        require(
            isinstance(found, list | tuple) and all(isinstance(x, str) for x in found),
            "应当返回名字的列表，好的在前",
        )
        require(
            sorted(found) == sorted({x for one in rankings for x in one}),
            "每个出现过的名字应当正好出现一次：一边没找到的也要算",
        )
        scores = dict.fromkeys(found, 0.0)
        for one in kept:
            for place, name in enumerate(one, start=1):
                scores[name] += 1 / (k + place)
        values = [scores[name] for name in found]
        require(
            values == sorted(values, reverse=True),
            f"{rankings}、k={k} 时次序应为 {right}，现在是 {list(found)}",
        )


@checker("没有学过时正是 ln n，越会分越接近零")
def chance_loss(answer):
    """`answer(s, n)`: nats to find the partner at logit s among n - 1 others at 0.

    Compared with ``contrast`` on such a matrix.
    """
    for s, n in ((0.0, 8), (3.0, 8), (3.0, 64), (-2.0, 5), (12.0, 100)):
        found = float(answer(s, n))
        right = float(contrast(torch.eye(n, dtype=torch.float64) * s))
        require(
            s or not math.isclose(found, math.log(n - 1), rel_tol=1e-6),
            "自己也在候选里：一共 n 个",
        )
        require(
            not math.isclose(found, -right, rel_tol=1e-6) or right < 1e-6,
            "符号反了：损失是负的对数概率",
        )
        require(
            math.isclose(found, right, rel_tol=1e-6, abs_tol=1e-9),
            f"s={s}、n={n} 时应为 {right:.4f}，现在是 {found:.4f}",
        )


# The evaluation of ex-23-4: what it is asked stands in what it searches.
ENTRIES = (
    ("freight", "退货的运费谁出", ("寄回去的邮费谁承担", "退货要自己出运费吗")),
    ("invoice", "怎么开发票", ("能开电子发票吗", "报销要发票找谁")),
    ("cancel", "怎么取消订单", ("不想要了怎么取消", "下错单了怎么撤")),
    ("warranty", "怎么保修", ("保修期多久", "用了半年坏了")),
    ("hours", "营业时间", ("你们几点下班", "过年有人吗")),
    ("size", "怎么选尺码", ("衣服选多大码", "脚背高买几码")),
)


def common(a: str, b: str) -> float:
    """How many of the pairs of letters of ``a`` are in ``b``, as a share."""
    pairs = {a[i : i + 2] for i in range(len(a) - 1)}
    return sum(pair in b for pair in pairs) / max(1, len(pairs))


def broken_recall(entries: Sequence[tuple] = ENTRIES) -> float:
    """Evaluate retrieval as the task shows it, leak and all."""
    index = [(title, name) for name, title, _ in entries]  # line 1
    index += [(q, name) for name, _, asked in entries for q in asked]  # line 2
    tests = [(q, name) for name, _, asked in entries for q in asked[1:]]  # line 3
    hits = 0
    for question, wanted in tests:
        best = max(index, key=lambda row: common(question, row[0]))  # line 5
        hits += best[1] == wanted
    return hits / len(tests)  # line 7


@checker("考题不能在书里")
def mended_recall(answer):
    """`answer`: (line, a function of the entries that evaluates without the leak)."""
    require(
        isinstance(answer, tuple) and len(answer) == 2 and callable(answer[1]),
        "应当是一对：(行号, 改好的函数)",
    )
    line, mended = answer
    require(line != 3, "考题本身没有错：问的正是条目里没有的说法。看看搜的是什么")
    require(line != 5, "怎样比较并没有错：看看拿来比的都有哪些句子")
    require(line == 2, "不是这一行：满分太好了。每道考题的最佳匹配是哪一句？")
    found = mended(ENTRIES)
    require(isinstance(found, float | int), "函数应当返回一个比例")
    index = [(title, name) for name, title, _ in ENTRIES]
    index += [(asked[0], name) for name, _, asked in ENTRIES]
    hits = [
        max(index, key=lambda row: common(asked[1], row[0]))[1] == name
        for name, _, asked in ENTRIES
    ]
    require(found != 1.0, "还是满分：考题还在被搜的句子里")
    right = sum(hits) / len(hits)
    bare = [
        max(index[: len(ENTRIES)], key=lambda row: common(asked[1], row[0]))[1] == name
        for name, _, asked in ENTRIES
    ]
    require(
        math.isclose(found, right) or not math.isclose(found, sum(bare) / len(bare)),
        "连没考的那一句也拿走了：只该拿走考题",
    )
    require(
        math.isclose(found, right),
        f"去掉泄漏以后应为 {right:.2f}，现在是 {found:.2f}",
    )
    return f"考题不能在书里：满分变成 {right:.0%}"


def queue_waits(
    arrivals: float, minutes: float, agents: int, *, seed: int = 0, n: int = 200_000
) -> float:
    """Mean minutes that customers wait, by simulating each of ``n`` of them.

    They come at random, ``arrivals`` a minute; an agent needs ``minutes`` on average,
    exponentially distributed.
    """
    rng = np.random.default_rng(seed)
    come = rng.exponential(1 / arrivals, n).cumsum()
    need = rng.exponential(minutes, n)
    free = [0.0] * agents  # when each is free, the earliest first
    total = 0.0
    for at, takes in zip(come.tolist(), need.tolist(), strict=True):
        begin = max(at, free[0])
        total += begin - at
        heapq.heapreplace(free, begin + takes)
    return total / n


@checker("与一位一位模拟的顾客一致")
def waiting(answer):
    """`answer(arrivals, minutes, agents)`: mean wait in minutes of an M/M/c queue.

    Compared with a simulation of 200,000 customers; within 6%.
    """
    for arrivals, minutes, agents in ((0.5, 1.0, 1), (1.0, 4.0, 5), (2.0, 5.0, 12)):
        found = float(answer(arrivals, minutes, agents))
        right = queue_waits(arrivals, minutes, agents)
        alone = 1 / (1 / minutes - arrivals / agents) - minutes
        require(
            agents == 1 or not math.isclose(found, alone, rel_tol=0.01),
            "这是把顾客平均分给各位客服、各排各的队：要的是一条队",
        )
        require(
            not math.isclose(found, right + minutes, rel_tol=0.02),
            "这是等待加服务的时间，只要等待",
        )
        require(
            math.isclose(found, right, rel_tol=0.06, abs_tol=0.002),
            f"每分钟来 {arrivals} 位、每位 {minutes} 分钟、{agents} 位客服："
            f"模拟得 {right:.3f} 分钟，现在是 {found:.3f}",
        )


class Chat(nn.Module):
    """The classifier of ex-23-6: two intents, and dropout that nobody turned off."""

    names = ("退货", "开发票")

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(16, 2)
        with torch.no_grad():
            self.out.weight.copy_(0.4 * torch.randn(2, 16, generator=generator))
            self.out.bias.zero_()

    def forward(self, x):
        """(B, 16) -> logits (B, 2)."""
        return self.out(self.drop(x))


def question(seed: int = 0):
    """One question, as features (1, 16)."""
    return torch.randn(1, 16, generator=torch.Generator().manual_seed(seed))


def asked_again(reply, times: int = 20, seed: int = 0) -> list:
    """Ask ``reply(model, x)`` the same question ``times`` times."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Chat().train()
        return [reply(model, question()) for _ in range(times)]


def broken_reply(model, x):
    """Answer as the documents' chat() does: line by line as the task shows it."""
    logits = model(x)  # line 1
    label = logits.argmax()  # line 2
    return int(label)  # line 3


@checker("同样的问题得到同样的回答，拿不准时不答")
def mended_reply(answer):
    """`answer`: (line that makes it waver, reply(model, x, needed=0.0))."""
    require(
        isinstance(answer, tuple) and len(answer) == 2 and callable(answer[1]),
        "应当是一对：(行号, 改好的函数)",
    )
    line, mended = answer
    require(
        line == 1,
        "不是这一行：同样的问题，同样的权重，先是哪一步的结果每次不一样？",
    )
    said = asked_again(mended)
    require(len(set(said)) == 1, "还是一时一个样：有一层在训练模式里随机丢东西")
    require(
        said[0] in (*Chat.names, None),
        "编号不是回答：返回意图的名字（model.names），拿不准时返回 None",
    )
    model = Chat().train()
    before = [p.clone() for p in model.parameters()]
    x = question(1)
    model.eval()
    with torch.no_grad():
        p = model(x).softmax(1)
    sure, name = float(p.max()), model.names[int(p.argmax())]
    model.train()
    require(mended(model, x, sure - 0.01) == name, "够把握时应当返回最可能的意图")
    require(
        model.training and mended(model.eval(), x) == name and not model.training,
        "模型用完要回到原来的模式：先记下 model.training，最后还回去",
    )
    model.train()
    require(
        mended(model, x, sure + 0.01) is None,
        "最大的概率低于 needed 时应当返回 None：不知道就说不知道",
    )
    require(
        all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)),
        "不要改动模型的权重",
    )


def refusal_data():
    """Texts of the shop's business, others to learn from, and a test: (x, x, x, y)."""
    from ..data import load

    train, test = load("service"), load("service", split="test")

    def of(data, inside: bool) -> list[str]:
        both = zip(data.texts, data.facts, strict=True)
        return [t for t, facts in both if (facts["intent"] != OUTSIDE) == inside]

    inside, outside = of(train, True), of(train, False)
    asked = of(test, True)[::4]
    strangers = of(test, False) + [
        q for q in phrases("shop")["outside"] if not q.isascii()
    ]
    y = [1] * len(asked) + [0] * len(strangers)
    return inside, outside, asked + strangers, y


@checker()
def open_refusal(answer):
    """`answer(inside, outside, asked)`: a score for each of `asked`, higher is inside.

    AUROC on wordings and outsiders that nobody has learned; the floor is the greatest
    probability of TF-IDF with logistic regression, measured here as well.
    """
    from ..data import load

    inside, outside, asked, y = refusal_data()
    found = np.asarray(answer(list(inside), list(outside), list(asked)), dtype=float)
    require(
        found.shape == (len(asked),),
        f"应当给 {len(asked)} 句话各一个分，现在形状是 {found.shape}",
    )
    require(np.isfinite(found).all(), "分数里有 NaN 或无穷大")
    require(len(np.unique(found)) > 2, "分数几乎全一样：没有把两种话分开")
    score = roc_auc_score(y, found)
    require(score > 0.5, f"AUROC {score:.3f}：方向反了吗？本店的话应当分高")
    data = load("service")
    floor = roc_auc_score(y, _greatest_probability(data, asked))
    require(
        score > floor,
        f"AUROC {score:.3f}，底线（TF-IDF 的最大概率）{floor:.3f}："
        "给的“范围外”用上了吗？",
    )
    return f"AUROC {score:.3f}，底线 {floor:.3f}"


def _greatest_probability(data, asked: list[str]) -> np.ndarray:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pairs = [
        (text, facts["intent"])
        for text, facts in zip(data.texts, data.facts, strict=True)
        if facts["intent"] != OUTSIDE
    ][::3]
    kind = {"analyzer": "char", "ngram_range": (1, 2), "sublinear_tf": True}
    pipe = make_pipeline(
        TfidfVectorizer(**kind), LogisticRegression(C=10, max_iter=200)
    )
    pipe.fit([t for t, _ in pairs], [c for _, c in pairs])
    return pipe.predict_proba(asked).max(1)
