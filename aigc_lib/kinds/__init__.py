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

from ..arguments import unknown, whole
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
        ValueError: ``n`` < 1, ``asked`` for a model of another kind, or what
            ``endings`` refuses.
    """
    endings(model)
    foreign = [ASKED[name] for name in asked if ASKED[name][0] != model.draws]
    if foreign:
        flags = " and ".join(flag for _, flag in foreign)
        kind = {"text": "texts"}.get(foreign[0][0], foreign[0][0])
        raise ValueError(f"{flags}: for {kind} only, this model makes {model.draws}")
    return handler(model.draws).draw(model, n, seed, **asked)


def endings(model: Trainable) -> tuple[str, ...]:
    """Return the endings of files that the samples of ``model`` can be written to.

    Raises:
        ValueError: a model that draws nothing, or what no command writes.
    """
    name = type(model).__name__
    if not isinstance(model, GenerativeModel):
        raise ValueError(f"{name} draws no samples: it reads")
    if model.draws not in ENDINGS:
        raise ValueError(
            f"{name} makes {model.draws}, which no command writes: load it in Python "
            "and use its methods"
        )
    return ENDINGS[model.draws]


def write(
    model: GenerativeModel, samples: Sequence, path: Path, *, columns: int
) -> None:
    """Write what ``model`` drew to one file; images stand so many in a row."""
    with replacing(path) as temporary:
        handler(model.draws).write(samples, temporary, columns)


def evaluate(
    model: Trainable,
    data: Dataset | Texts | Table | Ratings | Series,
    *,
    n: int,
    seed: int,
) -> dict[str, Any]:
    """Compare ``model`` with ``data``, by ``n`` samples or by what it says of the data.

    Raises:
        ValueError: a model that was not trained on such data, or that no command
            measures; ``n`` < 1.
    """
    n = whole("n", n, 1)
    kind, made = data.card.kind, getattr(model, "draws", model.modality)
    if made != kind:
        raise ValueError(
            f"data={data.name!r} holds {kind}, the model makes {made}: "
            "evaluate it on the kind of data that it was trained on"
        )
    return handler(kind).evaluate(model, data, n, seed)
