"""The state of a conversation, and what a turn of the assistant is: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .answers import Source
from .knowledge import Entry

ROLES = ("customer", "assistant", "agent")
KINDS = ("template", "quoted", "question", "greeting", "unknown", "handoff")
MOST_TURNS = 400  # that are kept; older ones are forgotten here, not in the store


@dataclass(frozen=True)
class Dialogue:
    """What was said so far, what was named, and what the assistant waits for.

    ``misses`` counts answers in a row that the assistant owed. Once ``handed_off`` it
    says no more until it is ``given_back``.
    """

    turns: tuple[tuple[str, str], ...] = ()
    slots: Mapping[str, str] = field(default_factory=dict)
    waiting_for: str | None = None
    intent: str | None = None
    misses: int = 0
    handed_off: bool = False

    def said(self, role: str, text: str) -> Dialogue:
        """Return the dialogue after ``role`` said ``text``.

        Raises:
            ValueError: an unknown role.
        """
        if role not in ROLES:
            raise ValueError(f"role={role!r}: choose one of {ROLES}")
        return replace(self, turns=(*self.turns, (role, text))[-MOST_TURNS:])

    def given_back(self) -> Dialogue:
        """Return the dialogue for the assistant to go on with."""
        return replace(self, handed_off=False, misses=0, waiting_for=None, intent=None)

    @property
    def last_question(self) -> str:
        """The last thing that the customer said, "" if nothing."""
        said = [text for role, text in self.turns if role == "customer"]
        return said[-1] if said else ""

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` makes the same dialogue of."""
        return {
            "turns": [list(turn) for turn in self.turns],
            "slots": dict(self.slots),
            "waiting_for": self.waiting_for,
            "intent": self.intent,
            "misses": self.misses,
            "handed_off": self.handed_off,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Dialogue:
        """Rebuild a dialogue.

        Raises:
            ValueError: no such description.
        """
        try:
            return cls(
                turns=tuple((str(role), str(text)) for role, text in told["turns"]),
                slots={str(k): str(v) for k, v in told["slots"].items()},
                waiting_for=told["waiting_for"],
                intent=told["intent"],
                misses=int(told["misses"]),
                handed_off=bool(told["handed_off"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"no dialogue ({error!r}): give what to_json made"
            ) from None


@dataclass(frozen=True)
class Found:
    """An entry that was found, and how well it fits."""

    entry: Entry
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return the entry's id and title, and the score."""
        return {"entry": self.entry.id, "title": self.entry.title, "score": self.score}


@dataclass(frozen=True)
class Turn:
    """One answer of the assistant; ``dialogue`` is the state after it.

    ``sources`` has one for each sentence that was quoted or filled in. ``handoff`` says
    why a person must come, where one must.
    """

    text: str
    kind: str
    dialogue: Dialogue
    language: str = "zh"
    intent: str | None = None
    confidence: float = 0.0
    sources: tuple[Source, ...] = ()
    slots: Mapping[str, str] = field(default_factory=dict)
    handoff: str | None = None
    retrieved: tuple[Found, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return all of it, fit for JSON."""
        return {
            "text": self.text,
            "kind": self.kind,
            "dialogue": self.dialogue.to_json(),
            "language": self.language,
            "intent": self.intent,
            "confidence": self.confidence,
            "sources": [source.to_json() for source in self.sources],
            "slots": dict(self.slots),
            "handoff": self.handoff,
            "retrieved": [found.to_json() for found in self.retrieved],
        }


@dataclass(frozen=True)
class Suggestion:
    """What an agent might answer, with its sources and how well they fit."""

    text: str
    sources: tuple[Source, ...]
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return all of it, fit for JSON."""
        return {
            "text": self.text,
            "sources": [source.to_json() for source in self.sources],
            "score": self.score,
        }
