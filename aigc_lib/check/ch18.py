"""Checkers for chapter 18, education."""

import inspect
from fractions import Fraction
from itertools import product
from random import Random
from types import SimpleNamespace

import numpy as np

from ..decisions.courses import at_random, by_rule, study
from ..metrics.intervals import paired_gain
from ..simulators.learners import MAKERS, Learners
from ._result import checker, choices, require


@checker("答对、答错、练习之后的掌握，都与贝叶斯公式一致")
def update(answer):
    """`answer(p, right, guess, slip, learn)`: mastery after one answer and practice."""
    for p, right, guess, slip, learn in product(
        (0.1, 0.5, 0.9), (0, 1), (0.2,), (0.1,), (0.0, 0.15)
    ):
        known, unknown = (1 - slip, guess) if right else (slip, 1 - guess)
        told = p * known / (p * known + (1 - p) * unknown)
        wanted = told + (1 - told) * learn
        found = float(answer(p, right, guess, slip, learn))
        case = f"p={p}、{'答对' if right else '答错'}、learn={learn} 时"
        before = p + (1 - p) * learn
        swapped = told * (1 - learn)
        for wrong, hint in (
            (told, "还没有加上练习学到的"),
            (before, "没有用上答对还是答错"),
            (swapped, "学到的应当加在还不会的那一份上"),
        ):
            same = np.isclose(found, wrong) and not np.isclose(wrong, wanted)
            require(not same, f"{case}{hint}")
        require(
            np.isclose(found, wanted), f"{case}应当是 {wanted:.4f}，你给出 {found:.4f}"
        )


@checker("与逐个答案枚举的平均一致：一次答题平均只带来练习学到的")
def expected_mastery(answer):
    """`answer(p, guess, slip, learn)`: mean mastery after an answer not yet given."""
    for p, guess, slip, learn in (
        (0.3, 0.2, 0.1, 0.15),
        (0.7, 0.25, 0.05, 0.0),
        (0.0, 0.2, 0.1, 0.4),
    ):
        mean = 0.0
        for right in (0, 1):
            known, unknown = (1 - slip, guess) if right else (slip, 1 - guess)
            chance = p * known + (1 - p) * unknown
            told = p * known / chance
            mean += chance * (told + (1 - told) * learn)
        found = float(answer(p, guess, slip, learn))
        require(
            np.isclose(found, mean),
            f"p={p}、guess={guess}、slip={slip}、learn={learn} 时枚举得 {mean:.4f}，"
            f"你给出 {found:.4f}",
        )


@checker("同一题的几行并成一次，别的都没有动")
def joined(answer, leak=None):
    """`answer(problems, skills, right)`: rows to answers; ``leak`` names the cause."""
    require(
        leak is not None,
        '还要说出分数从哪里来：joined(joined, leak="…")，从题目列出的四种里选',
    )
    causes = ["学生在两边", "同题的后几行", "步数太多", "题目太容易"]
    choices({"leak": leak}, {"leak": causes})
    require(
        leak == "同题的后几行",
        "看证据：只有同一题里排在后面的行分数高，第一行并不高",
    )
    rng = np.random.default_rng(0)
    for case in range(5):
        problems, skills, right, wanted = [], [], [], []
        for problem in rng.permutation(20).tolist():
            own = sorted(rng.permutation(6)[: rng.integers(1, 4)].tolist())
            result = int(rng.integers(2))
            wanted.append((tuple(own), result))
            problems += [problem] * len(own)
            skills += own
            right += [result] * len(own)
        if case == 4:  # the same problem, met again later, is another answer
            problems += [problems[0]]
            skills += [skills[0]]
            right += [1 - right[0]]
            wanted.append(((skills[0],), right[-1]))
        found = [
            (tuple(own), int(result))
            for own, result in answer(list(problems), list(skills), list(right))
        ]
        require(
            len(found) != len(problems) or len(problems) == len(wanted),
            "行数没有变少：同一题的几行还是分开的",
        )
        require(
            len(found) == len(wanted),
            f"应当有 {len(wanted)} 次回答，你给出 {len(found)} 次"
            + ("：以后又碰到同一题，是另一次回答" if case == 4 else ""),
        )
        for number, (mine, right_one) in enumerate(zip(found, wanted, strict=True)):
            require(
                (tuple(sorted(mine[0])), mine[1]) == right_one,
                f"第 {number} 次应当是 {right_one}，你给出 {mine}",
            )


