"""The baseline of knowledge tracing: logistic regression on counts of answers."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from ..arguments import finite, unknown
from ..data.answers import Answers


class Counts:
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
        self.skills = {
            name: i for i, name in enumerate(sorted({*sum(train.items, ())}))
        }
        y = train.right.numpy()
        if not len(y) or y.min() == y.max():
            raise ValueError(f"train: {len(y)} answers, all alike: nothing to learn")
        self.model = LogisticRegression(C=1 / penalty, max_iter=300, tol=1e-4)
        self.model.fit(self.features(train), y)

    def probabilities(self, data: Answers) -> Tensor:
        """The probability that each answer is right, from those before it: (M,).

        Raises:
            ValueError: an unknown skill.
        """
        if not len(data.item):
            return torch.empty(0)
        chances = self.model.predict_proba(self.features(data))[:, 1]
        return torch.from_numpy(chances).float()

    def features(self, data: Answers) -> csr_matrix:
        """Return the summands of every logit, (M, 3 skills + 2)."""
        place = [[self._number(name) for name in item] for item in data.items]
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

    def _number(self, name: str) -> int:
        if name not in self.skills:
            raise unknown("skill", name, self.skills)
        return self.skills[name]
