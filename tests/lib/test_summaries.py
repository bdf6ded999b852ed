"""Summaries: ROUGE by hand, extraction against closed forms, facts of made reports."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_lib.metrics.text import rouge
from aigc_lib.models.extractive import by_graph, by_weight, extract, lead, sentences
from aigc_lib.simulators.shops import REASONS, TURNS, check_summary, weeks


def test_rouge_worked_by_hand():
    """猫在垫子上 and 猫坐在垫上: 4 common of 5 and 5; pairs: none but 在垫.

    Characters 猫在垫上 are common: F1 = 2 * 4 / 10. Pairs 猫在 在垫 垫子 子上 against
    猫坐 坐在 在垫 垫上: one common, 2 * 1 / 8. In order: 猫在垫上, 2 * 4 / 10.
    """
    told = rouge("猫在垫子上。", "猫坐在垫上！")
    assert told == {"rouge1": 0.8, "rouge2": 0.25, "rougeL": 0.8}


def test_rouge_counts_a_character_as_often_as_both_have_it():
    assert rouge("好好好好", "好的")["rouge1"] == pytest.approx(2 * 1 / 6)
    assert rouge("甲乙", "乙甲") == {"rouge1": 1.0, "rouge2": 0.0, "rougeL": 0.5}


def test_rouge_does_not_see_a_false_digit():
    told = rouge("本周销量412件，较上周上升", "本周销量417件，较上周上升")
    assert told["rouge1"] > 0.9
    assert told["rougeL"] > 0.9


texts = st.text("甲乙丙丁", min_size=1, max_size=9)


@given(texts, texts)
def test_rouge_is_symmetric_and_one_for_equal_texts(a, b):
    assert rouge(a, b) == rouge(b, a)
    assert rouge(a, a)["rougeL"] == rouge(a, a)["rouge1"] == 1
    assert rouge(a, b)["rougeL"] <= rouge(a, b)["rouge1"] + 1e-12


@given(texts, texts)
def test_longest_common_run_against_enumeration(a, b):
    def runs(text):
        return {"".join(c) for k in range(len(text) + 1) for c in combinations(text, k)}

    longest = max(map(len, runs(a) & runs(b)))
    assert rouge(a, b)["rougeL"] == pytest.approx(2 * longest / (len(a) + len(b)))


@pytest.mark.parametrize("pair", [("", "甲"), ("甲", " \n"), ("，。", "甲")])
def test_rouge_refuses_empty_texts(pair):
    with pytest.raises(ValueError, match="empty"):
        rouge(*pair)


def test_sentences_end_where_they_end():
    text = "他说：“走吧！”然后走了。天黑了？\n是的……"
    assert sentences(text) == ["他说：“走吧！”", "然后走了。", "天黑了？", "是的……"]
    for empty in ("", "。。！", "  \n"):
        with pytest.raises(ValueError, match="no sentence"):
            sentences(empty)


def test_lead_takes_the_first_that_fit():
    text = "甲乙丙。丁。戊己。"
    assert extract(text, 6, lead) == "甲乙丙。丁。"
    assert extract("甲乙丙。戊己庚。丁。", 6, lead) == "甲乙丙。丁。"
    assert extract(text, 1, lead) == "甲"
    with pytest.raises(ValueError, match="room"):
        extract(text, 0)


def test_graph_weights_are_the_steady_state():
    parts = ["猫坐在垫子上。", "狗坐在垫子上。", "猫和狗都在垫子上。", "股价跌了。"]
    weights = by_graph(parts)
    assert weights.sum() == pytest.approx(1)
    assert weights.argmin() == 3
    from aigc_lib.models.extractive import _weights

    rows = _weights(parts)
    like = rows @ rows.T
    steps = like / like.sum(1, keepdims=True)
    walk = np.full(4, 0.25)
    for _ in range(500):
        walk = 0.15 / 4 + 0.85 * walk @ steps
    assert weights == pytest.approx(walk)
    with pytest.raises(ValueError, match="damping"):
        by_graph(parts, damping=1.0)


def test_equal_sentences_weigh_the_same():
    for weigh in (by_graph, by_weight):
        assert np.ptp(weigh(["天黑了。"] * 3)) == pytest.approx(0, abs=1e-12)


def test_extracts_are_sentences_in_their_order():
    for week in weeks(20, seed=1):
        parts = sentences(week.text)
        short = sentences(extract(week.text, 60))
        places = [parts.index(one) for one in short]
        assert places == sorted(places)
        assert sum(map(len, short)) <= 60


def test_reports_and_their_summaries_are_true():
    made = weeks(300, seed=2)
    assert made[:3] == weeks(3, seed=2)[:3] or made[0].text == weeks(3, seed=2)[0].text
    for week in made:
        told = check_summary(week.summary, week)
        assert told.faithful, week.summary
        assert told.complete, week.summary
        assert check_summary(week.text, week).faithful
    assert {week.turn for week in made} == set(TURNS.values())


def test_each_kind_of_lie_is_seen():
    week = next(w for w in weeks(50, seed=3) if w.turn == "上升")
    cells = {column: text for (_, column), text in week.ledger.cells.items()}
    sold = cells["本周销量"]
    lies = {
        "出处不对": week.summary.replace(sold, cells["上周销量"]),
        "没有出处": week.summary.replace(sold, "12345"),
        "没有下降": week.summary.replace("上升", "下降"),
        "最多的投诉不是": week.summary.replace(
            week.reason, next(r for r in REASONS if r != week.reason)
        ),
        "不是": week.summary.replace(
            week.name, "青禾书店" if week.name != "青禾书店" else "南塘书店"
        ),
    }
    for sign, lie in lies.items():
        told = check_summary(lie, week)
        assert any(sign in one for one in told.false), (sign, lie)
    short = check_summary(f"{week.name}本周销量{sold}件。", week)
    assert short.faithful
    assert short.missing == ["退货率", "最多的投诉"]
    with pytest.raises(ValueError, match="empty"):
        check_summary("。", week)
