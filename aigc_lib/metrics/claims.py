"""Whether a text says what it should and nothing else, by the words of a vocabulary."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple


class Verdict(NamedTuple):
    """Where a line and its attributes disagree: (attribute, value) pairs."""

    missing: list[tuple[str, str]]
    invented: list[tuple[str, str]]

    @property
    def true(self) -> bool:
        """Whether the line says all of the attributes, and no other."""
        return not (self.missing or self.invented)


def stated(facts: dict[str, Any]) -> set[tuple[str, str]]:
    """Return each attribute with each of its values: there may be two 卖点."""
    return {
        (name, value)
        for name, values in facts.items()
        for value in ((values,) if isinstance(values, str) else values)
    }


def check_claims(
    text: str, facts: dict[str, Any], vocabulary: Collection[tuple[str, str]]
) -> Verdict:
    """Compare ``text`` with ``facts``; ``vocabulary`` holds all that may be said.

    A value that the vocabulary does not know is not noticed: what is checked is whether
    a line keeps to its facts, not whether it is well written.
    """
    wanted = stated(facts)
    said = {pair for pair in vocabulary if pair[1] in text}
    # two products may share an audience, so the same words stand for one thing
    words = {value for _, value in wanted}
    missing = [pair for pair in sorted(wanted) if pair[1] not in text]
    invented = [pair for pair in sorted(said) if pair[1] not in words]
    return Verdict(missing, invented)
