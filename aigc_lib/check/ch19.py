"""Checkers for chapter 19, medicine: molecules as strings, detectors."""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from ..codecs.molecules import signs
from ..data.made.phantoms import KINDS, phantoms
from ..metrics import molecules as chemistry
from ..metrics.detection import scaled
from ._result import Unfinished, checker, choices, require

STRINGS = ("C1CC1", "FC(F)(F)F", "c1cccc1", "CC(C)(C)(C)C", "C1CC2CC1", "N#N")
LEARN, JUDGE, FLOOR = 400, 2_000, 0.86


@checker("六个都对，和 RDKit 读的一致")
def valid(answer):
    """`{smiles: "有效" or "无效"}` for the six strings of the task; RDKit decides."""
    words = ("有效", "无效")
    choices(answer, dict.fromkeys(STRINGS, words))
    hints = {
        "C1CC1": "三个碳围成环，环开了也关了",
        "FC(F)(F)F": "数一数碳有几根键",
        "c1cccc1": "五个芳香碳：双键能不能单双相间地排下去？",
        "CC(C)(C)(C)C": "中间的碳连着几个碳？",
        "C1CC2CC1": "每个环的数字都出现两次了吗？",
        "N#N": "三键算三根，氮正好三根",
    }
    for one in STRINGS:
        right = words[chemistry.parsed(one) is None]
        require(answer[one] == right, f"{one}：不是“{answer[one]}”。{hints[one]}")


@checker("括号和环都查对了，两位数的环和方括号也没有弄错")
def closed(answer):
    """`answer(smiles)`: whether all branches and rings of a string are closed."""
    cases = {
        "CCO": (True, "没有括号也没有环，就是都关上了"),
        "C1CC1": (True, "同一个数字第二次出现，环就关上了"),
        "C1CC": (False, "环 1 开了没有关"),
        "CC(C)O": (True, "括号成对"),
        "CC(C": (False, "括号没有关"),
        "CC)C(": (False, "先关后开，个数相等也不行"),
        "C1CC1C1CC1": (True, "关上的数字可以再用"),
        "C%12CC%12": (True, "%12 是一个环，不是环 1 和环 2"),
        "C%12CC1CC2": (False, "%12 与 1、2 是三个不同的环"),
        "[13CH4]": (True, "方括号里的数字是同位素和氢，不是环"),
        "[2H]C1CC1": (True, "方括号里的 2 不是环"),
        "C12CC1C2": (True, "一个原子可以开两个环"),
    }
    for text, (right, why) in cases.items():
        found = answer(text)
        require(
            isinstance(found, bool | np.bool_),
            f"{text!r} 应当返回 True 或 False，你给出 {found!r}",
        )
        require(bool(found) == right, f"{text!r} 应当是 {right}：{why}")
    random = np.random.default_rng(0)
    for _ in range(200):
        text = "".join(random.choice(["C", "(", ")", "1", "2", "N", "%10"], 9))
        require(
            bool(answer("C" + text)) == _closed("C" + text),
            f"{'C' + text!r} 应当是 {_closed('C' + text)}",
        )


def _closed(text):
    depth, rings = 0, set()
    for sign in signs(text):
        if sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            if depth < 0:
                return False
        elif sign.strip("%").isdigit():
            rings ^= {sign}
    return depth == 0 and not rings


@checker("改对了：换一种写法的旧分子不再算新的")
def novelty(answer, line=None):
    """`answer(made, known)`: the share of new molecules; the fault is line 2."""
    require(line is not None, "还要说出是哪一行：novelty(novelty, line=…)")
    known = ["CCO", "c1ccccc1", "CC(=O)O"]
    cases = [
        (
            ["OCC", "C(O)C", "C1=CC=CC=C1"],
            0.0,
            "乙醇的两种写法和苯的另一种写法，都是旧的",
        ),
        (["CCN", "NCC", "OCC"], 0.5, "CCN 与 NCC 是同一个新分子，只算一个"),
        (["CCN", "C(("], 1.0, "不是分子的字符串不算在分母里"),
        (["CCN", "CCC", "CCO", "O=C(O)C"], 0.5, "四个不同的分子，两个是旧的"),
    ]
    for made, right, why in cases:
        found = float(answer(list(made), list(known)))
        require(abs(found - right) < 1e-9, f"{made} 应当是 {right}：{why}")
    found = float(answer(["OCC"], ["OCC"]))
    require(found == 0, "旧的分子也可能不是规范写法：两边都要换")
    require(line == 2, f"不是第 {line} 行：哪一步把“写法不同”当成了“分子不同”？")


