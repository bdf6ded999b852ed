"""Which course next, in worlds where the gain is known: demand, a rule, tracers, truth.

In each of ``WORLDS`` and for each seed 800 learners leave a log: of courses that they
chose themselves, or of courses given by lot. On the former learn the recommenders of
chapter 13, on each a knowledge tracer. Then every way proposes 12 courses to the same
300 new learners, with the same luck. Gains are in the share right of an exam of all
skills, true and not estimated; differences to the rule with the same makers are paired
over seeds, 95% by Student's t. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from functools import partial

import numpy as np
import torch

import aigc_lib as aigc
from aigc_lib.data.answers import Answers
from aigc_lib.data.ratings import divided
from aigc_lib.decisions import courses
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models import EASE, KnowledgeTracer, Popularity
from aigc_lib.simulators.learners import Learners
from benchmarks.record import kept, record, seeds

STEPS, N = int(os.environ.get("STEPS", 400)), seeds(5)
WORLDS = {"what one can do is pleasant": 2.0, "taste alone": 0.0}
LOGGED, NEW, ROUNDS = 800, 300, 12
RULE = "rule of prerequisites"
TURNS, KNOWN = "in turns", "as they are known"  # how makers get their turn


def tracer(log: Answers, seed: int) -> KnowledgeTracer:
    """Learn from a log of answers; how long, a fifth of its learners says."""
    torch.manual_seed(seed)
    train, held = log.divided()
    model = KnowledgeTracer(train.items, width=48)
    watched = {"validate": held, "validate_at": range(50, STEPS + 1, 50)}
    aigc.fit(model, train, steps=STEPS, seed=seed, keep_best=True, **watched)
    return model


def patience(comfort: float) -> dict[str, float]:
    """The gain of the rule by its patience, on learners who are asked for nothing else.

    The rule gets the care that the models get: its one number is chosen beforehand.
    """
    return {
        str(n): float(
            np.mean(
                [
                    courses.study(
                        Learners(NEW, comfort=comfort, seed=2_000 + seed),
                        courses.by_rule(patience=n),
                        ROUNDS,
                    ).gain.mean()
                    for seed in range(3)
                ]
            )
        )
        for n in (1, 2, 3, 4)
    }


def measure(comfort: float, tries: dict[str, float], seed: int) -> dict[str, dict]:
    """One seed of one world: what each way brings."""
    logs = {}
    for kind in ("choose", "assign"):
        logs[kind] = Learners(LOGGED, comfort=comfort, seed=1_000 + seed)
        getattr(logs[kind], kind)(ROUNDS)
    taken = divided(logs["choose"].log(), before=0.999, held_out=0.01)["train"]
    waits = int(max(tries, key=tries.get))
    began = time.process_time()
    chosen = tracer(logs["choose"].answers(), seed)
    seconds = time.process_time() - began
    lot = tracer(logs["assign"].answers(), seed)
    popular = courses.by_ranker(Popularity(taken))
    ease = courses.by_ranker(EASE(taken, penalty=50.0))
    ways = {
        ("by lot", TURNS): courses.at_random(seed),
        ("most taken", TURNS): courses.in_turns(popular),
        ("EASE, chapter 13", TURNS): courses.in_turns(ease),
        (RULE, TURNS): courses.by_rule(patience=waits),
        ("expected by a tracer, courses chosen", TURNS): courses.by_tracer(chosen),
        ("expected by a tracer, courses by lot", TURNS): courses.by_tracer(lot),
        ("state by a tracer, courses chosen", TURNS): courses.by_state(chosen),
        ("state by a tracer, courses by lot", TURNS): courses.by_state(lot),
        ("the truth, one course ahead", TURNS): courses.by_truth(),
        ("most taken", KNOWN): popular,
        ("EASE, chapter 13", KNOWN): ease,
        (RULE, KNOWN): courses.by_rule(patience=waits, rotate=False),
        ("state by a tracer, courses by lot", KNOWN): courses.by_state(
            lot, rotate=False
        ),
        ("the truth, one course ahead", KNOWN): courses.by_truth(rotate=False),
    }
    answer = {}
    for (name, makers), way in ways.items():
        people = Learners(NEW, comfort=comfort, seed=seed)
        done = courses.study(people, way, ROUNDS)
        answer[f"{name} & {makers}"] = {
            "gain": done.gain.mean(),
            "gain_behind": done.gain[people.behind].mean(),
            "taken": done.taken.mean(),
            "first_maker": done.maker_shares()[0],
            "courses_shown": np.mean(done.shown > 0),
            "seconds": seconds if "tracer" in name else None,
        }
        print(comfort, seed, name, makers, f"{done.gain.mean():.4f}", flush=True)
    return {
        name: {k: v if v is None else float(v) for k, v in row.items()}
        for name, row in answer.items()
    }


def pairs(world: str, runs: list[dict]) -> list[dict]:
    """What a log by lot is worth to a network, and a network beside no choice at all.

    Paired over seeds.
    """
    told = {
        f"{use}, lot minus chosen": [
            f"{use} by a tracer, courses {kind}" for kind in ("by lot", "chosen")
        ]
        for use in ("expected", "state")
    }
    told["expected minus no choice"] = "expected by a tracer, courses by lot", "by lot"
    rows = []
    for pair, ways in told.items():
        first, second = ([run[f"{w} & {TURNS}"]["gain"] for run in runs] for w in ways)
        gain = student_gain(first, second)
        row = {"pair": f"{world}: {pair}", "gain": gain.mean}
        rows.append(row | {"gain_interval": [gain.low, gain.high]})
    return rows


def main() -> None:
    rows, gains, tried = [], [], {}
    for world, comfort in WORLDS.items():
        tried[world] = patience(comfort)
        runs = [
            kept(
                "courses",
                f"{world} {seed}",
                partial(measure, comfort, tried[world], seed),
            )
            for seed in N
        ]
        for way in runs[0]:
            values = {
                key: [run[way][key] for run in runs if run[way][key] is not None]
                for key in runs[0][way]
            }
            name, _, makers = way.partition(" & ")
            row = {"world": world, "way": name, "makers": makers}
            row |= {key: float(np.mean(v)) for key, v in values.items() if v}
            if name != RULE and len(runs) > 1:
                for key in ("gain", "gain_behind", "taken"):
                    rule = [run[f"{RULE} & {makers}"][key] for run in runs]
                    gain = student_gain(values[key], rule)
                    row[f"{key}_minus_rule"] = gain.mean
                    row[f"{key}_minus_rule_interval"] = [gain.low, gain.high]
            rows.append(row)
        if len(runs) > 1:
            gains += pairs(world, runs)
    record(
        "courses",
        rows,
        data="simulators.learners",
        split=f"{LOGGED} learners leave the log, {NEW} others are taught",
        metric=f"gain in the share right of an exam of all skills after {ROUNDS} "
        "proposals, mean over learners and seeds; differences paired over seeds",
        steps=STEPS,
        gains=gains,
        worlds=WORLDS,
        patience=tried,
        seeds=list(N),
    )


if __name__ == "__main__":
    main()