@checker("与逐个可能枚举的后验一致")
def posterior(answer):
    """`answer(share, guess, slip, right)`: P(has the skill | answers) in DINA."""
    for share, guess, slip, right in (
        (0.5, [0.2], [0.1], [1]),
        (0.3, [0.2, 0.3], [0.1, 0.2], [1, 0]),
        (0.6, [0.1, 0.2, 0.25], [0.1, 0.05, 0.2], [0, 0, 1]),
        (0.4, [], [], []),
    ):
        has, lacks = share, 1 - share
        for g, s, r in zip(guess, slip, right, strict=True):
            has *= (1 - s) if r else s
            lacks *= g if r else 1 - g
        wanted = has / (has + lacks)
        found = float(answer(share, list(guess), list(slip), list(right)))
        require(
            not (right and np.isclose(found, has)),
            "还没有除以两种可能的总和",
        )
        require(
            np.isclose(found, wanted),
            f"share={share}、right={right} 时应当是 {wanted:.4f}，你给出 {found:.4f}",
        )


@checker("与分数的算术一致，不是这种题的都回答 False")
def percent(answer):
    """`answer(question)`: the value of "80的25%等于几？" as a Fraction, else False."""
    random = Random(0)
    for _ in range(40):
        base, share = random.randint(1, 400), random.randint(1, 150)
        question = f"{base}的{share}%等于几？"
        found = answer(question)
        require(
            found is not False,
            f"{question!r} 是这种题，应当给出 {Fraction(base * share, 100)}",
        )
        require(
            isinstance(found, Fraction | int),
            f"{question!r} 应当返回 Fraction，你给出 {type(found).__name__}："
            "小数会有舍入误差",
        )
        require(
            found == Fraction(base * share, 100),
            f"{question!r} 应当是 {Fraction(base * share, 100)}，你给出 {found}",
        )
    for question in (
        "3+4等于几？",
        "80的25等于几？",
        "80的25%",
        "的25%等于几？",
        "080的25%等于几？",
        "80的25%等于几？再加3",
        "请问80的25%等于几？",
    ):
        require(answer(question) is False, f"{question!r} 不是这种题，应当返回 False")


@checker("两样都猜中了，检查器真的跑了五个世界")
def demand(answer):
    """`answer`: {"taken": word, "gain": word}: what is wanted, against lots."""
    words = ["多", "少", "分不开"]
    choices(answer, {"taken": words, "gain": words})
    done = {
        way: [
            study(
                Learners(100, seed=seed), wanted if way == "wanted" else at_random(seed)
            )
            for seed in range(5)
        ]
        for way in ("wanted", "lot")
    }
    for key, name in (("taken", "上的课"), ("gain", "考试的增益")):
        new, old = (
            np.concatenate([getattr(one, key) for one in done[way]]).astype(float)
            for way in ("wanted", "lot")
        )
        gain = paired_gain(new, old)
        word = ("多" if gain.mean > 0 else "少") if gain.found else "分不开"
        require(
            answer[key] == word,
            f"{name}：量到的差是 {gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]，"
            f"不是“{answer[key]}”",
        )


def wanted(world):
    """Propose to everybody the course that is most likely to be taken."""
    return world.wanted().argmax(1)


FLOOR, LEAST = 0.080, 0.2  # mean gain, and the share of proposals of each maker


@checker()
def open_next(answer):
    """`answer(seen)`: courses (U,) for learners of whom only answers are seen.

    Score: mean gain of 80 learners in each of three worlds after 12 proposals. Floor:
    0.080, with at least a fifth of the proposals for each maker.
    """
    require(callable(answer), "应当是一个函数：open_next(seen)，返回每人一门课的编号")
    require(
        len(inspect.signature(answer).parameters) == 1, "函数应当只有一个参数：seen"
    )

    def choice(world):
        seen = SimpleNamespace(
            names=world.names,
            skills=world.skills,
            needs=world.needs,
            courses=world.courses,
            taken=[list(own) for own in world.taken],
            histories={name: list(own) for name, own in world.histories.items()},
        )
        found = np.asarray(answer(seen))
        require(
            found.shape == (len(world.names),) and found.dtype.kind in "iu",
            f"应当返回 {len(world.names)} 个整数，每人一门课的编号",
        )
        require(
            bool((found >= 0).all() and (found < len(world.courses)).all()),
            f"课的编号从 0 到 {len(world.courses) - 1}",
        )
        return found

    def score(way):
        return [study(Learners(80, seed=seed), way, 12) for seed in (101, 102, 103)]

    mine, rule = score(choice), score(by_rule())
    shares = sum(one.shown for one in mine).reshape(-1, len(MAKERS)).sum(0)
    shares = shares / shares.sum()
    gain = float(np.mean([one.gain.mean() for one in mine]))
    said = (
        f"平均增益 {gain:.4f}，底线 {FLOOR}，先修规则 "
        f"{np.mean([one.gain.mean() for one in rule]):.4f}；"
        f"三位制作者的份额 {'、'.join(f'{share:.0%}' for share in shares)}"
    )
    require(shares.min() >= LEAST, f"{said}。每位至少要有 {LEAST:.0%}")
    require(gain >= FLOOR, f"{said}。课没有人上，也就没有增益")
    return said
