"""Made-up shoppers and visitors whose wishes are known: for what no data set can tell.

Nothing here was measured anywhere. The forms are those of the literature (a factor
model of taste, the position-based model of clicks), the numbers are chosen, and one
seed decides everything.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..arguments import at_least, finite, whole
from ..data.ratings import Log

DAY = 86_400  # seconds


class Shoppers:
    """Users with known tastes, who buy, look, have friends, and click on lists.

    Users and items are points of ``factors`` dimensions; what a user thinks of an item,
    ``utility`` (U, n), is their product, of standard deviation ``taste``, plus the
    item's ``appeal``, of standard deviation ``fashion``: that makes some items popular
    with everybody. Users live in ``groups`` with a common centre of taste, and
    ``homophily`` in [0, 1] is the share of the taste that comes from there.

    - ``relevance`` (U, n): the probability of a click on an item that is noticed,
      ``base`` for an item of mean utility (on the scale of logits).
    - ``noticed(k)`` (k,): the probability that place r of a list is looked at,
      r ** -``bias``, whoever looks (position-based model; Craswell et al. 2008).

    Raises:
        ValueError: a size below 1, a negative spread or bias, a share outside [0, 1].
    """

    def __init__(
        self,
        users: int = 1_000,
        items: int = 200,
        *,
        factors: int = 6,
        groups: int = 20,
        taste: float = 1.5,
        fashion: float = 0.7,
        homophily: float = 0.5,
        base: float = 0.05,
        bias: float = 0.7,
        seed: int = 0,
    ):
        at_least(1, users=users, items=items, factors=factors, groups=groups)
        finite("taste", taste, least=0)
        finite("fashion", fashion, least=0)
        homophily = finite("homophily", homophily, least=0, most=1)
        base = finite("base", base, above=0, below=1)
        self.bias, self.seed = finite("bias", bias, least=0), whole("seed", seed, 0)
        rng = np.random.default_rng(self.seed)
        self.group = rng.integers(groups, size=users)
        centres = rng.standard_normal((groups, factors))
        own = rng.standard_normal((users, factors))
        people = np.sqrt(homophily) * centres[self.group]
        people += np.sqrt(1 - homophily) * own
        things = rng.standard_normal((items, factors))
        self.appeal = fashion * rng.standard_normal(items)
        self.utility = taste / np.sqrt(factors) * people @ things.T + self.appeal
        logits = np.log(base / (1 - base)) + self.utility
        self.relevance = 1 / (1 + np.exp(-logits))
        self.users = [f"user {u}" for u in range(users)]
        self.items = [f"item {i}" for i in range(items)]

    def purchases(self, each: int = 20, *, days: int = 365, seed: int = 0) -> Log:
        """What everybody bought: ``each`` different items a user, in ``days`` days.

        Items come one by one, each with a probability that grows as e to the utility,
        among those not yet bought. Times are even, and say nothing.

        Raises:
            ValueError: more than there are items.
        """
        return self._taken(each, days, seed, sharpness=1.0, kind=1)

    def views(self, each: int = 40, *, days: int = 365, seed: int = 0) -> Log:
        """What everybody looked at: as ``purchases``, but half as choosy.

        The probability grows as e to half the utility.
        """
        return self._taken(each, days, seed, sharpness=0.5, kind=2)

    def friends(self, each: int = 10, *, seed: int = 0) -> np.ndarray:
        """The friends of every user, (U, each) numbers: three of four in one's group.

        Nobody is a friend of oneself; the same person may be named twice. Who is alone
        in a group finds all friends elsewhere.

        Raises:
            ValueError: fewer than two users.
        """
        each, users = whole("each", each, 1), len(self.users)
        if users < 2:
            raise ValueError(f"users={users}: friends need at least two")
        rng = self._rng(3, seed)
        found = np.empty((users, each), np.int64)
        for user in range(users):
            others = np.flatnonzero(self.group == self.group[user])
            others = others[others != user]
            far = (user + rng.integers(1, users, each)) % users
            near = rng.choice(others, each) if len(others) else far
            found[user] = np.where(rng.random(each) < 0.75, near, far)
        return found

    def noticed(self, k: int) -> np.ndarray:
        """The probability that each of ``k`` places is looked at, (k,)."""
        return np.arange(1, whole("k", k, 1) + 1) ** -self.bias

    def shown(self, ranked: Tensor, *, seed: int = 0) -> Tensor:
        """Show everybody a list: ranked (U, k), -1 for nothing -> clicks (U, k) bool.

        Place r is clicked with the probability noticed * relevance.

        Raises:
            ValueError: lists for another number of users, or unknown items.
        """
        draws = torch.from_numpy(self._rng(4, seed).random(tuple(ranked.shape)))
        return draws < self._probability(ranked)

    def expected(self, ranked: Tensor) -> Tensor:
        """The expected number of clicks of every user on a list (U, k): the truth."""
        return self._probability(ranked).sum(1)

    def _probability(self, ranked: Tensor) -> Tensor:
        users, items = self.relevance.shape
        if ranked.ndim != 2 or len(ranked) != users:
            raise ValueError(
                f"ranked is {tuple(ranked.shape)}: give one list for each of {users} "
                "users"
            )
        if ranked.max() >= items:
            raise ValueError(f"ranked has item {ranked.max()}: there are {items}")
        relevance = torch.from_numpy(self.relevance).gather(1, ranked.clamp_min(0))
        noticed = torch.from_numpy(self.noticed(ranked.shape[1]))
        return noticed * relevance * (ranked >= 0)

    def _taken(
        self, each: int, days: int, seed: int, sharpness: float, kind: int
    ) -> Log:
        users, items = self.utility.shape
        each = whole("each", each, 1)
        if each > items:
            raise ValueError(f"each={each}: there are {items} items")
        rng = self._rng(kind, seed)
        # the largest of utility and Gumbel noise: draws without putting back, in order
        wish = sharpness * self.utility + rng.gumbel(size=self.utility.shape)
        item = np.argsort(-wish, 1)[:, :each]
        time = np.sort(rng.integers(whole("days", days, 1) * DAY, size=(users, each)))
        return Log(
            np.repeat(np.array(self.users, object), each),
            np.array(self.items, object)[item.ravel()],
            time.ravel(),
        )

    def _rng(self, kind: int, seed: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, kind, whole("seed", seed, 0)])


class Creatives:
    """Visitors who see one of several creatives each, whose click rates are known.

    ``rates`` (K,), or (replications, K) for worlds that differ. All replications run at
    once: ``visit`` takes one choice for each. The same seed brings the same visitors,
    whatever is chosen: who would click at a rate of 3% would click at any higher one,
    so that policies can be compared in pairs.

    Raises:
        ValueError: fewer than two creatives, rates outside [0, 1], or of another number
            of replications.
    """

    def __init__(self, rates: ArrayLike, *, replications: int = 1, seed: int = 0):
        rates = np.asarray(rates, np.float64)
        replications = whole("replications", replications, 1)
        if rates.ndim not in (1, 2) or rates.shape[-1] < 2:
            raise ValueError(f"rates has shape {rates.shape}: give at least two rates")
        if not ((rates >= 0) & (rates <= 1)).all():
            raise ValueError(f"rates={rates.tolist()}: give probabilities in [0, 1]")
        if rates.ndim == 2 and len(rates) != replications:
            raise ValueError(
                f"rates has {len(rates)} rows: give one row, or replications="
                f"{replications} of them"
            )
        rates = np.broadcast_to(rates, (replications, rates.shape[-1]))
        self.rates = np.ascontiguousarray(rates)
        self.best = self.rates.argmax(1)
        self._gaps = self.rates.max(1, keepdims=True) - self.rates
        self._rows = np.arange(replications)
        self._rng = np.random.default_rng(whole("seed", seed, 0))

    def arrive(self) -> tuple:
        """What is known of the visitor who comes next: here nothing."""
        return ()

    def visit(self, choice: np.ndarray) -> np.ndarray:
        """One visitor in each replication: choices (R,) -> clicks (R,) bool."""
        rates = self.rates.take(places(self._rows, choice, self.rates.shape))
        return self._rng.random(len(self._rows)) < rates

    def regret(self, choice: np.ndarray) -> np.ndarray:
        """What a choice (R,) costs in expected clicks, against the best: (R,)."""
        return self._gaps.take(places(self._rows, choice, self.rates.shape))

    def wrong(self, winner: np.ndarray) -> np.ndarray:
        """Whether a better creative exists than that of each replication, (R,)."""
        return self.regret(winner) > 0


def places(rows: np.ndarray, choice: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Where [rows, choice] stands in a flat array of ``shape`` (R, K): (N,).

    There numpy reads and writes several times as fast as by row and column.

    Raises:
        ValueError: a choice that there is not.
    """
    try:
        return np.ravel_multi_index((rows, choice), shape)
    except ValueError as error:
        raise ValueError(
            f"choice={choice}: give a number from 0 to {shape[1] - 1} for each of "
            f"{len(rows)} replications"
        ) from error


