"""How much evidence is enough to answer, and when "I do not know" is the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...data.made.grammar import phrases
from ...metrics.calibration import rejection_threshold
from .knowledge import Entry
from .retrieval import Hit, pairs_of_letters
from .understanding import Understood

if TYPE_CHECKING:
    from .assistant import Assistant

FEATURES = ("words", "meaning", "lead", "inside", "agreement")


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
    over the next entry, how inside the intents are, and whether they agree.
    """
    if not hits:
        return [0.0] * len(FEATURES)
    best = hits[0]
    others = [hit.by_meaning for hit in hits[1:]] or [0.0]
    asked = max(1, len(pairs_of_letters(text)))
    agree = understood is not None and entries[0].intent == understood.likeliest
    return [
        best.by_words / asked,
        best.by_meaning,
        best.by_meaning - max(others),
        understood.inside if understood else 0.0,
        float(agree) * (understood.inside if understood else 0.0),
    ]


def fitted_evidence(assistant: Assistant) -> dict[str, Evidence]:
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
        model = LogisticRegression(C=1.0, class_weight="balanced").fit(rows, right)
        evidence = Evidence(
            tuple(map(float, model.coef_[0])), float(model.intercept_[0]), 0.5
        )
        shares = torch.tensor([evidence.share(row) for row in rows])
        answered = torch.tensor(right)
        needed = rejection_threshold(shares[answered], shares[~answered])
        found[spoken] = Evidence(evidence.weights, evidence.bias, needed)
    return found
