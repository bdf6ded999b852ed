"""How good lists of recommendations are, and what they do to a catalogue.

A list of k items for each user is ``ranked`` (U, k) int64, the best first; -1 stands
where nothing was left to recommend.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..arguments import whole
from ..arrays import tensor


def best(scores: Tensor, k: int, seen: Tensor | None = None) -> Tensor:
    """The ``k`` items of the highest scores: (U, n) -> ranked (U, k) int64.

    ``seen`` (U, n) marks with True what must not be recommended.

    Raises:
        ValueError: scores of another shape, NaN among them, marks of another shape, or
            more items than there are.
    """
    scores, k = tensor("scores", scores), whole("k", k)
    if scores.dim() != 2:
        raise ValueError(f"scores has shape {tuple(scores.shape)}: give (U, n)")
    n = scores.shape[1]
    if scores.isnan().any():
        row = int(scores.isnan().any(1).nonzero()[0])
        raise ValueError(f"scores holds NaN in row {row}: the model has diverged")
    if not 1 <= k <= n:
        raise ValueError(f"k={k}: there are {n} items, give a number from 1 to {n}")
    if seen is not None:
        seen = tensor("seen", seen)
        if seen.shape != scores.shape or seen.dtype != torch.bool:
            raise ValueError(
                f"seen is {tuple(seen.shape)} {seen.dtype}: give bool of the shape of "
                f"the scores, {tuple(scores.shape)}"
            )
        scores = scores if scores.is_floating_point() else scores.double()
        scores = scores.masked_fill(seen, -torch.inf)
    values, ranked = scores.topk(k)
    return ranked.masked_fill(values == -torch.inf, -1)


def hits(ranked: Tensor, relevant: Tensor) -> Tensor:
    """Which recommendations were right: (U, k), relevant (U, n) bool -> (U, k) bool.

    Raises:
        ValueError: shapes that do not fit, or a number that is no item.
    """
    relevant = tensor("relevant", relevant).bool()
    if relevant.dim() != 2 or len(relevant) != len(ranked):
        raise ValueError(
            f"relevant has shape {tuple(relevant.shape)}: give a row for each of "
            f"{len(ranked)} users, (U, n)"
        )
    ranked = _lists("ranked", ranked, relevant.shape[1])
    return relevant.gather(1, ranked.clamp_min(0)) & (ranked >= 0)


def ndcg(hit: Tensor, relevant: Tensor) -> Tensor:
    """Normalised discounted cumulative gain of each user: (U, k), (U,) -> (U,).

    A hit at place r is worth 1 / log2(r + 1); the sum is divided by that of the best
    possible list, which begins with min(k, ``relevant``) hits. ``relevant`` (U,) counts
    what each user really took later.

    Source: Järvelin and Kekäläinen 2002; as in Liang et al. 2018, section 4.2.

    Raises:
        ValueError: a user without anything relevant, or with more hits than that.
    """
    hit, relevant = _counted(hit, relevant)
    worth = 1 / torch.arange(2, hit.shape[1] + 2, dtype=torch.float64).log2()
    ideal = worth.cumsum(0)[relevant.clamp_max(hit.shape[1]) - 1]
    return (hit.double() @ worth) / ideal


def recall(hit: Tensor, relevant: Tensor) -> Tensor:
    """The share of what could be hit in k places that was: (U, k), (U,) -> (U,).

    Divided by min(k, ``relevant``), so that the best list has 1.

    Source: Liang et al. 2018, section 4.2.

    Raises:
        ValueError: a user without anything relevant, or with more hits than that.
    """
    hit, relevant = _counted(hit, relevant)
    return hit.sum(1).double() / relevant.clamp_max(hit.shape[1])


def coverage(ranked: Tensor, items: int) -> float:
    """The share of all ``items`` that at least one user is recommended, in [0, 1].

    Raises:
        ValueError: a number that is no item.
    """
    items = whole("items", items, 1)
    ranked = _lists("ranked", ranked, items)
    return len(ranked[ranked >= 0].unique()) / items


def novelty(ranked: Tensor, popularity: Tensor, users: int) -> float:
    """The mean surprise of a recommendation, -log2 of the share of users who took it.

    In bits; ``popularity`` (n,) counts those among ``users``. What nobody took counts
    as taken by one half of a user.

    Source: Zhou et al. 2010; Vargas and Castells 2011.

    Raises:
        ValueError: counts below 0 or above ``users``, NaN, a number that is no item,
            or no recommendation at all.
    """
    popularity, users = _popularity(popularity), whole("users", users, 1)
    ranked = _lists("ranked", ranked, len(popularity))
    if popularity.max() > users:
        raise ValueError(
            f"popularity goes to {popularity.max():g}: users={users} cannot have taken "
            "that"
        )
    share = popularity.clamp_min(0.5) / users
    if not (ranked >= 0).any():
        raise ValueError("ranked: nobody is recommended anything")
    return float(-share.log2()[ranked[ranked >= 0]].mean())


def popularity_lift(ranked: Tensor, history: Tensor, popularity: Tensor) -> float:
    """How much more popular are recommendations than what users had taken before.

    The mean popularity of each user's list, averaged over users, in relation to that of
    their ``history`` (U, T), -1 where it ends, minus 1: 0 is no bias, 1 means twice as
    popular. Users without a list or a history do not count.

    Source: average recommendation popularity, Abdollahpouri et al. 2019.

    Raises:
        ValueError: nobody to compare, counts below 0, histories of what nobody took,
            NaN, or a number that is no item.
    """
    popularity = _popularity(popularity)
    ranked = _lists("ranked", ranked, len(popularity))
    history = _lists("history", history, len(popularity))
    if len(ranked) != len(history):
        raise ValueError(f"history has {len(history)} users, ranked {len(ranked)}")
    both = (ranked >= 0).any(1) & (history >= 0).any(1)
    if not both.any():
        raise ValueError("history: no user has both a history and recommendations")
    after, before = (
        _mean_popularity(lists[both], popularity) for lists in (ranked, history)
    )
    if not before:
        raise ValueError("history: nobody took any of its items, by their popularity")
    return after / before - 1


def _mean_popularity(lists: Tensor, popularity: Tensor) -> float:
    there = lists >= 0
    worth = popularity[lists.clamp_min(0)] * there
    return float((worth.sum(1) / there.sum(1)).mean())


def _lists(name: str, lists: Tensor, items: int) -> Tensor:
    """Return lists (U, k) of numbers below ``items``, or refuse what is none."""
    lists = tensor(name, lists)
    if lists.dim() != 2 or lists.is_floating_point() or lists.dtype == torch.bool:
        raise ValueError(
            f"{name} is {tuple(lists.shape)} {lists.dtype}: give (U, k) whole numbers"
        )
    if lists.numel() and lists.max() >= items:
        raise ValueError(f"{name} has item {lists.max()}: items={items} are known")
    return lists.long()


def _counted(hit: Tensor, relevant: Tensor) -> tuple[Tensor, Tensor]:
    hit, relevant = tensor("hit", hit), tensor("relevant", relevant)
    if hit.dim() != 2 or not hit.shape[1]:
        raise ValueError(f"hit has shape {tuple(hit.shape)}: give (U, k)")
    if relevant.shape != hit.shape[:1] or relevant.is_floating_point():
        raise ValueError(
            f"relevant is {tuple(relevant.shape)} {relevant.dtype}: give one whole "
            f"number for each of {len(hit)} users"
        )
    if bad := int((relevant < hit.sum(1).clamp_min(1)).sum()):
        raise ValueError(
            f"relevant: {bad} users have none, or more hits than that: leave out users "
            "of whom nothing is known"
        )
    return hit, relevant


def _popularity(counts: Tensor) -> Tensor:
    counts = tensor("popularity", counts).double()
    if not len(counts) or not (counts >= 0).all():  # NaN is not either
        raise ValueError(
            "popularity holds NaN, a number below 0, or nothing: give counts of users"
        )
    return counts
