"""Answers of learners who do not exist: those of ``simulators.learners``."""

from __future__ import annotations

from pathlib import Path

from ...simulators.learners import Learners
from ..answers import Answers
from ..catalog import Card


def read_learners(card: Card, split: str, paths: list[Path]) -> Answers:
    """Return what learners of their own choice answered; the splits share nobody."""
    world = Learners(
        card.splits[split], seed=2 * card.parameters["seed"] + (split == "test")
    )
    world.choose(card.parameters["rounds"])
    return world.answers()
