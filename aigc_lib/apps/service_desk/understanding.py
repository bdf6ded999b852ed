"""What a customer wants, how sure that is, and whether it is the shop's business."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from ... import runtime
from ...data import Characters, find, load
from ...files import replacing
from ...metrics.calibration import fitted_temperature, rejection_threshold
from ...models import MaskedLM, TextClassifier
from ...train import fit

OUTSIDE = "范围外"
SETTINGS = {
    "context": 48,
    "depth": 1,
    "width": 96,
    "dropout": 0.3,
    "ngrams": 2,
    "hidden": 0.2,
}
STEPS = 200
# of a net that begins as a BERT, all within what Devlin et al. 2019 give in A.3
BERT_RATE, BERT_EPOCHS, BERT_BATCH = 3e-5, 3, 32
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # that are tried
SET = ("share", "temperature", "threshold")  # on patterns held out
HELD_OUT = 4  # one pattern of so many is held out for choices


class Said(NamedTuple):
    """A text, and what its author wants."""

    text: str
    intent: str
    pattern: str = ""


class Understood(NamedTuple):
    """The likeliest intent, None where it is none; its probability; how inside it is.

    ``inside`` is the score that the rejection looks at, ``shares`` the probability of
    each intent.
    """

    intent: str | None
    confidence: float
    inside: float
    likeliest: str
    shares: dict[str, float]


class Linear:
    """TF-IDF of letters with logistic regression, as plain arrays in a file.

    Runs of 1 and 2 letters, sublinear; scikit-learn fits it.
    """

    def __init__(self, vectorizer: Any, weights: np.ndarray, bias: np.ndarray):
        self.vectorizer, self.weights, self.bias = vectorizer, weights, bias

    @staticmethod
    def _vectorizer(vocabulary: dict[str, int] | None = None) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        kind = {"analyzer": "char", "ngram_range": (1, 2), "sublinear_tf": True}
        return TfidfVectorizer(**kind, vocabulary=vocabulary)

    @classmethod
    def fitted(cls, texts: Sequence[str], y: np.ndarray, c: float = 10.0) -> Linear:
        """Fit on texts and the numbers of their classes, all of which occur."""
        from sklearn.linear_model import LogisticRegression

        vectorizer = cls._vectorizer()
        x = vectorizer.fit_transform(texts)
        model = LogisticRegression(C=c, max_iter=300).fit(x, y)
        return cls(vectorizer, model.coef_.astype(np.float32), model.intercept_)

    def logits(self, texts: Sequence[str]) -> Tensor:
        """Return logits (N, classes) float32."""
        z = self.vectorizer.transform(texts) @ self.weights.T + self.bias
        return torch.from_numpy(np.asarray(z, np.float32))

    def state(self) -> tuple[dict[str, Tensor], str]:
        """Return tensors, and the vocabulary as JSON."""
        tensors = {
            "idf": torch.from_numpy(self.vectorizer.idf_.copy()),
            "weights": torch.from_numpy(np.ascontiguousarray(self.weights)),
            "bias": torch.from_numpy(np.asarray(self.bias)),
        }
        words = {word: int(i) for word, i in self.vectorizer.vocabulary_.items()}
        return tensors, json.dumps(words, ensure_ascii=False)

    @classmethod
    def of(cls, tensors: dict[str, Tensor], words: str) -> Linear:
        """Rebuild what ``state`` described."""
        vectorizer = cls._vectorizer(json.loads(words))
        vectorizer.idf_ = tensors["idf"].numpy()
        return cls(vectorizer, tensors["weights"].numpy(), tensors["bias"].numpy())


class Understanding:
    """Two readers that vote: a ``TextClassifier``, and TF-IDF with a linear model.

    Both learn the intents and one class more, what is none of the shop's business.
    ``share`` says how much the net counts, ``temperature`` makes the mean honest,
    ``threshold`` is where it rejects: all are set on patterns held out.
    """

    def __init__(
        self,
        net: TextClassifier,
        linear: Linear,
        *,
        share: float = 0.5,
        temperature: float = 1.0,
        threshold: float = 0.5,
    ):
        self.net, self.linear, self.share = net, linear, share
        self.temperature, self.threshold = temperature, threshold

    @property
    def intents(self) -> tuple[str, ...]:
        """All intents, without the class of what is outside."""
        return tuple(name for name in self.net.classes if name != OUTSIDE)

    @classmethod
    def trained(
        cls,
        data: Sequence[Said],
        *,
        bert: MaskedLM | None = None,
        steps: int | None = None,
        seed: int = 0,
    ) -> Understanding:
        """Train on ``data``, with ``OUTSIDE`` among the intents.

        Twice: once without some patterns, to choose share, temperature and threshold on
        them, then on all; a net whose share is 0 is not trained again. The net begins
        with the encoder of ``bert`` (see ``load_bert``), without one as a small one of
        random weights; ``steps`` other than usual are for trying out.

        Raises:
            ValueError: fewer than two intents, or nothing outside.
        """
        classes = (*sorted({one.intent for one in data} - {OUTSIDE}), OUTSIDE)
        if len(classes) < 3 or all(one.intent != OUTSIDE for one in data):
            raise ValueError(
                f"data has the classes {classes}: give at least two intents, and some "
                f"texts of {OUTSIDE}"
            )
        kept, held = divided(data)
        first = cls._readers(kept, classes, bert, steps, seed)
        first._choose(held)
        final = cls._readers(
            data, classes, bert, steps, seed, net=None if first.share else first.net
        )
        final.share, final.temperature = first.share, first.temperature
        final.threshold = first.threshold
        return final

    @classmethod
    def _readers(
        cls,
        data: Sequence[Said],
        classes: tuple[str, ...],
        bert: MaskedLM | None,
        steps: int | None,
        seed: int,
        net: TextClassifier | None = None,
    ) -> Understanding:
        texts = [one.text for one in data]
        y = torch.tensor([classes.index(one.intent) for one in data])
        linear = Linear.fitted(texts, y.numpy())
        if net is not None:
            return cls(net, linear)
        options: dict[str, Any] = {"steps": steps or STEPS}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if bert is None:
                code = Characters.train(texts, min_count=2)
                net = TextClassifier(code, classes, **SETTINGS)
            else:
                net = TextClassifier.on(bert, classes, learning_rate=BERT_RATE)
                many = BERT_EPOCHS * len(texts) // BERT_BATCH
                options = {"steps": steps or many, "batch_size": BERT_BATCH}
        rows = net.encode(texts)._replace(y=y)
        fit(net, rows, seed=seed, ema=0.99, cooldown=1.0, **options)
        return cls(net, linear)

    def _choose(self, held: Sequence[Said]) -> None:
        inside = [one for one in held if one.intent != OUTSIDE]
        outside = [one.text for one in held if one.intent == OUTSIDE]
        y = torch.tensor([self.net.classes.index(one.intent) for one in inside])
        texts = [one.text for one in inside]
        losses = {}
        for self.share in SHARES:
            losses[self.share] = cross_entropy(self._votes(texts), y).item()
        self.share = min(losses, key=losses.get)
        self.temperature = fitted_temperature(self._votes(texts), y)
        if outside:
            scores = (torch.from_numpy(self.inside(some)) for some in (texts, outside))
            self.threshold = rejection_threshold(*scores)

    def _votes(self, texts: Sequence[str]) -> Tensor:
        """Log of the mean probabilities (N, classes)."""
        ours, theirs = (
            part.logits(texts).softmax(1) for part in (self.net, self.linear)
        )
        mean = self.share * ours + (1 - self.share) * theirs
        return mean.clamp_min(1e-9).log()

    def inside(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability that texts are the shop's business, (N,).

        All that is not ``OUTSIDE``: the greatest probability of one intent would also
        be small where two intents compete.
        """
        return 1 - self._votes(texts)[:, -1].exp().numpy()

    def read(self, texts: Sequence[str]) -> list[Understood]:
        """Read texts, in order."""
        votes = self._votes(texts)
        shares = (votes / self.temperature).softmax(1)[:, :-1]
        scores = 1 - votes[:, -1].exp()
        found = []
        for row, inside in zip(shares, scores.tolist(), strict=True):
            likeliest = self.net.classes[int(row.argmax())]
            intent = likeliest if inside >= self.threshold else None
            sure = float(row.max())
            each = dict(zip(self.intents, row.tolist(), strict=True))
            found.append(Understood(intent, sure, inside, likeliest, each))
        return found

    def save(self, folder: Any) -> None:
        """Write ``intents.safetensors`` and ``words.safetensors`` into ``folder``."""
        self.net.save(folder / "intents.safetensors")
        tensors, words = self.linear.state()
        told = {"words": words} | {name: repr(getattr(self, name)) for name in SET}
        with replacing(folder / "words.safetensors") as temporary:
            save_file(tensors, str(temporary), told)

    @classmethod
    def load(cls, folder: Any) -> Understanding:
        """Read what ``save`` wrote.

        Raises:
            FileNotFoundError: one of the files is missing.
            ValueError: not such files.
        """
        from safetensors import SafetensorError, safe_open

        path = folder / "words.safetensors"
        net = TextClassifier.load(folder / "intents.safetensors")
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: train again")
        try:
            with safe_open(str(path), "pt") as file:
                told = file.metadata()
            linear = Linear.of(load_file(str(path)), told["words"])
            numbers = {k: float(told[k]) for k in SET}
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} holds no reader of intents ({error}): delete it, and it is "
                "trained again"
            ) from None
        return cls(net.to(runtime.pick_device()), linear, **numbers)


