"""Which course next: by demand, by a rule of prerequisites, by what a model expects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..arguments import whole
from ..data.answers import Answers
from ..data.ratings import Histories
from ..models.ranking import Recommender
from ..models.tracing import KnowledgeTracer
from ..simulators.learners import MAKERS, Learners

Choice = Callable[[Learners], np.ndarray]  # one course for each learner, (U,)


@dataclass(frozen=True)
class Studied:
    """What came of it: ``gain`` (U,) in the exam, ``taken`` (U,) courses, and exposure.

    ``shown`` (courses,) is how often each was proposed.
    """

    gain: np.ndarray
    taken: np.ndarray
    shown: np.ndarray

    def maker_shares(self) -> np.ndarray:
        """The share of all proposals that each maker got, (makers,)."""
        return self.shown.reshape(-1, len(MAKERS)).sum(0) / self.shown.sum()


def study(world: Learners, choice: Choice, rounds: int = 12) -> Studied:
    """Let ``choice`` propose a course to everybody, ``rounds`` times."""
    before, shown = world.exam(), np.zeros(len(world.courses), int)
    taken = np.zeros(len(world.names), int)
    for _ in range(whole("rounds", rounds, 1)):
        course = np.asarray(choice(world))
        taken += world.propose(course)
        shown += np.bincount(course, minlength=len(shown))
    return Studied(world.exam() - before, taken, shown)


def of_maker(skill: np.ndarray, world: Learners, rotate: bool) -> np.ndarray:
    """The course for each skill (U,): by the best known maker, or by all in turns.

    In turns, every learner meets one maker after the other, taken or not.
    """
    if not rotate:
        return skill * len(MAKERS)
    turn = np.arange(len(skill)) + world.proposed
    return skill * len(MAKERS) + turn % len(MAKERS)


def in_turns(choice: Choice) -> Choice:
    """Propose the skills that ``choice`` does, but all makers in turns."""
    return lambda world: of_maker(choice(world) // len(MAKERS), world, True)


def at_random(seed: int = 0) -> Choice:
    """Propose any course."""
    rng = np.random.default_rng(whole("seed", seed, 0))
    return lambda world: rng.integers(len(world.courses), size=len(world.names))


def by_ranker(model: Recommender) -> Choice:
    """Propose what a recommender ranks first for what was taken, nothing twice.

    Who has taken everything that is left gets the first course again.
    """

    def choose(world: Learners) -> np.ndarray:
        place = {name: i for i, name in enumerate(model.items)}
        lists = [
            [
                place[world.courses[c]]
                for c in dict.fromkeys(own)
                if world.courses[c] in place
            ]
            for own in world.taken
        ]
        ranked = model.ranked(Histories.of(lists, len(model.items)), 1)[:, 0]
        number = {name: i for i, name in enumerate(world.courses)}
        known = np.array([number[name] for name in model.items])
        return known[ranked.clamp_min(0).numpy()]

    return choose


def by_rule(
    *, right: int = 4, of: int = 5, patience: int = 2, rotate: bool = True
) -> Choice:
    """Propose the first skill of the curriculum that is open and not yet mastered.

    A skill counts as mastered once ``right`` of the last ``of`` answers to items of it
    alone are right; it is open when all that it needs are mastered. Who did not answer
    yet begins at the beginning. After ``patience`` courses in a skill it counts as
    done. The rule knows the curriculum, which a teacher wrote.
    """
    right, of = whole("right", right, 1), whole("of", of, 1)
    if right > of:
        raise ValueError(
            f"right={right} of={of}: give at most as many right as answers"
        )

    def choose(world: Learners) -> np.ndarray:
        found = []
        for name, taken in zip(world.names, world.taken, strict=True):
            tries = np.bincount(
                np.array(taken, int) // len(MAKERS), minlength=len(world.skills)
            )
            last: list[list[int]] = [[] for _ in world.skills]
            for item, answer in world.histories[name]:
                if len(item) == 1:
                    last[world.skills.index(item[0])].append(answer)
            done = [
                sum(own[-of:]) >= right or tries[s] >= patience
                for s, own in enumerate(last)
            ]
            open_ = [
                s
                for s, needs in enumerate(world.needs)
                if not done[s] and all(done[n] for n in needs)
            ]
            found.append(open_[0] if open_ else int(tries.argmin()))
        return of_maker(np.array(found), world, rotate)

    return choose


def by_tracer(model: KnowledgeTracer, *, rotate: bool = True) -> Choice:
    """Propose the skill after which the model expects the best exam.

    For each learner and skill one answer is imagined, right and wrong, each with the
    probability that the model gives it; what it then expects of all skills is averaged
    (Piech et al. 2015, section 5). What an answer merely *tells* cancels out in this
    mean; what practice *changes* remains.
    """

    def choose(world: Learners) -> np.ndarray:
        expected = expected_exam(model, world.answers())
        names = [item[0] for item in model.items if len(item) == 1]
        skill = np.array([world.skills.index(name) for name in names])
        return of_maker(skill[expected.argmax(1).numpy()], world, rotate)

    return choose


def expected_exam(model: KnowledgeTracer, answers: Answers) -> Tensor:
    """Mean predicted mastery after one more item of each skill, (U, skills).

    The skills are the items of one skill alone, in the order of ``model.items``.
    """
    alone = [i for i, item in enumerate(model.items) if len(item) == 1]
    now = model.mastery(answers)
    found = []
    for item in alone:
        wrong, right = (
            model.mastery(answers, then=(item, answer))[:, alone].mean(1)
            for answer in (0, 1)
        )
        found.append(torch.lerp(wrong, right, now[:, item]))
    return torch.stack(found, 1)


def by_state(
    model: KnowledgeTracer,
    *,
    guess: float = 0.2,
    slip: float = 0.1,
    rotate: bool = True,
) -> Choice:
    """Propose the skill that is lacking most, times how ready one is for it.

    The model says only what is known now: P(right) of each skill, and so its mastery m
    = (P - guess) / (1 - guess - slip), within [0, 1]. How one learns is a teacher's
    knowledge: where something is lacking, as far as what it needs is there, (1 - m)
    times the product of m over what the skill needs.
    """

    def choose(world: Learners) -> np.ndarray:
        chances = model.mastery(world.answers()).numpy()
        chances = chances[:, [model.items.index((skill,)) for skill in world.skills]]
        known = ((chances - guess) / (1 - guess - slip)).clip(0, 1)
        ready = [known[:, list(needs)].prod(1) for needs in world.needs]
        worth = (1 - known) * np.stack(ready, 1)
        return of_maker(worth.argmax(1), world, rotate)

    return choose


def by_truth(*, rotate: bool = True) -> Choice:
    """Propose the course that truly adds most to the exam: how far one could get.

    It knows what nobody can see, and still looks one course ahead only.
    """

    def choose(world: Learners) -> np.ndarray:
        expected = world.gains() * world.wanted()
        if not rotate:
            return expected.argmax(1)
        by_skill = expected.reshape(len(expected), -1, len(MAKERS)).mean(2)
        return of_maker(by_skill.argmax(1), world, rotate)

    return choose
