"""Designs as rows of parameters, and the rules that a design must keep, as data.

A design is a row: numbers within ranges and choices from lists. A rule is a linear
inequality between numbers, for all designs or for those with certain choices. So rules
can be read by people, checked by code, and checked against each other: whether any
design keeps all of them is a question of linear programming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

from ..arguments import at_least, unknown, whole
from ..runtime import optional

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_TRIES = 4_000_000  # random designs that are looked at for a few that keep rules


@dataclass(frozen=True)
class Rule:
    """The sum of ``terms`` (name: factor) is at least ``least``.

    ``when`` maps choices to the values for which it holds; of others it says nothing.
    """

    name: str
    terms: Mapping[str, float]
    least: float
    when: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{factor:+g} {name}" for name, factor in self.terms.items()]
        told = " ".join(parts).removeprefix("+") + f" >= {self.least:g}"
        only = [f"{name} in {'/'.join(values)}" for name, values in self.when.items()]
        return told + (f", when {' and '.join(only)}" if only else "")


@dataclass(frozen=True)
class Derived:
    """A number that follows from choices, such as the contrast of two colours."""

    choices: tuple[str, ...]
    function: Callable[..., float]


@dataclass(frozen=True)
class Space:
    """All designs: ``numbers`` (name: (low, high)), ``choices`` and ``rules``.

    Raises:
        ValueError: a range that is none, a choice without two values, a rule with an
            unknown name or value, or rules that contradict each other.
    """

    numbers: Mapping[str, tuple[float, float]]
    choices: Mapping[str, Sequence[str]]
    rules: Sequence[Rule]
    derived: Mapping[str, Derived] = field(default_factory=dict)

    def __post_init__(self):
        for name, (low, high) in self.numbers.items():
            if not low < high:
                raise ValueError(f"numbers[{name!r}]=({low}, {high}): give low < high")
        for name, values in self.choices.items():
            if len(set(values)) < 2:
                raise ValueError(
                    f"choices[{name!r}]={list(values)}: give at least two values"
                )
        for name, one in self.derived.items():
            for source in one.choices:
                if source not in self.choices:
                    raise unknown(f"derived[{name!r}].choices", source, self.choices)
        for rule in self.rules:
            for name in rule.terms:
                if name not in self.numbers and name not in self.derived:
                    known = [*self.numbers, *self.derived]
                    raise unknown(f"terms of the rule {rule.name!r}", name, known)
            for name, values in rule.when.items():
                if name not in self.choices:
                    raise unknown(f"when of {rule.name!r}", name, self.choices)
                for value in values:
                    if value not in self.choices[name]:
                        known = self.choices[name]
                        raise unknown(f"when[{name!r}] of {rule.name!r}", value, known)
        if clash := self.contradiction():
            told = "; ".join(f"{rule.name!r} ({rule})" for rule in clash)
            raise ValueError(
                f"rules contradict each other within the ranges of the numbers: {told}:"
                " no design keeps all of them, change one or a range"
            )

    @property
    def columns(self) -> list[str]:
        """The names of a design's parameters, numbers first."""
        return [*self.numbers, *self.choices]

    # ---- rules against each other ----------------------------------------------------

    def contradiction(self) -> list[Rule]:
        """Return rules that cannot hold together, none of which could be spared.

        An empty list: some design keeps all rules. One rule alone may contradict the
        ranges of its numbers.
        """
        clash = list(self.rules)
        if self._possible(clash):
            return []
        for rule in self.rules:  # leave out what is not needed for the contradiction
            rest = [other for other in clash if other is not rule]
            if not self._possible(rest):
                clash = rest
        return clash

    def _possible(self, rules: Iterable[Rule]) -> bool:
        """Whether some design keeps ``rules``: a linear program for each choice."""
        rules = list(rules)
        named = {name for rule in rules for name in rule.when}
        for name, one in self.derived.items():
            if any(name in rule.terms for rule in rules):
                named.update(one.choices)
        names = [name for name in self.choices if name in named]
        seen = set()
        for values in product(*(self.choices[name] for name in names)):
            chosen = dict(zip(names, values, strict=True))
            told = [one for rule in rules if (one := self._told(rule, chosen))]
            if any(not any(one[:-1]) and one[-1] > 1e-9 for one in told):
                continue  # broken by the choices alone
            asked = tuple(one for one in told if any(one[:-1]))
            if asked not in seen and self._feasible(asked):
                return True
            seen.add(asked)
        return False

    def _told(self, rule: Rule, chosen: Mapping[str, str]) -> tuple | None:
        """What ``rule`` asks of the numbers, given the choices: factors and least."""
        if any(chosen[name] not in values for name, values in rule.when.items()):
            return None
        factors, least = [0.0] * len(self.numbers), rule.least
        places = {name: i for i, name in enumerate(self.numbers)}
        for name, factor in rule.terms.items():
            if name in places:
                factors[places[name]] = factor
            else:
                one = self.derived[name]
                least -= factor * one.function(*(chosen[k] for k in one.choices))
        return (*factors, least)

    def _feasible(self, asked: tuple[tuple, ...]) -> bool:
        if not asked:
            return True
        rows = np.array(asked)
        zeros = np.zeros(len(self.numbers))
        found = linprog(
            zeros, -rows[:, :-1], -rows[:, -1], bounds=list(self.numbers.values())
        )
        return found.status == 0

    # ---- designs against the rules ---------------------------------------------------

    def check(self, frame: DataFrame) -> None:
        """Refuse what is no table of designs of this space.

        Raises:
            ValueError: no rows, a column that is not there, a number that is missing or
                out of its range, a choice that does not exist.
        """
        if not len(frame):
            raise ValueError("frame has no rows: give at least one design")
        if absent := [name for name in self.columns if name not in frame.columns]:
            raise ValueError(
                f"frame lacks {absent[0]!r}: a design has {', '.join(self.columns)}"
            )
        for name, (low, high) in self.numbers.items():
            values = frame[name].to_numpy(float)
            outside = ~((values >= low) & (values <= high))  # NaN too
            if outside.any():
                row = int(outside.argmax())
                raise ValueError(
                    f"{name}={values[row]:g} in row {row}: give a number from {low:g} "
                    f"to {high:g}"
                )
        for name, values in self.choices.items():
            for row, value in enumerate(frame[name]):
                if value not in values:
                    raise unknown(f"{name} in row {row}", value, values)

    def kept(self, frame: DataFrame) -> DataFrame:
        """Tell of each design (N) which rules (R) it keeps: a frame of bool (N, R).

        Raises:
            ValueError: see ``check``.
        """
        pd = optional("pandas")
        self.check(frame)
        values = {name: frame[name].to_numpy(float) for name in self.numbers}
        for name, one in self.derived.items():
            pairs = list(zip(*(frame[k].tolist() for k in one.choices), strict=True))
            known = {pair: one.function(*pair) for pair in set(pairs)}
            values[name] = np.array([known[pair] for pair in pairs])
        found = {}
        for rule in self.rules:
            total = sum(factor * values[name] for name, factor in rule.terms.items())
            asked = np.ones(len(frame), bool)
            for name, allowed in rule.when.items():
                asked &= frame[name].isin(allowed).to_numpy()
            found[rule.name] = ~asked | (total >= rule.least - 1e-9)
        return pd.DataFrame(found)

    def keeps(self, frame: DataFrame) -> np.ndarray:
        """Tell of each design whether it keeps all rules, (N,) bool."""
        return self.kept(frame).to_numpy().all(1)

    def random(self, n: int, *, seed: int = 0, filtered: bool = False) -> DataFrame:
        """Draw ``n`` designs evenly from all; ``filtered`` ones keep the rules.

        Raises:
            ValueError: ``n`` < 1, or hardly any design keeps the rules.
        """
        pd = optional("pandas")
        n = whole("n", n, 1)
        rng = np.random.default_rng(whole("seed", seed, 0))
        parts, found, drawn = [], 0, 0
        while found < n:
            size = 20_000 if filtered else n
            columns = {k: rng.uniform(*ends, size) for k, ends in self.numbers.items()}
            for name, values in self.choices.items():
                columns[name] = rng.choice(list(values), size)
            frame = pd.DataFrame(columns)
            if filtered:
                frame = frame[self.keeps(frame)]
            parts.append(frame)
            found, drawn = found + len(frame), drawn + size
            if drawn >= MOST_TRIES and found < n:
                raise ValueError(
                    f"n={n}: only {found} of {drawn:,} random designs keep the rules, "
                    "ask for fewer"
                )
        return pd.concat(parts, ignore_index=True).iloc[:n]


