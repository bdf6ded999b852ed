"""What the commands do differently for images, points, texts, sounds and ratings.

A kind of data, which its card states, has one module here, found when it is asked for.
It defines

- ``build(name, data, options)``: the model and what ``fit`` takes, ``options`` checked;
- ``draw(model, n, seed, **of_text)`` and ``write(model, samples, path, columns)``;
- ``evaluate(model, data, n, seed)``: figures by their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

from ..arguments import unknown
from ..data import Dataset, Ratings, Texts
from ..files import replacing
from ..models import MODELS, GenerativeModel, Trainable

# What ``write`` makes of the samples: a picture, a text file, one WAV file, or a table.
# The first ending is that of a file without one.
ENDINGS = {
    "images": ("png", "jpg", "jpeg"),
    "points": ("png",),
    "text": ("txt",),
    "sounds": ("wav",),
    "ratings": ("csv",),
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
    name: str, data: Dataset | Texts | Ratings, options: dict[str, Any]
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


def draw(
    model: GenerativeModel, n: int, *, seed: int, **of_text: Any
) -> Tensor | list[str]:
    """Draw ``n`` samples; ``of_text`` may hold a ``prompt`` and a ``temperature``.

    With a prompt each text is one line that begins with it.

    Raises:
        ValueError: ``n`` < 1, ``of_text`` for a model of another kind, or a model that
            draws nothing.
    """
    if not isinstance(model, GenerativeModel):
        raise ValueError(f"{type(model).__name__} draws no samples: it reads")
    if of_text and model.modality != "text":
        flags = " and ".join(f"--{name}" for name in of_text)
        raise ValueError(f"{flags}: for texts only, this model makes {model.modality}")
    return handler(model.modality).draw(model, n, seed, **of_text)


def write(
    model: GenerativeModel, samples: Sequence, path: Path, *, columns: int
) -> None:
    """Write what ``model`` drew to one file; images stand so many in a row."""
    with replacing(path) as temporary:
        handler(model.modality).write(samples, temporary, columns)


def evaluate(
    model: Trainable, data: Dataset | Texts | Ratings, *, n: int, seed: int
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
