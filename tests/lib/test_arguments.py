"""Checks of what callers give: numbers of all kinds of libraries, and what is none."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from aigc_lib.arguments import at_least, finite, multiple_of, whole, yes_or_no

WHOLE = [4, 4.0, np.int64(4), np.float32(4), torch.tensor(4), Decimal(4), Fraction(4)]


@pytest.mark.parametrize("value", WHOLE)
def test_a_whole_number_of_any_library_becomes_pythons(value):
    assert whole("n", value) == 4
    assert type(whole("n", value)) is int
    assert type(finite("n", value)) in (int, float)


@pytest.mark.parametrize(
    "value",
    [2.5, math.nan, math.inf, True, np.True_, "4", b"4", None, 10**30, 10**400, [4]],
)
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=r"^n="):
        whole("n", value)


@pytest.mark.parametrize("value", [4.0, np.float64(4), Decimal(4)])
def test_what_is_only_checked_must_be_able_to_count(value):
    for check in (lambda: at_least(1, n=value), lambda: multiple_of(2, n=value)):
        with pytest.raises(ValueError, match=r"^n=.*give it as a whole number, 4"):
            check()
    at_least(1, n=np.int64(4))
    multiple_of(2, n=torch.tensor(4))


def test_yes_or_no():
    yes = [True, 1, np.True_, torch.tensor(True)]
    assert [yes_or_no("on", value) for value in yes] == [True] * 4
    no = [False, 0, np.False_]
    assert [yes_or_no("on", value) for value in no] == [False] * 3
    for value in ("false", "no", "", 2, 0.0, math.nan, None, torch.ones(2)):
        with pytest.raises(ValueError, match=r"^on=.*give True or False"):
            yes_or_no("on", value)