def crossed(frame: DataFrame, near: np.ndarray, n: int, *, seed: int = 0) -> DataFrame:
    """Make ``n`` designs, each between a row of ``frame`` and one of its neighbours.

    ``near`` (N, K) holds the row numbers of the neighbours. Numbers lie at an even
    share of the way, one share for the whole row; each choice is that of either parent
    (SMOTE-NC's idea: Chawla et al. 2002, section 6).

    Raises:
        ValueError: ``n`` < 1, or neighbours of other rows.
    """
    at_least(1, n=n)
    near = np.asarray(near)
    if near.ndim != 2 or len(near) != len(frame):
        raise ValueError(
            f"near has shape {near.shape}: give the neighbours of {len(frame)} rows"
        )
    rng = np.random.default_rng(whole("seed", seed, 0))
    first = rng.integers(len(frame), size=n)
    second = near[first, rng.integers(near.shape[1], size=n)]
    share = rng.uniform(size=n)
    made = frame.iloc[first].reset_index(drop=True)
    other = frame.iloc[second].reset_index(drop=True)
    for name in frame.columns:
        if made[name].dtype.kind == "f":
            made[name] = made[name] + share * (other[name] - made[name])
        else:
            made[name] = made[name].where(rng.uniform(size=n) < 0.5, other[name])
    return made


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours "#rrggbb", from 1 (equal) to 21 (black on white).

    Source: WCAG 2.1, "contrast ratio" and "relative luminance".

    Raises:
        ValueError: something else than "#rrggbb".
    """
    low, high = sorted(_luminance(colour) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    try:
        if len(colour) != 7 or colour[0] != "#":
            raise ValueError
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    except ValueError:
        raise ValueError(f"colour={colour!r}: write it as '#rrggbb'") from None
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
