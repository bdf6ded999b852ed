"""The benchmark of churn: who is asked about is in nothing that was learned from."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("imblearn")

from aigc_lib.data.customers import DAY, LEFT, months_before
from aigc_lib.data.ratings import Log
from benchmarks import churn


@pytest.fixture(scope="module")
def log():
    generator = np.random.default_rng(0)
    users = generator.integers(300, size=3_000)
    times = (generator.random(3_000) * 370 * DAY * (1 + users % 3) / 3).astype(int)
    times[-1] = 370 * DAY
    return Log([f"u{u}" for u in users], ["cup"] * 3_000, times)


def test_folds_ask_about_each_customer_once_and_learn_from_the_others(log):
    end = log.times.max()
    then, now = (months_before(log, end - k * 90 * DAY) for k in (2, 1))
    folds = [churn.parts(log, fold) for fold in range(5)]
    for table, place in ((then, 1), (now, 2)):  # each is held out once, then and now
        both = pd.concat([fold[place] for fold in folds])
        pd.testing.assert_frame_equal(ordered(both), ordered(table), check_names=False)
    for real, others, _ in folds:  # and learned from in the other folds
        both = pd.concat([real, others])
        pd.testing.assert_frame_equal(ordered(both), ordered(then), check_names=False)


def ordered(table):
    return table.sort_values(list(table), ignore_index=True)


def test_what_is_learned_from_does_not_know_the_months_that_are_asked_about(log):
    late = log.times >= log.times.max() - 90 * DAY
    late[np.argmax(log.times)] = False  # the end stays
    changed = log._replace(users=np.where(late, "somebody", log.users))
    kept = churn.parts(log, 0)[0]
    names = months_before(log, log.times.max() - 180 * DAY)
    assert len(kept) < len(names)
    again = months_before(changed, log.times.max() - 180 * DAY)
    pd.testing.assert_frame_equal(names, again)


def test_rules_suspect_who_ordered_long_ago_or_seldom():
    test = pd.DataFrame(
        {
            "month -2": [2, 1, 0, 0],
            "month -1": [1, 0, 1, 1],
            "products": 1,
            "days": [5, 40, 10, 3],
            LEFT: ["no", "yes", "yes", "no"],
        }
    )
    found = churn.ruled(test)
    assert found["longest ago"]["auc"] == 1
    assert found["fewest orders"]["auc"] == 1  # of one order each, the older first
    test.loc[3, LEFT] = "yes"
    assert found["longest ago"] == churn.ruled(test.iloc[:3])["longest ago"]
    assert churn.ruled(test)["longest ago"]["auc"] == pytest.approx(2 / 3)
    assert churn.ruled(test)["fewest orders"]["auc"] == 1


def test_gains_are_paired_by_fold():
    figures = dict.fromkeys(churn.FIGURES, 0.7)
    ways = [churn.REAL, *churn.MADE, *churn.RULES]
    runs = [{way: dict(figures) for way in ways} for _ in range(3)]
    for run, more in zip(runs, (0.1, 0.2, 0.3), strict=True):
        run[churn.REAL]["auc"] = 0.5 + more
        run["tvae"]["auc"] = 0.4 + more
    row = next(
        row
        for row in churn.gains(runs)
        if (row["method"], row["against"], row["figure"]) == ("tvae", "real", "auc")
    )
    assert [row["gain"], row["from"], row["to"]] == pytest.approx([-0.1] * 3)
