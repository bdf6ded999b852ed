"""The studies of ``benchmarks.synthetic``: what a learner gets from each recipe."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import avg_pool2d

import aigc_lib as aigc
from aigc_lib.codecs.spectrum import log_mel
from aigc_lib.codecs.tables import TableCodec
from aigc_lib.data import BytePairs, augment, prompted
from aigc_lib.metrics.calibration import expected_calibration_error
from aigc_lib.metrics.images import precision_recall
from aigc_lib.metrics.learning import accuracy, taught
from aigc_lib.metrics.memorisation import copying
from aigc_lib.metrics.tables import Features
from aigc_lib.models import GPT, TVAE, ConditionalVAE, TableFlow

STEPS = int(os.environ.get("STEPS", 250))
REAL = "real only"
TEST, MADE = 2_000, 2_000  # pictures to judge by, pictures that are made
FEW, MORE = 10, 100  # real pictures of each class
ELSEWHERE = 5_000  # pictures that a generator may have seen besides
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75)  # of real pictures; 1 is "real only"
GENERATIONS, TAIL = 10, 0.1
SCHEMES = ("replace", "replace, filtered", "20% fresh", "accumulate")


# ---- pictures ------------------------------------------------------------------------


def pictures(per_class: int, seed: int) -> tuple[Tensor, ...]:
    """Return real pictures and labels, others to learn from, and those of the test."""
    train = aigc.data.load("fashion_mnist")
    test = aigc.data.load("fashion_mnist", split="test")
    order = torch.randperm(len(train), generator=source(seed))
    order = torch.cat([order[train.y[order] == c][:per_class] for c in range(10)])
    rest = torch.ones(len(train), dtype=torch.bool).index_fill(0, order, False)
    rest = rest.nonzero()[:, 0][:ELSEWHERE]
    return (
        *(unit(train.x[order]), train.y[order]),
        *(unit(train.x[rest]), train.y[rest]),
        *(unit(test.x[:TEST]), test.y[:TEST]),
    )


def generator(x: Tensor, y: Tensor, seed: int, steps: int, **options) -> ConditionalVAE:
    """Train a conditional generator on pictures and labels."""
    aigc.start(seed=seed)
    model = ConditionalVAE(hidden=128, **options)
    aigc.fit(model, (x, y), steps=steps, seed=seed)
    return model


def images(per_class: int, seed: int) -> dict[str, float]:
    """Accuracy on real pictures of a classifier that learned from each recipe."""
    x, y, more_x, more_y, x_test, y_test = pictures(per_class, seed)
    labels = torch.arange(MADE) % 10
    soft = [augment.soft(part, 10) for part in (y, labels)]
    model = generator(x, y, seed, 2 * STEPS)
    made = model.sample(MADE, seed=seed, labels=labels)
    both = (torch.cat([more_x, x]), torch.cat([more_y, y]))
    lent = generator(*both, seed, 2 * STEPS).sample(MADE, seed=seed, labels=labels)

    def joined(made: Tensor) -> tuple[Tensor, Tensor]:  # real ones count as much
        times = MADE // len(x)
        return (
            torch.cat([x.repeat(times, 1, 1, 1), made]),
            torch.cat([soft[0].repeat(times, 1), soft[1]]),
        )

    recipes = {
        REAL: (x, soft[0]),
        "flips": (x, soft[0], lambda x, y, g: (augment.flipped(x, g), y)),
        "flips and shifts": (x, soft[0], augment.moved),
        "mixup": (x, soft[0], augment.mixing),
        "made": joined(made),
        "made, generator saw more": joined(lent),
    }

    def score(*recipe) -> float:
        return accuracy(taught(*recipe, steps=STEPS, seed=seed), x_test, y_test)

    found = {name: score(*recipe) for name, recipe in recipes.items()}
    flat = [part.flatten(1) for part in (x, more_x[:MADE], made)]
    return found | {f"copies {k}": v for k, v in copying(*flat).items()}


def replaced(seed: int) -> dict[str, float]:
    """Accuracy where a share of the real pictures is left: made ones added, or none.

    The generator saw all the real pictures, those that are left out too.
    """
    x, y, _, _, x_test, y_test = pictures(MORE, seed)
    labels = torch.arange(MADE) % 10
    made = generator(x, y, seed, 2 * STEPS).sample(MADE, seed=seed, labels=labels)
    y, labels = (augment.soft(part, 10) for part in (y, labels))
    mixed_up = torch.randperm(len(x), generator=source(seed))

    def score(x: Tensor, y: Tensor) -> float:
        return accuracy(taught(x, y, steps=STEPS, seed=seed), x_test, y_test)

    found = {REAL: score(x, y)}
    for share in SHARES:
        kept = mixed_up[: int(share * len(x))]
        rest = len(x) - len(kept)
        parts = (x[kept], made[:rest]), (y[kept], labels[:rest])
        found[f"{share:.0%}, made"] = score(*map(torch.cat, parts))
        if share:
            found[f"{share:.0%}, alone"] = score(x[kept], y[kept])
    return found


def generations(scheme: str, seed: int) -> dict[str, list[float]]:
    """Variance, tail recall and usefulness of each generation's samples.

    The first number is that of the real pictures. Variance is that around the mean of
    the class, over that of the real test pictures. The tail are the real test pictures
    farthest from the mean of their class.
    """
    x, y, fresh_x, fresh_y, x_test, y_test = pictures(MORE, seed)
    x, fresh_x, x_test = (avg_pool2d(part, 2) for part in (x, fresh_x, x_test))
    n = len(x)
    apart = (x_test - means(x_test, y_test)[y_test]).flatten(1)
    far = apart.norm(dim=1)
    tail = x_test[far >= far.quantile(1 - TAIL)].flatten(1)
    spread = apart.square().sum(1).mean()
    found = {"variance": [], "tail recall": [], "accuracy": []}

    def look(x: Tensor, y: Tensor) -> None:
        around = (x - means(x, y)[y]).flatten(1).square().sum(1).mean()
        ridge = RidgeClassifier(1.0).fit(x.flatten(1).numpy(), y.numpy())
        hit = ridge.score(x_test.flatten(1).numpy(), y_test.numpy())
        inside = precision_recall(tail, x[:n].flatten(1))["recall"]
        for name, value in zip(found, (around / spread, inside, hit), strict=True):
            found[name].append(float(value))

    look(x, y)
    pool = [(x, y)]
    for k in range(GENERATIONS):
        learned = [torch.cat(parts) for parts in zip(*pool, strict=True)]
        small = {"sample_shape": (1, 14, 14), "body": "mlp"}
        model = generator(*learned, 100 * seed + k, STEPS, **small)
        size = 2 * n if "filtered" in scheme else n
        labels = torch.arange(size) % 10
        made = model.sample(size, seed=100 * seed + k, labels=labels)
        if "filtered" in scheme:  # keep the half that looks most like its class
            off = (made - means(made, labels)[labels]).flatten(1).norm(dim=1)
            made, labels = (part[off.argsort()[:n]] for part in (made, labels))
        look(made, labels)
        if scheme == "accumulate":
            pool.append((made, labels))
        elif scheme == "20% fresh":
            new = slice(k * n // 5, (k + 1) * n // 5)
            some = slice(n // 5, None)
            pool = [(fresh_x[new], fresh_y[new]), (made[some], labels[some])]
        else:
            pool = [(made, labels)]
    return found


def means(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([x[y == c].mean(0) for c in range(10)])


# ---- a table -------------------------------------------------------------------------


def table(data: str, rows: int, seed: int) -> dict[str, float]:
    """AUC, balanced accuracy and calibration of what each recipe teaches."""
    frame, target = frames(data)
    order = np.random.default_rng(seed).permutation(len(frame))
    train = frame.iloc[order[:rows]].reset_index(drop=True)
    test = frame.iloc[order[-300:]]
    features = Features(train.drop(columns=target))
    classes, counts = np.unique(train[target].astype(str), return_counts=True)
    rare = classes[counts.argmin()]

    def numbers(part):
        y = (part[target].astype(str) == rare).to_numpy().astype(int)
        return features(part.drop(columns=target)), y

    x, y = numbers(train)
    codec = TableCodec.fit(train)
    made = {}
    for name, kind in (("TVAE", TVAE), ("flow of tables", TableFlow)):
        aigc.start(seed=seed)
        model = kind(codec)
        size = min(model.recipe["batch_size"], len(train))
        codes = model.samples(codec.encode(train))
        aigc.fit(model, codes, steps=STEPS, seed=seed, batch_size=size)
        made[name] = numbers(model.sample(len(train), seed=seed))
    found = {}
    recipes = {
        REAL: (x, y, {}),
        "class weights": (x, y, {"class_weight": "balanced"}),
        "SMOTE": (*balanced(x, y, seed), {}),
    }
    for name, (a, b) in made.items():
        recipes[name] = np.concatenate([x, a]), np.concatenate([y, b]), {}
        recipes[f"{name} alone"] = a, b, {}
    x_test, y_test = numbers(test)
    for name, (a, b, options) in recipes.items():
        found |= {
            f"{name}: {k}": v
            for k, v in judged(a, b, x_test, y_test, seed, **options).items()
        }
    p = logistic().fit(x, y).predict_proba(x_test)[:, 1]
    low = balanced_accuracy_score(y_test, p > y.mean())
    return found | {f"{REAL}, lower threshold: balanced accuracy": float(low)}


def frames(data: str):
    """Return a whole table, and its target."""
    if data == "breast_cancer":
        from sklearn.datasets import load_breast_cancer

        bunch = load_breast_cancer(as_frame=True)
        names = bunch.target.map({0: "malignant", 1: "benign"})
        return bunch.data.assign(diagnosis=names.astype(object)), "diagnosis"
    import pandas as pd

    parts = [aigc.data.load(data, split=split) for split in ("train", "test")]
    whole = pd.concat([part.frame for part in parts], ignore_index=True)
    return whole, parts[0].target


def balanced(x, y, seed: int):
    """Add what SMOTE of imbalanced-learn makes of the rarer class."""
    from imblearn.over_sampling import SMOTE

    near = min(5, int(y.sum()) - 1)
    return SMOTE(random_state=seed, k_neighbors=near).fit_resample(x, y)


def logistic(**options):
    return LogisticRegression(max_iter=500, **options)


def judged(x, y, x_test, y_test, seed: int, **options) -> dict[str, float]:
    boosting = HistGradientBoostingClassifier(
        max_iter=60, random_state=seed, min_samples_leaf=10, **options
    )
    p, q = (
        model.fit(x, y).predict_proba(x_test)
        for model in (logistic(**options), boosting)
    )
    auc = [roc_auc_score(y_test, each[:, 1]) for each in (p, q)]
    off = expected_calibration_error(torch.from_numpy(p), torch.from_numpy(y_test))
    return {
        "AUC": float(np.mean(auc)),
        "balanced accuracy": float(balanced_accuracy_score(y_test, p[:, 1] > 0.5)),
        "calibration error": float(off),
    }


# ---- speech --------------------------------------------------------------------------


def speech(per_class: int, seed: int) -> dict[str, float]:
    """Accuracy on clean and on noisy vowels, learned from few clean ones."""
    train, test = (aigc.data.load("vowels", split=s) for s in ("train", "test"))
    draws = source(seed)
    order = torch.randperm(len(train), generator=draws)
    order = torch.cat([order[train.y[order] == c][:per_class] for c in range(5)])
    sound, y = train.x[order].flatten(1), train.y[order]
    noise = 0.5 * sound.std()

    def noisy(x: Tensor) -> Tensor:
        return x + noise * torch.randn(x.shape, generator=draws)

    def rolled(x: Tensor) -> Tensor:
        steps = torch.randint(x.shape[1], (len(x),), generator=draws)
        pairs = zip(x, steps, strict=True)
        return torch.stack([row.roll(int(step)) for row, step in pairs])

    times = 20
    many, labels = sound.repeat(times, 1), y.repeat(times)
    mel = log_mel(many)
    middle, reach = mel.mean(), (mel - mel.mean()).abs().max()
    scaled = (mel - middle) / reach  # as pictures are, in [-1, 1]
    aigc.start(seed=seed)
    shape = (1, *mel.shape[1:])
    model = ConditionalVAE(classes=5, sample_shape=shape, body="mlp", hidden=128)
    first = scaled[: len(y)].view(-1, *shape)
    aigc.fit(model, (first, y), steps=STEPS, seed=seed, batch_size=min(64, len(y)))
    made = model.sample(len(labels), seed=seed, labels=labels).view(mel.shape)
    made = made * reach + middle
    half = len(labels) // 2  # the rows of either half are in the same order
    recipes = {
        REAL: mel,
        "shifts in time": log_mel(rolled(many)),
        "masks": augment.masked(mel, 8, 4, draws),
        "noise": torch.cat([mel[half:], log_mel(noisy(many[:half]))]),
        "made": torch.cat([mel[half:], made[:half]]),
    }
    clean = test.x.flatten(1)
    tests = {"clean": log_mel(clean), "noisy": log_mel(noisy(clean))}
    found = {}
    for name, x in recipes.items():
        pipe = make_pipeline(StandardScaler(), logistic(C=0.1))
        pipe.fit(x.flatten(1).numpy(), labels.numpy())
        for kind, x_test in tests.items():
            score = pipe.score(x_test.flatten(1).numpy(), test.y.numpy())
            found[f"{name}: {kind}"] = float(score)
    return found


# ---- text ----------------------------------------------------------------------------

INTENTS, LINES, MADE_LINES, HELD_OUT, ROOM = 20, 600, 400, 400, 36
SYNONYMS = json.loads(Path(__file__).with_name("synonyms.json").read_text("utf-8"))


def text(per_class: int, seed: int) -> dict[str, float]:
    """Accuracy on intents of a TF-IDF with logistic regression."""
    train, test = (aigc.data.load("banking77", split=s) for s in ("train", "test"))
    draws = source(seed)
    intents = torch.randperm(len(train.classes), generator=draws)[:INTENTS]
    order = torch.randperm(len(train), generator=draws)
    groups = [order[train.y[order] == c] for c in intents]
    chosen = torch.cat([group[:per_class] for group in groups]).tolist()
    held = torch.cat([g[per_class : per_class + HELD_OUT // INTENTS] for g in groups])
    asked = torch.isin(test.y, intents).nonzero()[:, 0].tolist()
    lines, y = [train.texts[i] for i in chosen], train.y[chosen].tolist()
    times = LINES // len(lines)
    copied, labels = times * lines, times * y
    made_of = [y[k % len(y)] for k in range(0, 7 * MADE_LINES, 7)]  # of all intents
    recipes = {
        REAL: (lines, y),
        "words left out": (
            [augment.without_words(t, 0.15, draws) for t in copied],
            labels,
        ),
        "synonyms": (
            [augment.with_synonyms(t, SYNONYMS, 0.3, draws) for t in copied],
            labels,
        ),
        "made": (written(lines, y, made_of, train.classes, seed), made_of),
    }
    tests = [train[held.tolist()], test[asked]]
    found = {}
    for name, (made, of) in recipes.items():
        best = -1.0, 0.0
        for penalty in (3, 10, 30):
            pipe = make_pipeline(
                TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
                logistic(C=penalty, tol=1e-3),
            )
            pipe.fit([*copied, *made], [*labels, *of])
            scores = [pipe.score(part.texts, part.y.numpy()) for part in tests]
            best = max(best, (float(scores[0]), float(scores[1])))
        found[name] = best[1]
    made = recipes["made"][0]
    found["copied lines"] = float(np.mean([line in set(lines) for line in made]))
    return found


def written(lines, y, labels, classes, seed: int) -> list[str]:
    """Let a GPT that learned from these lines alone write others of their intents."""
    aigc.start(seed=seed)
    prompts = [classes[k].replace("_", " ").lower() + ": " for k in range(len(classes))]
    # a line break ends each line, and must be a token
    code = BytePairs.train(
        [*lines, *(prompts[k] for k in set(y)), "\n"], vocab_size=400
    )
    pairs = [(prompts[k], line) for k, line in zip(y, lines, strict=True)]
    pairs = [p for p in pairs if sum(len(code.encode(t)) for t in p) < 2 * ROOM]
    model = GPT(code, context=2 * ROOM, depth=2, width=64, dropout=0.1)
    data = prompted(pairs, code, length=2 * ROOM)
    aigc.fit(model, data, steps=STEPS, seed=seed, batch_size=min(32, len(data)))
    asked = [prompts[k] for k in labels]
    return model.answers(asked, room=ROOM, seed=seed, temperature=0.9)


# ---- small things -------------------------------------------------------------------


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def unit(x: Tensor) -> Tensor:
    return x.float() / 127.5 - 1
