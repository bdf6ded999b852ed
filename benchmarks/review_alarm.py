"""The alarm of ``opinion_alarm`` on real Chinese reviews, where they are at hand.

The streams, their shock and the CUSUM at one false alarm in 30 days are the same; but a
day's texts are drawn from real reviews, negative and positive, that nobody learned
from. Three sets, three situations: a food delivery, of which 6,000 reviews were read; a
shop whose streams are about goods (``NEW``) that no training review is about; a shop
with 300 reviews to learn from. Readers: a list of words that a person wrote down, for
reviews and before reading these, or for headlines; TF-IDF with logistic regression, and
our classifier, that learned from the real reviews (steps and penalty chosen on a part
of the training); our classifier that learned from made-up headlines only.

zh_reviews and fewclue state no licence: they are read where they lie in
``AIGC_DATA_DIR`` and never asked for. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import csv
import io
import lzma
import os
import re
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.data.store import data_dir
from aigc_lib.decisions.alarm import CUSUM
from aigc_lib.metrics.intervals import bootstrap_interval
from aigc_lib.models import TextClassifier
from benchmarks import opinion_alarm
from benchmarks.generated_texts import LENGTH, reviews, shop
from benchmarks.opinion_alarm import DAYS, ONSET, STREAMS, WORLD
from benchmarks.record import in_turns, record, seeds, summary

STEPS, SEEDS = int(os.environ.get("STEPS", 240)), seeds(5)
FEW, STEPS_OF_FEW = 1_000, 60  # of fewer reviews more steps learn by heart
LEARN, TEST = 6_000, 2_000  # reviews at most
CLASSES = ("正面", "负面")
NEW = ("水果", "蒙牛", "衣服")  # fruit, milk, clothes: the streams of the big shop
# As a person would write them down who thinks of bad reviews of food and of goods.
BAD_WORDS = (
    "差|慢|难吃|难喝|不好|不行|太贵|不值|退|坏|假|破|脏|冷|凉|晚|硬|酸|臭|馊|烂|糟|坑|骗"
    "|失望|后悔|垃圾|投诉|异味|变质|不新鲜|头发|虫|漏|少送|送错|没送|恶心|拉肚子|不推荐"
    "|不会再|再也不|上当|问题|故障|死机|黑屏|卡顿|掉色|褪色|起球|色差|线头|缩水|不符|划痕"
    "|过期|缺|等了|超时|不满|一般|无语"
)
WORDS = "keyword count, words by hand for reviews"


class Reviews(NamedTuple):
    """Texts and the numbers of their classes (N,)."""

    texts: tuple[str, ...]
    y: Tensor
    classes: tuple[str, ...] = CLASSES

    @classmethod
    def of(cls, pairs: list[tuple[str, str]]) -> Reviews:
        """Take pairs of a text and the name of its class."""
        texts, labels = zip(*pairs, strict=True)
        return cls(texts, torch.tensor([CLASSES.index(label) for label in labels]))


def by_goods(path: Path) -> tuple[list, list]:
    """Read the reviews of the big shop, cut: those of other goods, and of ``NEW``."""
    rows = csv.DictReader(io.StringIO(lzma.decompress(path.read_bytes()).decode()))
    known = {}  # a text that comes twice counts once
    for row in rows:
        text = row["review"][:LENGTH].strip()
        if text:
            known[text] = (row["cat"], "正面" if row["label"] == "1" else "负面")
    train, test = (
        [(text, y) for text, (goods, y) in known.items() if (goods in NEW) == new]
        for new in (False, True)
    )
    Random(0).shuffle(test)
    return train, test[:TEST]


SETS = {
    "waimai_10k": ("zh_reviews/waimai_10k.csv.gz", reviews),
    "online_shopping": ("zh_reviews/online_shopping_9_cats.csv.xz", by_goods),
    "eprstmt": ("fewclue/eprstmt", shop),
}


def at_hand(name: str) -> Path | None:
    """Return where a set lies, None where it does not."""
    folder = data_dir()
    path = folder and folder / SETS[name][0]
    return path if path and path.exists() else None


@cache
def read(name: str) -> tuple[list, list]:
    """Return all pairs to learn from, and those of the streams."""
    return SETS[name][1](at_hand(name))


def words_for_reviews(train: Reviews, test: Reviews, seed: int) -> np.ndarray:
    """1 where a review holds one of the words written for reviews."""
    return np.array(
        [re.search(BAD_WORDS, text) is not None for text in test.texts], float
    )


def classifier(train: Reviews, test: Reviews, seed: int) -> np.ndarray:
    """What our classifier says that learned from real reviews."""
    steps = min(STEPS, STEPS_OF_FEW) if len(train.texts) < FEW else STEPS
    model = opinion_alarm.trained(train, steps, seed, context=LENGTH + 2)
    return opinion_alarm.said(model, test)


def from_headlines(train: Reviews, test: Reviews, seed: int) -> np.ndarray:
    """What our classifier says that learned from made-up headlines only."""
    return opinion_alarm.said(of_headlines(seed), test)


@cache
def of_headlines(seed: int) -> TextClassifier:
    headlines = aigc.data.load("finance_headlines")
    return opinion_alarm.trained(headlines, opinion_alarm.STEPS, seed)


READERS = {
    WORDS: words_for_reviews,
    "keyword count, words by hand for headlines": opinion_alarm.words_by_hand,
    "TF-IDF, logistic regression": opinion_alarm.tfidf,
    "classifier of aigc_lib": classifier,
    "classifier, learned from headlines only": from_headlines,
}


def measure(run: str, seed: int) -> dict:
    """Read the held-out reviews of a set once, and time the alarm on its streams."""
    name, reader = run.split(": ")
    pairs, held_out = read(name)
    train = Reviews.of(Random(seed).sample(pairs, min(LEARN, len(pairs))))
    test = Reviews.of(held_out)
    numbers = READERS[reader](train, test, seed)
    bad = test.y.numpy() == CLASSES.index("负面")
    # the neutral and the positive texts of the world are positive reviews here
    pools = [numbers[bad], numbers[~bad], numbers[~bad]]
    answer = opinion_alarm.timed(pools, seed, {"": CUSUM})
    answer = {key.removeprefix("_"): value for key, value in answer.items()}
    return {"auc": float(roc_auc_score(bad, numbers))} | answer


def sooner(late: np.ndarray, words: np.ndarray) -> dict[str, float]:
    """Return the days that (seeds, streams) beat the words, 95% over the streams."""
    gain = torch.tensor(words - late).mean(0)
    low, high = bootstrap_interval(gain, lambda rows: rows.mean().item())
    return {"sooner": gain.mean().item(), "sooner_min": low, "sooner_max": high}


def main() -> None:
    names = [name for name in SETS if at_hand(name)]
    if not names:
        print("no reviews at hand: nothing measured")
        return
    wanted = [f"{name}: {reader}" for name in names for reader in READERS]
    runs = in_turns("review_alarm", wanted, SEEDS, measure)
    taken = {
        run: np.array([result.pop("delays") for result in results])
        for run, results in runs.items()
    }
    rows = []
    for run, results in runs.items():
        name, reader = run.split(": ")
        row = {"data": name, "reader": reader} | summary(results)
        row |= sooner(taken[run], taken[f"{name}: {WORDS}"])
        rows.append(row)
    sizes = {name: [len(part) for part in read(name)] for name in names}
    record(
        "review_alarm",
        rows,
        data="real reviews: learned from some, streams drawn from others",
        n=STREAMS,
        metric="AUC: negative against positive; mean days from the shock to the first "
        "alarm by CUSUM, at one false alarm in 30 days; differences paired over "
        "streams, 95% bootstrap interval",
        world=vars(WORLD) | {"days": DAYS, "onset": ONSET},
        sizes={
            k: {"learn": min(LEARN, a), "streams": b} for k, (a, b) in sizes.items()
        },
        new=NEW,
        steps={"learned from more": STEPS, "learned from few": STEPS_OF_FEW},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
