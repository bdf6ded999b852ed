"""Lessons: pictures, texts and what is said hold what the solver says."""

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
    with pytest.raises(ValueError, match="course='微积分'"):
        lessons.proposal("微积分·甲", 0.5)
    with pytest.raises(ValueError, match="chance=2"):
        lessons.proposal("概率·甲", 2)
    with pytest.raises(ValueError, match="skill='音乐'"):
        lessons.picture("音乐")
