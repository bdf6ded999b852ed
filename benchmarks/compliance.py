"""Reports of made-up funds: is every number that of its cell, and is the alarm right?

One kind of GPT learns from the same reports in two ways: to write whole texts, numbers
and all, after it has been shown the numbers; or to write texts with an empty place for
each number, which code fills. The first writes freely, or again until the auditor is
content (at most ``TRIES`` times). A template that code fills is there as the baseline.
All report the same ``N`` unseen ledgers. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
from random import Random

import aigc_lib as aigc
from aigc_lib.data import Characters, prompted
from aigc_lib.metrics.intervals import proportion_interval
from aigc_lib.metrics.ledger import Ledger
from aigc_lib.models import GPT
from aigc_lib.simulators.funds import ALERT, FORMATS, alerts, funds, template
from benchmarks.record import in_turns, record, seeds, summary, under

STEPS, SEEDS = int(os.environ.get("STEPS", 300)), seeds(5)
REPORTS, N, TRIES = 2_000, 200, 5
NET = {"context": 128, "depth": 2, "heads": 4, "width": 96, "optimizer": "muon"}
SLOTS = dict(zip(FORMATS, "①②③④⑤", strict=True))
WAYS = {
    "nothing": ["template"],
    "numbers": ["GPT, free", "GPT, checked"],
    "places": ["GPT, places"],
}


def asked(name: str, numbers: dict, ledger: Ledger, *, places: bool) -> str:
    """What the writer is shown: the numbers, or only what the rule says of them."""
    if places:
        return f"{name} {'超' if alerts(numbers) else '安'}："
    return f"{name} {' '.join(ledger.cells.values())}："


def marked(name: str, text: str) -> str:
    """Put a mark in the place of each "{row/column}"."""
    for column, mark in SLOTS.items():
        text = text.replace(f"{{{name}/{column}}}", mark)
    return text


def filled(name: str, text: str, ledger: Ledger) -> str:
    """Let code write the numbers at the marks; a text with others stays as it is."""
    for column, mark in SLOTS.items():
        text = text.replace(mark, f"{{{name}/{column}}}")
    try:
        return ledger.fill(text)[0]
    except ValueError:
        return text


def learned(places: bool, seed: int) -> GPT:
    """Teach a GPT reports with numbers, or with places for them."""
    aigc.start(seed=seed)
    pairs, random = [], Random(seed)
    for name, numbers in funds(REPORTS, seed=seed + 1):
        ledger = Ledger.of({name: numbers}, FORMATS)
        text = template(name, numbers, random)
        text = marked(name, text) if places else ledger.fill(text)[0]
        pairs.append((asked(name, numbers, ledger, places=places), text))
    tokenizer = Characters.train(["\n", *(a + b for a, b in pairs)])
    model = GPT(tokenizer, learning_rate=3e-3, **NET)
    rows = prompted(pairs, tokenizer, length=NET["context"] + 1)
    aigc.fit(model, rows, steps=STEPS, batch_size=32, seed=seed, ema=0.98)
    return model


def measure(learns: str, seed: int) -> dict[str, float]:
    """Report the same ledgers by a writer of one kind: figures by way of writing."""
    days = funds(N, seed=10_000)
    ledgers = [Ledger.of({name: numbers}, FORMATS) for name, numbers in days]
    if learns == "nothing":
        random = Random(seed)
        pairs = zip(days, ledgers, strict=True)
        drafts = {
            "template": [book.fill(template(*day, random))[0] for day, book in pairs]
        }
    else:
        drafts = written(learns == "places", days, ledgers, seed)
    return {
        f"{way}: {name}": value
        for way, texts in drafts.items()
        for name, value in counted(texts, days, ledgers).items()
    }


def written(
    places: bool, days: list, ledgers: list[Ledger], seed: int
) -> dict[str, list[str]]:
    """Teach a GPT and let it write, freely and until the auditor is content."""
    model = learned(places, seed)
    prompts = [
        asked(*day, book, places=places)
        for day, book in zip(days, ledgers, strict=True)
    ]
    texts = model.answers(prompts, room=96, seed=seed, temperature=0.7)
    if places:
        triples = zip(days, texts, ledgers, strict=True)
        filled_in = [filled(name, text, book) for (name, _), text, book in triples]
        return {"GPT, places": filled_in}
    drafts = {"GPT, free": list(texts)}
    for k in range(1, TRIES):
        wrong = [i for i, text in enumerate(texts) if not right(text, ledgers[i])]
        if not wrong:
            break
        again = [prompts[i] for i in wrong]
        new = model.answers(again, room=96, seed=seed + 100 * k, temperature=0.7)
        for i, text in zip(wrong, new, strict=True):
            texts[i] = text
    return drafts | {"GPT, checked": texts}


def right(text: str, ledger: Ledger) -> bool:
    return ledger.audit(text, list(ledger.cells)).true


def counted(texts: list[str], days: list, ledgers: list[Ledger]) -> dict[str, float]:
    """Exactness and omission over all numbers; precision and recall of the alarm."""
    audits = [
        book.audit(text, list(book.cells))
        for text, book in zip(texts, ledgers, strict=True)
    ]
    traced = sum(len(audit.traced) for audit in audits)
    wrong = sum(len(audit.misplaced) + len(audit.foreign) for audit in audits)
    due = [alerts(numbers) for _, numbers in days]
    rung = [ALERT in text for text in texts]
    both = sum(a and b for a, b in zip(due, rung, strict=True))
    return {
        "exactness": traced / max(1, traced + wrong),
        "omission": sum(len(a.missing) for a in audits) / (len(FORMATS) * len(texts)),
        "whole": sum(audit.true for audit in audits) / len(texts),
        "alarm_precision": both / max(1, sum(rung)),
        "alarm_recall": both / sum(due),
        "distinct": len({"".join(c for c in t if not c.isdigit()) for t in texts}),
    }


def main() -> None:
    runs = in_turns("compliance", ("nothing", "numbers", "places"), SEEDS, measure)
    rows = []
    for learns, results in runs.items():
        for way in WAYS[learns]:
            own = [under(way, result) for result in results]
            row = {"way": way} | summary(own)
            hits = round(sum(one["whole"] for one in own) * N)
            low, high = proportion_interval(hits, N * len(own))
            row |= {"true": hits / (N * len(own)), "true_min": low, "true_max": high}
            rows.append(row)
    record(
        "compliance",
        rows,
        data=f"simulators.funds: {REPORTS:,} reports to learn from",
        n=N,
        metric="exactness: numbers that are those of the cell named; omission: cells "
        "not told; true: reports without a fault, 95% Wilson interval over all seeds",
        model=NET,
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
