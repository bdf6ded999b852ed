"""Cognitive diagnosis: from the answers of one exam to the skills of each pupil.

A pupil belongs to one of several hidden classes, and the class says how likely each
item is answered rightly. Shares of the classes and items are learned by expectation
maximisation (Dempster, Laird and Rubin 1977). Nobody learns during an exam, so the
order of the answers does not matter.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.special import expit, logsumexp

from ..arguments import unknown, whole
from ..data.answers import Answers, Item

MOST = 4_096  # classes, and so patterns of skills
TINY = 1e-3  # as near as a probability may come to 0 and 1


class Diagnosis:
    """What both models share: classes (C,), and P(right) of each item, (C, I).

    ``train`` are the answers of whole exams; items are those of ``train``.

    Raises:
        ValueError: no answers.
    """

    def __init__(self, train: Answers, *, rounds: int = 100):
        if not len(train.item):
            raise ValueError("train holds no answers: there is nothing to learn")
        self.items: tuple[Item, ...] = train.items
        table = responses(train, self.items)
        self.share, self.right = self._start(table)
        self.likelihood: list[float] = []  # mean over pupils, in nats, of each round
        for _ in range(whole("rounds", rounds, 1)):
            posterior, evidence = self._posterior(table)
            self.likelihood.append(float(evidence.mean()))
            self.share = posterior.mean(0)
            self._learn(table, posterior)

    def predict(self, seen: Answers) -> np.ndarray:
        """P(right) of every item for each pupil, after what was ``seen``: (U, I).

        Raises:
            ValueError: an item that the model does not know.
        """
        return self._posterior(responses(seen, self.items))[0] @ self.right

    def _posterior(self, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """P(class | answers) (U, C), and the log evidence (U,)."""
        there = ~np.isnan(table)
        filled = np.where(there, table, 0)
        odds = np.log(self.right / (1 - self.right))
        joint = filled @ odds.T + there @ np.log(1 - self.right).T
        with np.errstate(divide="ignore"):  # a class may die out
            joint = joint + np.log(self.share)
        evidence = logsumexp(joint, 1)
        return np.exp(joint - evidence[:, None]), evidence

    def _start(self, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def _learn(self, table: np.ndarray, posterior: np.ndarray) -> None:
        raise NotImplementedError


class DINA(Diagnosis):
    """A class is a pattern of skills that a pupil has or lacks (Junker & Sijtsma 2001).

    Who has all the skills of an item answers rightly but for a slip, who lacks one only
    by a guess. ``patterns`` (C, S) are the classes, ``skills`` (S,) names in their
    order, ``guess`` and ``slip`` (I,). A skill of which no other item is asked, such as
    the number of the item, is left out.

    Raises:
        ValueError: more than 12 skills: too many patterns.
    """

    def __init__(self, train: Answers, *, rounds: int = 100):
        names = [name for item in train.items for name in item]
        self.skills = tuple(sorted({n for n in names if names.count(n) > 1}))
        if 2 ** len(self.skills) > MOST:
            raise ValueError(
                f"train has {len(self.skills)} skills: at most {MOST.bit_length() - 1}"
            )
        self.patterns = np.array(list(product((0, 1), repeat=len(self.skills))))
        self.needs = np.array(
            [[s in item for s in self.skills] for item in train.items]
        )
        # (C, I): whether a pattern has all that an item needs
        self.able = (self.patterns[:, None] >= self.needs).all(2)
        super().__init__(train, rounds=rounds)

    def mastery(self, seen: Answers) -> np.ndarray:
        """The probability that each pupil has each skill, (U, S)."""
        return self._posterior(responses(seen, self.items))[0] @ self.patterns

    def _start(self, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.guess, self.slip = np.full((2, table.shape[1]), 0.2)
        return np.full(len(self.patterns), 1 / len(self.patterns)), self._rights()

    def _learn(self, table: np.ndarray, posterior: np.ndarray) -> None:
        there = ~np.isnan(table)
        able = posterior @ self.able  # (U, I)
        right, wrong = np.nansum(able * table, 0), np.nansum(able * (1 - table), 0)
        self.slip = (wrong + 1) / (right + wrong + 2)  # one of each beforehand
        unable = 1 - able
        right = np.nansum(unable * table, 0)
        self.guess = (right + 1) / ((unable * there).sum(0) + 2)
        self.right = self._rights()

    def _rights(self) -> np.ndarray:
        right = np.where(self.able, 1 - self.slip, self.guess)
        return right.clip(TINY, 1 - TINY)


class TwoPL(Diagnosis):
    """A class is a place on one scale of ability: item response theory (Birnbaum 1968).

    P(right) = 1 / (1 + exp(-a (ability - b))): ``steep`` a (I,) and ``hard`` b (I,).
    ``ability`` (C,) stand at even distances, with the shares of a standard normal at
    the start.
    """

    def __init__(self, train: Answers, *, rounds: int = 50, places: int = 31):
        self.ability = np.linspace(-4, 4, whole("places", places, 2))
        super().__init__(train, rounds=rounds)

    def _start(self, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = np.exp(-(self.ability**2) / 2)
        mean = np.nanmean(table, 0).clip(0.02, 0.98)
        self._line = np.stack([np.log(mean / (1 - mean)), np.ones_like(mean)])
        return share / share.sum(), self._rights()

    def _learn(self, table: np.ndarray, posterior: np.ndarray) -> None:
        there = ~np.isnan(table)
        asked = posterior.T @ there  # (C, I): expected numbers of pupils
        right = posterior.T @ np.where(there, table, 0)
        x = np.stack([np.ones_like(self.ability), self.ability])  # (2, C)
        for _ in range(3):  # Newton's steps of a logistic regression for each item
            p = self._rights()
            slope = x @ (right - asked * p) - np.array([[0.0], [0.1]]) * self._line
            weight = asked * p * (1 - p)
            curve = np.einsum("ac,ci,bc->iab", x, weight, x) + 0.1 * np.eye(2)
            self._line = (
                self._line + np.linalg.solve(curve, slope.T[..., None])[..., 0].T
            )
        self._line[1] = self._line[1].clip(0.05, 6)
        self.right = self._rights()
        self.steep, self.hard = self._line[1], -self._line[0] / self._line[1]

    def _rights(self) -> np.ndarray:
        logits = self._line[0] + self.ability[:, None] * self._line[1]
        return expit(logits).clip(TINY, 1 - TINY)


def rasch(table: np.ndarray, *, rounds: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Ability of each pupil (U,) and difficulty of each item (I,), of answers (U, I).

    P(right) = 1 / (1 + exp(difficulty - ability)) (Rasch 1960), by joint likelihood,
    both drawn a little towards 0. Nothing is supposed of who was asked what; NaN where
    nothing was. Difficulties add up to 0.

    Raises:
        ValueError: no table, one with other than 0, 1 and NaN, or a pupil or an item
            without an answer.
    """
    table = np.asarray(table, float)
    there = ~np.isnan(table)
    if table.ndim != 2 or not np.isin(table[there], (0, 1)).all():
        raise ValueError(
            f"table has shape {table.shape}: give (U, I) of 0, 1, and NaN "
            "where nothing was asked"
        )
    if not (there.any(0).all() and there.any(1).all()):
        raise ValueError("table has a row or a column without an answer: leave it out")
    ability, hard = np.zeros(len(table)), np.zeros(table.shape[1])
    for _ in range(whole("rounds", rounds, 1)):
        for axis, values, sign in ((1, ability, 1), (0, hard, -1)):
            p = expit(ability[:, None] - hard)
            slope = sign * np.where(there, table - p, 0).sum(axis) - 0.1 * values
            values += slope / ((there * p * (1 - p)).sum(axis) + 0.1)  # a Newton step
    return ability - hard.mean(), hard - hard.mean()


def responses(data: Answers, items: tuple[Item, ...]) -> np.ndarray:
    """Return answers as a table (U, I) of 0 and 1, NaN where none was given.

    Of several answers to one item the last counts.

    Raises:
        ValueError: an item that is none of ``items``.
    """
    number = {item: i for i, item in enumerate(items)}
    for item in {data.items[i] for i in set(data.item.tolist())}:
        if item not in number:
            raise unknown("item", "、".join(item), ["、".join(one) for one in items])
    place = np.array([number.get(item, -1) for item in data.items])
    table = np.full((len(data), len(items)), np.nan)
    table[data.learner.numpy(), place[data.item.numpy()]] = data.right.numpy()
    return table
