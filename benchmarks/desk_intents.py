"""Intents, and texts that are none of the shop's business.

*service*: 42 intents of a made-up shop, on wordings that nobody has learned. TF-IDF
with logistic regression, our ``TextClassifier``, and both as the assistant mixes them;
with outsiders among the training texts (made-up ones and, "real", people of crosswoz
and kdconv_travel) and without. How well each tells insiders from outsiders: AUROC
against made-up outsiders, other people of the same two sets, and people of two sets
that nothing was learned of, who ask about encyclopaedias (cmrc2018, drcd). Without
outsiders the score is the greatest probability, with them that of being inside. F1 of
refusals: the assistant's, and beside it that of TF-IDF without outsiders, whose
threshold for the greatest probability is chosen on the same patterns held out.

*banking77*: 19 of the 77 intents are left out of training, and are the outsiders;
no others are at hand that would be as near. *few*: ten questions of each intent, and
what a small GPT that read them writes, or noise, or as many more real ones.
*corrections*: agents correct what the assistant answered wrongly among half of the
questions in other words; it learns, and is asked the other half. ``STEPS=20`` is quick.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.apps.service_desk.knowledge import shop
from aigc_lib.apps.service_desk.retrieval import Index
from aigc_lib.apps.service_desk.training import trained_encoder
from aigc_lib.apps.service_desk.understanding import (
    OUTSIDE,
    Linear,
    Said,
    Understanding,
    divided,
    made,
    real_outsiders,
)
from aigc_lib.data import BytePairs, Characters, prompted
from aigc_lib.metrics.calibration import (
    expected_calibration_error,
    rejection_threshold,
)
from aigc_lib.metrics.intervals import paired_gain, student_gain
from aigc_lib.models import GPT, TextClassifier
from aigc_lib.models.transformer.pairs import PairEncoder
from benchmarks.desk_retrieval import _steps
from benchmarks.generated_texts import noisy
from benchmarks.record import in_turns, record, seeds
from benchmarks.text_classification import LETTERS, SETTINGS, WORDS

SEEDS = seeds(5)
BANKING = int(os.environ.get("STEPS", 150))
WRITING = int(os.environ.get("STEPS", 80))
LEFT_OUT, FEW, TIMES = 19, 10, 3
NET = {"context": 128, "depth": 2, "heads": 4, "width": 96, "optimizer": "muon"}


def auroc(inside: Sequence[float], outside: Sequence[float]) -> float:
    """How often an insider has the greater score, ties half."""
    n, m = len(inside), len(outside)
    ranks = rankdata(np.concatenate([inside, outside]))
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def f1(inside: np.ndarray, outside: np.ndarray) -> float:
    """F1 of refusals, which are to find outsiders; True for each who was refused."""
    found, wrong = int(np.sum(outside)), int(np.sum(inside))
    return 2 * found / (found + wrong + len(outside))


def outsiders() -> dict[str, list[str]]:
    """Texts of the test parts that want no shop."""
    people = {
        name: list(aigc.data.load(name, split="test").where(role="user").texts)
        for name in ("crosswoz", "kdconv_travel")
    }
    asked = {
        name: list(aigc.data.load(name, split="test").texts)
        for name in ("cmrc2018", "drcd")
    }
    own = [one.text for one in made("test") if one.intent == OUTSIDE]
    return {
        "made": own,
        "same people's sets": [t for some in people.values() for t in some[:600]],
        "other sets": [t for some in asked.values() for t in some[:600]],
    }


def service(seed: int) -> dict:
    """Train with and without outsiders; judge on the test wordings.

    The seed is that of the net; TF-IDF has none.
    """
    aigc.start(seed=seed)
    rows = made("train")
    inside = [one for one in rows if one.intent != OUTSIDE]
    test = [one for one in made("test") if one.intent != OUTSIDE]
    texts, others, answer = [one.text for one in test], outsiders(), {}
    classes = tuple(sorted({one.intent for one in inside}))
    y = torch.tensor([classes.index(one.intent) for one in test])
    readers = {"TF-IDF, none": (linear(inside, classes).logits, None)}
    thresholds = {}  # of the assistant, and of TF-IDF beside it
    for way, data in (("made", rows), ("real", [*rows, *real_outsiders()])):
        reader = Understanding.trained(data, seed=seed, **_steps())
        readers[f"TF-IDF, {way}"] = (reader.linear.logits, reader)
        readers[f"net, {way}"] = (reader.net.logits, reader)
        readers[f"assistant, {way}"] = (reader._votes, reader)
        thresholds[f"assistant, {way}"] = reader.threshold, line_of(data, classes)
        answer[f"share of the net, {way}"] = reader.share
    base: dict = {}
    for key, (logits, reader) in readers.items():
        z, known = logits(texts), len(classes)
        hit = (z[:, :known].argmax(1) == y).double()
        base.setdefault("accuracy", hit)
        answer[f"accuracy|{key}"] = hit.mean().item()
        answer[f"gain accuracy|{key}"] = list(paired_gain(hit, base["accuracy"]))
        for kind, some in others.items():
            scores = tuple(_inside(part, known) for part in (z, logits(some)))
            base.setdefault(kind, scores)
            answer[f"auroc {kind}|{key}"] = auroc(*scores)
            answer[f"gain auroc {kind}|{key}"] = difference(auroc, scores, base[kind])
            if key in thresholds:
                both = zip((scores, base[kind]), thresholds[key], strict=True)
                ours, theirs = (tuple(s < line for s in pair) for pair, line in both)
                other = key.replace("assistant", "TF-IDF with a threshold")
                answer[f"f1 {kind}|{other}"] = f1(*theirs)
                answer[f"f1 {kind}|{key}"] = f1(*ours)
                answer[f"gain f1 {kind}|{key}"] = difference(f1, ours, theirs)
        if key in thresholds:
            p = (z / reader.temperature).softmax(1)
            answer[f"ece|{key}"] = expected_calibration_error(p, y)
    return answer


def linear(data: Sequence[Said], classes: Sequence[str]) -> Linear:
    """TF-IDF with logistic regression, fitted on ``data`` of these classes."""
    y = np.array([classes.index(one.intent) for one in data])
    return Linear.fitted([one.text for one in data], y)


def line_of(data: Sequence[Said], classes: Sequence[str]) -> float:
    """Below which greatest probability TF-IDF refuses, chosen as the assistant's line.

    On the patterns of ``data`` that ``divided`` holds out; of the others it learns
    those of ``classes``.
    """
    kept, held = divided(data)
    reader = linear([one for one in kept if one.intent in classes], classes)
    inside = [one.text for one in held if one.intent in classes]
    outside = [one.text for one in held if one.intent == OUTSIDE]
    scores = (_inside(reader.logits(some), len(classes)) for some in (inside, outside))
    return rejection_threshold(*map(torch.from_numpy, scores))


def difference(
    statistic: Callable[..., float], new: tuple, old: tuple, resamples: int = 500
) -> list[float]:
    """Difference of a statistic on the same texts, 95% paired bootstrap over them.

    ``new`` and ``old`` are what it takes: of the insiders, and of the outsiders.
    """
    rng, n, m = np.random.default_rng(0), len(new[0]), len(new[1])
    gaps = []
    for _ in range(resamples):
        i, j = rng.integers(n, size=n), rng.integers(m, size=m)
        gaps.append(statistic(new[0][i], new[1][j]) - statistic(old[0][i], old[1][j]))
    low, high = np.quantile(gaps, [0.025, 0.975])
    return [statistic(*new) - statistic(*old), float(low), float(high)]


def _inside(logits: Tensor, known: int) -> np.ndarray:
    """The greatest probability, or where a class is for outsiders, that of no such."""
    p = logits.softmax(1)
    return (p.amax(1) if p.shape[1] == known else 1 - p[:, -1]).double().numpy()


def tfidf(features: Sequence[dict]) -> list:
    return [TfidfVectorizer(**kind) for kind in features]


def banking(seed: int) -> dict:
    """Leave out intents; tell their questions from the others."""
    aigc.start(seed=seed)
    train = aigc.data.load("banking77")
    test = aigc.data.load("banking77", split="test")
    order = list(range(len(train.classes)))
    Random(seed).shuffle(order)
    strange, classes = set(order[:LEFT_OUT]), order[LEFT_OUT:]
    number = {c: i for i, c in enumerate(classes)}
    pairs = [
        (" " + text.lower(), number[c])
        for text, c in zip(train.texts, train.y.tolist(), strict=True)
        if c not in strange
    ]
    texts, y = [t for t, _ in pairs], torch.tensor([c for _, c in pairs])
    asked = [" " + text.lower() for text in test.texts]
    known = np.array([c not in strange for c in test.y.tolist()])
    right = np.array([number.get(c, -1) for c in test.y.tolist()])

    pipe = make_pipeline(
        TfidfVectorizer(**WORDS), LogisticRegression(C=10, max_iter=300)
    )
    p = pipe.fit(texts, y.numpy()).predict_proba(asked)
    letters = TfidfVectorizer(**LETTERS)
    space = letters.fit_transform(texts)
    near = (letters.transform(asked) @ space.T).toarray()
    near = np.sort(near, 1)[:, -5:].mean(1)
    code = BytePairs.train(texts, vocab_size=1_000)
    model = TextClassifier(
        code, tuple(str(c) for c in classes), **SETTINGS | {"ngrams": 5}
    )
    rows = model.encode(texts)._replace(y=y)
    aigc.fit(model, rows, steps=BANKING, seed=seed, ema=0.99, cooldown=1.0)
    z = model.logits(asked)
    q = z.softmax(1).numpy()
    mean = (p + q) / 2
    scores = {
        "TF-IDF, greatest probability": p.max(1),
        "net, greatest probability": q.max(1),
        "net, energy": z.logsumexp(1).numpy(),
        "nearest five texts": near,
        "both, greatest probability": mean.max(1),
        "both and the nearest five": _places(mean.max(1)) + _places(near),
        "both, energy, nearest five": _places(mean.max(1))
        + _places(near)
        + _places(z.logsumexp(1).numpy()),
    }
    answer = {
        f"auroc left out|{name}": auroc(s[known], s[~known])
        for name, s in scores.items()
    }
    for name, share in (("TF-IDF", p), ("net", q), ("both", mean)):
        hit = share.argmax(1)[known] == right[known]
        answer[f"accuracy|{name}, banking77"] = float(hit.mean())
    return answer


def _places(scores: np.ndarray) -> np.ndarray:
    """Bring scores of different kinds to one scale: their places, 0 to 1."""
    return np.argsort(np.argsort(scores)) / len(scores)


def few(seed: int) -> dict:
    """Ten questions of each intent; what is written after them; noise; more real."""
    aigc.start(seed=seed)
    train = aigc.data.load("banking77")
    test = aigc.data.load("banking77", split="test")
    names = train.classes
    pool = [
        (text[:90], names[c])
        for text, c in zip(train.texts, train.y.tolist(), strict=True)
    ]
    Random(seed).shuffle(pool)
    by_class: dict[str, list] = {}
    for pair in pool:
        by_class.setdefault(pair[1], []).append(pair)
    some = [pair for own in by_class.values() for pair in own[:FEW]]
    more = [pair for own in by_class.values() for pair in own[: (1 + TIMES) * FEW]]
    written = paraphrased(some, seed)
    known = {text for text, _ in some}
    answer: dict = {"copies": float(np.mean([text in known for text, _ in written]))}
    both = zip(test.texts, test.y.tolist(), strict=True)
    asked = [(text[:90], names[c]) for text, c in both]
    ways = {
        "ten each": some,
        "few + written by a GPT": some + written,
        "few + noise": some + noisy(some, seed),
        "more real ones": more,
    }
    for way, rows in ways.items():
        pipe = make_pipeline(
            TfidfVectorizer(**WORDS), LogisticRegression(C=30, max_iter=300)
        )
        pipe.fit([t for t, _ in rows], [c for _, c in rows])
        hit = pipe.predict([t for t, _ in asked]) == np.array([c for _, c in asked])
        answer[f"accuracy|{way}"] = float(hit.mean())
    return answer


def paraphrased(some: list[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """Let a GPT read the few, each behind the name of its intent, and write more."""
    tokenizer = Characters.train(["\n|", *(t + c for t, c in some)], min_count=1)
    model = GPT(tokenizer, learning_rate=3e-3, dropout=0.1, **NET)
    rows = prompted([(f"{c[:30]}|", t) for t, c in some], tokenizer, length=126)
    aigc.fit(model, rows, steps=WRITING, batch_size=32, seed=seed, ema=0.98)
    labels = [c for _, c in some] * TIMES
    prompts = [f"{c[:30]}|" for c in labels]
    texts = model.answers(prompts, room=90, seed=seed, temperature=0.8)
    return [(t, c) for t, c in zip(texts, labels, strict=True) if t]


def corrections(seed: int) -> dict:
    """One round: agents correct half of what went wrong, the other half is asked.

    What is found first counts; the encoder alone decides that, and is trained anew.
    """
    made_up, data = shop(), made("train")
    asked = [(q, wanted) for q, wanted in made_up.asked if not q.isascii()]
    Random(seed).shuffle(asked)
    halves = asked[: len(asked) // 2], asked[len(asked) // 2 :]
    before = Found(trained_encoder(made_up.entries, data, seed=seed, **_steps()))
    wrong = [
        {"text": q, "entry": wanted}
        for (q, wanted), right in zip(halves[0], before.right(halves[0]), strict=True)
        if not right
    ]
    taught = trained_encoder(made_up.entries, data, wrong, seed=seed, **_steps())
    answer: dict = {"corrections": len(wrong)}
    for when, who in (("before", before), ("after", Found(taught, wrong))):
        for name, half in zip(("corrected half", "other half"), halves, strict=True):
            answer[f"{name}|{when}"] = float(np.mean(who.right(half)))
    return answer


class Found:
    """The index of the assistant's Chinese entries, and what it was corrected to."""

    def __init__(self, encoder: PairEncoder, corrections: Sequence[dict] = ()):
        self.own = [e for e in shop().entries if e.language == "zh"]
        number = {e.id: i for i, e in enumerate(self.own)}
        rows = [
            (text, i)
            for i, e in enumerate(self.own)
            for text in (e.title, *e.questions, e.text)
        ]
        rows += [(one["text"], number[one["entry"]]) for one in corrections]
        self.index = Index(*zip(*rows, strict=True), encoder)

    def right(self, asked: Sequence[tuple[str, str]]) -> list[bool]:
        """Whether the right entry comes first, for each question."""
        both = self.index.scores([q for q, _ in asked])[0]
        found = [self.own[i].id for i in both.argmax(1)]
        return [name == wanted for name, (_, wanted) in zip(found, asked, strict=True)]


