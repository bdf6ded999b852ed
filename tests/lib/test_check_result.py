"""The outcomes of a checker: passed, wrong, broken, unfinished; never a traceback."""

import random

import numpy as np
import pytest
import torch

from aigc_lib import check
from aigc_lib.check._result import Result, checker, require


@checker("两数之和正确")
def add(answer):
    """Demands the sum of two numbers."""
    require(answer(2, 3) == 5, "2 + 3 应当等于 5")


def test_right():
    result = add(lambda a, b: a + b)
    assert result
    assert result.passed
    assert repr(result) == "通过 两数之和正确"


def test_wrong_gives_the_hint():
    result = add(lambda a, b: a - b)
    assert not result
    assert result.finished
    assert repr(result) == "未通过：2 + 3 应当等于 5"


def empty(a, b):
    pass


def dots(a, b):
    return ...


def later(a, b):
    raise NotImplementedError


@pytest.mark.parametrize("answer", [None, ..., empty, dots, later])
def test_unfinished(answer):
    result = add(answer)
    assert not result
    assert not result.finished
    assert repr(result).startswith("还没有写完")


@pytest.mark.parametrize("answer", [lambda a, b: a / 0, lambda: 1, 7, "text"])
def test_broken_names_the_error(answer):
    result = add(answer)
    assert not result
    assert result.finished
    assert "Error" in repr(result)


def test_broken_names_the_line():
    def answer(a, b):
        return undefined_name + a + b  # noqa: F821

    assert "undefined_name + a + b" in repr(add(answer))


def test_a_checker_may_say_what_it_measured():
    @checker()
    def measured(answer):
        return f"得到 {answer}"

    assert repr(measured(3)) == "通过 得到 3"


@pytest.mark.parametrize("fails", [False, True])
def test_a_check_changes_no_random_number(fails):
    @checker()
    def draws(answer):
        for seed in (random.seed, np.random.seed, torch.manual_seed):
            seed(0)
        require(not fails, "no")
        return answer()

    def next_numbers():
        return random.random(), np.random.rand(), torch.rand(1).item()

    def answer():
        return f"{next_numbers()}"

    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(7)
    expected = next_numbers()
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(7)
    assert bool(draws(answer)) is not fails
    assert next_numbers() == expected


def test_chapters_are_found_by_name():
    assert check.Result is Result
    assert "ch04" in dir(check)
    with pytest.raises(AttributeError, match="ch04"):
        check.ch99  # noqa: B018
