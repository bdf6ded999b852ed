"""Texts: models that write them, fill their gaps, or sort them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..data import Characters, Texts, Windows
from ..data.samples import Samples
from ..models import MODELS, GenerativeModel, Trainable
from ._tensors import classes_for, sorting, unmeasured

if TYPE_CHECKING:
    from ..models import GPT, MaskedLM


def build(
    name: str, data: Texts, options: dict[str, Any]
) -> tuple[Trainable, Windows | Samples | Tensor]:
    """Make a model with a token for each character that comes twice.

    One that writes, and one that fills gaps in texts longer than its context, learn
    from windows of all texts, one after the other; one that sorts, and one that fills
    gaps in short texts, from one text a sample.

    Raises:
        ValueError: a model that sorts, and no classes.
    """
    tokenizer = Characters.train([joined(data)], min_count=2)
    if name == "text_classifier":
        classes_for(name, data)
        options = {"classes": data.classes} | options
    model = MODELS[name](tokenizer, **options)
    if name == "text_classifier":
        return model, Samples(*model.encode(data))
    if name == "masked_lm":
        return model, gaps_in(model, data)
    return model, Windows(tokenizer.encode(joined(data)), model.context + 1)


def joined(data: Texts) -> str:
    """All texts as one, a line break after each."""
    return data.joined() + "\n"


def gaps_in(model: MaskedLM, data: Texts, *, overlap: bool = True) -> Windows | Tensor:
    """What ``model`` reads: a text a row where all fit its context, else windows."""
    if max(map(len, data.texts)) <= model.context:
        return model.encode(data).x
    tokens = model.tokenizer.encode(joined(data))
    return Windows(tokens, model.context, step=1 if overlap else model.context)


def draw(
    model: GenerativeModel,
    n: int,
    seed: int,
    prompt: str | None = None,
    **sampling: Any,
) -> list[str]:
    """Write ``n`` texts, or ``n`` lines that go on from ``prompt``."""
    if prompt is None:
        written = model.sample(n, seed=seed, **sampling)
        return model.texts(written.cpu()) if isinstance(written, Tensor) else written
    if not hasattr(model, "complete"):
        raise ValueError(f"--prompt: {type(model).__name__} goes on from no text")
    if n < 1:
        raise ValueError(f"n={n}: ask for at least one sample")
    return [
        model.complete(prompt, model.context, stop="\n", seed=k, **sampling)
        for k in range(seed, seed + n)
    ]


def write(samples: list[str], path: Path, columns: int) -> None:
    """Write a text file, a numbered line before each text."""
    pages = (f"--- {i} ---\n{text}\n" for i, text in enumerate(samples))
    path.write_text("".join(pages), encoding="utf-8")


def evaluate(model: Trainable, data: Texts, n: int, seed: int) -> dict[str, Any]:
    """Say how well ``model`` writes, fills gaps, or sorts.

    Raises:
        ValueError: a model of token numbers, classes that the model does not know, or
            a model that no command measures.
    """
    names = ("gpt", "masked_lm", "text_classifier")
    if not isinstance(model, tuple(MODELS[name] for name in names)):
        raise unmeasured(model)
    if model.tokenizer is None:
        raise ValueError("the model has no tokenizer: train it on texts")
    figures = {"tokenizer": repr(model.tokenizer)}
    if isinstance(model, MODELS["text_classifier"]):
        return figures | sorting(model, data, lambda: model.logits(data), "text")
    if isinstance(model, MODELS["masked_lm"]):
        rows = gaps_in(model, data, overlap=False)
        nats = model.nats_per_gap(rows, seed=seed)
        return figures | {"rows": len(rows), "nats_per_gap": nats, "seed": seed}
    return figures | _writing(model, data)


def _writing(model: GPT, data: Texts) -> dict[str, Any]:
    """Ask ``model`` for no token of ``data`` twice.

    Up to ``context`` - 1 at the end are left out; the figure "tokens" counts the rest.
    """
    tokens = model.tokenizer.encode(joined(data))
    windows = Windows(tokens, model.context + 1, step=model.context)
    nats = model.nats_per_token(windows)
    return {
        "tokens": len(windows) * model.context,
        "nats_per_token": nats,
        "perplexity": math.exp(nats),
    }
