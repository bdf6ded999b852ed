"""Rates and gaps of groups: fairlearn is the oracle."""

import numpy as np
import pytest

from aigc_lib.metrics.fairness import group_gaps, group_rates


@pytest.fixture
def decisions():
    generator = np.random.default_rng(0)
    groups = generator.choice(["a", "b", "c"], 600)
    y = generator.integers(0, 2, 600)
    d = (generator.random(600) < 0.3 + 0.2 * y + 0.2 * (groups == "b")).astype(int)
    return d, y, groups


def test_the_rates_and_gaps_of_fairlearn(decisions):
    metrics = pytest.importorskip("fairlearn.metrics")
    d, y, groups = decisions
    gaps = group_gaps(d, y, groups)
    given = {"y_true": y, "y_pred": d, "sensitive_features": groups}
    for ours, theirs in {
        "demographic_parity": metrics.demographic_parity_difference,
        "equalized_odds": metrics.equalized_odds_difference,
        "equal_opportunity": metrics.equal_opportunity_difference,
    }.items():
        assert gaps[ours] == pytest.approx(theirs(**given))
    frame = metrics.MetricFrame(
        metrics={
            "selection_rate": metrics.selection_rate,
            "true_positive_rate": metrics.true_positive_rate,
            "false_positive_rate": metrics.false_positive_rate,
            "n": metrics.count,
        },
        **given,
    )
    rates = group_rates(d, y, groups)
    for group, row in frame.by_group.iterrows():
        assert {key: rates[group][key] for key in row.index} == pytest.approx(dict(row))


def test_by_hand():
    d, y = [1, 1, 0, 0, 1, 0, 0, 0], [1, 0, 1, 0, 1, 1, 0, 0]
    groups = list("aaaabbbb")
    rates = group_rates(d, y, groups)
    assert rates["a"] == {
        "n": 4,
        "selection_rate": 0.5,
        "true_positive_rate": 0.5,
        "false_positive_rate": 0.5,
        "accuracy": 0.5,
    }
    assert group_gaps(d, y, groups) == {
        "demographic_parity": 0.25,
        "equal_opportunity": 0,
        "equalized_odds": 0.5,
        "accuracy": 0.25,
    }


def test_a_perfect_rule_has_no_gap_but_that_of_the_base_rates(decisions):
    _, y, groups = decisions
    gaps = group_gaps(y, y, groups)
    assert gaps.pop("demographic_parity") > 0
    assert set(gaps.values()) == {0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 0], [1, 0], ["a", "a"]), "groups are all 'a'"),
        (([1, 0], [1, 1], ["a", "b"]), "group 'a' has no false_positive_rate"),
        (([1, 0], [1], ["a", "b"]), r"outcomes \(1,\)"),
        (([], [], []), r"chosen \(0,\)"),
        (([0.7, 0], [1, 0], ["a", "b"]), "chosen has other values"),
        (([1, 0], [2, 0], ["a", "b"]), "outcomes has other values"),
        (([1, 0], [1, 0], np.array(["a", None], object)), "missing values"),
        (([1, 0], [1, 0], [1.0, np.nan]), "missing values"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        group_gaps(*arguments)
