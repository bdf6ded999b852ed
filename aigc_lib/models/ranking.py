"""Recommenders: one interface, and the baselines that need no training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix, vstack
from torch import Tensor

from ..arguments import finite, whole
from ..data.ratings import Histories, Ratings, rows_of
from ..metrics import ranking
from .base import in_parts

LARGEST = 20_000  # users or items whose products can be inverted: 3.2 GB in float64
BLOCK = 500  # items whose neighbours are looked for together


class Recommender:
    """Ranks ``items`` for users by what they took: products, films, courses, songs.

    A subclass defines ``items``, names by number, and ``scores``. Trained or not, each
    takes the same lists and is judged by the same ``judged``.
    """

    items: tuple[str, ...]

    def scores(self, batch: Tensor) -> Tensor:
        """Lists (B, T) int64, -1 behind their ends, oldest first -> scores (B, items).

        On the CPU, float32. Higher is better; what they mean is the model's affair. An
        empty list is a user of whom nothing is known.
        """
        raise NotImplementedError

    def ranked(self, histories: Histories | Ratings, k: int = 10) -> Tensor:
        """Recommend ``k`` items to each user that this user did not take: (U, k) int64.

        -1 where nothing is left. Users go through in parts: so many take the memory of
        few.

        Raises:
            ValueError: ``k`` above the number of items, other items, or NaN from the
                model.
        """
        history = histories.history if isinstance(histories, Ratings) else histories
        if history.size != len(self.items):
            raise ValueError(
                f"histories are of {history.size} items, the model knows "
                f"{len(self.items)}: give those that it was trained on"
            )

        def best(batch: Tensor) -> Tensor:
            seen = rows_of(batch, history.size).bool()
            return ranking.best(self.scores(batch), k, seen)

        return in_parts(best, history)

    def recommend(
        self, histories: Sequence[Sequence[str]], k: int = 10
    ) -> list[list[str]]:
        """Recommend ``k`` items to each user, by names; ``[]`` is a new user.

        Raises:
            ValueError: an item that the model does not know, a string in place of a
                list, or what ``ranked`` refuses.
        """
        numbers = {name: number for number, name in enumerate(self.items)}
        lists = []
        for names in histories:
            if isinstance(names, str):
                raise ValueError(
                    f"histories holds {names!r}: give a list for each user"
                )
            if foreign := [name for name in names if name not in numbers]:
                raise ValueError(
                    f"item={foreign[0]!r}: the model was not trained on it, leave it "
                    "out, or train again with it"
                )
            lists.append([numbers[name] for name in dict.fromkeys(names)])
        ranked = self.ranked(Histories.of(lists, len(self.items)), k)
        return [[self.items[i] for i in row if i >= 0] for row in ranked.tolist()]


def named(items: Sequence[str] | int) -> tuple[str, ...]:
    """Return the names of items, "0", "1", ... where only their number is given.

    Raises:
        ValueError: fewer than two, or two of one name.
    """
    if isinstance(items, str):
        raise ValueError(f"items={items!r}: give a list of names, or their number")
    if not isinstance(items, Sequence):
        items = [str(item) for item in range(whole("items", items))]
    names = tuple(items)
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(
            f"items: {len(names)} names, {len(set(names))} different ones: give at "
            "least two, all different"
        )
    return names


def judged(
    model: Recommender, data: Ratings, *, k: int = 100
) -> tuple[dict[str, Tensor], Tensor]:
    """Judge ``model`` by the held-out users of the split "test".

    Returns figures by their names, one for each user (U,) float64: "ndcg_at_K" and
    "recall_at_K" for ``k``, and for 10 and 20 where ``k`` is more; and the lists,
    (U, k).

    Raises:
        ValueError: the split "train", or what ``ranked`` refuses.
    """
    if data.later is None:
        raise ValueError(
            f"split={data.split!r}: nothing is held out, give split='test'"
        )
    k = min(whole("k", k, 1), len(data.items))
    ranked = model.ranked(data, k)
    hit = in_parts(
        lambda taken, later: ranking.hits(taken, rows_of(later, data.later.size)),
        ranked,
        data.later,
    )
    figures = {}
    for at in sorted({10, 20, k}):
        if at <= k:
            figures[f"ndcg_at_{at}"] = ranking.ndcg(hit[:, :at], data.later.lengths)
            figures[f"recall_at_{at}"] = ranking.recall(hit[:, :at], data.later.lengths)
    return figures, ranked


# ---- baselines -----------------------------------------------------------------------


class Popularity(Recommender):
    """The same for everybody: what most users of the split "train" took.

    ``recent`` is the share of their rows that counts, the latest: what is in demand now
    may be something else than over the whole time.

    Raises:
        ValueError: ``recent`` not in (0, 1], or below 1 without times.
    """

    def __init__(self, data: Ratings, recent: float = 1.0):
        recent = finite("recent", recent, above=0, most=1)
        self.items, self.counts = data.items, data.popularity.float()
        if recent < 1:
            self.counts = _lately(data, recent) + _tie_breaker(data)

    def scores(self, batch: Tensor) -> Tensor:
        """The number of users of each item, for each of the lists (B, T)."""
        return self.counts.expand(len(batch), -1)


class Lately(Recommender):
    """A ``model`` of probabilities, brought up to what is in demand now.

    It learned from all times alike, and is asked about the time that follows. By Bayes'
    rule p(item | user) changes with p(item): logits gain ``weight`` times the log of
    how much larger an item's share of the latest rows, ``recent`` of all, is than its
    share of all rows. Counts begin at 1, so that no item is impossible. To scores that
    are no logits the same is added, with a weight of their size to be found.

    Source: the correction of priors of Saerens, Latinne and Decaestecker 2002.

    Raises:
        ValueError: ``recent`` not in (0, 1), a negative ``weight``, data without times
            or of other items.
    """

    def __init__(
        self,
        model: Recommender,
        data: Ratings,
        recent: float = 0.1,
        weight: float = 1.0,
    ):
        recent = finite("recent", recent, above=0, below=1)
        weight = finite("weight", weight, least=0)
        if data.items != model.items:
            raise ValueError(
                f"data has {len(data.items)} items, the model was made for "
                f"{len(model.items)}: give the data that it was trained on"
            )
        now, always = _lately(data, recent) + 1, data.popularity + 1
        gain = (now / now.sum()).log() - (always / always.sum()).log()
        self.items, self.model, self.gain = data.items, model, weight * gain

    def scores(self, batch: Tensor) -> Tensor:
        """The logits of the model for the lists (B, T), and what is gained."""
        return self.model.scores(batch) + self.gain


def _lately(data: Ratings, recent: float) -> Tensor:
    """How often each item is in the latest share of the rows, (n,) float32."""
    if data.times is None:
        raise ValueError(f"recent={recent}: these data have no times")
    since = data.times.double().quantile(1 - recent)
    late = data.history.items[data.times >= since]
    return late.bincount(minlength=len(data.items)).float()


class ItemKNN(Recommender):
    """What the nearest neighbours of a user's items are, by the cosine of their users.

    Of each item ``neighbours`` are kept; ``shrink`` is added to what the cosine divides
    by, so that two items that share one user of few do not pass for twins. Where the
    sums are equal the more popular item comes first, and so for a new user.

    Source: Sarwar et al. 2001; Deshpande and Karypis 2004.

    Raises:
        ValueError: fewer than one neighbour, or a negative ``shrink``.
    """

    def __init__(self, data: Ratings, neighbours: int = 100, shrink: float = 10.0):
        neighbours = whole("neighbours", neighbours, 1)
        shrink = finite("shrink", shrink, least=0)
        self.items, self.tie = data.items, _tie_breaker(data)
        x = data.history.matrix()
        length = np.sqrt(np.asarray(x.sum(0)).ravel())
        parts = []
        for start in range(0, len(self.items), BLOCK):
            own = np.arange(start, min(start + BLOCK, len(self.items)))
            near = (x[:, own].T @ x).toarray()
            near /= length[own, None] * length + shrink + 1e-12
            near[np.arange(len(own)), own] = 0  # an item is no neighbour of itself
            if neighbours < near.shape[1]:
                least = np.partition(near, -neighbours, 1)[:, [-neighbours]]
                near[near < least] = 0
            parts.append(csr_matrix(near))
        self.near = vstack(parts).T.tocsr()  # row: what is owned; column: its fan

    def scores(self, batch: Tensor) -> Tensor:
        """Sums of cosines with what is in the lists (B, T)."""
        rows = _sparse(batch, len(self.items))
        return torch.from_numpy((rows @ self.near).toarray()).add_(self.tie)


class EASE(Recommender):
    """A linear model from items to items, in closed form (Steck 2019).

    Minimises |X - X B|² + ``penalty`` |B|² with zeros on B's diagonal: B = I - P / p,
    where P = (X'X + penalty I)⁻¹ and p is its diagonal. X'X is items by items; where
    there are fewer users, P comes from X X', users by users, by the matrix inversion
    lemma: the same numbers for less. A new user gets what is popular.

    Raises:
        ValueError: a ``penalty`` that is not above 0, or more than ``LARGEST`` users
            and items too.
    """

    def __init__(self, data: Ratings, penalty: float = 500.0):
        self.penalty = finite("penalty", penalty, above=0)
        self.items, self.tie = data.items, _tie_breaker(data)
        x = data.history.matrix().astype(np.float64)
        users, items = x.shape
        if min(users, items) > LARGEST:
            raise ValueError(
                f"data has {users:,} users and {items:,} items: the smaller number is "
                f"inverted, up to {LARGEST:,}; raise least_items or least_users of "
                "`divided`, or take ItemKNN"
            )
        if items <= users:
            p = _inverse((x.T @ x).toarray(), self.penalty)
            weights = p / -np.diag(p)
            np.fill_diagonal(weights, 0)
            self.weights, self.x = torch.from_numpy(weights.astype(np.float32)), None
            return
        gram = (x @ x.T).toarray()
        gram[np.diag_indices(users)] += self.penalty
        factor = np.linalg.cholesky(gram)
        self.kernel = _inverse(gram, 0.0)
        # diag(P) = (1 - diag(X' K⁻¹ X)) / penalty, a column of L⁻¹ X at a time
        diagonal = np.empty(items)
        for start in range(0, items, BLOCK):
            own = slice(start, start + BLOCK)
            part = solve_triangular(factor, x[:, own].toarray(), lower=True)
            diagonal[own] = 1 - (part**2).sum(0)
        self.x, self.diagonal = x, diagonal

    def scores(self, batch: Tensor) -> Tensor:
        """Rows of 0 and 1 of the lists (B, T), times B."""
        rows = _sparse(batch, len(self.items))
        if self.x is None:
            return torch.from_numpy(rows @ self.weights.numpy()).add_(self.tie)
        owned = rows.toarray()
        explained = self.x.T @ ((rows @ self.x.T) @ self.kernel).T  # (items, B)
        found = owned - (owned - explained.T) / self.diagonal
        return torch.from_numpy(found.astype(np.float32)).add_(self.tie)


def _inverse(matrix: np.ndarray, penalty: float) -> np.ndarray:
    """The inverse of a symmetric positive matrix, with ``penalty`` on its diagonal."""
    matrix[np.diag_indices(len(matrix))] += penalty
    factor = torch.linalg.cholesky(torch.from_numpy(matrix))
    return torch.cholesky_inverse(factor).numpy()


def _sparse(batch: Tensor, size: int) -> csr_matrix:
    there = batch >= 0
    ends = np.append(0, there.sum(1).cumsum(0).numpy())
    owned = batch[there].numpy()
    ones = np.ones(len(owned), np.float32)
    return csr_matrix((ones, owned, ends), (len(batch), size))


def _tie_breaker(data: Ratings) -> Tensor:
    """So little that it decides only between equals: popularity, at most 1e-6."""
    counts = data.popularity.float()
    return 1e-6 * counts / counts.max().clamp_min(1)