PARTS = {
    "service": service,
    "banking": banking,
    "few": few,
    "corrections": corrections,
}
AGAINST = {  # what each is compared with, seed by seed
    "banking": lambda key: (
        "auroc left out|TF-IDF, greatest probability"
        if key.startswith("auroc")
        else "accuracy|TF-IDF, banking77"
    ),
    "few": lambda key: "accuracy|ten each",
    "corrections": lambda key: f"{key.split('|')[0]}|before",
}


def main() -> None:
    runs = in_turns("desk_intents", ["service"], seeds(1), lambda n, s: service(s))
    others = [name for name in PARTS if name != "service"]
    runs |= in_turns("desk_intents", others, SEEDS, lambda n, seed: PARTS[n](seed))
    rows, context = [], {}
    for part, results in runs.items():
        for key in results[0]:
            values = [result[key] for result in results]
            if "|" not in key:
                context[f"{part}, {key}"] = values
                continue
            what, way = key.split("|")
            if what.startswith("gain "):
                continue
            row = {"part": part, "what": what, "way": way}
            row |= {"mean": float(np.mean(values)), "least": min(values)}
            row["greatest"] = max(values)
            gain = results[0].get(f"gain {key}")
            if part in AGAINST and len(values) > 1:
                base = [result[AGAINST[part](key)] for result in results]
                gain = list(student_gain(values, base))
            if gain:
                row |= {"gain": gain[0], "gain_interval": gain[1:]}
            rows.append(row)
    record(
        "desk_intents",
        rows,
        details=context,
        data="service, crosswoz, kdconv_travel, cmrc2018, drcd, banking77, the shop",
        metric="service: one training, gains over TF-IDF without outsiders (its "
        "greatest probability; for F1 with a threshold), 95% paired bootstrap over "
        "texts; the rest: means over seeds, gains over TF-IDF, over the few, over "
        "before, Student's 95% interval",
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
