"""Items and their solver: against Python's own arithmetic and by counting draws."""

from fractions import Fraction
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_lib.data.made import items

small = st.integers(1, 99)


@pytest.mark.parametrize("level", items.LEVELS)
def test_templates_agree_with_the_solver(level):
    for line in items.made(60, seed=level, levels=[level]):
        verdict = items.judge(line, level)
        assert verdict.good, (line, verdict)


@given(small, small, small, st.sampled_from("+-×"), st.sampled_from("+-×"))
def test_expressions_as_python_computes_them(a, b, c, first, second):
    for text in (f"{a}{first}{b}{second}{c}", f"({a}{first}{b}){second}{c}"):
        found = items.solve(f"{text}等于几？")
        assert found.answer == eval(text.replace("×", "*"))
        assert found.level == 2


@given(st.integers(1, 6), st.integers(1, 6))
def test_draws_by_counting_them(red, white):
    bag = ["红"] * red + ["白"] * white
    pairs = list(permutations(range(len(bag)), 2))
    both = sum(bag[i] == bag[j] == "红" for i, j in pairs)
    two = f"袋里有{red}个红球和{white}个白球，不放回地取两个，都是红球的概率是多少？"
    assert items.solve(two).answer == Fraction(both, len(pairs))
    one = f"袋里有{red}个红球和{white}个白球，任取一个，是白球的概率是多少？"
    assert items.solve(one) == (Fraction(white, red + white), 4)


def test_equations_hold_for_their_solution():
    for line in items.made(80, levels=[3]):
        question = items.question_of(line)
        left, right = question.removesuffix("，x等于几？").split("=")
        x = items.solve(question).answer
        assert eval(left.replace("x", "*x"), {"x": x}) == int(right)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1级：3+4等于几？答：8", "the answer is 7"),
        ("2级：3+4等于几？答：7", "level 1, asked for 2"),
        ("2级：(3+4×5等于几？答：35", "not closed"),
        ("2级：3++4等于几？答：7", "where a number"),
        ("2级：3等于几？答：3", "nothing to compute"),
        ("4级：袋里有3个红球和4个红球，任取一个，是红球的概率是多少？答：1", "both"),
        (
            "4级：袋里有3个红球和4个白球，任取一个，是黑球的概率是多少？答：0",
            "asked for",
        ),
        ("4级：袋里有6个红球和4个白球，任取一个，是红球的概率是多少？答：6/10", "3/5"),
        ("3级：0x+5=5，x等于几？答：0", "where a number"),
        ("3级：今天天气怎样？答：好", "not of a kind"),
        ("1级：3+4等于几", "not of the form"),
        (f"2级：{'(' * 99}3+4等于几？答：7", "at most 100"),
        ("1级：007+4等于几？答：11", "where a number"),
    ],
)
def test_what_the_judge_says(line, says):
    verdict = items.judge(line, int(line[0]))
    assert not verdict.good
    assert says in verdict.why


def test_new_is_by_the_question():
    line = items.written(2, Random(0))
    assert items.judge(line, 2).good
    seen = items.judge(line, 2, {items.question_of(line)})
    assert (seen.good, seen.right, seen.why) == (False, True, "known already")


def test_bad_requests():
    with pytest.raises(ValueError, match="levels holds 6"):
        items.made(3, levels=[6])
    with pytest.raises(ValueError, match="different items were found"):
        items.made(5_000, levels=[1])
    with pytest.raises(ValueError, match="n=0"):
        items.made(0)
    with pytest.raises(ValueError, match="give one of the form"):
        items.question_of("3+4")
    with pytest.raises(items.Unsolvable, match="not of a kind"):
        items.solve("为什么？")
