"""What is counted of texts, by hand."""

import math

import pytest

from aigc_lib.metrics.text import distinct, distinct_lines, nats_by_pairs, ngrams


def test_by_hand():
    assert ngrams("abcd", 2) == ["ab", "bc", "cd"]
    assert distinct(["abab", "ab"], 2) == 2 / 4  # ab ba ab ab
    assert distinct(["abab", "ab"], 1) == 2 / 6
    assert distinct(["ab", "x"], 2) == 1.0  # too short a text has no pairs
    assert distinct_lines(["a", "b", "a", "a"]) == 0.5


def test_nothing_to_count():
    for texts, n in ([], 2), (["a"], 2), (["a"], 0):
        with pytest.raises(ValueError, match=f"n={n}"):
            distinct(texts, n)
    with pytest.raises(ValueError, match="texts is empty"):
        distinct_lines([])


def test_pairs_by_hand():
    # singles of "ab\n": a, b and the break once each; with trust 1 and size 4
    single = (1 + 1 / 4) / (3 + 1)
    pair = (1 + single) / (1 + 1)  # each character follows its only context
    assert nats_by_pairs(["ab"], ["ab"], size=4, trust=1) == pytest.approx(
        -math.log(pair)
    )


def test_pairs_never_heard_of_are_a_guess_among_all():
    assert nats_by_pairs([], ["xy"], size=50) == pytest.approx(math.log(50))


def test_more_text_of_one_kind_makes_it_less_surprising():
    lines = ["abab", "abba", "baab"]
    few, many = (nats_by_pairs(lines * n, ["abab"], size=3) for n in (1, 100))
    assert many < few < math.log(3)


def test_what_cannot_be_counted():
    with pytest.raises(ValueError, match="size=0"):
        nats_by_pairs(["a"], ["a"], size=0)
    with pytest.raises(ValueError, match="test is empty"):
        nats_by_pairs(["a"], [], size=3)


def test_one_string_is_not_several_texts():
    for act in (distinct_lines, distinct):
        with pytest.raises(ValueError, match="texts='abc': give a list of texts"):
            act("abc")


@pytest.mark.parametrize("n", [float("nan"), 1.5, None])
def test_runs_have_a_whole_length(n):
    with pytest.raises(ValueError, match="n="):
        distinct(["abc"], n)
    with pytest.raises(ValueError, match="n="):
        ngrams("abc", n)
