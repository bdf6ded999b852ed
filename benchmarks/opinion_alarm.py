"""How soon after a shock does the alarm ring, at one false alarm a month?

Headlines are made up. Reading a headline, five ways to give it a number: does it hold
one of the keywords that a person wrote down, or one of the bigrams that tell most of
bad news; what a TF-IDF with logistic regression says; what our classifier says; and
that plus 1 for a keyword, a sum that stood well apart from both its parts on wordings
held out from the training headlines, where the classifier's sizes were chosen too. They
learn from the training headlines and are judged on wordings that they have not met. The
numbers of a day become one: their mean, standardised by quiet days. Then an alarm: a
level, or a CUSUM. Each threshold is tuned on quiet streams to one false alarm in 30
days; then all meet the same ``STREAMS`` streams with a shock. A delay is the days to
the first alarm after it, at most those that are left. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from functools import cache

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

import aigc_lib as aigc
from aigc_lib.apps.opinion_monitor.reader import SETTINGS
from aigc_lib.apps.opinion_monitor.words import Words
from aigc_lib.data import Characters, Texts
from aigc_lib.decisions.alarm import CUSUM, Alarm, LevelAlarm, delays
from aigc_lib.metrics.intervals import bootstrap_interval
from aigc_lib.models import TextClassifier
from aigc_lib.simulators.opinion import SENTIMENTS, OpinionStream
from benchmarks.record import in_turns, record, seeds, summary

STEPS, SEEDS = int(os.environ.get("STEPS", 60)), seeds(5)
SPLITS = ("train", "test")
STREAMS, DAYS, ONSET = 400, 120, 60
QUIET = (400, 300)  # streams and days on which thresholds are tuned
RUN_LENGTH = 30.0  # days to a false alarm
KEYWORDS = 40
WORLD = OpinionStream()
ALARMS = {"level": LevelAlarm, "CUSUM": CUSUM}


def words_by_hand(train: Texts, test: Texts, seed: int) -> np.ndarray:
    """1 where a headline holds one of the words of the opinion monitor."""
    words = Words()
    return np.array([words.hit(text) for text in test.texts], float)


def keywords(train: Texts, test: Texts, seed: int) -> np.ndarray:
    """1 where a headline holds one of the bigrams that tell most of bad news."""
    count = CountVectorizer(analyzer="char", ngram_range=(2, 2), min_df=20, binary=True)
    x = count.fit_transform(train.texts).toarray()
    bad = train.y.numpy() == train.classes.index("负面")
    inside, outside = x[bad].mean(0), x[~bad].mean(0)
    telling = np.log((inside + 1e-3) / (outside + 1e-3))
    words = np.array(count.get_feature_names_out())[telling.argsort()[-KEYWORDS:]]
    return np.array([any(w in text for w in words) for text in test.texts], float)


def tfidf(train: Texts, test: Texts, seed: int) -> np.ndarray:
    """The chance of bad less that of good news by logistic regression."""
    pipe = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True),
        LogisticRegression(C=10, max_iter=300),
    )
    pipe.fit(train.texts, train.y.numpy())
    return balance(pipe.predict_proba(test.texts), train.classes)


def trained(train: Texts, steps: int, seed: int, **settings) -> TextClassifier:
    """Teach the monitor's classifier the classes of ``train``."""
    aigc.start(seed=seed)
    tokenizer = Characters.train(train.texts, min_count=2)
    model = TextClassifier(tokenizer, train.classes, **SETTINGS | settings)
    encoded = model.encode(train.texts)._replace(y=train.y)
    aigc.fit(model, encoded, steps=steps, seed=seed, ema=0.99)
    return model


def said(model: TextClassifier, test: Texts) -> np.ndarray:
    """The chance of bad less that of good news by our classifier."""
    return balance(model.logits(test.texts).softmax(1).numpy(), model.classes)


@cache
def classified(seed: int) -> np.ndarray:
    """What our classifier says of the test headlines."""
    train, test = (aigc.data.load("finance_headlines", split=s) for s in SPLITS)
    return said(trained(train, STEPS, seed), test)


def classifier(train: Texts, test: Texts, seed: int) -> np.ndarray:
    """What our classifier says."""
    return classified(seed)


def classifier_and_words(train: Texts, test: Texts, seed: int) -> np.ndarray:
    """What our classifier says, and 1 more where a keyword stands."""
    return classified(seed) + words_by_hand(train, test, seed)


