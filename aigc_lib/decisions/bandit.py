"""Bandits: choose one of several, learn from what comes of it, and lose little.

A policy is an object with ``choose`` and ``learn``. It plays many replications of the
same game at once: ``choose()`` gives one number for each, (R,) int64, and
``learn(choice, reward)`` takes these and what they brought, (R,) of 0 and 1. Where it
is known who comes, both take the segments of the visitors (R,) before all else.
"""

from __future__ import annotations

import inspect
import math
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import finite, whole
from ..simulators.clicks import Audience, Creatives, places


class Policy(Protocol):
    """What ``play`` needs; ``seen`` is what the world tells of a visitor."""

    def choose(self, *seen: np.ndarray) -> np.ndarray: ...

    def learn(self, *seen_choice_reward: np.ndarray) -> None: ...

    def winner(self) -> np.ndarray:
        """The choice of which it thinks best now, (R,)."""


class Counting:
    """Counts how often each of ``arms`` was tried and how often it paid: (R, K).

    Raises:
        ValueError: fewer than two arms, or no replication.
    """

    def __init__(self, arms: int, *, replications: int = 1, seed: int = 0):
        shape = whole("replications", replications, 1), whole("arms", arms, 2)
        self.tried, self.paid = np.zeros(shape), np.zeros(shape)
        self.visitors = 0  # of each replication: what came of them was learned
        self.rows = np.arange(shape[0])
        self.rng = np.random.default_rng(whole("seed", seed, 0))

    def learn(self, choice: np.ndarray, reward: np.ndarray) -> None:
        """Count one more try in each replication.

        Raises:
            ValueError: rewards that are not within [0, 1], such as NaN, or an arm that
                there is not.
        """
        if reward.dtype != bool and not ((reward >= 0) & (reward <= 1)).all():
            raise ValueError(f"reward={reward}: give numbers in [0, 1]")
        place = places(self.rows, choice, self.tried.shape)
        self.visitors += 1
        self.tried.reshape(-1)[place] += 1
        self.paid.reshape(-1)[place] += reward

    def means(self, untried: float) -> np.ndarray:
        """The mean reward of each arm, (R, K); ``untried`` where nobody knows."""
        means = self.paid / np.maximum(self.tried, 1)
        means[self.tried == 0] = untried
        return means

    def winner(self) -> np.ndarray:
        """The arm of the highest mean, (R,); equals by lot."""
        return self.highest(self.means(-np.inf))

    def highest(self, values: np.ndarray) -> np.ndarray:
        """The place of the greatest of each row, (R,); equals by lot."""
        best = values.argmax(1)
        columns = np.ascontiguousarray(values.T)  # numpy is quickest along long rows
        top = columns == columns.max(0)
        if np.count_nonzero(top) > len(best):  # some are equal: look where
            shared = np.flatnonzero(top.sum(0) > 1)
            lots = self.rng.random((len(shared), values.shape[1]))
            best[shared] = (top.T[shared] * lots).argmax(1)
        return best


class EpsilonGreedy(Counting):
    """The best so far, but with probability ``epsilon`` any.

    Arms that nobody has tried come first. What it loses grows for ever, by a share
    ``epsilon`` of what any choice loses.

    Raises:
        ValueError: ``epsilon`` outside [0, 1].
    """

    def __init__(self, arms: int, epsilon: float = 0.1, **options):
        super().__init__(arms, **options)
        self.epsilon = finite("epsilon", epsilon, least=0, most=1)

    def choose(self) -> np.ndarray:
        """One choice for each replication, (R,)."""
        greedy = self.highest(self.means(np.inf))
        anything = self.rng.integers(self.tried.shape[1], size=len(self.rows))
        return np.where(
            self.rng.random(len(self.rows)) < self.epsilon, anything, greedy
        )


class UCB1(Counting):
    """The arm that could be the best: mean + ``width`` sqrt(2 ln t / tries).

    Each arm is tried once at first. ``width`` = 1 is UCB1, whose bound holds for any
    reward in [0, 1] and is generous where clicks are rare.

    Source: Auer, Cesa-Bianchi and Fischer 2002, figure 1.

    Raises:
        ValueError: a ``width`` that is not above 0.
    """

    def __init__(self, arms: int, width: float = 1.0, **options):
        super().__init__(arms, **options)
        self.width = finite("width", width, above=0)

    def choose(self) -> np.ndarray:
        """One choice for each replication, (R,)."""
        log = math.log(max(self.visitors, 1))
        reach = self.width * np.sqrt(2 * log / np.maximum(self.tried, 1))
        return self.highest(self.means(np.inf) + reach)


class Thompson(Counting):
    """An arm as often as it is believed to be the best: one draw of each belief.

    The belief in an arm's rate is Beta(``paid`` + 1, ``failed`` + 1): any rate was as
    likely before.

    Source: Thompson 1933; Chapelle and Li 2011, algorithm 2.
    """

    def choose(self) -> np.ndarray:
        """One choice for each replication, (R,)."""
        failed = self.tried - self.paid
        return self.rng.beta(self.paid + 1, failed + 1).argmax(1)

    def winner(self) -> np.ndarray:
        """The arm of the highest expected rate, (R,)."""
        return self.highest((self.paid + 1) / (self.tried + 2))


