"""What is counted of texts, by hand."""

import pytest

from aigc_lib.metrics.text import distinct, distinct_lines, ngrams


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
