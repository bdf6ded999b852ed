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
    with itself taken out of the index, and questions that nothing here answers.
    """
    from sklearn.linear_model import LogisticRegression

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
        if len(set(right)) < 2:
            continue
        x = np.asarray(rows)
        # encoders differ in how far apart they place texts: no feature is too small
        mean, std = x.mean(0), x.std(0).clip(min=1e-6)
        model = LogisticRegression(C=1.0, class_weight="balanced")
        model.fit((x - mean) / std, right)
        weights = model.coef_[0] / std
        bias = float(model.intercept_[0] - weights @ mean)
        evidence = Evidence(tuple(map(float, weights)), bias, 0.5)
        shares = torch.tensor([evidence.share(row) for row in rows])
        answered = torch.tensor(right)
        needed = rejection_threshold(shares[answered], shares[~answered])
        found[spoken] = Evidence(evidence.weights, evidence.bias, needed)
    return found
