"""How soon after a shock does the alarm ring, at one false alarm a month?

Headlines are made up. Reading a headline, five ways to give it a number: does it hold
one of the keywords that a person wrote down, or one of the bigrams that tell most of
bad news; what a TF-IDF with logistic regression says; what our classifier says; and
that plus 1 for a keyword. The numbers of a day become one: their mean, standardised by
quiet days. Then an alarm: a level, or a CUSUM.

Two more ways weigh what they read: a logistic regression makes it the chance of bad
news on a quiet day, and Page's sum adds up how much more likely a day's headlines are
after the shock, by what is known of the world. Read are the lists of words by hand, bad
and good, or these and our classifier's odds. The regression learns from the training
headlines, of which each was read by a classifier that had not met its wording.

All learn from the training headlines and are judged on wordings that they have not met.
Sizes, and the two ways that weigh, were chosen on wordings held out from the training.
Each threshold is tuned on quiet streams to one false alarm in 30 days; then all meet
the same ``STREAMS`` streams with a shock. A delay is the days to the first alarm after
it, at most those that are left. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

import aigc_lib as aigc
from aigc_lib.apps.opinion_monitor.reader import SETTINGS
from aigc_lib.apps.opinion_monitor.words import GOOD_WORDS, Words
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
PAGE = "Page's sum"
FOLDS = 5  # parts of the wordings, each read by a classifier of the others


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
def learned(seed: int) -> TextClassifier:
    """Our classifier, taught on all training headlines."""
    return trained(aigc.data.load("finance_headlines", split="train"), STEPS, seed)


@cache
def classified(seed: int) -> np.ndarray:
    """What our classifier says of the test headlines."""
    return said(learned(seed), aigc.data.load("finance_headlines", split="test"))


def classifier(train: Texts, test: Texts, seed: int) -> np.ndarray:
    """What our classifier says."""
    return classified(seed)


def classifier_and_words(train: Texts, test: Texts, seed: int) -> np.ndarray:
    """What our classifier says, and 1 more where a keyword stands."""
    return classified(seed) + words_by_hand(train, test, seed)


def balance(p: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return p[:, classes.index("负面")] - p[:, classes.index("正面")]


def both_lists(texts: Texts) -> np.ndarray:
    """Whether a headline holds a word of bad news, and one of good news, (N, 2)."""
    words = Words()
    return np.array(
        [[words.hit(text), any(w in text for w in GOOD_WORDS)] for text in texts], float
    )


def odds(model: TextClassifier, texts: Texts) -> np.ndarray:
    """The log-odds of bad and of good against neutral news, (N, 2)."""
    logits = model.logits(texts.texts).numpy()
    bad, neutral, good = (logits[:, model.classes.index(s)] for s in SENTIMENTS)
    return np.stack([bad - neutral, good - neutral], 1)


def wordings(texts: Texts) -> np.ndarray:
    """The part (N,) that each headline's wording is in: those of a kind take turns."""
    kinds, parts = {}, []
    for facts in texts.facts:
        kind = kinds.setdefault((facts["topic"], facts["sentiment"]), [])
        if facts["pattern"] not in kind:
            kind.append(facts["pattern"])
        offset = list(kinds).index((facts["topic"], facts["sentiment"]))
        parts.append((offset + kind.index(facts["pattern"])) % FOLDS)
    return np.array(parts)


def unmet(train: Texts, seed: int) -> np.ndarray:
    """The odds (N, 2) of each headline by a classifier that met other wordings only."""
    parts, found = wordings(train), np.empty((len(train), 2))
    for part in range(FOLDS):
        inside, others = (np.flatnonzero(m) for m in (parts == part, parts != part))
        found[inside] = odds(trained(train[others], STEPS, seed), train[inside])
    return found