class ThompsonPerSegment(Counting):
    """Thompson sampling with beliefs of its own about every segment of visitors.

    ``prior`` (S, K, 2) holds what is believed before: as if so many visitors of the
    segment had clicked, and so many not; or (2,), the same for all. With one segment,
    all visitors are alike to it, whoever they are.

    Source: Thompson 1933; contextual as in Chapelle and Li 2011, with a table of
    segments in the place of their logistic regression.

    Raises:
        ValueError: fewer than two arms, no segment, a prior of another shape, or one
            that is not above 0.
    """

    def __init__(
        self,
        arms: int,
        segments: int,
        *,
        prior: ArrayLike = (1, 1),
        replications: int = 1,
        seed: int = 0,
    ):
        self.segments = whole("segments", segments, 1)
        replications = whole("replications", replications, 1)
        super().__init__(arms, replications=replications * self.segments, seed=seed)
        prior = np.asarray(prior, np.float64)
        shape = self.segments, self.tried.shape[1], 2
        if prior.shape not in (shape, (2,)) or not (prior > 0).all():
            raise ValueError(
                f"prior has shape {prior.shape}: give {shape} or (2,), all above 0"
            )
        prior = np.broadcast_to(prior, (replications, *shape)).reshape(-1, shape[1], 2)
        self.paid += prior[..., 0]
        self.tried += prior.sum(-1)
        self.games = np.arange(replications)

    def choose(self, segment: np.ndarray) -> np.ndarray:
        """One choice for the visitor of each replication: segments (R,) -> (R,).

        Raises:
            ValueError: a segment that there is not.
        """
        self.rows = self._rows(segment)
        paid = self.paid[self.rows]
        return self.rng.beta(paid, self.tried[self.rows] - paid).argmax(1)

    def learn(
        self, segment: np.ndarray, choice: np.ndarray, reward: np.ndarray
    ) -> None:
        """Count one more visitor in each replication.

        Raises:
            ValueError: a segment that there is not, rewards that are not in [0, 1].
        """
        self.rows = self._rows(segment)
        super().learn(choice, reward)

    def winner(self) -> np.ndarray:
        """The arm of the highest expected rate, (R, S) or (R, 1); equals by lot."""
        self.rows = np.arange(len(self.tried))
        return self.highest(self.paid / self.tried).reshape(-1, self.segments)

    def _rows(self, segment: np.ndarray) -> np.ndarray:
        """Where the beliefs about the visitors of each replication stand."""
        if self.segments == 1:
            return self.games
        segment = np.asarray(segment)
        if not ((segment >= 0) & (segment < self.segments)).all():
            raise ValueError(
                f"segment={segment}: give numbers from 0 to {self.segments - 1}"
            )
        return self.games * self.segments + segment


class Assigned:
    """Gives every segment the arm (S,) that was chosen for it, and learns nothing.

    Raises:
        ValueError: arms that are no whole numbers from 0 up, or no replication.
    """

    def __init__(self, arms: ArrayLike, *, replications: int = 1):
        self.arms = np.asarray(arms)
        if self.arms.ndim != 1 or self.arms.dtype.kind not in "iu" or min(arms) < 0:
            raise ValueError(f"arms={arms}: give one number from 0 up for each segment")
        self.replications = whole("replications", replications, 1)

    def choose(self, segment: np.ndarray) -> np.ndarray:
        """The arm of each segment: (R,) -> (R,)."""
        return self.arms[segment]

    def learn(self, *seen_choice_reward: np.ndarray) -> None:
        """Nothing changes."""

    def winner(self) -> np.ndarray:
        """The arms, for each replication: (R, S)."""
        return np.tile(self.arms, (self.replications, 1))


class Played(NamedTuple):
    """What came of a game: ``regret`` (R,) in expected clicks, and over time.

    ``path`` (points, R) is the regret after the ``at`` (points,) first visitors;
    ``winner`` (R,) what the policy would choose from now on, and ``wrong`` (R,) bool
    whether a better one exists. Where visitors are of several segments, ``winner`` is
    (R, S), and ``wrong`` (R,) the share of visitors for whom a better one exists.
    """

    regret: np.ndarray
    path: np.ndarray
    at: np.ndarray
    winner: np.ndarray
    wrong: np.ndarray


def play(
    policy: Policy,
    world: Creatives | Audience,
    visitors: int,
    *,
    points: int = 100,
) -> Played:
    """Let ``visitors`` come, one after the other, in all replications.

    Raises:
        ValueError: no visitor, a policy for another number of replications, or one
            that must be told the segment in a world without, or the other way round.
    """
    told = isinstance(world, Audience)
    if told != bool(inspect.signature(policy.choose).parameters):
        wanted = "takes the segments, choose(segment)" if told else "takes nothing"
        raise ValueError(
            f"policy={type(policy).__name__}: in a world of {type(world).__name__} "
            f"give one whose choose {wanted}"
        )
    visitors = whole("visitors", visitors, 1)
    points = min(whole("points", points, 1), visitors)
    at = np.linspace(visitors / points, visitors, points).round().astype(int)
    lost, path = np.zeros(len(world.rates)), []
    marks = set(at.tolist())
    for visitor in range(1, visitors + 1):
        seen = world.arrive()
        choice = policy.choose(*seen)
        if len(choice) != len(lost):
            raise ValueError(
                f"policy has {len(choice)} replications, the world {len(lost)}: give "
                "both the same"
            )
        policy.learn(*seen, choice, world.visit(choice))
        lost += world.regret(choice)
        if visitor in marks:
            path.append(lost.copy())
    winner = policy.winner()
    return Played(lost, np.stack(path), at, winner, world.wrong(winner))
