"""Summaries: taken from the text or written by a language model, and are they true?

Made weekly reports have a reference and known facts: extraction of the lead, by TF-IDF
and by graph, and what no extraction exceeds, against a GPT that learned from 3,000
reports: alone, with up to four more tries where the checker finds a fault, and then
with the pattern that code fills in place of what is still wrong. Real passages
(cmrc2018) have no reference; people asked questions about them, so it is counted how
many of the answers a summary of a third of the characters still holds.
``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from itertools import combinations

import numpy as np

import aigc_lib as aigc
from aigc_lib.data import Characters, prompted
from aigc_lib.metrics.intervals import paired_gain, proportion_interval
from aigc_lib.metrics.text import rouge
from aigc_lib.models import GPT
from aigc_lib.models.extractive import by_graph, by_weight, extract, lead, sentences
from aigc_lib.simulators.shops import SUMMARIES, Week, check_summary, weeks
from benchmarks.record import in_turns, kept, record, seeds, summary, under

STEPS, SEEDS = int(os.environ.get("STEPS", 450)), seeds(5)
REPORTS, N, ROOMS, TRIES = 3_000, 200, (45, 70), 5
NET = {"context": 152, "depth": 2, "heads": 4, "width": 96, "optimizer": "muon"}
WEIGH = {"lead": lead, "TF-IDF": by_weight, "graph": by_graph}
SHARE = 1 / 3  # of a passage's characters


def written(test: list[Week], seed: int) -> dict[str, list[str]]:
    """Teach a GPT to summarise, and let it: alone, and with the checker behind it."""
    aigc.start(seed=seed)
    train = weeks(REPORTS, seed=seed + 1)
    pairs = [(week.text + "→", week.summary) for week in train]
    tokenizer = Characters.train(["\n", *(a + b for a, b in pairs)])
    model = GPT(tokenizer, learning_rate=3e-3, **NET)
    rows = prompted(pairs, tokenizer, length=NET["context"] + 1)
    aigc.fit(model, rows, steps=STEPS, batch_size=32, seed=seed, ema=0.98)
    prompts = [week.text + "→" for week in test]
    texts = model.answers(prompts, room=60, seed=seed, temperature=0.5)
    found = {"GPT alone": list(texts)}
    for k in range(1, TRIES):
        wrong = [i for i, week in enumerate(test) if not right(texts[i], week)]
        if not wrong:
            break
        again = [prompts[i] for i in wrong]
        new = model.answers(again, room=60, seed=seed + 100 * k, temperature=0.5)
        for i, text in zip(wrong, new, strict=True):
            texts[i] = text
    found["GPT, again"] = list(texts)
    found["GPT, else template"] = [
        text if right(text, week) else filled(week)
        for text, week in zip(texts, test, strict=True)
    ]
    return found


def right(text: str, week: Week) -> bool:
    if not text.strip("，。 \n"):
        return False
    told = check_summary(text, week)
    return told.faithful and told.complete


def filled(week: Week) -> str:
    """The first pattern of the references, filled by code from the facts."""
    cells = {column: text for (_, column), text in week.ledger.cells.items()}
    return SUMMARIES[0].format(店=week.name, 动向=week.turn, 最多=week.reason, **cells)


def best_extract(week: Week, room: int) -> str:
    """The sentences within the room that are likest to the reference, by ROUGE-1."""
    parts = sentences(week.text)
    choices = [
        "".join(chosen)
        for k in range(1, len(parts) + 1)
        for chosen in combinations(parts, k)
        if sum(map(len, chosen)) <= room
    ]
    return max(choices, key=lambda text: rouge(text, week.summary)["rouge1"])


def judged(texts: list[str], test: list[Week]) -> dict[str, float]:
    """Means over all summaries; an empty one is like nothing and tells nothing."""
    texts = [text if text.strip("，。 \n") else "无" for text in texts]
    told = [check_summary(*pair) for pair in zip(texts, test, strict=True)]
    like = [rouge(text, week.summary) for text, week in zip(texts, test, strict=True)]
    return {
        **{name: float(np.mean([one[name] for one in like])) for name in like[0]},
        "faithful": float(np.mean([one.faithful for one in told])),
        "complete": float(np.mean([one.complete for one in told])),
        "right": float(np.mean([one.faithful and one.complete for one in told])),
        "length": float(np.mean([len(text) for text in texts])),
    }


def measure(way: str, seed: int) -> dict[str, float]:
    """Summarise ``N`` unseen reports, other ones for each seed: figures by way."""
    test = weeks(N, seed=10_000 + seed)
    began = time.perf_counter()
    if way == "GPT":
        drafts = written(test, seed)
    else:
        drafts = {}
        for room in ROOMS:
            for name, weigh in WEIGH.items():
                drafts[f"{name}, {room}"] = [
                    extract(week.text, room, weigh) for week in test
                ]
            drafts[f"best extract, {room}"] = [
                best_extract(week, room) for week in test
            ]
        drafts["template"] = [filled(week) for week in test]
    seconds = time.perf_counter() - began
    return {
        f"{name}: {figure}": value
        for name, texts in drafts.items()
        for figure, value in (judged(texts, test) | {"seconds": seconds}).items()
    }


def passages() -> list[tuple[str, list[list[str]]]]:
    """Passages of at least five sentences, with the answers to their questions."""
    data = aigc.data.load("cmrc2018", split="test")
    found: dict[str, tuple[str, list[list[str]]]] = {}
    for facts in data.facts:
        text, answers = facts["passage"], facts["answers"]
        found.setdefault(facts["id"], (text, []))[1].append(list(answers))
    return [one for one in found.values() if len(sentences(one[0])) >= 5]


def kept_answers() -> dict[str, dict[str, list[float]]]:
    """By way of taking: the share of a passage's answers that its summary holds.

    Also how much of the room is used, and where in the text what is taken stands, from
    0 to 1: who takes long sentences may leave room, and questions favour some places.
    """
    names = ("random", *WEIGH)
    rows: dict[str, dict[str, list[float]]] = {
        name: {"answers": [], "used": [], "place": []} for name in names
    }
    rng = np.random.default_rng(0)
    for text, answers in passages():
        room = round(SHARE * len(text))
        ways = {"random": lambda parts: rng.random(len(parts))} | WEIGH
        for name, weigh in ways.items():
            short = extract(text, room, weigh)
            held = [any(a in short for a in known) for known in answers]
            rows[name]["answers"].append(float(np.mean(held)))
            rows[name]["used"].append(len(short) / room)
            places = [text.find(one) / len(text) for one in sentences(short)]
            rows[name]["place"].append(float(np.mean(places)))
    return rows


def main() -> None:
    shares = kept("summaries", "passages", kept_answers)
    runs = in_turns("summaries", ("taken", "GPT"), SEEDS, measure)
    rows = []
    for results in runs.values():
        for way in dict.fromkeys(key.split(": ")[0] for key in results[0]):
            own = [under(way, result) for result in results]
            row = {"way": way} | summary(own)
            hits = round(sum(one["right"] for one in own) * N)
            low, high = proportion_interval(hits, N * len(own))
            rows.append(
                row | {"all_right": hits / (N * len(own)), "low": low, "high": high}
            )
    taken = []
    for way, held in shares.items():
        row = {"way": way} | {k: float(np.mean(v)) for k, v in held.items()}
        for other in ("random", "lead"):
            if way not in ("random", other):
                gain = paired_gain(held["answers"], shares[other]["answers"])
                row[f"minus_{other}"] = gain.mean
                row[f"minus_{other}_interval"] = [gain.low, gain.high]
        taken.append(row)
    record(
        "summaries",
        rows,
        data=f"simulators.shops, {REPORTS:,} reports to learn from; cmrc2018, test, "
        f"{len(shares['lead']['answers'])} passages of at least five sentences",
        n=N,
        passages=taken,
        passages_n=len(shares["lead"]["answers"]),
        metric="rouge: F1 by characters; faithful: nothing false by the checker; "
        "complete: sales, returns and main complaint told; all_right: both, Wilson's "
        "interval over all seeds; answers: of questions that people asked, the share "
        "that a summary of a third holds; gains paired over passages",
        model=NET,
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
