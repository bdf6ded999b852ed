"""Do generated texts help to train a classifier of opinions?

A small GPT learns from the few texts that there are, told the class, and writes four
times as many. TF-IDF with logistic regression, and the classifier of the opinion
monitor, learn from the few alone, with the generated ones, with copies in which
characters were left out or swapped (what anybody can do in a minute), from the
generated ones alone, and from as many more real ones: what collecting would bring.

finance_headlines is made up; its test has wordings that no model met. Where the reviews
of a food delivery (zh_reviews) and of a shop (fewclue) lie in ``AIGC_DATA_DIR``, the
same is asked of them; no licence allows to pass them on, so they are never asked for.
``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

import aigc_lib as aigc
from aigc_lib.apps.opinion_monitor.reader import SETTINGS
from aigc_lib.data import Characters, prompted
from aigc_lib.data.store import data_dir
from aigc_lib.models import GPT, TextClassifier
from benchmarks.record import in_turns, record, seeds, summary

STEPS, READING = (int(os.environ.get("STEPS", n)) for n in (200, 40))
SEEDS = seeds(5)
TIMES, LENGTH = 4, 64  # generated texts for each real one; characters that count
NET = {"context": 80, "depth": 2, "heads": 4, "width": 96, "optimizer": "muon"}
FEW = {"finance_headlines": 240, "waimai_10k": 240, "eprstmt": 160}
WAYS = ("few", "few + generated", "few + noise", "generated", "more real")


class Pool(NamedTuple):
    """Texts and their classes: those there are, those that could be had, the test."""

    few: list[tuple[str, str]]
    more: list[tuple[str, str]]
    test: list[tuple[str, str]]


def pool(name: str, seed: int) -> Pool | None:
    """Draw the few of a seed; None where the data are not at hand."""
    if name == "finance_headlines":
        train, test = (
            [
                (text, facts["sentiment"])
                for text, facts in zip(data.texts, data.facts, strict=True)
            ]
            for data in (aigc.data.load(name, split=s) for s in ("train", "test"))
        )
    else:
        folder = data_dir()
        path = (
            folder
            and folder
            / {
                "waimai_10k": "zh_reviews/waimai_10k.csv.gz",
                "eprstmt": "fewclue/eprstmt",
            }[name]
        )
        if not path or not path.exists():
            return None
        train, test = reviews(path) if path.is_file() else shop(path)
    Random(seed).shuffle(train)
    n, few = FEW[name], []
    classes = sorted({label for _, label in train})
    for label in classes:
        few += [pair for pair in train if pair[1] == label][: n // len(classes)]
    left = [pair for pair in train if pair not in set(few)]
    return Pool(few, few + left[: TIMES * n], test)


def reviews(path) -> tuple[list, list]:
    """Read reviews of one line each, cut; the test is fixed, and shares no text."""
    text = gzip.decompress(path.read_bytes()).decode("utf-8-sig")
    rows = {row["review"][:LENGTH].strip(): row["label"] for row in _rows(text)}
    pairs = [
        (text, "正面" if label == "1" else "负面")
        for text, label in rows.items()
        if text
    ]
    Random(0).shuffle(pairs)
    return pairs[2_000:], pairs[:2_000]


def _rows(text: str):
    return csv.DictReader(io.StringIO(text))


def shop(folder) -> tuple[list, list]:
    """Read the three parts; training and development are one."""
    parts = {}
    for part in ("train_few_all", "dev_few_all", "test_public"):
        raw = gzip.decompress((folder / f"{part}.json.gz").read_bytes()).decode()
        parts[part] = [
            (row["sentence"][:LENGTH], {"P": "正面", "N": "负面"}[row["label"][0]])
            for row in map(json.loads, raw.splitlines())
        ]
    test = parts["test_public"]
    known = {text for text, _ in test}
    both = parts["train_few_all"] + parts["dev_few_all"]
    return [pair for pair in both if pair[0] not in known], test


def written(few: list[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """Let a GPT learn from the few, and write ``TIMES`` as many of each class."""
    aigc.start(seed=seed)
    few = [(text.replace("\n", " "), label) for text, label in few]
    tokenizer = Characters.train(["\n：", *(text + label for text, label in few)])
    model = GPT(tokenizer, learning_rate=3e-3, dropout=0.1, **NET)
    rows = prompted(
        [(f"{label}：", text) for text, label in few], tokenizer, length=LENGTH + 5
    )
    aigc.fit(model, rows, steps=STEPS, batch_size=32, seed=seed, ema=0.98)
    labels = [label for _, label in few] * TIMES
    prompts = [f"{label}：" for label in labels]
    texts = model.answers(prompts, room=LENGTH, seed=seed, temperature=0.8)
    return [(text, label) for text, label in zip(texts, labels, strict=True) if text]


def noisy(few: list[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """Leave out a tenth of the characters, and swap one pair of neighbours."""
    random, found = Random(seed), []
    for text, label in few * TIMES:
        kept = [sign for sign in text if random.random() > 0.1] or [text[0]]
        if len(kept) > 1:
            i = random.randrange(len(kept) - 1)
            kept[i], kept[i + 1] = kept[i + 1], kept[i]
        found.append(("".join(kept), label))
    return found


def by_words(rows: list, test: list, seed: int) -> float:
    """Macro F1 of TF-IDF with logistic regression."""
    pipe = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True),
        LogisticRegression(C=10, max_iter=300),
    )
    pipe.fit([text for text, _ in rows], [label for _, label in rows])
    return macro(test, pipe.predict([text for text, _ in test]))


def by_net(rows: list, test: list, seed: int) -> float:
    """Macro F1 of the monitor's classifier."""
    aigc.start(seed=seed)
    texts, classes = [text for text, _ in rows], sorted({label for _, label in rows})
    model = TextClassifier(
        Characters.train(texts, min_count=2), tuple(classes), **SETTINGS
    )
    y = torch.tensor([classes.index(label) for _, label in rows])
    encoded = model.encode(texts)._replace(y=y)
    aigc.fit(model, encoded, steps=READING, seed=seed, ema=0.99)
    return macro(test, [label for label, _ in model.predict([t for t, _ in test])])


