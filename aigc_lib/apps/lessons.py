"""A course shown with picture and text, and a lesson as an article that can be spoken.

Everything is written by rule: pictures are drawn from a few shapes for each skill,
numbers come from the solver. A model may propose questions; what is wrong does not
reach the page.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..arguments import finite, unknown, whole
from ..data.made import items
from ..simulators.learners import CURRICULUM

SIZE = 120  # of a picture, in pixels
INK, FILL, PALE = "#333333", "#0072B2", "#D0D7DE"
ANSWER = re.compile(r"-?\d{1,6}(/[1-9]\d{0,5})?")
# Skills of which there are items, and their level
LEVEL_OF = {"加减法": 1, "乘除法": 2, "一次方程": 3, "概率": 4, "条件概率": 5}
IDEAS = {
    "加减法": "加法是合起来，减法是去掉一部分。得数可以用另一种运算检验。",
    "乘除法": "乘法是同一个数加许多次。式子里有乘有加，先算乘；有括号，先算括号里的。",
    "一次方程": "方程两边相等。两边同时加、减、乘、除同一个数（不除以零），仍然相等。",
    "概率": "各种结果一样可能时，一件事的概率是它占的个数除以总数。",
    "条件概率": "取走一个不放回，第二次取的时候，总数和剩下的个数都变了。",
}


# ---- pictures ------------------------------------------------------------------------


def picture(skill: str) -> str:
    """Draw a skill as an SVG of 120 by 120 pixels.

    Raises:
        ValueError: a skill for which there is no picture.
    """
    if skill not in DRAWINGS:
        raise unknown("skill", skill, DRAWINGS)
    shapes = "".join(DRAWINGS[skill]())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" '
        f'width="{SIZE}" height="{SIZE}" role="img" aria-label="{skill}">'
        f'<rect width="{SIZE}" height="{SIZE}" fill="#FFFFFF"/>{shapes}</svg>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, color: str = INK) -> str:
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{color}" '
        'stroke-width="2"/>'
    )


def _box(x: float, y: float, w: float, h: float, fill: str = FILL) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" fill="{fill}" '
        f'stroke="{INK}" stroke-width="0.5"/>'
    )


def _ball(x: float, y: float, r: float, fill: str = FILL) -> str:
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}" stroke="{INK}" '
        'stroke-width="1"/>'
    )


def _curve(points: Sequence[tuple[float, float]]) -> str:
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{FILL}" stroke-width="3"/>'


def _axes() -> list[str]:
    return [_line(15, 105, 110, 105), _line(15, 105, 15, 10)]


def _number_line() -> list[str]:
    return [_line(10, 70, 110, 70)] + [_line(x, 65, x, 75) for x in range(10, 111, 20)]


def _slice(share: float) -> str:
    angle = 2 * math.pi * share
    x, y = 60 + 42 * math.sin(angle), 60 - 42 * math.cos(angle)
    return (
        f'<path d="M60 60 L60 18 A42 42 0 {int(share > 0.5)} 1 {x:.1f} {y:.1f} Z" '
        f'fill="{FILL}" stroke="{INK}"/>'
    )


DRAWINGS: dict[str, Callable[[], list[str]]] = {
    "加减法": lambda: [
        *_number_line(),
        _curve([(30, 65), (40, 45), (60, 40), (80, 45), (90, 65)]),
        _ball(90, 70, 5),
    ],
    "乘除法": lambda: [
        _ball(24 + 24 * i, 36 + 24 * j, 8) for i in range(4) for j in range(3)
    ],
    "分数": lambda: (
        [_ball(60, 60, 42, PALE), _slice(3 / 8)]
        + [
            _line(
                60,
                60,
                60 + 42 * math.sin(k * math.pi / 4),
                60 - 42 * math.cos(k * math.pi / 4),
            )
            for k in range(8)
        ]
    ),
    "小数": lambda: [
        _box(10 + 10 * k, 25, 10, 70, FILL if k < 3 else PALE) for k in range(10)
    ],
    "百分数": lambda: [
        _box(10 + 10 * i, 10 + 10 * j, 10, 10, FILL if 10 * j + i < 35 else PALE)
        for i in range(10)
        for j in range(10)
    ],
    "一次方程": lambda: [
        _line(20, 45, 100, 45),
        _line(60, 45, 60, 100),
        _line(40, 100, 80, 100),
        _box(22, 25, 18, 18),
        _ball(82, 37, 6, PALE),
        _ball(96, 37, 6, PALE),
        _ball(89, 25, 6, PALE),
    ],
    "不等式": lambda: [
        *_number_line(),
        _line(50, 50, 110, 50, FILL),
        _ball(50, 50, 5, "#FFFFFF"),
    ],
    "一次函数": lambda: [*_axes(), _curve([(15, 90), (105, 25)])],
    "二次方程": lambda: [
        *_axes(),
        _curve([(25 + 5 * k, 100 - 80 * ((k - 8) / 8) ** 2) for k in range(17)]),
    ],
    "统计图": lambda: (
        [*_axes()]
        + [_box(25 + 20 * k, 105 - h, 14, h) for k, h in enumerate((30, 70, 50, 85))]
    ),
    "概率": lambda: [
        _ball(30 + 30 * (k % 3), 35 + 28 * (k // 3), 11, FILL if k < 3 else PALE)
        for k in range(8)
    ],
    "条件概率": lambda: [
        *(_line(15, 60, 60, y) for y in (30, 90)),
        *(_line(60, y, 105, y + d) for y in (30, 90) for d in (-15, 15)),
        _ball(60, 30, 8),
        _ball(60, 90, 8, PALE),
        _ball(105, 15, 8),
        *(_ball(105, y, 8, PALE) for y in (45, 105)),
        _ball(105, 75, 8),
    ],
}


# ---- a course ------------------------------------------------------------------------


@dataclass(frozen=True)
class Proposal:
    """A course as it is shown: ``text``, ``picture`` (SVG)."""

    course: str
    text: str
    picture: str

    def _repr_html_(self) -> str:
        return (
            '<div style="display:flex;gap:1em;align-items:center;margin:0.5em 0">'
            f"<div>{self.picture}</div><div><b>{html.escape(self.course)}</b><br>"
            f"{html.escape(self.text)}</div></div>"
        )


def proposal(course: str, chance: float) -> Proposal:
    """Show a course ("概率·甲") to somebody who would get ``chance`` of it right.

    The text says why it is proposed, from what the model expects, and what it builds
    on. It promises no effect.

    Raises:
        ValueError: an unknown skill, or a chance outside [0, 1].
    """
    skill, _, maker = course.partition("·")
    if skill not in CURRICULUM:
        raise unknown("course", skill, CURRICULUM)
    chance = finite("chance", chance, least=0, most=1)
    needs = CURRICULUM[skill]
    basis = f"它用到{'和'.join(needs)}。" if needs else "它不需要先学别的。"
    text = (
        f"{skill}的小课，四道题，制作者{maker}。按你以前的回答，模型估计你现在每十题"
        f"能对{round(10 * chance)}题。{basis}"
    )
    return Proposal(course, text, picture(skill))


# ---- a lesson ------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesson:
    """An article: ``paragraphs``, ``lines`` of its items, and its ``picture`` (SVG)."""

    skill: str
    paragraphs: tuple[str, ...]
    lines: tuple[str, ...]
    picture: str

    @property
    def text(self) -> str:
        """The article as plain text."""
        return "\n".join([self.skill, *self.paragraphs])

    def _repr_html_(self) -> str:
        body = "".join(f"<p>{html.escape(p)}</p>" for p in self.paragraphs)
        return f"<article><b>{self.skill}</b>{self.picture}{body}</article>"


def lesson(skill: str, lines: Sequence[str]) -> Lesson:
    """Make a lesson of judged items: the first is worked out, the others are to do.

    Raises:
        ValueError: a skill without items, fewer than two lines, or one that the judge
            does not pass: what is wrong is never taught.
    """
    if skill not in LEVEL_OF:
        raise unknown("skill", skill, LEVEL_OF)
    if len(lines) < 2:
        raise ValueError(f"lines has {len(lines)}: give one to work out, one to do")
    for line in lines:
        verdict = items.judge(line, LEVEL_OF[skill])
        if not verdict.good:
            raise ValueError(f"line={line!r}: {verdict.why}; leave it out")
    questions = [items.question_of(line) for line in lines]
    tasks = "".join(f"第{i}题：{q}" for i, q in enumerate(questions[1:], 1))
    keys = "，".join(
        f"第{i}题{items.solve(q).answer}" for i, q in enumerate(questions[1:], 1)
    )
    paragraphs = (
        IDEAS[skill],
        f"例题：{questions[0]}{items.explained(questions[0])}",
        f"轮到你了。{tasks}",
        f"答案：{keys}。",
    )
    return Lesson(skill, paragraphs, tuple(lines), picture(skill))


def advice(article: Lesson, task: int, said: str) -> str:
    """Tell somebody who ``said`` an answer to a task which step went wrong, what next.

    Tasks are numbered from 1, as in the article. A step is named if a slip at it gives
    this answer, and then another task where the same slip is possible comes next;
    otherwise the whole way is shown, and the task is to be tried again.

    Raises:
        ValueError: no such task, or an answer that is no whole number or fraction.
    """
    questions = [items.question_of(line) for line in article.lines]
    task = whole("task", task, 1)
    if task >= len(questions):
        raise ValueError(f"task={task}: the lesson has {len(questions) - 1}")
    if not ANSWER.fullmatch(said):
        raise ValueError(f"said={said!r}: give a whole number or a fraction, 3 or 3/8")
    others = [*range(task + 1, len(questions)), *range(1, task)]
    answer = items.solve(questions[task]).answer
    if Fraction(said) == answer:
        simple = "" if said == str(answer) else f"，约分以后是{answer}"
        return f"第{task}题对了{simple}。" + "".join(f"做第{k}题。" for k in others[:1])
    step = items.slips(questions[task]).get(Fraction(said))
    if step is None:
        way = items.explained(questions[task])
        return f"第{task}题不对，看不出错在哪一步。从头看：{way}再做一遍第{task}题。"
    kinds = {k: _kinds(*items.slips(questions[k]).values()) for k in others}
    alike = [k for k in others if kinds[k] & _kinds(step)]
    after = (alike or others or [task])[0]
    return f"第{task}题不对，可能错在{step}。改好以后，做第{after}题。"


def _kinds(*steps: str) -> set[str]:
    """The steps without their numbers and colours, to be compared across items."""
    bare = re.sub(f"[0-9/{''.join(items.COLOURS)}]", "", "；或者".join(steps))
    return set(bare.split("；或者"))


def spoken(text: str) -> str:
    """Write a text as it is said: fractions and signs become words.

    ``3/8`` is said 8分之3, ``2x-5=11`` 2艾克斯减5等于11.
    """
    text = re.sub(r"(\d+)/(\d+)", r"\2分之\1", text)
    words = {"+": "加", "-": "减", "×": "乘", "=": "等于", "x": "艾克斯"}
    words |= {"(": "括号，", ")": "，括号完，"}
    return "".join(words.get(sign, sign) for sign in text)


def numbers(text: str) -> list[Fraction]:
    """All numbers of a text, in order, fractions whole."""
    return [Fraction(found) for found in re.findall(r"\d+(?:/\d+)?", text)]
