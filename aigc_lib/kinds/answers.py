"""Answers: models that say what a learner will get right."""

from __future__ import annotations

from typing import Any

from ..data.answers import Answers
from ..metrics.tracing import auc, auc_interval
from ..models import MODELS, Trainable

WINDOW = 200  # answers that are learned from together


def build(
    name: str, data: Answers, options: dict[str, Any]
) -> tuple[Trainable, Answers]:
    """Make a model for these items; it learns from rows of at most ``WINDOW``."""
    return MODELS[name](**{"items": data.items} | options), data.windows(WINDOW)


def evaluate(model: Trainable, data: Answers, n: int, seed: int) -> dict[str, Any]:
    """Say the answers of up to ``n`` learners, each from those before it.

    Raises:
        ValueError: items that the model does not know, or answers that are all alike.
    """
    some = data.some(slice(n))
    chances = model.probabilities(some)
    result = {"learners": len(some), "answers": len(some.item)}
    result["auc"] = auc(some.right, chances)
    if len(some) > 1:  # one learner has no interval
        low, high = auc_interval(some.right, chances, some.learner, seed=seed)
        result |= {"auc_from": low, "auc_to": high}
    result["share_right"] = some.right.double().mean().item()
    return result
