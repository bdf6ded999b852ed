"""Ranking metrics: closed forms, scikit-learn as oracle, invariants, bad input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from aigc_lib.metrics import ranking


def test_ndcg_by_hand():
    # hits at places 1 and 3 of what could have been three
    hit = torch.tensor([[True, False, True, False]])
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    expected = (1 + 1 / 2) / ideal
    assert ranking.ndcg(hit, torch.tensor([3])).item() == pytest.approx(expected)
    # more relevant items than places: the best list is full of hits
    full = torch.ones(1, 2, dtype=torch.bool)
    assert ranking.ndcg(full, torch.tensor([9])).item() == pytest.approx(1)


def test_recall_by_hand():
    hit = torch.tensor([[True, False, True, False], [False] * 4, [True] * 4])
    found = ranking.recall(hit, torch.tensor([3, 1, 50]))
    assert found.tolist() == pytest.approx([2 / 3, 0, 1])


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_ndcg_agrees_with_scikit_learn(seed, k):
    generator = np.random.default_rng(seed)
    scores = generator.permutation(60).reshape(5, 12).astype(np.float32)
    relevant = generator.random((5, 12)) < 0.3
    relevant[:, 0] = True
    ranked = ranking.best(torch.from_numpy(scores), k)
    marks = torch.from_numpy(relevant)
    mine = ranking.ndcg(ranking.hits(ranked, marks), marks.sum(1))
    for i in range(5):
        theirs = ndcg_score(relevant[[i]].astype(float), scores[[i]], k=k)
        assert mine[i].item() == pytest.approx(theirs)


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_a_perfect_ranking_has_one_and_all_lie_between(seed, k):
    generator = torch.Generator().manual_seed(seed)
    relevant = torch.rand(6, 30, generator=generator) < 0.4
    relevant[:, 3] = True
    count = relevant.sum(1)
    perfect = ranking.hits(ranking.best(relevant.float(), k), relevant)
    assert ranking.ndcg(perfect, count).tolist() == pytest.approx([1] * 6)
    assert ranking.recall(perfect, count).tolist() == [1] * 6
    random = torch.rand(6, 30, generator=generator)
    hit = ranking.hits(ranking.best(random, k), relevant)
    for figure in (ranking.ndcg(hit, count), ranking.recall(hit, count)):
        assert (figure >= 0).all()
        assert (figure <= 1 + 1e-12).all()


def test_what_was_seen_is_never_recommended():
    scores = torch.arange(5.0).repeat(2, 1)
    seen = torch.tensor([[False, False, False, True, True], [True] * 4 + [False]])
    ranked = ranking.best(scores, 3, seen)
    assert ranked.tolist() == [[2, 1, 0], [4, -1, -1]]
    relevant = torch.tensor([[True, False, True, False, False], [True] * 5])
    assert ranking.hits(ranked, relevant).tolist() == [
        [True, False, True],
        [True, False, False],  # what stands in for nothing hits nothing
    ]


def test_coverage_counts_items_and_not_places():
    ranked = torch.tensor([[0, 1], [1, 0], [1, 7], [-1, -1]])
    assert ranking.coverage(ranked, 10) == 0.3
    with pytest.raises(ValueError, match="item 7: items=7 are known"):
        ranking.coverage(ranked, 7)


def test_novelty_is_the_mean_surprise():
    popularity = torch.tensor([8, 4, 1, 0])
    ranked = torch.tensor([[0, 1], [2, -1]])
    bits = (0 + 1 + 3) / 3  # of 8 users: all, one half, one eighth
    assert ranking.novelty(ranked, popularity, 8) == pytest.approx(bits)
    assert ranking.novelty(torch.tensor([[3]]), popularity, 8) == pytest.approx(4)


def test_popularity_lift_by_hand():
    popularity = torch.tensor([100, 10, 1])
    history = torch.tensor([[1, -1], [1, 2], [-1, -1]])  # means 10 and 5.5; nobody
    ranked = torch.tensor([[0, 1], [0, 0], [0, 0]])  # means 55 and 100
    expected = (77.5 / 7.75) - 1
    assert ranking.popularity_lift(ranked, history, popularity) == (
        pytest.approx(expected)
    )
    assert ranking.popularity_lift(history, history, popularity) == pytest.approx(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ranking.best(torch.tensor([[0.0, math.nan]]), 1), "NaN in row 0"),
        (lambda: ranking.best(torch.zeros(1, 3), 4), "k=4: there are 3 items"),
        (lambda: ranking.best(torch.zeros(1, 3), 0), "k=0"),
        (
            lambda: ranking.best(torch.zeros(1, 3), 1, torch.zeros(1, 3)),
            "seen is .* give bool",
        ),
        (
            lambda: ranking.ndcg(torch.zeros(1, 3).bool(), torch.tensor([0])),
            "1 users have none",
        ),
        (
            lambda: ranking.recall(torch.ones(1, 3).bool(), torch.tensor([2])),
            "more hits than that",
        ),
        (
            lambda: ranking.recall(torch.ones(2, 3).bool(), torch.tensor([2])),
            "each of 2 users",
        ),
        (
            lambda: ranking.novelty(
                torch.tensor([[0]]), torch.tensor([math.nan, 1.0]), 5
            ),
            "popularity holds NaN",
        ),
        (
            lambda: ranking.novelty(torch.tensor([[0]]), torch.tensor([6]), 5),
            "users=5 cannot have taken",
        ),
        (
            lambda: ranking.popularity_lift(
                torch.tensor([[0]]), torch.tensor([[-1]]), torch.tensor([1])
            ),
            "no user has both",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_lists_and_arrays_are_taken_as_well():
    scores = [[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]]
    ranked = ranking.best(np.array(scores), 2.0)
    assert ranked.tolist() == [[1, 2], [0, 2]]
    hit = ranking.hits(ranked.numpy(), [[0, 1, 0], [0, 0, 1]])
    assert hit.tolist() == [[True, False], [False, True]]
    assert ranking.recall(hit.numpy(), [1, 1]).tolist() == [1, 1]
    assert ranking.coverage(ranked.tolist(), 3) == 1
    assert ranking.novelty(ranked.numpy(), [1, 1, 1], 2) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ranking.hits(torch.tensor([[3]]), torch.ones(1, 3)), "has item 3"),
        (lambda: ranking.hits(torch.tensor([[0]]), torch.ones(2, 3)), "1 users"),
        (lambda: ranking.novelty(torch.tensor([[2]]), [1, 1], 5), "has item 2"),
        (lambda: ranking.novelty(torch.tensor([[0.0]]), [1, 1], 5), "whole numbers"),
        (lambda: ranking.best(torch.ones(3), 1), r"scores has shape \(3,\)"),
        (lambda: ranking.popularity_lift([[0]], [[1]], [1, 0]), "nobody took any"),
        (lambda: ranking.popularity_lift([[0]], [[0], [0]], [1, 0]), "2 users"),
    ],
)
def test_numbers_that_are_no_items_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
