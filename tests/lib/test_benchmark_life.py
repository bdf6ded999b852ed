"""The arithmetic of the benchmark of chapter 21, on figures made by hand."""

import pytest
from scipy.stats import ttest_rel

from benchmarks.life import gains


def run(launch, without, with_):
    names = ("launch", "without", "with")
    return {
        k: {"rare": v} for k, v in zip(names, (launch, without, with_), strict=True)
    }


def test_gains_are_paired_by_seed_and_the_newer_comes_first():
    runs = [run(0.5, 0.7, 0.8), run(0.6, 0.7, 0.9), run(0.4, 0.9, 0.8)]
    found = gains(runs)
    assert set(found) == {
        "rare with over without",
        "rare with over launch",
        "rare without over launch",
    }
    row = found["rare with over launch"]
    low, high = ttest_rel([0.8, 0.9, 0.8], [0.5, 0.6, 0.4]).confidence_interval()
    assert row["gain"] == pytest.approx(1 / 3)
    assert (row["from"], row["to"]) == pytest.approx((low, high))


def test_one_seed_has_no_width():
    row = gains([run(0.5, 0.7, 0.8)])["rare with over without"]
    assert row["from"] == row["to"] == row["gain"] == pytest.approx(0.1)
