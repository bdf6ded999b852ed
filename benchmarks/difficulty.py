"""How hard is an item? From the level asked, from its siblings, from n answers.

Made exams, whose truth is known: five levels of 12 items, half of them old, half new. A
pupil answers two neighbouring levels: drawn by lot, or those that suit his ability, as
a platform gives them. The difficulty of the new items is taken from the share of wrong
answers, by the level asked and the share within it, by 2PL, where all pupils are of one
population, and by Rasch's model, where each pupil's ability is estimated for itself;
without a single answer, from the old items of the same level, whose difficulty Rasch's
model found in the largest exam. Judged by Spearman's rank correlation with the truth
over the new items. Real exams (math2015): how n pupils rank the items against how the
same estimate ranks them from all the others.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from scipy.special import expit
from scipy.stats import spearmanr

import aigc_lib as aigc
from aigc_lib.data.answers import Answers
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models.diagnosis import TwoPL, rasch, responses
from benchmarks.record import kept, record, seeds

N, LEVELS, EACH = seeds(20), 5, 12
ANSWERS = (20, 100, 500)  # to an item, on average
STEP, SPREAD = 0.7, 0.5  # from level to level, and within one, in units of ability


def exam(pupils: int, rng: np.random.Generator, suited: bool) -> tuple:
    """Draw an exam: levels (I,), true difficulty (I,), answers (U, I), NaN if none."""
    level = np.repeat(np.arange(LEVELS), EACH)
    hard = STEP * (level - level.mean()) + SPREAD * rng.standard_normal(len(level))
    steep = np.exp(0.3 * rng.standard_normal(len(level)))
    ability = rng.standard_normal(pupils)
    pair = np.arange(pupils) % (LEVELS - 1)  # levels pair and pair + 1 are asked
    if suited:
        pair[ability.argsort()] = np.sort(pair)
    asked = (level >= pair[:, None]) & (level <= pair[:, None] + 1)
    right = rng.random(asked.shape) < expit(steep * (ability[:, None] - hard))
    return level, hard, np.where(asked, right, np.nan)


def found(table: np.ndarray) -> dict[str, np.ndarray]:
    """Estimate the difficulty of each item (I,) in three ways."""
    model = TwoPL(answers(table), rounds=30)
    order = np.argsort([int(item[0]) for item in model.items])
    return {
        "share wrong": 1 - np.nanmean(table, 0),
        "2PL": model.hard[order],
        "Rasch": rasch(table)[1],
    }


def answers(table: np.ndarray) -> Answers:
    """A table (U, I) as answers; items are named by their number."""
    who, what = np.nonzero(~np.isnan(table))
    return Answers.of_rows(who.tolist(), [str(i) for i in what], table[who, what])


def ranked(guess: np.ndarray, truth: np.ndarray) -> float:
    return float(spearmanr(guess, truth).statistic)


def made(seed: int) -> dict[str, float]:
    """One seed: rank correlation of the new items by design, way and n."""
    row = {}
    for design, suited in (("by lot", False), ("suited", True)):
        rng = np.random.default_rng(seed)
        # of the largest exam, the first pupils are those of the smaller ones
        most = round(max(ANSWERS) * LEVELS / 2)
        level, hard, table = exam(most, rng, suited)
        table = table[rng.permutation(most)]
        new = np.arange(len(level)) % 2 == 1
        old = rasch(table[:, ~new])[1]
        siblings = [old[level[~new] == one].mean() for one in level[new]]
        row[f"{design}: level asked"] = ranked(level[new], hard[new])
        row[f"{design}: siblings"] = ranked(siblings, hard[new])
        for n in ANSWERS:
            few = table[: round(n * LEVELS / 2)]
            guesses = found(few)
            # items of one level are answered by the same pupils: a share is fair there
            guesses["level, then share"] = 2 * level + guesses["share wrong"]
            for way, guess in guesses.items():
                row[f"{design}: {way}, {n}"] = ranked(guess[new], hard[new])
    return row


def real(name: str, seed: int) -> dict[str, float]:
    """One seed: how n pupils of an exam rank its items as the others do."""
    data = [aigc.data.load(name, split=split) for split in ("train", "test")]
    items = data[0].items
    table = np.concatenate([responses(one, items) for one in data])
    table = table[np.random.default_rng(seed).permutation(len(table))]
    rest = found(table[max(ANSWERS) :])
    return {
        f"{name}: {way}, {n}": ranked(guess, rest[way])
        for n in ANSWERS
        for way, guess in found(table[:n]).items()
    }


def main() -> None:
    began = time.process_time()
    runs = [
        kept("difficulty", f"made {seed}", partial(made, seed))
        | {
            key: value
            for name in ("math1", "math2")
            for key, value in kept(
                "difficulty", f"{name} {seed}", partial(real, name, seed)
            ).items()
        }
        for seed in N
    ]
    rows = []
    for key in runs[0]:
        own = [run[key] for run in runs]
        mean = student_gain(own, [0.0] * len(own))
        exam_, way = key.split(": ")
        row = {"exam": exam_, "way": way, "rank": mean.mean}
        row["rank_interval"] = [mean.low, mean.high]
        if way.startswith("Rasch"):
            for other in ("share wrong", "level, then share", "2PL", "siblings"):
                against = f"{exam_}: {way.replace('Rasch', other)}"
                if other == "siblings":
                    against = f"{exam_}: siblings"
                if against not in runs[0]:
                    continue
                gain = student_gain(own, [run[against] for run in runs])
                key = f"minus_{other.replace(',', '').replace(' ', '_')}"
                row[key], row[f"{key}_interval"] = gain.mean, [gain.low, gain.high]
        rows.append(row)
    record(
        "difficulty",
        rows,
        data=f"made exams, {LEVELS} levels of {EACH} items; math1, math2",
        split="made: the new half of the items; real: 500 pupils against the others",
        metric="Spearman's rank correlation over items, mean over seeds, Student's "
        "95% interval; differences paired over seeds",
        answers=list(ANSWERS),
        seconds=time.process_time() - began,
        seeds=list(N),
    )


if __name__ == "__main__":
    main()
