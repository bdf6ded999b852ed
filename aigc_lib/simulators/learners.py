"""Learners whose mastery of every skill is known, and who learn by practising."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit

from ..arguments import at_least, finite, unknown, whole
from ..data.answers import Answers
from ..data.ratings import Log

# Skills, and those that should be known before: a skill stands behind what it needs.
CURRICULUM: dict[str, tuple[str, ...]] = {
    "加减法": (),
    "乘除法": ("加减法",),
    "分数": ("乘除法",),
    "小数": ("乘除法",),
    "百分数": ("分数", "小数"),
    "一次方程": ("乘除法",),
    "不等式": ("一次方程",),
    "一次函数": ("一次方程",),
    "二次方程": ("一次方程", "分数"),
    "统计图": ("加减法",),
    "概率": ("分数",),
    "条件概率": ("概率", "百分数"),
}
MAKERS = ("甲", "乙", "丙")
GUESS, SLIP = 0.2, 0.1


class Learners:
    """``learners`` who take one course after another; everything true of them is known.

    ``mastery`` (U, S) in [0, 1] is how well each learner has each skill of
    ``curriculum``, which maps a skill to those that it needs. An item is answered
    rightly with the probability 0.2 + 0.7 m, m being the mastery of its skill; an item
    that takes two skills has the product of both. Each item practised closes the share
    ``rate`` of what the learner lacks, times the mastery of what the skill needs: who
    knows no fractions learns next to nothing of probability.

    For each skill there is a course by each of three makers, equally good; ``renown``
    is how much better known the first is. Whether a learner takes a course depends on
    taste, on the maker's renown and, with the weight ``comfort``, on how well the skill
    is known already: what one can do is pleasant.

    Two worlds of one seed in which the same calls are made have the same luck, whatever
    is chosen, so that policies can be compared in pairs. Strength, start and pace of
    learners are drawn from ``seed``; those of the lowest third at the start are
    ``behind``.

    Raises:
        ValueError: sizes below 1, shares outside their bounds, or a curriculum in which
            a skill stands before what it needs.
    """

    def __init__(
        self,
        learners: int = 300,
        *,
        curriculum: Mapping[str, Sequence[str]] = CURRICULUM,
        rate: float = 0.15,
        comfort: float = 2.0,
        renown: float = 1.0,
        mixed: float = 0.3,
        seed: int = 0,
    ):
        at_least(1, learners=learners)
        self.rate = finite("rate", rate, least=0, most=1)
        self.comfort = finite("comfort", comfort)
        self.mixed = finite("mixed", mixed, least=0, most=1)
        renown = finite("renown", renown)
        self.skills = tuple(curriculum)
        self.needs = tuple(_numbers(self.skills, curriculum))
        self.courses = tuple(f"{s}·{m}" for s in self.skills for m in MAKERS)
        self.names = tuple(f"learner {u}" for u in range(learners))
        rng = np.random.default_rng([whole("seed", seed, 0), 0])
        depth = np.zeros(len(self.skills))
        for skill, needs in enumerate(self.needs):
            depth[skill] = 1 + max((depth[n] for n in needs), default=-1)
        strength = rng.standard_normal((learners, 1))
        own = rng.standard_normal((learners, len(self.skills)))
        self.mastery = expit(0.8 * strength + 0.5 * own + 0.5 - depth)
        self.pace = np.exp(0.4 * rng.standard_normal(learners))
        self.taste = rng.standard_normal((learners, len(self.skills)))
        self.renown = renown * np.array([1.0, 0.0, 0.0])
        start = self.exam()
        self.behind = start <= np.quantile(start, 1 / 3)
        self.histories: dict[str, list] = {name: [] for name in self.names}
        self.chances: dict[str, list[float]] = {name: [] for name in self.names}
        self.taken: list[list[int]] = [[] for _ in self.names]
        self.proposed = 0  # times
        self._rng = np.random.default_rng([whole("seed", seed, 0), 1])

    # ---- what is true ----------------------------------------------------------------

    def chance(self, mastery: np.ndarray) -> np.ndarray:
        """The probability of a right answer at this mastery."""
        return GUESS + (1 - GUESS - SLIP) * mastery

    def exam(self) -> np.ndarray:
        """The share that each would get right in an exam of all skills, (U,)."""
        return self.chance(self.mastery).mean(1)

    def ready(self) -> np.ndarray:
        """How fast each learner can learn each skill now, (U, S) in [0, 1]."""
        return np.stack(
            [self.mastery[:, list(needs)].prod(1) for needs in self.needs], 1
        )

    def wanted(self) -> np.ndarray:
        """The probability that each learner takes each course if it is proposed."""
        liking = 0.5 * self.taste + self.comfort * (self.mastery - 0.5)
        return expit(
            np.repeat(liking, len(MAKERS), 1) + np.tile(self.renown, len(self.skills))
        )

    def gains(self, items: int = 4) -> np.ndarray:
        """How much each course would add to the exam of each learner, (U, courses).

        Raises:
            ValueError: ``items`` < 1.
        """
        items = whole("items", items, 1)
        left = (1 - self.pace[:, None] * self.rate * self.ready()).clip(0) ** items
        better = (1 - GUESS - SLIP) * (1 - self.mastery) * (1 - left)
        return np.repeat(better / len(self.skills), len(MAKERS), 1)

    # ---- what happens ----------------------------------------------------------------

    def propose(self, course: np.ndarray, *, items: int = 4) -> np.ndarray:
        """Propose one course to every learner, (U,) -> who took it, (U,) bool.

        Those who do practise ``items`` items; their answers are in ``answers``.

        Raises:
            ValueError: not one course a learner.
        """
        course = np.asarray(course)
        if course.shape != (len(self.names),) or course.dtype.kind not in "iu":
            raise ValueError(
                f"course has shape {course.shape}: give the number of one course for "
                f"each of {len(self.names)} learners"
            )
        if not (0 <= course.min() <= course.max() < len(self.courses)):
            raise ValueError(
                f"course goes from {course.min()} to {course.max()}: give numbers from "
                f"0 to {len(self.courses) - 1}"
            )
        self.proposed += 1
        rows = np.arange(len(course))
        takes = self._rng.random(len(course)) < self.wanted()[rows, course]
        self._practise(course, takes, whole("items", items, 1))
        return takes

    def choose(self, rounds: int = 12, *, items: int = 4) -> None:
        """Let everybody take ``rounds`` courses of their own choice, none twice.

        Raises:
            ValueError: more rounds than courses are left; ``items`` < 1.
        """
        items = whole("items", items, 1)
        for _ in range(whole("rounds", rounds, 1)):
            odds = self.wanted()
            wish = np.log(odds / (1 - odds)) + self._rng.gumbel(size=odds.shape)
            for row, taken in enumerate(self.taken):
                wish[row, taken] = -np.inf
            if np.isneginf(wish.max(1)).any():
                raise ValueError(
                    f"rounds={rounds}: somebody has taken all {len(self.courses)} "
                    "courses"
                )
            self._practise(wish.argmax(1), np.ones(len(wish), bool), items)

    def assign(self, rounds: int = 12, *, items: int = 4) -> None:
        """Give everybody ``rounds`` courses by lot, whoever likes them or not.

        Raises:
            ValueError: ``rounds`` or ``items`` < 1.
        """
        items = whole("items", items, 1)
        for _ in range(whole("rounds", rounds, 1)):
            course = self._rng.integers(len(self.courses), size=len(self.names))
            self._practise(course, np.ones(len(course), bool), items)

    def _practise(self, course: np.ndarray, takes: np.ndarray, items: int) -> None:
        skill, rows = course // len(MAKERS), np.arange(len(course))
        draws = self._rng.random((items, 3, len(course)))
        for luck, two, which in draws:
            for row in np.flatnonzero(takes):
                name, own = self.names[row], skill[row]
                asked, needs = [own], self.needs[own]
                if needs and two[row] < self.mixed:
                    asked.append(needs[int(which[row] * len(needs))])
                chance = self.chance(self.mastery[row, asked].prod())
                right = int(luck[row] < chance)
                item = tuple(self.skills[s] for s in asked)
                self.histories[name].append((item, right))
                self.chances[name].append(float(chance))
            step = (self.pace * self.rate * self.ready()[rows, skill]).clip(0, 1)
            lack = 1 - self.mastery[rows, skill]
            self.mastery[rows, skill] += np.where(takes, step * lack, 0)
        for row in np.flatnonzero(takes):
            self.taken[row].append(int(course[row]))

    def examine(self) -> Answers:
        """Ask everybody every item once; nobody learns from it, nothing is noted."""
        items = self.items()
        number = {skill: i for i, skill in enumerate(self.skills)}
        needs = [[number[skill] for skill in item] for item in items]
        chance = np.stack(
            [self.chance(self.mastery[:, own].prod(1)) for own in needs], 1
        )
        right = (self._rng.random(chance.shape) < chance).astype(int)
        return Answers.of(
            {
                name: list(zip(items, row, strict=True))
                for name, row in zip(self.names, right.tolist(), strict=True)
            },
            items=items,
        )

    # ---- what can be seen of it ------------------------------------------------------

    def answers(self) -> Answers:
        """All answers so far; the items are those that may ever be asked."""
        return Answers.of(self.histories, items=self.items(), name="made_learners")

    def items(self) -> list[tuple[str, ...]]:
        """Each skill, and each skill with one that it needs."""
        alone = [(skill,) for skill in self.skills]
        return alone + [
            (skill, self.skills[need])
            for skill, needs in zip(self.skills, self.needs, strict=True)
            for need in needs
        ]

    def truth(self) -> np.ndarray:
        """The true probability of each answer of ``answers``, (M,)."""
        return np.array([c for own in self.chances.values() for c in own])

    def log(self) -> Log:
        """Who took which course, in order, as ``data.ratings.divided`` wants it."""
        rows = [
            (name, self.courses[course], place)
            for name, taken in zip(self.names, self.taken, strict=True)
            for place, course in enumerate(taken)
        ]
        if not rows:
            raise ValueError("nobody took a course yet: let them choose first")
        users, items, times = zip(*rows, strict=True)
        return Log(users, items, np.array(times))


def _numbers(
    names: tuple[str, ...], curriculum: Mapping[str, Sequence[str]]
) -> list[tuple[int, ...]]:
    """Check a curriculum, and return the numbers of what each skill needs."""
    if not names:
        raise ValueError("curriculum is empty: give at least one skill")
    found = []
    for place, name in enumerate(names):
        for need in curriculum[name]:
            if need not in names:
                raise unknown(f"curriculum[{name!r}]", need, names)
            if names.index(need) >= place:
                raise ValueError(
                    f"curriculum: {name!r} needs {need!r}, which stands behind it: "
                    "name a skill before those that need it"
                )
        found.append(tuple(names.index(need) for need in curriculum[name]))
    return found