def chance(train: Texts, known: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The chance of bad news on a quiet day, by what was read of ``train`` and anew."""
    y = sentiments(train)
    weight = np.array(WORLD.shares)[y] / np.bincount(y)[y] * len(y)
    model = LogisticRegression().fit(known, y == 0, sample_weight=weight)
    return model.predict_proba(new)[:, 1]


def words_weighed(train: Texts, test: Texts, seed: int) -> np.ndarray:
    """The chance of bad news by the words of both lists."""
    return chance(train, both_lists(train), both_lists(test))


def all_weighed(train: Texts, test: Texts, seed: int) -> np.ndarray:
    """The chance of bad news by the words of both lists and our classifier."""
    known = np.hstack([both_lists(train), unmet(train, seed)])
    new = np.hstack([both_lists(test), odds(learned(seed), test)])
    return chance(train, known, new)


def evidence(p: np.ndarray) -> np.ndarray:
    """How much likelier a headline is after the shock, the logarithm.

    ``p`` is its chance to be bad on a quiet day: the share ``shock`` of all turns bad.
    """
    return np.log(1 - WORLD.shock + WORLD.shock * p / WORLD.shares[0])


def sentiments(texts: Texts) -> np.ndarray:
    """The number (N,) of each headline's sentiment in ``SENTIMENTS``."""
    return np.array([SENTIMENTS.index(facts["sentiment"]) for facts in texts.facts])


OURS = "classifier and the words by hand, weighed"
WEIGHED = {
    "words by hand, bad and good, weighed": words_weighed,
    OURS: all_weighed,
}
READERS = {
    "keyword count, words by hand": words_by_hand,
    "keyword count, bigrams of the training": keywords,
    "TF-IDF, logistic regression": tfidf,
    "classifier of aigc_lib": classifier,
    "classifier and the words by hand": classifier_and_words,
} | WEIGHED


def days_of(
    pools: list[np.ndarray], counts: np.ndarray, seed: int, *, summed: bool = False
) -> np.ndarray:
    """Return the mean number of the headlines of each day, (streams, days).

    ``pools`` are the numbers of the headlines of each sentiment; days without a
    headline get NaN. The same seed draws the same headlines, whoever reads them. With
    ``summed`` it is their sum, 0 where there are none.
    """
    total = np.zeros(counts.shape[:2])
    for k, pool in enumerate(pools):
        generator = np.random.default_rng([seed, k])
        drawn = pool[generator.integers(0, len(pool), counts[..., k].sum())]
        ends = counts[..., k].ravel().cumsum()
        sums = np.append(0, drawn.cumsum())[np.append(0, ends)]
        total += np.diff(sums).reshape(total.shape)
    if summed:
        return total
    n = counts.sum(2)
    return np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0)


def measure(reader: str, seed: int) -> dict:
    """Read the test headlines once, and time the alarms on what they make of days."""
    train, test = (aigc.data.load("finance_headlines", split=s) for s in SPLITS)
    began = time.perf_counter()
    numbers = READERS[reader](train, test, seed)
    seconds = time.perf_counter() - began
    y = sentiments(test)
    answer = {"f1_negative": float(f1_score(y == 0, numbers > 0.5)), "seconds": seconds}
    if reader in WEIGHED:
        pools = [evidence(numbers[y == k]) for k in range(3)]
        return answer | timed(pools, seed, {PAGE: partial(CUSUM, slack=0)}, summed=True)
    return answer | timed([numbers[y == k] for k in range(3)], seed, ALARMS)


def timed(
    pools: list[np.ndarray],
    seed: int,
    alarms: dict[str, Callable[[float], Alarm]],
    *,
    summed: bool = False,
) -> dict:
    """Tune each alarm on quiet streams, and time it on those of ``seed``.

    Of each: the mean delay, the delays of all streams, and how many days of other quiet
    streams passed to a false alarm. The alarms see the standardised means of days, or
    with ``summed`` the sums as they are.
    """

    def days(size: tuple[int, int], onset: int | None, seed: int) -> np.ndarray:
        counts = WORLD.counts(*size, onset, seed=seed)
        return days_of(pools, counts, seed, summed=summed)

    quiet, fresh = (days(QUIET, None, other) for other in (10_000, 20_000))
    shocked = days((STREAMS, DAYS), ONSET, seed)
    mean, std = (0, 1) if summed else (np.nanmean(quiet), np.nanstd(quiet))
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
        for name in [PAGE] if reader in WEIGHED else ALARMS:
            taken[reader, name] = torch.tensor(
                [r.pop(f"{name}_delays") for r in results]
            )
    ours = taken[OURS, PAGE].mean(0)
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
        ours=f"{OURS}, {PAGE}",
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
