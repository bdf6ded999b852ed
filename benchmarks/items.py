"""Items written by a small GPT, judged by a solver, beside templates and a chain.

The GPT and the Markov chain learn the same ``LEARNED`` lines of templates, then write
``N`` lines for each level asked. The solver says whether a line can be read, is right,
is of the level asked, and is none of those learned. "Solver's answer": the question is
kept, the solver writes the answer. Every share is the mean over seeds; its interval is
Student's over the seeds' shares. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from functools import partial
from random import Random

import numpy as np

import aigc_lib as aigc
from aigc_lib.data import Characters, prompted
from aigc_lib.data.made import items
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models import GPT
from benchmarks.record import kept, record, seeds

STEPS, N = int(os.environ.get("STEPS", 800)), seeds(5)
LEARNED, EACH = 2_000, 200
NET = {"context": 64, "depth": 3, "heads": 4, "width": 96, "optimizer": "muon"}
LINE = 60  # signs at most


def prompt(level: int) -> str:
    """What a writer is given: the level."""
    return f"{level}级："


def gpt(lines: list[str], seed: int) -> GPT:
    """Teach a GPT to write items of a level."""
    aigc.start(seed=seed)
    pairs = [(line[:3], line[3:]) for line in lines]
    code = Characters.train(["\n", *lines])
    model = GPT(code, learning_rate=3e-3, **NET)
    rows = prompted(pairs, code, length=NET["context"] + 1)
    aigc.fit(model, rows, steps=STEPS, batch_size=64, seed=seed, ema=0.98)
    return model


def chained(lines: list[str], n: int, random: Random, order: int = 4) -> list[str]:
    """Write ``n`` lines, each sign by the ``order`` before it, as often as it came."""
    after = defaultdict(list)
    for line in lines:
        line += "\n"
        for end in range(len(line)):
            after[line[max(0, end - order) : end]].append(line[end])
    found = []
    for _ in range(n):
        line = ""
        while not line.endswith("\n") and len(line) < LINE:
            line += random.choice(after[line[-order:]])
        found.append(line.strip())
    return found


def figures(written: dict[int, list[str]], known: set[str]) -> dict[str, float]:
    """Count what the judge says of lines by level."""
    verdicts = [
        (line, items.judge(line, level, known))
        for level, lines in written.items()
        for line in lines
    ]
    asked = [level for level, lines in written.items() for _ in lines]
    row = {"lines": len(verdicts)}
    for name in ("readable", "right", "levelled", "new"):
        row[name] = float(np.mean([getattr(v, name) for _, v in verdicts]))
    row["good"] = float(np.mean([v.good for _, v in verdicts]))
    for level in written:
        own = [v for (_, v), a in zip(verdicts, asked, strict=True) if a == level]
        row[f"right_{level}"] = float(np.mean([v.right for v in own]))
        unseen = [v.right for v in own if v.new and v.levelled]
        row[f"new_{level}"] = len(unseen) / len(own)
        row[f"right_{level}_of_new"] = float(np.mean(unseen)) if unseen else None
    fixed = {
        items.question_of(line)
        for line, v in verdicts
        if v.readable and v.levelled and v.new
    }
    row["good_by_solver"] = float(
        np.mean([v.readable and v.levelled and v.new for _, v in verdicts])
    )
    row["different"] = len(fixed)
    return row


def measure(seed: int) -> dict[str, dict]:
    """One seed: all writers."""
    lines = items.made(LEARNED, seed=seed)
    known = {items.question_of(line) for line in lines}
    written, seconds = {}, {}
    began = time.process_time()
    model = gpt(lines, seed)
    seconds["GPT"] = time.process_time() - began
    for name, options in {
        "GPT": {},
        "GPT, colder": {"temperature": 0.7},
    }.items():
        written[name] = {
            level: [
                prompt(level) + own
                for own in model.answers(
                    [prompt(level)] * EACH, room=LINE, seed=level, **options
                )
            ]
            for level in items.LEVELS
        }
    random = Random(seed)
    written["Markov chain"] = {
        level: chained([x for x in lines if x.startswith(prompt(level))], EACH, random)
        for level in items.LEVELS
    }
    written["templates"] = {
        level: items.made(EACH, seed=10_000 + seed, levels=[level])
        for level in items.LEVELS
    }
    answer = {name: figures(own, known) for name, own in written.items()}
    for name, own in seconds.items():
        answer[name]["seconds"] = own
    print(seed, {k: (v["right"], v["good"]) for k, v in answer.items()}, flush=True)
    return answer


def main() -> None:
    runs = [kept("items", str(seed), partial(measure, seed)) for seed in N]
    rows = []
    for writer in runs[0]:
        row = {"writer": writer}
        for key in runs[0][writer]:
            found = [run[writer][key] for run in runs]
            there = [share for share in found if share is not None]
            row[key] = float(np.mean(there)) if there else None
        if len(runs) > 1:
            for key in ("right", "good", "good_by_solver"):
                own = [run[writer][key] for run in runs]
                share = student_gain(own, [0.0] * len(own))
                row[f"{key}_interval"] = [share.low, share.high]
                if writer != "templates":
                    gain = student_gain(own, [run["templates"][key] for run in runs])
                    row[f"{key}_minus_templates"] = gain.mean
                    row[f"{key}_minus_templates_interval"] = [gain.low, gain.high]
        rows.append(row)
    record(
        "items",
        rows,
        data=f"data.made.items, {LEARNED} lines learned, five levels in turn",
        split="new: the question is none of those learned",
        metric=f"shares of {EACH} lines for each of five levels, mean over seeds",
        net=NET,
        steps=STEPS,
        seeds=list(N),
    )


if __name__ == "__main__":
    main()
