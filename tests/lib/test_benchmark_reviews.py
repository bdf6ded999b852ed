"""What the benchmark of the alarm on real reviews computes itself."""

import csv
import lzma

import numpy as np
import pytest
import torch

from benchmarks import opinion_alarm, review_alarm
from benchmarks.generated_texts import LENGTH
from benchmarks.review_alarm import Reviews


@pytest.fixture
def path(tmp_path):
    rows = [
        ("书籍", "0", "纸张很差"),
        ("书籍", "0", "纸张很差"),
        ("手机", "1", "好" * 2 * LENGTH),
        ("水果", "1", "很甜"),
        ("衣服", "0", "掉色"),
        ("衣服", "1", " "),
    ]
    file = tmp_path / "reviews.csv.xz"
    with lzma.open(file, "wt", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("cat", "label", "review"), *rows])
    return file


def test_the_streams_are_about_goods_that_no_training_review_is_about(path):
    train, test = review_alarm.by_goods(path)
    assert train == [("纸张很差", "负面"), ("好" * LENGTH, "正面")]
    assert set(test) == {("很甜", "正面"), ("掉色", "负面")}


def test_what_is_not_at_hand_is_not_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(review_alarm, "data_dir", lambda: None)
    assert review_alarm.at_hand("waimai_10k") is None
    monkeypatch.setattr(review_alarm, "data_dir", lambda: tmp_path)
    assert review_alarm.at_hand("waimai_10k") is None
    (tmp_path / "fewclue" / "eprstmt").mkdir(parents=True)
    assert review_alarm.at_hand("eprstmt") == tmp_path / "fewclue" / "eprstmt"


def test_words_find_bad_reviews():
    test = Reviews.of([("送得太慢", "负面"), ("味道很香", "正面")])
    assert test.y.tolist() == [1, 0]
    assert review_alarm.words_for_reviews(test, test, 0).tolist() == [1, 0]


def test_days_sooner_are_positive_where_the_words_are_later():
    words = np.array([[5.0, 7, 9], [5, 7, 9]])
    found = review_alarm.sooner(words - np.array([[1.0, 2, 3]]), words)
    assert found["sooner"] == pytest.approx(2)
    assert 1 <= found["sooner_min"] < 2 < found["sooner_max"] <= 3


def test_who_reads_without_a_mistake_is_alarmed_sooner(monkeypatch):
    monkeypatch.setattr(opinion_alarm, "STREAMS", 100)
    generator = np.random.default_rng(0)
    late = {}
    for name, noise in {"right": 0.0, "noisy": 2.0}.items():
        pools = [
            mean + noise * generator.standard_normal(500) for mean in (1.0, 0.0, 0.0)
        ]
        found = opinion_alarm.timed(pools, 0, {"it": opinion_alarm.CUSUM})
        assert found["it_days_to_false_alarm"] == pytest.approx(30, rel=0.1)
        assert len(found["it_delays"]) == 100
        late[name] = found["it_delay"]
    assert late["right"] < late["noisy"] - 1


def test_our_classifier_learns_as_many_steps_as_there_are_reviews_for(monkeypatch):
    asked = []
    monkeypatch.setattr(
        opinion_alarm, "trained", lambda train, steps, seed, **_: asked.append(steps)
    )
    monkeypatch.setattr(opinion_alarm, "said", lambda model, test: None)
    for n in (10, 2_000):
        train = Reviews(("好",) * n, torch.zeros(n, dtype=torch.long))
        review_alarm.classifier(train, train, 0)
    assert asked == [review_alarm.STEPS_OF_FEW, review_alarm.STEPS]
