"""Headlines from three attributes: by template, by our GPT, free and under constraint.

A product, one selling point, an occasion: a headline tells all three, nothing else of
the vocabulary, in at most ``LIMIT`` characters. The GPT learns headlines of other
triples, written by the patterns below; the template draws from the same patterns one
that fits. The lead is the first sentence of a true line of copy on the triple, cut at
the limit. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from functools import partial
from random import Random

import numpy as np

import aigc_lib as aigc
from aigc_lib.apps.copywriter import Copywriter, pairs
from aigc_lib.data import Characters
from aigc_lib.data.made.product_copy import check_copy, prompt_of, stated, vocabulary
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models import GPT
from aigc_lib.models.extractive import sentences
from benchmarks.record import kept, record, seeds

STEPS, N = int(os.environ.get("STEPS", 600)), seeds(5)
LIMIT, TEST, PATTERNS_EACH = 20, 200, 4
ROOM = 3  # characters of its own that a headline needs at least
# At exactly the limit the constraint forces words in the middle of others.
WIDE = 32
SHOWN, DRAFTS = 25, 8  # triples for which several headlines are written, and how many
NET = {"context": 64, "depth": 2, "heads": 4, "width": 96, "optimizer": "muon"}
PATTERNS = {
    "人群": (
        "{谁}的{品}：{卖}",
        "{卖}，{谁}的{品}",
        "给{谁}：{卖}的{品}",
        "{品}怎么选？{谁}看{卖}",
        "{谁}要的{品}来了，{卖}",
        "{卖}！{谁}等的{品}",
        "送{谁}，{卖}的{品}",
    ),
    "场景": (
        "{谁}的{品}：{卖}",
        "{卖}，{谁}用的{品}",
        "{谁}，就缺{卖}的{品}",
        "{品}怎么选？{谁}看{卖}",
        "为{谁}挑{品}：{卖}",
        "{谁}这件事，{品}要{卖}",
        "{卖}！{谁}用得上的{品}",
    ),
}


def triples() -> list[tuple[dict, str]]:
    """All facts of three attributes that fit, and a line of copy that tells of them."""
    data, found = aigc.data.load("product_copy"), {}
    for text, facts in zip(data.texts, data.facts, strict=True):
        kind = "场景" if "场景" in facts else "人群"
        for point in facts["卖点"]:
            one = {"品类": facts["品类"], "卖点": (point,), kind: facts[kind]}
            said = frozenset(stated(one))
            if sum(len(value) for _, value in said) + ROOM <= LIMIT:
                found.setdefault(said, (one, text))
    return sorted(found.values(), key=lambda pair: prompt_of(pair[0]))


def patterned(facts: dict) -> list[str]:
    """The headlines of a triple by all patterns, those that keep to the limit."""
    kind = "场景" if "场景" in facts else "人群"
    gaps = {"品": facts["品类"], "卖": facts["卖点"][0], "谁": facts[kind]}
    lines = [pattern.format(**gaps) for pattern in PATTERNS[kind]]
    return [line for line in lines if len(line) <= LIMIT]


def shuffled(many: list, random: Random) -> list:
    return random.sample(many, len(many))


def judged(lines: list[str], facts: list[dict]) -> dict[str, float]:
    """What share is right, short, both; and of a form that no pattern has."""
    told = [check_copy(*pair) for pair in zip(lines, facts, strict=True)]
    short = [len(line) <= LIMIT for line in lines]
    return {
        "right": float(np.mean([one.true for one in told])),
        "invented": float(np.mean([bool(one.invented) for one in told])),
        "missing": float(np.mean([bool(one.missing) for one in told])),
        "short": float(np.mean(short)),
        "good": float(
            np.mean([a.true and b for a, b in zip(told, short, strict=True)])
        ),
        "own_form": float(
            np.mean([a not in patterned(b) for a, b in zip(lines, facts, strict=True)])
        ),
        "length": float(np.mean([len(line) for line in lines])),
    }


def measure(known: list[tuple[dict, str]], seed: int) -> dict[str, dict]:
    """One seed: hold ``TEST`` triples out, learn from the others, write for these."""
    aigc.start(seed=seed)
    random = Random(seed)
    known = shuffled(known, random)
    test, train = known[:TEST], known[TEST:]
    facts = [one for one, _ in test]
    learned = [
        (one, line)
        for one, _ in train
        for line in shuffled(patterned(one), random)[:PATTERNS_EACH]
    ]
    texts = [line for _, line in learned]
    words = [value for _, value in vocabulary()]
    prompts = [prompt_of(one) for one, _ in known]
    letters = Characters.train(["\n", *texts, *prompts, *words])
    began = time.process_time()
    gpt = GPT(letters, learning_rate=3e-3, **NET)
    x = pairs([one for one, _ in learned], texts, letters, length=NET["context"] + 1)
    aigc.fit(gpt, x, steps=STEPS, batch_size=32, seed=seed, ema=0.98)
    seconds = time.process_time() - began
    writer = Copywriter(gpt, texts, room=WIDE)
    drafts = {
        "lead, cut": [sentences(line)[0][:LIMIT] for _, line in test],
        "patterns": [random.choice(patterned(one)) for one in facts],
        "GPT alone": writer.write(facts, seed=seed),
        "GPT, best of 4": writer.best_of(facts, 4, seed=seed),
        "GPT, constrained": writer.write(facts, truthful=True, seed=seed),
    }
    for way, lines in drafts.items():
        print(seed, way, lines[:3], flush=True)
    answer = {way: judged(lines, facts) for way, lines in drafts.items()}
    several = {"patterns": [], "GPT alone": [], "GPT, constrained": []}
    for one in facts[:SHOWN]:
        fit = shuffled(patterned(one), random)
        several["patterns"].append([fit[i % len(fit)] for i in range(DRAFTS)])
    for way in list(several)[1:]:
        many = [one for one in facts[:SHOWN] for _ in range(DRAFTS)]
        lines = writer.write(many, truthful=way == "GPT, constrained", seed=seed + 1)
        several[way] = [lines[i : i + DRAFTS] for i in range(0, len(lines), DRAFTS)]
    for way, drawn in several.items():
        answer[way]["different"] = float(np.mean([len(set(one)) for one in drawn]))
    answer["GPT alone"]["seconds"] = seconds
    answer["GPT alone"]["learned"] = len(texts)
    return answer


def main() -> None:
    known = triples()
    runs = [kept("headlines", str(seed), partial(measure, known, seed)) for seed in N]
    rows = []
    for way in runs[0]:
        row = {"way": way}
        for key in runs[0][way]:
            own = [run[way][key] for run in runs]
            row[key] = float(np.mean(own))
        for other in ("patterns", "lead, cut"):
            if way != other and len(runs) > 1:
                for key in ("good", "different"):
                    if key not in runs[0][way] or key not in runs[0][other]:
                        continue
                    sides = ([run[one][key] for run in runs] for one in (way, other))
                    gain = student_gain(*sides)
                    row[f"{key}_minus_{other.split(',')[0]}"] = gain.mean
                    row[f"{key}_minus_{other.split(',')[0]}_interval"] = [
                        gain.low,
                        gain.high,
                    ]
        rows.append(row)
    record(
        "headlines",
        rows,
        data=f"product_copy: {len(known)} triples of product, selling point, occasion",
        split=f"{TEST} triples held out, others with each seed",
        n=TEST,
        metric="right: all three told, none invented, by check_copy; short: at most "
        f"{LIMIT} characters; different: of {DRAFTS} for one triple; means over seeds, "
        "Student's 95% intervals",
        net=NET,
        steps=STEPS,
        seeds=list(N),
    )


if __name__ == "__main__":
    main()
