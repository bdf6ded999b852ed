"""Places, recall and reciprocal ranks, by hand and against chance."""

import pytest
import torch

from aigc_lib.metrics.retrieval import (
    mean_over,
    mean_reciprocal_rank,
    places,
    recall_at,
)


def test_places_by_hand():
    scores = torch.tensor([[3.0, 1.0, 2.0], [5.0, 4.0, 6.0], [0.0, 0.0, 1.0]])
    assert places(scores).tolist() == [1, 3, 1]
    assert places(scores, torch.tensor([1, 2, 0])).tolist() == [3, 1, 2.5]


def test_who_scores_all_alike_is_as_good_as_chance():
    assert (places(torch.zeros(9, 9)) == 5).all()


def test_recall_and_reciprocal_rank_by_hand():
    place = torch.tensor([1.0, 2.0, 4.0, 20.0])
    assert recall_at(1, place).mean == 0.25
    assert recall_at(4, place).mean == 0.75
    assert mean_reciprocal_rank(place).mean == pytest.approx(
        (1 + 0.5 + 0.25 + 0.05) / 4
    )


def test_several_trainings_are_averaged_query_by_query():
    place = torch.tensor([[1, 1, 9, 9], [1, 9, 9, 9]])
    share = recall_at(5, place)
    assert share.mean == 0.375
    assert share == mean_over(torch.tensor([1.0, 0.5, 0.0, 0.0]))


def test_alike_queries_make_the_interval_wider():
    torch.manual_seed(0)
    hits = (torch.rand(40) < 0.5).double().repeat_interleave(10)
    alone = mean_over(hits)
    together = mean_over(hits, torch.arange(40).repeat_interleave(10))
    assert alone.mean == together.mean
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    source = torch.Generator().manual_seed(1)
    covered = 0
    for _ in range(20):
        low, high = mean_over((torch.rand(80, generator=source) < 0.4).double())[1:]
        covered += low <= 0.4 <= high
    assert covered >= 16


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: places(torch.zeros(3)), r"scores has shape \(3,\)"),
        (lambda: places(torch.full((2, 2), torch.nan)), "NaN in row 0"),
        (lambda: places(torch.zeros(3, 2)), "number of its answer, 0 to 1"),
        (lambda: recall_at(0, torch.ones(3)), "k=0"),
        (lambda: mean_over(torch.ones(3), torch.ones(2)), "groups has shape"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
