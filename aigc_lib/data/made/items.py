"""Mathematics items in five levels: templates that make them, a solver that judges.

An item is one line, ``3级：2x+5=11，x等于几？答：3``. The solver reads the question as
it stands and computes the answer; it shares nothing with the templates, so that it can
also judge what a language model has written.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from fractions import Fraction
from random import Random
from typing import NamedTuple

from ...arguments import whole

LEVELS = (1, 2, 3, 4, 5)
COLOURS = ("红", "白", "黑", "黄", "蓝")
LINE = re.compile(r"(\d)级：(.+？)答：(\S+)")
NUMBER = re.compile(r"[1-9]\d{0,3}")
EQUATION = re.compile(r"([1-9]\d?)x([+-])([1-9]\d?)=([1-9]\d{0,3}|0)，x等于几？")
DRAWN = re.compile(
    r"袋里有([1-9]\d?)个(.)球和([1-9]\d?)个(.)球，"
    r"(任取一个，是|不放回地取两个，都是)(.)球的概率是多少？"
)
MOST = 100  # signs of a question
SMALL, MIDDLE = 20, 12  # the largest numbers of levels 1 and 2


class Unsolvable(ValueError):
    """The question is none that the solver understands, or has no answer."""


class Solved(NamedTuple):
    """What the solver finds: the answer, and the level of the question."""

    answer: Fraction
    level: int


class Verdict(NamedTuple):
    """What is true of a written line; ``why`` says what is wrong with it first.

    ``readable``: the solver understands the question. ``right``: the answer is its
    own. ``levelled``: the question is of the level asked. ``new``: it is none of those
    known.
    """

    readable: bool
    right: bool
    levelled: bool
    new: bool
    why: str

    @property
    def good(self) -> bool:
        """Whether the line may be given to learners."""
        return self.readable and self.right and self.levelled and self.new


# ---- templates -----------------------------------------------------------------------


def made(n: int, *, seed: int = 0, levels: Collection[int] = LEVELS) -> list[str]:
    """Draw ``n`` different items as lines, the levels in turn.

    Raises:
        ValueError: an unknown level, or fewer different items than were asked for.
    """
    n, random, order = whole("n", n, 1), Random(whole("seed", seed, 0)), list(levels)
    for level in order:
        if level not in LEVELS:
            raise ValueError(f"levels holds {level!r}: give some of {LEVELS}")
    found: dict[str, None] = {}
    vain = 0
    while len(found) < n:
        line = written(order[len(found) % len(order)], random)
        vain = vain + 1 if line in found else 0
        if vain > 1_000:
            raise ValueError(
                f"n={n}: only {len(found)} different items were found, ask for fewer"
            )
        found.setdefault(line)
    return list(found)


def written(level: int, random: Random) -> str:
    """Write one item of a level by its template."""
    ask = {1: _one, 2: _two, 3: _equation, 4: _draw, 5: _draws}[level]
    question, answer = ask(random)
    return f"{level}级：{question}答：{answer}"


def _one(random: Random) -> tuple[str, Fraction]:
    a, b = random.randint(1, SMALL), random.randint(1, SMALL)
    if random.random() < 0.5:
        return f"{a}+{b}等于几？", Fraction(a + b)
    a, b = max(a, b), min(a, b)
    return f"{a}-{b}等于几？", Fraction(a - b)


def _two(random: Random) -> tuple[str, Fraction]:
    a, b, c = (random.randint(2, MIDDLE) for _ in range(3))
    return random.choice(
        [
            (f"{a}×{b}+{c}等于几？", Fraction(a * b + c)),
            (f"{c}+{a}×{b}等于几？", Fraction(a * b + c)),
            (f"({a}+{b})×{c}等于几？", Fraction((a + b) * c)),
        ]
    )


def _equation(random: Random) -> tuple[str, Fraction]:
    a, b, x = random.randint(2, 9), random.randint(1, 20), random.randint(1, 12)
    if random.random() < 0.5 or a * x < b:
        return f"{a}x+{b}={a * x + b}，x等于几？", Fraction(x)
    return f"{a}x-{b}={a * x - b}，x等于几？", Fraction(x)


def _bag(random: Random) -> tuple[int, str, int, str]:
    one, other = random.sample(COLOURS, 2)
    return random.randint(2, 9), one, random.randint(1, 9), other


def _draw(random: Random) -> tuple[str, Fraction]:
    n, one, m, other = _bag(random)
    question = f"袋里有{n}个{one}球和{m}个{other}球，任取一个，是{one}球的概率是多少？"
    return question, Fraction(n, n + m)


def _draws(random: Random) -> tuple[str, Fraction]:
    n, one, m, other = _bag(random)
    question = (
        f"袋里有{n}个{one}球和{m}个{other}球，不放回地取两个，都是{one}球的概率是多少？"
    )
    return question, Fraction(n, n + m) * Fraction(n - 1, n + m - 1)


# ---- the solver ----------------------------------------------------------------------


def solve(question: str) -> Solved:
    """Solve a question, up to and with its question mark.

    Raises:
        Unsolvable: it is not understood, or has no answer.
    """
    if len(question) > MOST:
        raise Unsolvable(f"question has {len(question)} signs: at most {MOST}")
    if match := EQUATION.fullmatch(question):
        a, b, c = (int(match[i]) for i in (1, 3, 4))
        return Solved(Fraction(c - b if match[2] == "+" else c + b, a), 3)
    if match := DRAWN.fullmatch(question):
        return _drawn(match)
    if question.endswith("等于几？"):
        return _computed(question.removesuffix("等于几？"))
    raise Unsolvable(f"question={question!r}: not of a kind that the solver knows")


def _drawn(match: re.Match) -> Solved:
    bag, wanted = {match[2]: int(match[1])}, match[6]
    if match[4] in bag:
        raise Unsolvable(f"two kinds of balls are both {match[4]!r}")
    bag[match[4]] = int(match[3])
    if wanted not in bag or not set(bag) <= set(COLOURS):
        raise Unsolvable(f"balls of {'、'.join(bag)}, asked for {wanted!r}")
    total, own = sum(bag.values()), bag[wanted]
    if match[5].startswith("任"):
        return Solved(Fraction(own, total), 4)
    return Solved(Fraction(own * (own - 1), total * (total - 1)), 5)


def _computed(text: str) -> Solved:
    """Compute sums and products: a parser of one rule for each rank of operators."""
    tokens = re.findall(r"\d+|[-+×()]|.", text)
    numbers = [int(t) for t in tokens if t.isdigit()]
    signs = [t for t in tokens if t in "+-×"]
    at = 0

    def peek() -> str:
        return tokens[at] if at < len(tokens) else ""

    def take() -> str:
        nonlocal at
        at += 1
        return tokens[at - 1] if at <= len(tokens) else ""

    def total() -> Fraction:
        value = product()
        while peek() in ("+", "-"):
            value = value + product() if take() == "+" else value - product()
        return value

    def product() -> Fraction:
        value = single()
        while peek() == "×":
            take()
            value *= single()
        return value

    def single() -> Fraction:
        token = take()
        if token == "(":
            value = total()
            if take() != ")":
                raise Unsolvable(f"{text!r}: a bracket is not closed")
            return value
        if not NUMBER.fullmatch(token):
            raise Unsolvable(f"{text!r}: {token!r} where a number should stand")
        return Fraction(token)

    answer = total()
    if at < len(tokens):
        raise Unsolvable(f"{text!r}: {tokens[at]!r} is too much")
    if not signs:
        raise Unsolvable(f"{text!r}: nothing to compute")
    simple = len(signs) == 1 and signs[0] != "×" and max(numbers) <= SMALL
    return Solved(answer, 1 if simple else 2)


def judge(line: str, level: int, known: Collection[str] = ()) -> Verdict:
    """Judge one written line: readable, right, of the level asked, and new.

    ``known`` are the questions that are no longer new, see ``question_of``.
    """
    match = LINE.fullmatch(line.strip())
    if not match:
        return Verdict(False, False, False, False, "not of the form N级：…？答：…")
    question = match[2]
    try:
        answer, found = solve(question)
    except Unsolvable as error:
        return Verdict(False, False, False, False, str(error))
    right = match[3] == str(answer)
    levelled, new = found == level == int(match[1]), question not in known
    why = ""
    if not right:
        why = f"the answer is {answer}, not {match[3]}"
    elif not levelled:
        why = f"level {found}, asked for {level}"
    elif not new:
        why = "known already"
    return Verdict(True, right, levelled, new, why)


def question_of(line: str) -> str:
    """Return the question of a line, from behind its level to its question mark.

    Raises:
        ValueError: no such line.
    """
    match = LINE.fullmatch(line.strip())
    if not match:
        raise ValueError(f"line={line!r}: give one of the form N级：…？答：…")
    return match[2]


def explained(question: str) -> str:
    """Write out how a question is solved, in Chinese; the last number is the answer.

    Raises:
        Unsolvable: as ``solve``.
    """
    answer, level = solve(question)
    if match := EQUATION.fullmatch(question):
        a, b, c = (int(match[i]) for i in (1, 3, 4))
        back, left = ("减去", c - b) if match[2] == "+" else ("加上", c + b)
        return f"两边都{back}{b}，得{a}x={left}；两边都除以{a}，得x={answer}。"
    if match := DRAWN.fullmatch(question):
        bag = {match[2]: int(match[1]), match[4]: int(match[3])}
        total, own = sum(bag.values()), bag[match[6]]
        first = f"一共{total}个球，{match[6]}球{own}个"
        if level == 4:
            return f"{first}，概率是{Fraction(own, total)}。"
        second = Fraction(own - 1, total - 1)
        return (
            f"{first}，第一个是{match[6]}球的概率是{Fraction(own, total)}；取走以后"
            f"剩{total - 1}个，{match[6]}球{own - 1}个，第二个也是的概率是{second}；"
            f"两个概率相乘，得{answer}。"
        )
    text = question.removesuffix("等于几？")
    if level == 1:
        return f"{text}={answer}。"
    order = "先算括号里的，" if "(" in text else "先算乘，再算加减，"
    return f"{order}{text}={answer}。"


def slips(question: str) -> dict[Fraction, str]:
    """Name the step that one slip misses, in Chinese, by the wrong answer it gives.

    Slips are those of the kinds of items made here. Where two give the same answer,
    both are named; what is right by luck is left out.

    Raises:
        Unsolvable: as ``solve``.
    """
    answer, level = solve(question)
    if match := EQUATION.fullmatch(question):
        a, b, c = (int(match[i]) for i in (1, 3, 4))
        back, left, other = ("减去", c - b, c + b)
        if match[2] == "-":
            back, left, other = ("加上", c + b, c - b)
        found = [
            (Fraction(other, a), f"第一步，两边都要{back}{b}"),
            (Fraction(left), f"第二步，得到{a}x={left}以后，两边还要除以{a}"),
        ]
    elif match := DRAWN.fullmatch(question):
        bag, wanted = {match[2]: int(match[1]), match[4]: int(match[3])}, match[6]
        found = _slips_of_balls(wanted, bag[wanted], sum(bag.values()), level)
    else:
        text = question.removesuffix("等于几？")
        found = [(_computed(o).answer, step) for o, step in _misread(text, level)]
    named: dict[Fraction, str] = {}
    for wrong, step in found:
        if wrong != answer and step not in named.get(wrong, ""):
            named[wrong] = f"{named[wrong]}；或者{step}" if wrong in named else step
    return named


def _slips_of_balls(
    wanted: str, own: int, total: int, level: int
) -> list[tuple[Fraction, str]]:
    first, other = Fraction(own, total), total - own
    colour = f"第一步，要数的是{wanted}球，一共{own}个"
    if level == 4:
        whole = f"第二步，要除以全部的{total}个球，不是别的颜色的{other}个"
        return [(Fraction(other, total), colour), (Fraction(own, other), whole)]
    second = Fraction(own - 1, total - 1)
    left = f"第二步，取走一个不放回，剩{total - 1}个球，{wanted}球{own - 1}个"
    return [
        (Fraction(other, total) * Fraction(other - 1, total - 1), colour),
        (first * first, left),
        (first * Fraction(own, total - 1), left),
        (first * Fraction(own - 1, total), left),
        (first, "第二步，只算了第一个球，第二个也要算"),
        (first + second, "第三步，两个都要是，概率相乘，不是相加"),
    ]


def _misread(text: str, level: int) -> list[tuple[str, str]]:
    """Write what was computed instead, and the step that was missed."""
    if level == 1:
        sign = "加" if "+" in text else "减"
        return [(text.translate(str.maketrans("+-", "-+")), f"这一步是{sign}法")]
    if "(" in text:
        return [(re.sub("[()]", "", text), "第一步，先算括号里的")]
    ordered = re.sub(r"(?<![×\d])(\d+[-+]\d+)(?=×)", r"(\1)", text)
    late = re.sub(r"(?<=×)(\d+[-+]\d+)(?![\d×])", r"(\1)", text)
    return [(other, "第一步，先算乘，再算加减") for other in (ordered, late)]
