"""A character's lines worded by a small GPT: how often the fact is wrong, how varied.

For each of two facts, forty wordings drawn from a grammar that people wrote are the
list. A GPT learns it with values in place, and with a gap in their stead. Asked for 400
lines a seed, it writes the value itself, or the gap that the program fills, or the gap
under a constraint. A line whose number or direction is not the one given is not said:
the template is. Opponents that need no learning: the list, and the whole grammar.
Each seed draws list, weights and questions anew. ``STEPS=5 N=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from random import Random

import aigc_lib as aigc
from aigc_lib.codecs.tokens import prompted
from aigc_lib.data import Characters
from aigc_lib.data.made.wording import ASKED, GAP, UNSEEN, VALUES, pairs, prompt_of
from aigc_lib.data.made.wording import wordings as all_wordings
from aigc_lib.decisions.character import keeps
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models import GPT
from aigc_lib.models.transformer.constraint import Exactly, Phrases
from benchmarks.record import kept, record, seeds, summary

SEEDS, STEPS = seeds(5), int(os.environ.get("STEPS", 300))
N = int(os.environ.get("N", 400))  # lines a way and seed: half hints, a quarter unseen
LISTED, LEARNED, LENGTH, ROOM, TEMPERATURE = 40, 4_000, 36, 28, 0.8
MARKS = (GAP, *"上下左右0123456789")
Lines = list[str]


def gpt(listed: dict[str, Lines], seed: int) -> GPT:
    """Learn to say what is asked for in the wordings of the list."""
    aigc.start(seed=seed)
    both = pairs(LEARNED, listed, seed)
    code = Characters.train(["\n", *(a + b for a, b in both)])
    model = GPT(code, context=LENGTH, depth=2, heads=4, width=64, optimizer="muon")
    x = prompted(both, code, length=LENGTH)
    aigc.fit(model, x, steps=STEPS, batch_size=64, ema=0.98, seed=seed)
    return model


def questions(seed: int) -> list[tuple[str, str]]:
    """Facts to be said: directions, numbers that were learned, and others."""
    random = Random(10_000 + seed)
    kinds = [("hint", VALUES["hint"])] * 2 + [
        ("pushes", VALUES["pushes"]),
        ("pushes", UNSEEN),
    ]
    return [
        (name, random.choice(values))
        for name, values in (kinds[k % 4] for k in range(N))
    ]


def filled(model: GPT, asked: list[tuple[str, str]], **options) -> Lines:
    """Lines with a gap, and the values put in."""
    prompts = [prompt_of(name, GAP) for name, _ in asked]
    lines = model.answers(prompts, room=ROOM, temperature=TEMPERATURE, **options)
    return [line.replace(GAP, v) for line, (_, v) in zip(lines, asked, strict=True)]


def ways(seed: int, listed: dict[str, Lines]) -> dict[str, Callable[[], Lines]]:
    """Each way to answer the questions of a seed."""
    model, asked = gpt(listed, seed), questions(seed)
    marks = Phrases(MARKS, model.tokenizer)

    def held(rows: list[int]) -> Exactly:
        return Exactly(marks, [[GAP]] * len(rows), room=ROOM)

    def by_lot(written: dict[str, Lines]) -> Lines:
        random = Random(20_000 + seed)
        return [random.choice(written[name]).replace(GAP, v) for name, v in asked]

    prompts = [prompt_of(*one) for one in asked]
    free = {"room": ROOM, "seed": seed, "temperature": TEMPERATURE}
    return {
        "GPT says the value": partial(model.answers, prompts, **free),
        "GPT leaves a gap": partial(filled, model, asked, seed=seed),
        "gap, held": partial(filled, model, asked, seed=seed, constraint_for=held),
        "the list": partial(by_lot, listed),
        "the whole grammar": partial(
            by_lot, {name: all_wordings(name) for name in ASKED}
        ),
    }


def judged(
    lines: Lines, asked: list[tuple[str, str]], listed: dict[str, Lines]
) -> dict:
    """What is wrong, how varied it is, and what nobody has read before."""
    right = [keeps(line, v) for line, (_, v) in zip(lines, asked, strict=True)]
    said = [
        (name, line.replace(value, GAP))
        for line, (name, value), good in zip(lines, asked, right, strict=True)
        if good
    ]
    known = {(name, w) for name in ASKED for w in listed[name]}
    grammar = {(name, w) for name in ASKED for w in all_wordings(name)}
    new = [one for one in said if one not in known]
    strange = [one for one in said if one not in grammar]
    kinds = {
        "hint": lambda name, v: name == "hint",
        "seen": lambda name, v: v in VALUES["pushes"],
        "unseen": lambda name, v: v in UNSEEN,
    }
    found = {
        "wrong": 1 - sum(right) / len(lines),
        "wordings": len(set(said)),
        "new": len(new) / len(lines),
        "strange": len(strange) / len(lines),
    }
    for kind, fits in kinds.items():
        own = [r for r, one in zip(right, asked, strict=True) if fits(*one)]
        found[f"wrong_{kind}"] = 1 - sum(own) / len(own)
    return found | {"examples": [line for _, line in dict.fromkeys(strange)][:8]}


def measured(seed: int) -> dict:
    random = Random(seed)
    listed = {name: random.sample(all_wordings(name), LISTED) for name in ASKED}
    began = time.process_time()
    answers = ways(seed, listed)
    found: dict = {"training_seconds": time.process_time() - began}
    for name, way in answers.items():
        began = time.process_time()
        lines = way()
        each = (time.process_time() - began) / len(lines)
        found[name] = judged(lines, questions(seed), listed) | {"ms": 1_000 * each}
    return found


def table(runs: list[dict]) -> list[dict]:
    """A row a way: medians, and means with Student's interval over the seeds."""
    rows = []
    for way in [name for name in runs[0] if isinstance(runs[0][name], dict)]:
        own = [{k: v for k, v in r[way].items() if k != "examples"} for r in runs]
        row = {"way": way} | summary(own)
        for key in ("wrong", "strange"):
            mean = student_gain([r[key] for r in own], [0.0] * len(own))
            row |= {f"{key}_share": mean.mean, f"{key}_from": max(0.0, mean.low)}
            row |= {f"{key}_to": min(1.0, mean.high)}
        if way != "the list":
            more = student_gain(
                [r["wordings"] for r in own], [r["the list"]["wordings"] for r in runs]
            )
            row |= {"gain": more.mean, "gain_interval": [more.low, more.high]}
        rows.append(row)
    return rows


def main() -> None:
    runs = [kept("talk", f"seed {seed}", partial(measured, seed)) for seed in SEEDS]
    record(
        "talk",
        table(runs),
        training=summary([{"seconds": run["training_seconds"]} for run in runs])
        | {"steps": STEPS, "pairs": LEARNED},
        listed=LISTED,
        grammar={name: len(all_wordings(name)) for name in ASKED},
        examples=runs[0]["GPT leaves a gap"]["examples"],
        data=f"{LISTED} of the wordings of each fact; every seventh number to 60 is "
        "never learned",
        split="a quarter of the questions asks for a number that was not learned",
        n=f"{N} lines a way and seed",
        metric="wrong: share of lines in which number and direction are not exactly "
        "the ones given, so that the template is said; strange: share that is said and "
        "not in the grammar; wordings: different ones among those said; gain: of "
        "wordings over the list; Student's 95% interval over the seeds",
        temperature=TEMPERATURE,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
