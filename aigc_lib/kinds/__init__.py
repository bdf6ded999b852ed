"""What the commands do differently for each kind of data.

A kind of data, which its card states, has one module here, found when it is asked for.
It defines

- ``build(name, data, options)``: the model and what ``fit`` takes, ``options`` checked;
- ``draw(model, n, seed, **asked)`` and ``write(model, samples, path, columns)``;
- ``evaluate(model, data, n, seed)``: figures by their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..arguments import unknown
from ..data import Dataset, Ratings, Series, Table, Texts
from ..files import replacing
from ..models import MODELS, GenerativeModel, Trainable

# What ``write`` makes of the samples: a picture, a text file, one WAV file, a table.
# The first ending is that of a file without one.
ENDINGS = {
    "images": ("png", "jpg", "jpeg"),
    "points": ("png",),
    "text": ("txt",),
    "sounds": ("wav",),
    "tables": ("csv", "tsv", "parquet"),
    "ratings": ("csv",),
    "series": ("csv",),
    "answers": ("csv",),
}
ASKED = {  # what ``draw`` takes: of which kind, and what the commands call it
    "prompt": ("text", "--prompt"),
    "temperature": ("text", "--temperature"),
    "conditions": ("tables", "--where"),
}


def handler(kind: str) -> ModuleType:
    """Return the module that handles a kind of data.

    Raises:
        ValueError: there is none.
    """
    if kind not in ENDINGS:
        raise unknown("kind", kind, ENDINGS)
    return import_module(f".{kind}", __name__)


def build(
    name: str, data: Dataset | Texts | Table | Ratings | Series, options: dict[str, Any]
) -> tuple[Trainable, Any]:
    """Make model ``name`` for samples like those of ``data``; return what it fits too.

    Raises:
        ValueError: a model of another kind.
    """
    kind = data.card.kind
    if MODELS[name].modality != kind:
        raise ValueError(
            f"model={name!r} is not made for {kind}, which data={data.name!r} holds"
        )
    return handler(kind).build(name, data, options)


def draw(model: GenerativeModel, n: int, *, seed: int, **asked: Any) -> Sequence:
    """Draw ``n`` samples; ``asked`` may hold what ``ASKED`` says for their kind.

    With a prompt each text is one line that begins with it.

    Raises:
        ValueError: ``n`` < 1, ``asked`` for a model of another kind, or a model that
            draws nothing.
    """
    if not isinstance(model, GenerativeModel):
        raise ValueError(f"{type(model).__name__} draws no samples: it reads")
    foreign = [ASKED[name] for name in asked if ASKED[name][0] != model.modality]
    if foreign:
        flags = " and ".join(flag for _, flag in foreign)
        kind = {"text": "texts"}.get(foreign[0][0], foreign[0][0])
        raise ValueError(f"{flags}: for {kind} only, this model makes {model.modality}")
    return handler(model.modality).draw(model, n, seed, **asked)


def write(
    model: GenerativeModel, samples: Sequence, path: Path, *, columns: int
) -> None:
    """Write what ``model`` drew to one file; images stand so many in a row."""
    with replacing(path) as temporary:
        handler(model.modality).write(samples, temporary, columns)


def evaluate(
    model: Trainable,
    data: Dataset | Texts | Table | Ratings | Series,
    *,
    n: int,
    seed: int,
) -> dict[str, Any]:
    """Compare ``model`` with ``data``, by ``n`` samples or by what it says of the data.

    Raises:
        ValueError: a model that was not trained on such data.
    """
    kind = data.card.kind
    if model.modality != kind:
        raise ValueError(
            f"data={data.name!r} holds {kind}, the model makes {model.modality}: "
            "evaluate it on the kind of data that it was trained on"
        )
    return handler(kind).evaluate(model, data, n, seed)