def divided(data: Sequence[Said]) -> tuple[list[Said], list[Said]]:
    """Hold out every ``HELD_OUT``-th pattern of each intent: kept, held out."""
    patterns: dict[str, dict[str, int]] = {}
    for one in data:
        known = patterns.setdefault(one.intent, {})
        known.setdefault(one.pattern or one.text, len(known))
    kept, held = [], []
    for one in data:
        place = patterns[one.intent][one.pattern or one.text]
        (held if place % HELD_OUT == HELD_OUT - 1 else kept).append(one)
    return kept, held


def real_outsiders(most: int = 1_500) -> list[Said]:
    """Return what real people say who want no shop, where the sets are at hand.

    Half from crosswoz, half from kdconv_travel, their train parts. Learning from
    outsiders of one kind helps against other kinds (outlier exposure, Hendrycks et al.
    2019). Nothing is downloaded for it.
    """
    found = []
    for name in ("crosswoz", "kdconv_travel"):
        if find(name, "train") is not None:
            users = load(name).where(role="user")
            found += [Said(text, OUTSIDE) for text in users.texts[: most // 2]]
    return found


def made(split: str = "train") -> list[Said]:
    """Return what customers of the made-up shop say (the set ``service``)."""
    data = load("service", split=split)
    return [
        Said(text, facts["intent"], facts["pattern"])
        for text, facts in zip(data.texts, data.facts, strict=True)
    ]
