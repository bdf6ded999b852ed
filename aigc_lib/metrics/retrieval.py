"""How well the one right answer to each query is found among many."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..arguments import whole
from ..arrays import tensor
from .intervals import bootstrap_interval


class Share(NamedTuple):
    """A mean over queries, and the bounds of its 95% interval."""

    mean: float
    low: float
    high: float


def places(scores: Tensor, right: Tensor | None = None) -> Tensor:
    """The place of each query's right answer: (Q, N) scores -> (Q,), 1 is the best.

    ``right`` (Q,) numbers the right answers, 0 to Q - 1 where it is not given. Equal
    scores share the mean of their places, so that whoever scores all alike is as good
    as chance, and no better.

    Raises:
        ValueError: scores that are no table or hold NaN, or right answers that do not
            fit them.
    """
    scores = tensor("scores", scores)
    if scores.dim() != 2 or not scores.numel():
        raise ValueError(f"scores has shape {tuple(scores.shape)}: give (Q, N)")
    if scores.isnan().any():
        row = int(scores.isnan().any(1).nonzero()[0])
        raise ValueError(f"scores holds NaN in row {row}: the model has diverged")
    queries, answers = scores.shape
    right = torch.arange(queries) if right is None else tensor("right", right)
    fits = right.shape == (queries,) and not right.is_floating_point()
    if not fits or not 0 <= right.min() <= right.max() < answers:
        raise ValueError(
            f"right is {tuple(right.shape)} {right.dtype}: give each of the {queries} "
            f"queries the number of its answer, 0 to {answers - 1}"
        )
    own = scores.gather(1, right.long()[:, None])
    better, equal = (scores > own).sum(1), (scores == own).sum(1) - 1
    return 1 + better + equal / 2


def recall_at(k: int, place: Tensor, groups: Tensor | None = None) -> Share:
    """The share of queries whose right answer is among the first ``k``.

    ``place`` (Q,) or, for several trainings, (S, Q). ``groups`` (Q,) numbers queries
    that are alike, such as variants of one thing, and are drawn together for the
    interval: it knows no more queries than there are groups.

    Raises:
        ValueError: ``k`` below 1, a place below 1 or NaN; as ``mean_over``.
    """
    return mean_over((_places(place) <= whole("k", k, 1)).double(), groups)


def mean_reciprocal_rank(place: Tensor, groups: Tensor | None = None) -> Share:
    """The mean of 1 / place, arguments as for ``recall_at``: 1 where all are first.

    Source: Voorhees 1999, section 3.

    Raises:
        ValueError: a place below 1 or NaN; as ``mean_over``.
    """
    return mean_over(1 / _places(place), groups)


def mean_over(worth: Tensor, groups: Tensor | None = None) -> Share:
    """The mean of (Q,) or (S, Q), with its bootstrap interval over groups of queries.

    Raises:
        ValueError: groups of another number than queries, or fewer than 2 of them; NaN.
    """
    worth = tensor("worth", worth).double()
    if worth.dim() not in (1, 2) or not worth.numel():
        raise ValueError(f"worth has shape {tuple(worth.shape)}: give (Q,) or (S, Q)")
    each = worth.mean(0) if worth.dim() == 2 else worth
    groups = torch.arange(len(each)) if groups is None else tensor("groups", groups)
    if groups.shape != each.shape:
        raise ValueError(
            f"groups has shape {tuple(groups.shape)}: give one number for each of "
            f"{len(each)} queries"
        )
    numbers = groups.unique(return_inverse=True)[1]
    sums = torch.zeros(int(numbers.max()) + 1, 2, dtype=torch.float64)
    sums.index_add_(0, numbers, torch.stack([each, torch.ones_like(each)], 1))
    low, high = bootstrap_interval(sums, lambda v: v[:, 0].sum() / v[:, 1].sum())
    return Share(each.mean().item(), low, high)


def _places(place: Tensor) -> Tensor:
    place = tensor("place", place).double()
    if not (place >= 1).all():  # NaN is not either
        raise ValueError("place holds NaN or a number below 1: the first is 1")
    return place
