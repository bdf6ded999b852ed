"""Finding by words, by meaning and by both."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aigc_lib.apps.service_desk.retrieval import (
    ByMeaning,
    ByWords,
    Index,
    bm25,
    fused,
    pairs_of_letters,
    places,
    words,
)

LINES = [
    "退货的运费由您先付",
    "电子发票发到邮箱",
    "保修期内运费由本店出",
    "Free shipping",
]


class Letters:
    """Places a text by which of five letters it has."""

    def points(self, texts):
        rows = [[float(c in text) for c in "退发保修F"] for text in texts]
        x = torch.tensor(rows)
        return x / x.norm(dim=1, keepdim=True).clamp(min=1e-9)


def test_pairs_of_letters():
    assert pairs_of_letters("退货QH-2，运费") == [
        "退",
        "货",
        "退货",
        "qh",
        "2",
        "运",
        "费",
        "运费",
    ]
    assert pairs_of_letters("？！ ") == []


@pytest.mark.parametrize("cut", [pairs_of_letters, words])
def test_the_library_gives_what_the_sum_gives(cut):
    pytest.importorskip("bm25s")
    index = ByWords(LINES, cut)
    for question in ("退货运费谁出", "发票", "shipping", "没有这样的词啊"):
        right = bm25(cut(question), [cut(line) for line in LINES])
        assert index.scores([question])[0] == pytest.approx(right, abs=1e-4)


def test_nothing_is_found_where_there_is_nothing():
    pytest.importorskip("bm25s")
    assert ByWords([], words).scores(["退货"]).shape == (1, 0)
    assert ByWords(["。", "！"]).scores(["退货"]).tolist() == [[0.0, 0.0]]
    assert ByWords(LINES).scores(["？"]).tolist() == [[0.0] * 4]
    assert ByMeaning([], Letters()).scores(["退货"]).shape == (1, 0)
    assert Index([], [], Letters()).search("退货") == []


def test_places_share_the_worse_one():
    assert places(np.array([[3.0, 1.0, 1.0, 2.0]])).tolist() == [[1, 4, 4, 2]]


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8, unique=True))
def test_fusing_a_ranking_with_itself_changes_no_place(scores):
    one = np.array([scores])
    assert (np.argsort(-fused([one, one])) == np.argsort(-one)).all()


def test_only_places_count():
    a, b = np.array([[3.0, 2.0, 1.0]]), np.array([[0.1, 0.3, 0.2]])
    assert np.allclose(fused([a, b]), fused([a * 100 + 7, b**3]))
    assert fused([a, b], [1, 0]).argmax() == 0
    assert fused([a, b], [0, 1]).argmax() == 1
    assert fused([a], k=0)[0] == pytest.approx([1, 1 / 2, 1 / 3])


@pytest.mark.parametrize(
    ("several", "options", "message"),
    [
        ([], {}, "rankings"),
        ([np.ones((1, 2))], {"weights": [1, 2]}, "weights"),
        ([np.ones((1, 2))], {"k": -1}, "k="),
    ],
)
def test_bad_fusions(several, options, message):
    with pytest.raises(ValueError, match=message):
        fused(several, **options)


def test_of_the_texts_of_an_owner_the_best_counts():
    pytest.importorskip("bm25s")
    index = Index(LINES, [0, 1, 0, 2], Letters())
    found = index.search("保修期内运费")
    assert found[0].text == 0
    assert [hit.text for hit in index.search("Free", n=1)] == [2]
    with pytest.raises(ValueError, match="owners"):
        Index(LINES, [0, 1], Letters())


def test_strictly_a_question_does_not_find_itself():
    pytest.importorskip("bm25s")
    index = Index(["退货", "退货的运费", "发票"], [0, 1, 2], Letters())
    assert index.search("退货")[0].text == 0
    strict = index.search("退货", strictly=True)
    assert strict[0].text == 1
    assert next(hit for hit in strict if hit.text == 0).by_words == 0
