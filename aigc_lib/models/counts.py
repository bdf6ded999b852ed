"""Baselines of knowledge tracing: a regression on counts, trees on the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.sparse import csr_matrix, hstack
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from ..arguments import finite, unknown, whole
from ..data.answers import Answers, Item, numbered

KINDS = 255  # different skills that the trees can tell apart
KEEPS = (0.7, 0.9, 0.97)  # of what it was, a running share at each answer


class _OnTheRecord:
    """What says from ``features`` of the answers before whether the next is right."""

    model: LogisticRegression | HistGradientBoostingClassifier
    features: Callable[[Answers], csr_matrix | np.ndarray]

    def probabilities(self, data: Answers) -> Tensor:
        """The probability that each answer is right, from those before it: (M,).

        Raises:
            ValueError: an unknown skill.
        """
        if not len(data.item):
            return torch.empty(0)
        chances = self.model.predict_proba(self.features(data))[:, 1]
        return torch.from_numpy(chances).float()


class Counts(_OnTheRecord):
    """P(right) from how often a learner was right and wrong before.

    The logit is a sum: a level for each skill of the item; for each of them, how often
    this skill was answered rightly and wrongly so far, with slopes of its own
    (performance factors analysis, Pavlik, Cen and Koedinger 2009); and how often
    anything was, with slopes for all. Counts n go in as log(1 + n). This is nearly what
    Gervet et al. (2020) found hard to beat, without what they know of the items.
    ``penalty`` is that of the squared weights.

    Raises:
        ValueError: no answers, or answers that are all alike.
    """

    def __init__(self, train: Answers, *, penalty: float = 1.0):
        penalty = finite("penalty", penalty, above=0)
        self.skills, y = _learned_from(train)
        self.model = LogisticRegression(C=1 / penalty, max_iter=300, tol=1e-4)
        self.model.fit(self.features(train), y)

    def features(self, data: Answers) -> csr_matrix:
        """Return the summands of every logit, (M, 3 skills + 2)."""
        place = _places(data.items, self.skills)
        rows, columns, values = [], [], []
        every = np.empty((len(data.item), 2))
        items, right, row = data.item.tolist(), data.right.tolist(), 0
        for length in data.lengths.tolist():
            before: dict[int, list[int]] = {}
            total = [0, 0]
            for _ in range(length):
                answer, own = right[row], place[items[row]]
                every[row] = total
                for skill in own:
                    counts = before.setdefault(skill, [0, 0])
                    rows += [row] * 3
                    columns += [3 * skill, 3 * skill + 1, 3 * skill + 2]
                    values += [1, 1 + counts[0], 1 + counts[1]]
                for skill in own:
                    before[skill][answer] += 1
                total[answer] += 1
                row += 1
        values = np.array(values, float)
        values[np.array(columns) % 3 > 0] = np.log(values[np.array(columns) % 3 > 0])
        shape = (row, 3 * len(self.skills))
        return hstack(
            [csr_matrix((values, (rows, columns)), shape), np.log1p(every)]
        ).tocsr()


class Trees(_OnTheRecord):
    """P(right) by gradient-boosted trees on the record of the learner so far.

    No network and no regression: ``rounds`` small trees, each mending what is left of
    those before it (Friedman 2001; the histograms are those of scikit-learn). Every
    round looks at a share of the features, drawn with ``seed``.

    Raises:
        ValueError: no answers, answers that are all alike, or more than 255 skills.
    """

    def __init__(self, train: Answers, *, rounds: int = 400, seed: int = 0):
        rounds = whole("rounds", rounds, 1)
        self.skills, y = _learned_from(train)
        if len(self.skills) > KINDS:
            raise ValueError(
                f"train: {len(self.skills)} skills: trees tell {KINDS} apart at most, "
                "join rare ones"
            )
        self.model = HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_iter=rounds,
            min_samples_leaf=100,
            max_features=0.3,
            early_stopping=False,
            categorical_features=[0, 1, 2],
            random_state=whole("seed", seed, 0),
        )
        self.model.fit(self.features(train), y)

    def features(self, data: Answers) -> np.ndarray:
        """Return what the trees read before each answer, (M, 21).

        By number: the first and the last skill of the item, and the first of the item
        that was practised before this one, NaN if none. How many skills it takes; how
        often it was answered wrongly and rightly, and how often running just now; the
        running share right of its skills, and of everything, at three speeds; the last
        answers alike, with a minus if wrong; how many answers, how many items so far.
        Then ``data.past``.
        """
        place = _places(data.items, self.skills)
        items, right, found = data.item.tolist(), data.right.tolist(), []
        row = 0
        for length in data.lengths.tolist():
            counts: dict[int, list[int]] = {}  # of an item: wrong, right
            shares: dict[int, float] = {}  # of a skill
            every, streak, run, last, before = [0.5] * len(KEEPS), 0, 0, None, np.nan
            for now in range(length):
                item, answer = items[row], right[row]
                own = place[item]
                if item != last and last is not None:
                    before, run = place[last][0], 0
                told = [own[0], own[-1], before, len(own), *counts.get(item, (0, 0))]
                share = sum(shares.get(skill, 0.5) for skill in own) / len(own)
                found.append([*told, run, share, *every, streak, now, len(counts)])
                counts.setdefault(item, [0, 0])[answer] += 1
                for skill in own:
                    shares[skill] = 0.7 * shares.get(skill, 0.5) + 0.3 * answer
                every = [
                    keep * share + (1 - keep) * answer
                    for keep, share in zip(KEEPS, every, strict=True)
                ]
                streak = max(streak, 0) + 1 if answer else min(streak, 0) - 1
                last, run, row = item, run + 1, row + 1
        return np.column_stack([np.reshape(found, (row, 14)), data.past.numpy()])


def _learned_from(train: Answers) -> tuple[dict[str, int], np.ndarray]:
    """Return the skills by number, and the answers (M,), if they are of both kinds."""
    y = train.right.numpy()
    if not len(y) or y.min() == y.max():
        raise ValueError(f"train: {len(y)} answers, all alike: nothing to learn")
    return numbered(train.items), y


def _places(items: tuple[Item, ...], skills: Mapping[str, int]) -> list[list[int]]:
    """Return the numbers of the skills of each item."""
    for name in sum(items, ()):
        if name not in skills:
            raise unknown("skill", name, skills)
    return [[skills[name] for name in item] for item in items]
