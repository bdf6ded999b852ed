"""What the benchmark of the monitor's sentiment computes itself."""

import pytest
import torch

from benchmarks import sentiment


def test_three_classes_are_judged_by_hand():
    labels = ["正面", "正面", "中性", "负面"]
    found = sentiment.judged(labels, ["正面", "中性", "正面", "负面"])
    assert found["hits"] == [True, False, False, True]
    assert (found["good_precision"], found["good_recall"]) == (0.5, 0.5)
    assert found["macro_f1"] == pytest.approx((0.5 + 0 + 1) / 3)
    none = sentiment.judged(["正面", "负面"], ["中性", "负面"])  # reviews: no neutral
    assert none["macro_f1"] == pytest.approx(0.5)
    assert none["good_precision"] == 0


def test_headlines_of_one_pattern_are_drawn_together():
    ours = torch.tensor([1.0] * 50 + [0.0] * 50, dtype=torch.double)
    others = 1 - ours
    apart = sentiment.gain(ours, others, list(range(100)))
    assert apart["gain"] == 0
    low, high = apart["gain_interval"]
    assert -0.3 < low < 0 < high < 0.3
    together = sentiment.gain(ours, others, ["a"] * 50 + ["b"] * 50)
    assert together["gain_interval"] == [-1, 1]
    better = sentiment.gain(ours, torch.zeros_like(ours), list(range(100)))
    assert 0.3 < better["gain_interval"][0] < better["gain"] == 0.5


def test_the_most_frequent_class_is_that_of_the_training(monkeypatch):
    known = [("a", "负面"), ("b", "正面"), ("c", "正面")], [("d", "负面")]
    monkeypatch.setattr(sentiment.review_alarm, "read", lambda name: known)
    assert sentiment.majority("eprstmt", ["x", "y"], 0) == ["正面"] * 2