def macro(test: list, guesses) -> float:
    return float(f1_score([label for _, label in test], guesses, average="macro"))


def measure(name: str, seed: int) -> dict:
    """Train both readers in all ways, on the few of one seed."""
    found = pool(name, seed)
    if found is None:
        return {"there": 0}
    made = written(found.few, seed)
    known = {text for text, _ in found.few}
    answer = {"there": 1, "copies": float(np.mean([text in known for text, _ in made]))}
    noise = noisy(found.few, seed)
    rows = {
        "few": found.few,
        "few + generated": found.few + made,
        "few + noise": found.few + noise,
        "generated": made,
        "more real": found.more,
    }
    for way, some in rows.items():
        answer[f"words, {way}"] = by_words(some, found.test, seed)
        answer[f"net, {way}"] = by_net(some, found.test, seed)
    return answer


def difference(new: list[float], old: list[float]) -> tuple[float, float, float]:
    """Return the mean of new - old over seeds, with Student's 95% interval."""
    gaps = np.array(new) - np.array(old)
    mean, reach = float(gaps.mean()), 0.0
    if len(gaps) > 1:
        reach = stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5
    return mean, mean - float(reach), mean + float(reach)


def main() -> None:
    runs = in_turns("generated_texts", FEW, SEEDS, measure)
    rows = []
    for name, results in runs.items():
        if not results[0]["there"]:
            print(f"{name} is not at hand: left out")
            continue
        for way in WAYS:
            row = {"data": name, "way": way}
            for reader in ("words", "net"):
                values = [result[f"{reader}, {way}"] for result in results]
                row |= summary([{reader: value} for value in values])
                few = [result[f"{reader}, few"] for result in results]
                mean, low, high = difference(values, few)
                row |= {f"{reader}_gain": mean, f"{reader}_gain_min": low}
                row[f"{reader}_gain_max"] = high
            row["copies"] = float(np.mean([result["copies"] for result in results]))
            rows.append(row)
    record(
        "generated_texts",
        rows,
        data=", ".join(FEW),
        n=f"{FEW} texts to learn from, {TIMES} times as many generated",
        metric="macro F1 of the sentiment on the test; gain: mean difference to few, "
        "Student's 95% interval",
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
