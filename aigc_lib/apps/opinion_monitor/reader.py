"""Who reads the headlines: a classifier for the topic; words, or one, for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from ... import runtime
from ...data import Characters, Texts, load
from ...models import TextClassifier
from ...train import fit
from .words import Words

SETTINGS = {
    "width": 64,
    "depth": 1,
    "context": 48,
    "ngrams": 3,
    "dropout": 0.2,
    "hidden": 0.2,
}
STEPS = 100  # more learn the wordings by heart


class Reading(NamedTuple):
    """What a headline is about, how it sounds, and how sure the latter is.

    ``sure`` lies in [0, 1]; None: whoever read cannot tell.
    """

    topic: str
    sentiment: str
    sure: float | None


class Reader:
    """Reads the topic with a ``TextClassifier``, the sentiment with one or by words."""

    def __init__(self, topic: TextClassifier, sentiment: TextClassifier | Words):
        self.topic, self.sentiment = topic, sentiment

    @classmethod
    def at(
        cls,
        folder: Path,
        *,
        words: Words | None = None,
        steps: int = STEPS,
        say: Callable[[str], None] = print,
    ) -> Self:
        """Load the classifiers that lie in ``folder``; what is missing is trained.

        ``words`` tell the sentiment, without them a classifier. Training on the made-up
        headlines takes a quarter of a minute each on two cores, once.

        Raises:
            ValueError: a file that is there, but no such classifier.
        """
        found: dict[str, TextClassifier | Words] = {"sentiment": words} if words else {}
        for name in ("topic",) if words else ("topic", "sentiment"):
            path = folder / f"{name}.safetensors"
            if not path.exists():
                say(f"training the classifier of the {name}, once: {path}")
                folder.mkdir(parents=True, exist_ok=True)
                _trained(name, steps).save(path)
            model = TextClassifier.load(path).to(runtime.pick_device())
            found[name] = model
        return cls(**found)

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics that a headline may have."""
        return self.topic.classes

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Read headlines, in order."""
        topics = [label for label, _ in self.topic.predict(texts)]
        sentiments = self.sentiment.predict(texts)
        pairs = zip(topics, sentiments, strict=True)
        return [Reading(topic, label, sure) for topic, (label, sure) in pairs]


def _trained(name: str, steps: int) -> TextClassifier:
    data = load("finance_headlines")
    classes, y = _labels(data, name)
    # characters that come once teach the model what to do with those it never met
    tokenizer = Characters.train(data.texts, min_count=2)
    model = TextClassifier(tokenizer, classes, **SETTINGS)
    encoded = model.encode(data.texts)._replace(y=y)
    fit(model, encoded, steps=steps, ema=0.99)
    return model


def _labels(data: Texts, name: str):
    """Return the classes that the fact ``name`` takes, and each headline's number."""
    values = [facts[name] for facts in data.facts]
    classes = tuple(sorted(set(values)))
    return classes, data.y.new_tensor([classes.index(value) for value in values])
