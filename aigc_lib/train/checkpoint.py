"""Checkpoints: everything that the rest of a training run depends on, in one file."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..files import replacing

FORMAT = 2
KINDS = {  # how files begin that are sometimes named by mistake
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"RIFF": "a WAV file",
    b"PK": "a checkpoint that is damaged or foreign",
}


def is_plain(value: Any) -> bool:
    """Tell whether ``read`` would accept ``value``: no pickled classes."""
    if type(value) in (dict, OrderedDict):
        return all(map(is_plain, [*value.keys(), *value.values()]))
    if type(value) in (list, tuple):
        return all(map(is_plain, value))
    return value is None or type(value) in (torch.Tensor, bool, int, float, str)


def plain(value: Any) -> Any:
    """Return ``value`` with Python's numbers in the place of NumPy's."""
    if type(value) is dict:
        return {plain(key): plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return value.item() if isinstance(value, np.generic) else value


def write(path: str | os.PathLike, state: dict[str, Any]) -> None:
    """Write ``state`` so that ``path`` always holds a whole checkpoint."""
    with replacing(path) as temporary:
        torch.save({"format": FORMAT, **state}, temporary)


def read(path: str | os.PathLike, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return the state at ``path``, or None where there is no file yet.

    ``run`` describes the run that asks (model, data, batch size, seed …).

    Raises:
        ValueError: the file is no checkpoint, damaged, of another format or of a run
            that differs from ``run``. What it is is said; nothing is deleted.
    """
    if not Path(path).exists():
        return None
    try:
        if not Path(path).is_file():  # of a pipe one would wait for ever
            raise OSError
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved = state["run"]
        written = state.get("format", 1)
    except (
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        OSError,
        pickle.UnpicklingError,
    ) as error:
        raise ValueError(
            f"checkpoint={str(path)!r} is {described(path)}: name a file that does not "
            "exist yet, or one that fit has written"
        ) from error
    if written != FORMAT:
        raise ValueError(
            f"checkpoint={str(path)!r} has format {written}, this version reads "
            f"{FORMAT}: name another file and begin anew"
        )
    # a run may begin to be judged later, but not by one measure and then by another
    later = {"validate"} - saved.keys()
    different = [k for k in run if k not in later and saved.get(k) != run[k]]
    if different:
        changes = ", ".join(
            f"{key} {_short(saved.get(key))} -> {_short(run[key])}" for key in different
        )
        raise ValueError(
            f"checkpoint={str(path)!r} belongs to another run ({changes}): name "
            "another file"
        )
    return state


def described(path: str | os.PathLike) -> str:
    """Say what the file at ``path`` is, for it is no checkpoint."""
    if not Path(path).is_file():
        return "a folder" if Path(path).is_dir() else "no plain file"
    try:
        with Path(path).open("rb") as file:
            head = file.read(64)
    except OSError as error:
        return f"not readable ({(error.strerror or str(error)).lower()})"
    if not head:
        return "an empty file"
    if head[8:9] == b"{":  # after the length of its header
        return "a model that was saved, no checkpoint"
    for start, kind in KINDS.items():
        if head.startswith(start):
            return kind
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        return "no checkpoint"
    return "a text file"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
