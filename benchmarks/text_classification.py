"""Intents of banking77 without pre-trained weights: our encoder beside TF-IDF.

Both get the same questions, the same 1,000 of them held out for choices, and one core.
TF-IDF with logistic regression tries features and penalties and keeps what is best on
those held out. The encoder learns to sort the questions, n-grams of letters voting
beside it. ``MEMBERS`` of them, which begin elsewhere and meet the questions in another
order, are averaged (Lakshminarayanan et al. 2017); their temperature comes from those
held out. A seed decides which are held out and where the encoders begin. Their settings
were chosen on those that seed 0 holds out. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.data import BytePairs, Texts
from aigc_lib.metrics.calibration import expected_calibration_error, fitted_temperature
from aigc_lib.metrics.intervals import bootstrap_interval
from aigc_lib.models import TextClassifier
from benchmarks.record import in_turns, record, seeds, summary

STEPS, SEEDS = int(os.environ.get("STEPS", 1_000)), seeds(3)
HELD_OUT, TOKENS, MEMBERS = 1_000, 2_000, 3
SETTINGS = {
    "ngrams": 6,
    "context": 40,  # tokens: nearly all questions are shorter
    "depth": 1,
    "width": 96,
    "dropout": 0.3,
    "hidden": 0.1,
    "learning_rate": 2e-3,
    "weight_decay": 0.1,
}

WORDS = {"ngram_range": (1, 2), "sublinear_tf": True}
LETTERS = {"analyzer": "char_wb", "ngram_range": (2, 5), "sublinear_tf": True}
FEATURES = {"words": [WORDS], "letters": [LETTERS], "both": [WORDS, LETTERS]}
PENALTIES = (3, 10, 30)  # scikit-learn's C: a large one is a small penalty


def tfidf(train: Texts, held: Texts, test: Texts, seed: int) -> Tensor:
    """Return the probabilities (N, K) of the test questions by the best pipeline."""
    best = -1.0, None
    for name, kinds in FEATURES.items():
        for c in PENALTIES:
            pipe = make_pipeline(
                make_union(*(TfidfVectorizer(**kind) for kind in kinds)),
                LogisticRegression(C=c, max_iter=200, tol=1e-3),
            )
            pipe.fit(train.texts, train.y.numpy())
            accuracy = pipe.score(held.texts, held.y.numpy())
            print(f"{name}, C={c}: {accuracy:.4f} on those held out", flush=True)
            best = max(best, (accuracy, pipe), key=lambda one: one[0])
    return torch.from_numpy(best[1].predict_proba(test.texts))


def encoder(train: Texts, held: Texts, test: Texts, seed: int) -> Tensor:
    """Return the probabilities (N, K) of the test questions by our classifiers."""
    train, held, test = map(plain, (train, held, test))
    code = BytePairs.train(train.texts, vocab_size=TOKENS)
    of_held, of_test = 0.0, 0.0  # logits (N, K), summed over the members
    for member in range(MEMBERS):
        own = MEMBERS * seed + member
        aigc.start(seed=own)
        model = TextClassifier(code, train.classes, **SETTINGS)
        data = model.encode(train)
        aigc.fit(model, data, steps=STEPS, seed=own, ema=0.99, cooldown=1.0)
        of_held, of_test = of_held + model.logits(held), of_test + model.logits(test)
    return (of_test / fitted_temperature(of_held, held.y)).softmax(1)


def plain(texts: Texts) -> Texts:
    """Write in lower case, with a space before the first word as before the others."""
    return replace(texts, texts=tuple(" " + text.lower() for text in texts))


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
    recipes = {f"{name}, {STEPS} steps": name for name in RECIPES}
    answers = in_turns(
        "text_classification",
        recipes,  # an interrupted run with other STEPS is another run
        SEEDS,
        lambda key, seed: measure(RECIPES[recipes[key]], seed, train, test),
    )
    runs = {recipes[key]: results for key, results in answers.items()}
    theirs, ours = (
        torch.tensor([run.pop("hits") for run in results]).double().mean(0)
        for results in runs.values()
    )
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
        steps=STEPS,
        members=MEMBERS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
