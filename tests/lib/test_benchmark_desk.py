"""What the benchmark of intents says of refusals: F1, its baseline, their lines."""

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import f1_score

from aigc_lib.apps.service_desk.understanding import HELD_OUT, OUTSIDE, Said
from benchmarks import desk_intents as bench

WORDS = {"退货": "退货退回", "发票": "发票抬头", "保修": "保修几年"}
WORDS |= {OUTSIDE: "天气月亮"}


def said(part="train"):
    """Twelve patterns of each intent, each with its own sign, four times."""
    return [
        Said(f"{words}{chr(0x4E00 + 20 * k + n)}", intent, f"{part} {n}")
        for k, (intent, words) in enumerate(WORDS.items())
        for n in range(12)
        for _ in range(4)
    ]


def test_the_f1_of_refusals_is_that_of_scikit_learn():
    inside, outside = np.arange(9) < 2, np.arange(5) < 3
    truth = [False] * 9 + [True] * 5
    assert bench.f1(inside, outside) == pytest.approx(
        f1_score(truth, [*inside, *outside])
    )
    assert bench.f1(inside, np.zeros(5, bool)) == 0


def test_the_line_of_tfidf_is_chosen_on_what_it_has_not_learned():
    data, classes = said(), ("保修", "发票", "退货")
    line = bench.line_of(data, classes)
    assert 0.35 < line < 1  # outsiders share no letter: all classes are as likely
    numbers = [int(one.pattern.split()[1]) for one in data]
    held = [n % HELD_OUT == HELD_OUT - 1 for n in numbers]
    strange = [one.intent == OUTSIDE for one in data]
    both = list(zip(data, held, strange, strict=True))
    # outsiders that are not held out are neither learned nor looked at
    other = [o._replace(text="月球") if s and not h else o for o, h, s in both]
    assert bench.line_of(other, classes) == line
    other = [o._replace(text="退货退回") if h and s else o for o, h, s in both]
    assert bench.line_of(other, classes) != line


def test_the_refusals_of_the_assistant_stand_beside_those_of_tfidf(monkeypatch):
    strangers = {"made": ["天气怎样", "退货"], "other sets": ["长城多长"] * 3}
    few = partial(bench.difference, resamples=9)
    monkeypatch.setattr(bench, "difference", few)
    monkeypatch.setattr(bench.aigc, "start", lambda **options: None)
    monkeypatch.setattr(bench, "made", said)
    monkeypatch.setattr(bench, "real_outsiders", lambda: [])
    monkeypatch.setattr(bench, "outsiders", lambda: strangers)
    monkeypatch.setattr(bench, "_steps", lambda: {"steps": 2})
    answer = bench.service(seed=0)
    for kind in strangers:
        ours = answer[f"f1 {kind}|assistant, real"]
        theirs = answer[f"f1 {kind}|TF-IDF with a threshold, real"]
        mean, low, high = answer[f"gain f1 {kind}|assistant, real"]
        assert mean == pytest.approx(ours - theirs)
        assert low <= high
    # who shares no letter with what was learned is refused by both
    assert answer["f1 other sets|TF-IDF with a threshold, real"] == 1


def test_a_difference_is_paired():
    inside, outside = np.linspace(0.3, 1, 40), np.linspace(0, 0.7, 30)
    same = inside, outside
    assert bench.difference(bench.auroc, same, same) == [0, 0, 0]
    mean, low, high = bench.difference(bench.auroc, same, (inside[::-1], outside))
    assert mean == 0
    assert low < 0 < high