class Audience:
    """Visitors of several segments, each of which has click rates of its own.

    ``rates`` (S, K) or (replications, S, K) are those of the creatives in each segment,
    ``shares`` (S,) how often a visitor comes from it. ``arrive`` tells the segment of
    the next visitor, ``visit`` takes one choice for each replication. The same seed
    brings the same visitors, as in ``Creatives``.

    Raises:
        ValueError: rates of another shape or outside [0, 1], shares that are no
            probabilities of the segments.
    """

    def __init__(
        self,
        rates: ArrayLike,
        shares: ArrayLike,
        *,
        replications: int = 1,
        seed: int = 0,
    ):
        rates, shares = np.asarray(rates, np.float64), np.asarray(shares, np.float64)
        replications = whole("replications", replications, 1)
        if rates.ndim == 2:
            rates = np.broadcast_to(rates, (replications, *rates.shape))
        if rates.ndim != 3 or len(rates) != replications or rates.shape[2] < 2:
            raise ValueError(
                f"rates has shape {rates.shape}: give (segments, creatives), two or "
                f"more of these, or replications={replications} of them"
            )
        if not ((rates >= 0) & (rates <= 1)).all():
            raise ValueError("rates: give probabilities in [0, 1]")
        right = shares.shape == rates.shape[1:2] and (shares >= 0).all()
        if not right or not np.isclose(shares.sum(), 1):
            raise ValueError(
                f"shares={shares.tolist()}: give {rates.shape[1]} probabilities, one a "
                "segment, whose sum is 1"
            )
        self.rates, self.shares = rates, shares
        self._gaps = rates.max(2, keepdims=True) - rates
        self._rows = np.arange(replications)
        self._reached = shares.cumsum() / shares.sum()
        self._rng = np.random.default_rng(whole("seed", seed, 0))
        self._now = np.zeros(replications, np.int64)

    def arrive(self) -> tuple[np.ndarray]:
        """The segment of the visitor who comes next in each replication, (R,)."""
        draws = self._rng.random(len(self._rows))
        self._now = self._reached.searchsorted(draws, side="right")
        return (self._now,)

    def visit(self, choice: np.ndarray) -> np.ndarray:
        """What the visitors who have arrived do: choices (R,) -> clicks (R,) bool."""
        rates = self.rates[self._rows, self._now, choice]
        return self._rng.random(len(self._rows)) < rates

    def regret(self, choice: np.ndarray) -> np.ndarray:
        """What a choice (R,) costs in clicks, against the best of their segment."""
        return self._gaps[self._rows, self._now, choice]

    def wrong(self, winner: np.ndarray) -> np.ndarray:
        """The share of visitors for whom a better one exists: (R, S) -> (R,)."""
        segments = np.arange(len(self.shares))
        lost = self._gaps[self._rows[:, None], segments, winner]
        return (lost > 0) @ self.shares
