"""How much evidence is enough to answer, and when "I do not know" is the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from ...data.made.grammar import phrases
from ...metrics.calibration import rejection_threshold
from .knowledge import Entry
from .retrieval import Hit, Index, pairs_of_letters
from .understanding import Understood

FEATURES = ("words", "meaning", "lead", "inside", "disagreement")
FOLDS = 5  # of the questions, to say how much is enough


@dataclass(frozen=True)
class Evidence:
    """A logistic regression of ``FEATURES``: how likely the first hit is right.

    Below ``needed`` the assistant does not answer.
    """

    weights: tuple[float, ...]
    bias: float
    needed: float

    def share(self, described: Sequence[float]) -> float:
        """Return the estimated probability that the first hit answers."""
        z = float(np.dot(self.weights, described)) + self.bias
        return float(1 / (1 + np.exp(-z)))

    def to_json(self) -> dict[str, Any]:
        """Return what ``of`` makes the same of."""
        return {"weights": self.weights, "bias": self.bias, "needed": self.needed}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Evidence:
        """Rebuild it."""
        weights = tuple(map(float, told["weights"]))
        return cls(weights, float(told["bias"]), float(told["needed"]))


def evidence_of(
    hits: Sequence[Hit],
    entries: Sequence[Entry],
    understood: Understood | None,
    text: str,
) -> list[float]:
    """Describe what was found by ``FEATURES``; the best of ``hits`` comes first.

    Score of the words for each word asked, inner product of the meaning and its lead
    over the next entry, the log odds of being inside, and how unlikely the intent of
    the best entry is, where it has one.
    """
    if not hits:
        return [0.0] * len(FEATURES)
    best = hits[0]
    others = [hit.by_meaning for hit in hits[1:]] or [0.0]
    asked = max(1, len(pairs_of_letters(text)))
    inside = disagreement = 0.0
    if understood is not None:
        p = min(max(understood.inside, 1e-4), 1 - 1e-4)
        inside = float(np.log(p / (1 - p))) / 10
        if intent := entries[0].intent:
            disagreement = 1 - understood.shares.get(intent, 0.0)
    return [
        best.by_words / asked,
        best.by_meaning,
        best.by_meaning - max(others),
        inside,
        disagreement,
    ]


class Finds(Protocol):
    """Whoever has knowledge that can be searched, and reads what is wanted."""

    @property
    def knowledge(self) -> dict[str, tuple[list[Entry], Index]]: ...

    def understood(self, text: str) -> Understood | None: ...


def fitted_evidence(assistant: Finds) -> dict[str, Evidence]:
    """Fit it for each language of the knowledge.

    Asked are the questions of the entries that the encoder was not trained on, each
    with itself taken out of the index, and questions that nothing here answers. How
    much is enough is read off questions that the regression has not seen.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # Encoders differ in how far apart they place texts: no feature is too small. C is
    # one of four that were tried in cross-validation on these questions.
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced")
    )
    strangers, found = phrases("shop")["strangers"], {}
    for spoken, (own, index) in assistant.knowledge.items():
        asked = [(q, entry.id) for entry in own for q in entry.questions[1::2]]
        asked += [(question, "") for question in strangers.get(spoken, ())]
        rows, right = [], []
        for question, wanted in asked:
            hits = index.search(question, strictly=True)
            entries = [own[hit.text] for hit in hits]
            understood = assistant.understood(question)
            rows.append(evidence_of(hits, entries, understood, question))
            right.append(entries[0].id == wanted)
        x, answered = np.asarray(rows), np.asarray(right)
        folds = min(FOLDS, answered.sum(), (~answered).sum())
        if folds < 2:
            continue
        # on the rows that it was fitted on a model is surer than it has reason to be
        cut = StratifiedKFold(int(folds), shuffle=True, random_state=0)
        shares = cross_val_predict(model, x, answered, cv=cut, method="predict_proba")
        sure = torch.from_numpy(shares[:, 1])
        needed = rejection_threshold(
            sure[torch.from_numpy(answered)], sure[torch.from_numpy(~answered)]
        )
        scaler, regression = model.fit(x, answered)
        weights = regression.coef_[0] / scaler.scale_
        bias = float(regression.intercept_[0] - weights @ scaler.mean_)
        found[spoken] = Evidence(tuple(map(float, weights)), bias, needed)
    return found
