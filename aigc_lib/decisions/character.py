"""A character who speaks: a state machine whose lines are filled from facts.

Each line has a motion with it, one of those that an animator has drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..data.made.people import MOTIONS, STILL

Facts = Mapping[str, Callable[[], str]]
Writer = Callable[[str, str], str]  # (name of a fact, its value) -> a line that says it


def keeps(line: str, value: str) -> bool:
    """Whether ``value`` is the one number or direction in a line, said once.

    Words are not understood: "别往左推" keeps "左". Numbers are those in digits: 三 is
    a word.
    """
    return re.findall(r"[-−－]?\d+|[上下左右]", line) == [value]


class Answer(NamedTuple):
    """When one of ``words`` is heard: the state to go to, the line and the motion.

    No words: whatever else is heard. ``{name}`` in a line is filled by a fact.
    """

    words: tuple[str, ...]
    to: str
    line: str
    motion: str = STILL


@dataclass
class Character:
    """Begins in ``start``, ends in ``end``; ``answers`` lists those of each state.

    A ``writer`` words the lines that have one fact: what it writes is said if it keeps
    the value, else the line of the machine is. ``motion`` is the one of the last line.

    Raises:
        ValueError: a state that is not there, cannot be reached or left for ``end``,
            one that has no answer for everything else, an answer that is never given
            since those before it take its words, a line with an unknown fact, or a
            motion that is not one of ``MOTIONS``.
    """

    answers: Mapping[str, tuple[Answer, ...]]
    start: str
    end: str
    facts: Facts = field(default_factory=dict)
    writer: Writer | None = None
    state: str = field(init=False)
    motion: str = field(init=False, default=STILL)

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(faults))
        self.state = self.start

    def hear(self, text: str) -> str:
        """Go on by what is heard, and return what is said.

        Raises:
            ValueError: nothing is heard, or the talk is over.
        """
        if not text.strip():
            raise ValueError("text is empty: say something, or wait")
        if self.state == self.end:
            raise ValueError(f"the talk ended in {self.end!r}: begin with a new one")
        for answer in self.answers[self.state]:
            if not answer.words or any(word in text for word in answer.words):
                self.state, self.motion = answer.to, answer.motion
                values = {
                    name: fact()
                    for name, fact in self.facts.items()
                    if f"{{{name}}}" in answer.line
                }
                return self._worded(answer.line.format(**values), values)
        raise AssertionError("every state answers everything")

    def _worded(self, line: str, values: dict[str, str]) -> str:
        if self.writer and len(values) == 1:
            ((name, value),) = values.items()
            if keeps(draft := self.writer(name, value), value):
                return draft
        return line

    def _faults(self):
        """Tell all that is wrong with the machine."""
        known = {*self.answers, self.end}
        for name in (self.start, *(a.to for row in self.answers.values() for a in row)):
            if name not in known:
                yield f"state {name!r} is not there: give its answers"
        reached, leaving = {self.start}, {self.end}
        for _ in known:
            for name, row in self.answers.items():
                targets = {a.to for a in row}
                reached |= targets if name in reached else set()
                leaving |= {name} if targets & leaving else set()
        for name, row in self.answers.items():
            if name not in reached:
                yield f"state {name!r} is never reached: lead to it or drop it"
            if name not in leaving:
                yield f"state {name!r} never leads to {self.end!r}: give a way out"
            if not row or row[-1].words:
                yield f"state {name!r}: end with an answer for everything else"
            taken: list[str] = []  # no words: whatever is heard, "" is in all of it
            for answer in row:
                if isinstance(answer.words, str):  # each of its letters would count
                    yield f"words {answer.words!r}: give several, such as ('好',)"
                own = answer.words or ("",)
                if all(any(word in one for word in taken) for one in own):
                    yield f"line {answer.line!r} is never said: put it before others"
                taken += own
                try:
                    answer.line.format(**dict.fromkeys(self.facts, ""))
                except (KeyError, IndexError, ValueError):
                    yield f"line {answer.line!r} asks for a fact that is not given"
                if answer.motion not in MOTIONS:
                    yield f"motion {answer.motion!r}: give one of {', '.join(MOTIONS)}"