@checker("与抽样数出来的一致")
def distinct(answer):
    """`answer(n, K)`: expected number of different ones among n draws from K."""
    random = np.random.default_rng(0)
    for n, size in ((10, 10), (50, 20), (1_000, 5_000)):
        counts = [len(set(random.integers(0, size, n))) for _ in range(400)]
        right = size * (1 - (1 - 1 / size) ** n)
        require(abs(np.mean(counts) - right) < 0.02 * right, "检查器自己算错了")
        found = float(answer(n, size))
        require(
            abs(found - (size - right)) > 1e-6 or abs(right - size / 2) < 1e-6,
            f"n={n}、K={size}：这是一次也没有抽到的个数",
        )
        require(
            abs(found - right / n) > 1e-6 or n == 1,
            f"n={n}、K={size}：要的是个数，不是比例",
        )
        require(
            abs(found - right) < 1e-6 * size,
            f"n={n}、K={size} 时应当是 {right:.3f}，你给出 {found:.3f}："
            "先算某一种一次也没有抽到的机会",
        )


@checker("与一百万人里数出来的一致")
def positive_value(answer):
    """`answer(sensitivity, specificity, prevalence)`: P(ill | alarm), by counting."""
    for sense, special, share in (
        (0.9, 0.9, 0.5),
        (0.95, 0.9, 0.01),
        (0.7, 0.99, 0.05),
    ):
        right = sense * share / (sense * share + (1 - special) * (1 - share))
        random = np.random.default_rng(1)
        ill = random.random(1_000_000) < share
        alarm = random.random(1_000_000) < np.where(ill, sense, 1 - special)
        require(abs(ill[alarm].mean() - right) < 0.01, "检查器自己算错了")
        found = float(answer(sense, special, share))
        told = f"敏感度 {sense}、特异度 {special}、患病率 {share} 时"
        require(
            abs(found - sense) > 1e-9 or abs(right - sense) < 1e-9,
            f"{told}：敏感度是“有病的人里报警的”，要的是“报警的人里有病的”",
        )
        require(
            abs(found - right) < 1e-6,
            f"{told}应当是 {right:.4f}，你给出 {found:.4f}：分母是所有报警的人",
        )


@checker("与 scikit-learn 的一致，并列也对")
def auc(answer):
    """`answer(p, y)`: the chance that an ill one ranks above a healthy one."""
    random = np.random.default_rng(0)
    cases = [
        (np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])),
        (np.array([0.5, 0.5, 0.5, 0.5]), np.array([0, 1, 0, 1])),
        (random.integers(0, 5, 60) / 5, random.integers(0, 2, 60)),
        (random.random(40), (random.random(40) < 0.2).astype(int)),
    ]
    for p, y in cases:
        right = roc_auc_score(y, p)
        found = float(answer(p.copy(), y.copy()))
        require(
            abs(found - (1 - right)) > 1e-9 or abs(right - 0.5) < 1e-9,
            "反了：有病的排在没病的前面，才是 1",
        )
        ill, healthy = p[y == 1], p[y == 0]
        strict = (ill[:, None] > healthy[None]).mean()
        require(
            abs(found - strict) > 1e-9 or abs(strict - right) < 1e-9,
            "并列的一对要算半分：全给一样的分数，AUC 应当是 0.5",
        )
        require(abs(found - right) < 1e-9, f"应当是 {right:.4f}，你给出 {found:.4f}")


@checker()
def detector(answer):
    """`answer(x, y, kind)`: pictures (400, 1, 28, 28) in [-1, 1], 0 or 1, kind or -1.

    Returns a function of pictures (N, 1, 28, 28) that gives probabilities (N,).
    Score: the mean AUC of the three kinds on 2,000 phantoms. Floor: ``FLOOR``.
    """
    learn, judge = phantoms(LEARN, seed=7_001), phantoms(JUDGE, seed=7_002)
    tell = answer(scaled(learn.x), learn.y.clone(), learn.kind.clone())
    if tell is None or tell is ...:
        raise Unfinished("detector 要返回一个函数")
    require(callable(tell), f"应当返回一个函数，你返回 {type(tell).__name__}")
    p = torch.as_tensor(tell(scaled(judge.x))).detach().double().numpy()
    require(p.shape == (JUDGE,), f"应当给出形状 ({JUDGE},)，你给出 {p.shape}")
    require(bool(np.isfinite(p).all()), "有的数不是有限的")
    scores = {}
    for number, kind in enumerate(KINDS):
        own = ((judge.kind == number) | (judge.y == 0)).numpy()
        scores[kind] = roc_auc_score(judge.y.numpy()[own], p[own])
    mean = float(np.mean([*scores.values()]))
    each = "，".join(f"{kind} {value:.2f}" for kind, value in scores.items())
    said = f"三种病灶平均 AUC {mean:.3f}（{each}），底线 {FLOOR}"
    require(mean >= FLOOR, f"{said}。先看最低的那一种：它在 400 张里有几张？")
    return said
