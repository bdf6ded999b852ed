"""The gate between evaluation and application: rules on figures."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..arguments import unknown

COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
RULE = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Check:
    """One rule, the value that it found, and whether that passes."""

    rule: str
    value: float
    passed: bool


@dataclass(frozen=True)
class Gate:
    """Rules such as "recall >= 0.5", all of which a model must keep.

    Raises:
        ValueError: no rule, or one that is not FIGURE, comparison, finite number.
    """

    rules: tuple[str, ...]

    def __post_init__(self):
        if not self.rules:
            raise ValueError(
                'gate=[]: it would let anything through: add a rule, "recall >= 0.5"'
            )
        for rule in self.rules:
            self._parsed(rule)

    @staticmethod
    def _parsed(rule: str) -> tuple[str, str, float]:
        found = RULE.fullmatch(rule)
        try:
            bound = float(found[3]) if found else math.nan
        except ValueError:
            bound = math.nan
        if not math.isfinite(bound):
            raise ValueError(
                f"gate={rule!r}: write FIGURE >= NUMBER, such as recall >= 0.5; "
                f"comparisons are {' '.join(COMPARISONS)}"
            )
        return found[1], found[2], bound

    def judge(self, figures: Mapping[str, Any]) -> tuple[Check, ...]:
        """Look at every rule; a figure that is not a number keeps none.

        Raises:
            ValueError: a rule names a figure that was not measured.
        """
        checks = []
        for rule in self.rules:
            name, sign, bound = self._parsed(rule)
            measured = [key for key, value in figures.items() if _number(value)]
            if name not in measured:
                raise unknown("gate", name, measured)
            value = float(figures[name])
            # NaN compares False with everything: it passes no rule
            checks.append(Check(rule, value, COMPARISONS[sign](value, bound)))
        return tuple(checks)


def _number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str)
