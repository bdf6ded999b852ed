"""Benchmarks of chapter 14: splits, baselines and counts, without any training."""

from random import Random

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("imblearn")

from aigc_lib.metrics.ledger import Ledger
from aigc_lib.simulators.funds import FORMATS, funds, template
from benchmarks import compliance, credit, generated_texts


def test_difference_has_students_interval():
    found = credit.difference([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert found["gain"] == pytest.approx(2.0)
    # gains 1, 2, 3: deviation 1, t(0.975, 2) = 4.302653
    assert found["to"] - 2 == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert found["from"] == pytest.approx(4 - found["to"])


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.02, "有增益"),
        (-0.02, -0.01, "更差"),
        (-0.01, 0.02, "没有证据表明有增益"),
    ],
)
def test_verdict_follows_the_interval(low, high, words):
    assert credit.verdict({"gain": 0.0, "from": low, "to": high}) == words


def test_marginals_keep_each_column_of_a_class_and_break_the_pairs():
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    frame = pd.DataFrame({"a": a, "b": a, "y": np.where(np.arange(400) % 4, "n", "y")})
    made = credit.marginals(frame, "y", seed=0)
    for value in "ny":
        old, new = (part[part["y"] == value] for part in (frame, made))
        assert sorted(old["a"]) == sorted(new["a"])
    assert abs(np.corrcoef(made["a"], made["b"])[0, 1]) < 0.2
    assert (frame["a"] == frame["b"]).all()


def test_noise_keeps_the_label_and_most_of_the_text():
    few = [("净利润同比增长三成", "正面"), ("亏", "负面")]
    made = generated_texts.noisy(few, seed=0)
    assert len(made) == generated_texts.TIMES * len(few)
    for (text, label), (old, kept) in zip(made, few * 4, strict=True):
        assert label == kept
        assert text
        assert set(text) <= set(old)


def test_places_are_filled_with_the_numbers_of_the_ledger():
    for name, numbers in funds(20):
        ledger = Ledger.of({name: numbers}, FORMATS)
        text = template(name, numbers, Random(0))
        marked = compliance.marked(name, text)
        assert not any(c.isdigit() and c.isascii() for c in marked)
        assert compliance.filled(name, marked, ledger) == ledger.fill(text)[0]


def test_counts_of_reports():
    days = [("甲", {"净值": 1.0, "当日收益": 0.0, "在险价值": 0.01, "越限天数": 9})]
    days[0][1]["上限"] = 3
    ledgers = [Ledger.of({"甲": days[0][1]}, FORMATS)]
    whole = ledgers[0].fill(template(*days[0], Random(0)))[0]
    found = compliance.counted([whole], days, ledgers)
    assert found["exactness"] == found["whole"] == found["alarm_recall"] == 1
    found = compliance.counted(["甲净值1.0000，在险价值2.00%"], days, ledgers)
    assert found["exactness"] == 0.5
    assert found["omission"] == pytest.approx(0.8)
    assert found["alarm_recall"] == 0
