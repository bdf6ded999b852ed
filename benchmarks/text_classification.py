"""Intents of banking77 without pre-trained weights: our encoder beside TF-IDF.

Both get the same questions, the same 1,000 of them held out for choices, and the same
time. TF-IDF with logistic regression tries features and penalties, as long as the time
lasts, and keeps what is best on those held out. The encoder learns to fill gaps in the
questions, then to sort them; its temperature comes from those held out. A seed decides
which are held out and, for the encoder, where it begins. ``SECONDS=5`` is a quick try.
"""

from __future__ import annotations

import os
import time

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.data import BytePairs, Texts
from aigc_lib.metrics.calibration import expected_calibration_error
from aigc_lib.metrics.intervals import bootstrap_interval
from aigc_lib.models import MaskedLM, TextClassifier
from benchmarks.record import kept, record, seeds, summary

SECONDS, SEEDS = float(os.environ.get("SECONDS", 290)), seeds(3)
HELD_OUT, TOKENS, GAPS = 1_000, 2_000, 0.3  # GAPS: share of the time for pre-training

WORDS = {"ngram_range": (1, 2), "sublinear_tf": True}
LETTERS = {"analyzer": "char_wb", "ngram_range": (2, 5), "sublinear_tf": True}
TRIED = [(features, c) for c in (10, 100, 1) for features in (WORDS, LETTERS)]


def tfidf(train: Texts, held: Texts, test: Texts, seed: int) -> Tensor:
    """Return the probabilities (N, K) of the test questions by the best pipeline."""
    began, best = time.perf_counter(), (0.0, None)
    for features, c in TRIED:
        if best[1] is not None and time.perf_counter() - began > SECONDS:
            break
        pipe = make_pipeline(
            TfidfVectorizer(**features), LogisticRegression(C=c, max_iter=1_000)
        )
        pipe.fit(train.texts, train.y.numpy())
        accuracy = pipe.score(held.texts, held.y.numpy())
        print(f"C={c} {features}: {accuracy:.4f} on those held out", flush=True)
        if best[1] is None or accuracy > best[0]:
            best = accuracy, pipe
    return torch.from_numpy(best[1].predict_proba(test.texts))


def encoder(train: Texts, held: Texts, test: Texts, seed: int) -> Tensor:
    """Return the probabilities (N, K) of the test questions by our classifier."""
    aigc.start(seed=seed)
    code = BytePairs.train(train.texts, vocab_size=TOKENS)
    reader = MaskedLM(code)
    x, _ = reader.encode(train)
    aigc.fit(reader, x, seconds=GAPS * SECONDS, seed=seed)
    model = TextClassifier.on(reader, train.classes, dropout=0.3)
    aigc.fit(model, model.encode(train), seconds=(1 - GAPS) * SECONDS, seed=seed)
    model.calibrate(held)
    return model.logits(test).softmax(1)


RECIPES = {"TF-IDF, logistic regression": tfidf, "encoder of aigc_lib": encoder}


def measure(recipe, seed: int, train: Texts, test: Texts) -> dict:
    """Train with ``seed`` and count hits among the test questions."""
    order = torch.randperm(
        len(train), generator=torch.Generator().manual_seed(seed)
    ).tolist()
    began, busy = time.perf_counter(), time.process_time()
    p = recipe(train[order[HELD_OUT:]], train[order[:HELD_OUT]], test, seed)
    hits = p.argmax(1) == test.y
    return {
        "accuracy": hits.double().mean().item(),
        "calibration_error": expected_calibration_error(p, test.y),
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - busy,
        "hits": hits.int().tolist(),
    }


def main() -> None:
    train = aigc.data.load("banking77")
    test = aigc.data.load("banking77", split="test")
    runs = {name: [] for name in RECIPES}
    hits = {name: [] for name in RECIPES}
    for seed in SEEDS:  # the recipes take turns: a slow hour of the machine hits both
        for name, recipe in RECIPES.items():
            run = kept(
                "text_classification",
                f"{name} {seed} {SECONDS} s",
                lambda recipe=recipe, seed=seed: measure(recipe, seed, train, test),
            )
            hits[name].append(run.pop("hits"))
            runs[name].append(run)
            print(name, seed, run, flush=True)
    theirs, ours = (torch.tensor(rows).double().mean(0) for rows in hits.values())
    gain = ours - theirs  # (N,): share of the seeds in which a question was gained
    low, high = bootstrap_interval(gain, lambda rows: rows.mean().item())
    record(
        "text_classification",
        [{"recipe": name} | summary(results) for name, results in runs.items()],
        gain=gain.mean().item(),
        gain_interval=[low, high],
        data="banking77",
        split=f"train without {HELD_OUT} for training, these for choices; test",
        n=len(test),
        metric="accuracy; its gain with a 95% bootstrap interval over questions",
        seconds=SECONDS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