def balance(p: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return p[:, classes.index("负面")] - p[:, classes.index("正面")]


OURS = "classifier and the words by hand"
READERS = {
    "keyword count, words by hand": words_by_hand,
    "keyword count, bigrams of the training": keywords,
    "TF-IDF, logistic regression": tfidf,
    "classifier of aigc_lib": classifier,
    OURS: classifier_and_words,
}


def days_of(pools: list[np.ndarray], counts: np.ndarray, seed: int) -> np.ndarray:
    """Return the mean number of the headlines of each day, (streams, days).

    ``pools`` are the numbers of the headlines of each sentiment; days without a
    headline get NaN. The same seed draws the same headlines, whoever reads them.
    """
    total = np.zeros(counts.shape[:2])
    for k, pool in enumerate(pools):
        generator = np.random.default_rng([seed, k])
        drawn = pool[generator.integers(0, len(pool), counts[..., k].sum())]
        ends = counts[..., k].ravel().cumsum()
        sums = np.append(0, drawn.cumsum())[np.append(0, ends)]
        total += np.diff(sums).reshape(total.shape)
    n = counts.sum(2)
    return np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0)


def measure(reader: str, seed: int) -> dict:
    """Read the test headlines once, and time both alarms on what they make of days."""
    train, test = (aigc.data.load("finance_headlines", split=s) for s in SPLITS)
    began = time.perf_counter()
    numbers = READERS[reader](train, test, seed)
    seconds = time.perf_counter() - began
    y = np.array([SENTIMENTS.index(facts["sentiment"]) for facts in test.facts])
    pools = [numbers[y == k] for k in range(3)]
    answer = {"f1_negative": float(f1_score(y == 0, numbers > 0.5)), "seconds": seconds}
    return answer | timed(pools, seed, ALARMS)


def timed(pools: list[np.ndarray], seed: int, alarms: dict[str, type[Alarm]]) -> dict:
    """Tune each alarm on quiet streams, and time it on those of ``seed``.

    Of each: the mean delay, the delays of all streams, and how many days of other quiet
    streams passed to a false alarm.
    """
    quiet = days_of(pools, WORLD.counts(*QUIET, None, seed=10_000), 10_000)
    mean, std = np.nanmean(quiet), np.nanstd(quiet)
    shocked = days_of(pools, WORLD.counts(STREAMS, DAYS, ONSET, seed=seed), seed)
    fresh = days_of(pools, WORLD.counts(*QUIET, None, seed=20_000), 20_000)
    quiet, shocked, fresh = (
        np.nan_to_num((s - mean) / std) for s in (quiet, shocked, fresh)
    )
    answer = {}
    for name, kind in alarms.items():
        alarm = kind(1.0).tune(quiet, RUN_LENGTH)
        late = delays(alarm.rings(shocked), ONSET)
        late = np.minimum(late, DAYS - ONSET)
        answer[f"{name}_delay"] = float(late.mean())
        answer[f"{name}_days_to_false_alarm"] = float(
            fresh.size / max(1, alarm.rings(fresh).sum())
        )
        answer[f"{name}_delays"] = late.tolist()
    return answer


def main() -> None:
    runs = in_turns("opinion_alarm", READERS, SEEDS, measure)
    taken = {}  # (seeds, streams) days, by reader and alarm
    for reader, results in runs.items():
        for name in ALARMS:
            taken[reader, name] = torch.tensor(
                [r.pop(f"{name}_delays") for r in results]
            )
    ours = taken[OURS, "CUSUM"].mean(0)
    rows = []
    for (reader, name), delay in taken.items():
        figures = {
            key.removeprefix(f"{name}_"): value
            for key, value in summary(runs[reader]).items()
            if not any(key.startswith(f"{o}_") for o in ALARMS if o != name)
        }
        row = {"reader": reader, "alarm": name} | figures
        gain = delay.mean(0) - ours  # (streams,): days that ours is sooner
        if gain.any():
            low, high = bootstrap_interval(gain, lambda rows: rows.mean().item())
            row["days_that_ours_is_sooner"] = [gain.mean().item(), low, high]
        rows.append(row)
    record(
        "opinion_alarm",
        rows,
        data="finance_headlines: learned from train, drawn from test (other wordings)",
        n=STREAMS,
        metric="mean days from the shock to the first alarm, at one false alarm in 30 "
        "days; differences paired over streams, 95% bootstrap interval",
        world=vars(WORLD) | {"days": DAYS, "onset": ONSET},
        ours=f"{OURS}, CUSUM",
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
