"""Customers as months of orders: counted by hand, and nothing that leaks over a cut."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_lib.data.customers import DAY, LEFT, impossible, months_before
from aigc_lib.data.ratings import Log

CUT = 100 * DAY
SMALL = {"months": 3, "ahead": 2, "days": 10}


def shop(rows=600, seed=0):
    generator = np.random.default_rng(seed)
    return Log(
        [f"u{u}" for u in generator.integers(40, size=rows)],
        [f"i{i}" for i in generator.integers(9, size=rows)],
        generator.integers(50 * DAY, 150 * DAY, size=rows),
    )


def test_orders_are_counted_month_by_month():
    rows = [  # days before the cut
        *[("often", "cup", 1), ("often", "pot", 1), ("often", "cup", 10)],
        *[("often", "cup", 11), ("often", "cup", -5)],  # comes back
        *[("once", "pot", 25), ("once", "pot", -20.5)],  # too late to count
        *[("late", "pot", 30), ("late", "cup", 0)],  # the cut itself is after it
        ("old", "cup", 40),  # before all months
        ("new", "cup", -1),
    ]
    users, items, days = zip(*rows, strict=True)
    times = CUT - (np.array(days) * DAY).astype(int)
    table = months_before(Log(users, items, times), CUT, **SMALL)
    wanted = pd.DataFrame(
        [[1, 0, 0, 1, 29, "no"], [0, 1, 2, 4, 0, "no"], [1, 0, 0, 1, 24, "yes"]],
        index=["late", "often", "once"],
        columns=["month -3", "month -2", "month -1", "products", "days", LEFT],
    )
    pd.testing.assert_frame_equal(
        table, wanted, check_dtype=False, check_index_type=False, check_names=False
    )
    dated = Log(users, items, times.astype("M8[s]"))
    pd.testing.assert_frame_equal(
        months_before(dated, np.datetime64(CUT, "s"), **SMALL), table
    )


@given(st.integers(0, 1_000))
def test_what_happens_after_the_cut_changes_the_label_alone(seed):
    log, generator = shop(), np.random.default_rng(seed)
    late = log.times >= CUT
    users, items, times = np.array(log.users), np.array(log.items), log.times.copy()
    users[late] = generator.permutation(users[late])
    items[late] = "new"
    times[late] = generator.integers(CUT, 150 * DAY, late.sum())
    before, after = (
        months_before(each, CUT, **SMALL) for each in (log, Log(users, items, times))
    )
    pd.testing.assert_frame_equal(before.drop(columns=LEFT), after.drop(columns=LEFT))


def test_the_label_is_what_happens_after_the_cut():
    log = shop()
    table = months_before(log, CUT, **SMALL)
    inside = (log.times >= CUT) & (log.times < CUT + 20 * DAY)
    back = set(np.array(log.users)[inside])
    assert {*table[LEFT]} == {"yes", "no"}
    assert set(table.index[table[LEFT] == "no"]) == back & set(table.index)


def test_rows_that_contradict_themselves_are_found():
    table = months_before(shop(), CUT, **SMALL)
    assert not impossible(table, days=10).any()
    assert impossible(table.assign(days=table["days"] + 10), days=10).all()
    assert impossible(table.assign(products=0), days=10).all()
    nothing = table.assign(**{"month -3": 0, "month -2": 0, "month -1": 0})
    assert impossible(nothing, days=10).all()


def test_months_that_the_log_does_not_have_are_refused():
    log = shop()
    with pytest.raises(ValueError, match="choose lower months"):
        months_before(log, 150 * DAY, **SMALL)  # nothing comes after
    with pytest.raises(ValueError, match="wanted are 600 and 20"):
        months_before(log, CUT, months=60, ahead=2, days=10)
    with pytest.raises(ValueError, match="no times"):
        months_before(log._replace(times=None), CUT)
    gap = (log.times < 60 * DAY) | (log.times >= CUT)
    rows = Log(np.array(log.users)[gap], np.array(log.items)[gap], log.times[gap])
    with pytest.raises(ValueError, match="nobody"):
        months_before(rows, CUT, **SMALL)
