"""How often do the words of the opinion monitor tell the sentiment, three ways?

The words were written before a headline was read. Beside them: the words of bad news
alone, as the alarm counts them; the class that comes most often in the training; the
classifier that the monitor trains on the made-up headlines (``--words none``). All read
the test headlines, which have other wordings than the training ones; and, where
they are at hand, real reviews (as in ``review_alarm``), which are good or bad and never
neutral: macro F1 is there the mean over two classes. Intervals draw patterns of
headlines, as those of one pattern stand or fall together, or reviews.
"""

from __future__ import annotations

import os
from functools import cache

import torch
from sklearn.metrics import f1_score, precision_score, recall_score

import aigc_lib as aigc
from aigc_lib.apps.opinion_monitor import reader
from aigc_lib.apps.opinion_monitor.words import BAD, GOOD, NEUTRAL, Words
from aigc_lib.metrics.intervals import bootstrap_interval
from aigc_lib.models import TextClassifier
from benchmarks import opinion_alarm, review_alarm
from benchmarks.record import in_turns, record, seeds, summary

STEPS, SEEDS = int(os.environ.get("STEPS", reader.STEPS)), seeds(5)
HEADLINES = "finance_headlines"
OURS = "words by hand"


def words(name: str, texts: list[str], seed: int) -> list[str]:
    """What the words of the monitor say."""
    return [label for label, _ in Words().predict(texts)]


def bad_words(name: str, texts: list[str], seed: int) -> list[str]:
    """What its words of bad news alone say."""
    return [BAD if Words().hit(text) else NEUTRAL for text in texts]


def majority(name: str, texts: list[str], seed: int) -> list[str]:
    """The class that comes most often in the training; of equals the first."""
    if name == HEADLINES:
        known = [facts["sentiment"] for facts in aigc.data.load(name).facts]
    else:
        known = [label for _, label in review_alarm.read(name)[0]]
    return [max((BAD, NEUTRAL, GOOD), key=known.count)] * len(texts)


def classifier(name: str, texts: list[str], seed: int) -> list[str]:
    """What the classifier says that learned from the made-up headlines."""
    return [label for label, _ in taught(seed).predict(texts)]


@cache
def taught(seed: int) -> TextClassifier:
    return opinion_alarm.trained(aigc.data.load(HEADLINES), STEPS, seed)


READERS = {
    OURS: words,
    "words by hand, bad news only": bad_words,
    "the most frequent class": majority,
    "classifier, learned from headlines only": classifier,
}


@cache
def read(name: str) -> tuple[list[str], list[str], list]:
    """Return the texts of a set, their classes, and what is drawn together."""
    if name == HEADLINES:
        test = aigc.data.load(name, split="test")
        facts = [(f["sentiment"], f["pattern"]) for f in test.facts]
        return list(test.texts), *map(list, zip(*facts, strict=True))
    texts, labels = map(list, zip(*review_alarm.read(name)[1], strict=True))
    return texts, labels, list(range(len(texts)))


def measure(run: str, seed: int) -> dict:
    """Read the texts of a set once."""
    name, who = run.split(": ")
    texts, labels, _ = read(name)
    return judged(labels, READERS[who](name, texts, seed))


def judged(labels: list[str], said: list[str]) -> dict:
    """Compare what is said with the truth; ``hits`` tells of each text."""
    kinds = sorted(set(labels))
    hits = [a == b for a, b in zip(labels, said, strict=True)]
    good = {"labels": [GOOD], "average": "macro", "zero_division": 0}
    macro = good | {"labels": kinds}
    return {
        "accuracy": sum(hits) / len(hits),
        "macro_f1": float(f1_score(labels, said, **macro)),
        "good_precision": float(precision_score(labels, said, **good)),
        "good_recall": float(recall_score(labels, said, **good)),
        "hits": hits,
    }


def gain(ours: torch.Tensor, others: torch.Tensor, groups: list) -> dict:
    """Return how much more often ours (N,) hits than others, 95% over the groups."""
    number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    of = torch.tensor([number[group] for group in groups])
    rows = torch.zeros(len(number), 2, dtype=torch.double)  # gained, how many
    rows.index_add_(0, of, torch.stack([ours - others, torch.ones_like(ours)], 1))
    low, high = bootstrap_interval(
        rows, lambda r: (r[:, 0].sum() / r[:, 1].sum()).item()
    )
    return {"gain": (ours - others).mean().item(), "gain_interval": [low, high]}


def main() -> None:
    names = [HEADLINES, *(n for n in review_alarm.SETS if review_alarm.at_hand(n))]
    wanted = [f"{name}: {who}" for name in names for who in READERS]
    runs = in_turns("sentiment", wanted, SEEDS, measure)
    hits = {  # (N,): share of the seeds in which a text was read right
        run: torch.tensor([r.pop("hits") for r in results]).double().mean(0)
        for run, results in runs.items()
    }
    rows = []
    for run, results in runs.items():
        name, who = run.split(": ")
        row = {"data": name, "reader": who} | summary(results)
        if who != OURS:
            row |= gain(hits[f"{name}: {OURS}"], hits[run], read(name)[2])
        rows.append(row)
    record(
        "sentiment",
        rows,
        data="finance_headlines: the test, other wordings; real reviews, good or bad",
        n={name: len(read(name)[0]) for name in names},
        metric="accuracy, three ways, macro F1 of those that occur; gain: accuracy "
        "of the words by hand less the reader's, paired, 95% bootstrap interval over "
        "patterns of headlines, or over reviews",
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
