"""Lessons: pictures, texts and what is said hold what the solver says."""

from fractions import Fraction
from xml.etree import ElementTree

import pytest

from aigc_lib.apps import lessons
from aigc_lib.data.made import items
from aigc_lib.simulators.learners import CURRICULUM


@pytest.mark.parametrize("skill", CURRICULUM)
def test_every_skill_has_a_picture_of_its_own(skill):
    drawn = lessons.picture(skill)
    root = ElementTree.fromstring(drawn)
    assert root.attrib["aria-label"] == skill
    assert len(root) > 2
    others = [lessons.picture(other) for other in CURRICULUM if other != skill]
    assert all(drawn.split(">", 1)[1] != other.split(">", 1)[1] for other in others)


def test_pictures_show_what_they_say():
    share = lessons.picture("百分数")
    assert share.count(lessons.FILL) == 35
    assert share.count(lessons.PALE) == 65
    assert lessons.picture("小数").count(lessons.FILL) == 3
    assert lessons.picture("乘除法").count("<circle") == 12
    balls = lessons.picture("概率")
    assert (balls.count(lessons.FILL), balls.count("<circle")) == (3, 8)


@pytest.mark.parametrize("level", items.LEVELS)
def test_worked_out_to_the_answer(level):
    for line in items.made(40, seed=level, levels=[level]):
        question = items.question_of(line)
        told = lessons.numbers(items.explained(question))
        assert told[-1] == items.solve(question).answer, items.explained(question)


@pytest.mark.parametrize("skill", lessons.LEVEL_OF)
def test_a_lesson_whole(skill):
    lines = items.made(4, seed=3, levels=[lessons.LEVEL_OF[skill]])
    article = lessons.lesson(skill, lines)
    for line in lines:
        assert items.question_of(line) in article.text
    answers = [items.solve(items.question_of(line)).answer for line in lines]
    keys = lessons.numbers(article.paragraphs[-1])
    assert keys[1::2] == answers[1:]
    said = lessons.spoken(article.text)
    assert not set("+-×=x()/") & set(said)


@pytest.mark.parametrize("level", items.LEVELS)
def test_a_slip_is_no_right_answer(level):
    named = 0
    for line in items.made(40, seed=level, levels=[level]):
        question = items.question_of(line)
        slips = items.slips(question)
        assert items.solve(question).answer not in slips
        named += bool(slips)
    assert named > 30


@pytest.mark.parametrize(
    ("question", "wrong", "step"),
    [
        ("9-4等于几？", "13", "减法"),
        ("2+3×4等于几？", "20", "先算乘"),
        ("3×4+2等于几？", "18", "先算乘"),
        ("(2+3)×4等于几？", "14", "括号"),
        ("2x+5=11，x等于几？", "6", "第二步，得到2x=6以后，两边还要除以2"),
        ("2x+5=11，x等于几？", "8", "第一步，两边都要减去5"),
        ("2x-5=11，x等于几？", "3", "第一步，两边都要加上5"),
        ("2x+3=9，x等于几？", "6", "减去3；或者第二步"),
    ],
)
def test_the_step_is_named(question, wrong, step):
    assert step in items.slips(question)[Fraction(wrong)]


def test_the_step_with_balls_is_named():
    one = items.slips("袋里有3个红球和5个白球，任取一个，是白球的概率是多少？")
    assert "要数的是白球，一共5个" in one[Fraction(3, 8)]
    assert "除以全部的8个球" in one[Fraction(5, 3)]
    two = items.slips("袋里有3个红球和5个白球，不放回地取两个，都是白球的概率是多少？")
    assert "要数的是白球" in two[Fraction(3 * 2, 8 * 7)]
    assert "剩7个球，白球4个" in two[Fraction(25, 64)]
    assert "剩7个球，白球4个" in two[Fraction(25, 56)]
    assert "第二个也要算" in two[Fraction(5, 8)]
    assert "不是相加" in two[Fraction(5, 8) + Fraction(4, 7)]


def test_advice_names_the_step_and_a_task_with_the_same_step():
    lines = ["2级：3×4+2等于几？答：14", "2级：2+3×4等于几？答：14"]
    lines += ["2级：(2+3)×4等于几？答：20", "2级：5+2×6等于几？答：17"]
    article = lessons.lesson("乘除法", lines)
    told = lessons.advice(article, 1, "20")
    assert told == "第1题不对，可能错在第一步，先算乘，再算加减。改好以后，做第3题。"
    assert lessons.advice(article, 1, "14") == "第1题对了。做第2题。"
    assert lessons.advice(article, 3, "17") == "第3题对了。做第1题。"
    told = lessons.advice(article, 2, "7")
    assert "看不出" in told
    assert told.endswith("再做一遍第2题。")
    alone = lessons.lesson("乘除法", lines[:2])
    assert lessons.advice(alone, 1, "20").endswith("做第1题。")


def test_advice_takes_what_is_not_reduced():
    lines = items.made(2, seed=3, levels=[4])
    answer = items.solve(items.question_of(lines[1])).answer
    article = lessons.lesson("概率", lines)
    doubled = f"{2 * answer.numerator}/{2 * answer.denominator}"
    assert f"约分以后是{answer}" in lessons.advice(article, 1, doubled)


def test_what_is_said():
    assert lessons.spoken("2x-5=11，概率3/8") == "2艾克斯减5等于11，概率8分之3"
    assert lessons.spoken("(3+4)×2") == "括号，3加4，括号完，乘2"


def test_a_proposal_promises_nothing():
    shown = lessons.proposal("概率·乙", 0.42)
    assert "每十题能对4题" in shown.text
    assert "它用到分数" in shown.text
    assert "<svg" in shown._repr_html_()
    assert "不需要先学" in lessons.proposal("加减法·甲", 0.9).text


def test_refused():
    good = items.made(2, levels=[1])
    with pytest.raises(ValueError, match="the answer is 7"):
        lessons.lesson("加减法", [*good, "1级：3+4等于几？答：8"])
    with pytest.raises(ValueError, match="level 1, asked for 2"):
        lessons.lesson("乘除法", good)
    with pytest.raises(ValueError, match="lines has 1"):
        lessons.lesson("加减法", good[:1])
    with pytest.raises(ValueError, match="skill='分数'"):
        lessons.lesson("分数", good)
    article = lessons.lesson("加减法", good)
    with pytest.raises(ValueError, match="task=2: the lesson has 1"):
        lessons.advice(article, 2, "3")
    for said in ("", "三", "1/0", "1e9", "0.5", "1" * 9):
        with pytest.raises(ValueError, match="give a whole number or a fraction"):
            lessons.advice(article, 1, said)
    with pytest.raises(ValueError, match="course='微积分'"):
        lessons.proposal("微积分·甲", 0.5)
    with pytest.raises(ValueError, match="chance=2"):
        lessons.proposal("概率·甲", 2)
    with pytest.raises(ValueError, match="skill='音乐'"):
        lessons.picture("音乐")
