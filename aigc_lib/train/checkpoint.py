"""Checkpoints: everything that the rest of a training run depends on, in one file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from ..files import replacing


def is_plain(value: Any) -> bool:
    """Tell whether ``read`` would accept ``value``: no pickled classes."""
    if isinstance(value, dict):
        return all(map(is_plain, [*value.keys(), *value.values()]))
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or type(value) in (torch.Tensor, bool, int, float, str)


def write(path: str | os.PathLike, state: dict[str, Any]) -> None:
    """Write ``state`` so that ``path`` always holds a whole checkpoint."""
    with replacing(path) as temporary:
        torch.save(state, temporary)


def read(path: str | os.PathLike, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return the state at ``path``, or None where there is no file yet.

    ``run`` describes the run that asks (model, data, batch size, seed …).

    Raises:
        ValueError: the file is damaged or holds something else than tensors and plain
            values, or it belongs to a run that differs from ``run``.
    """
    if not Path(path).exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved = state["run"]
    except (
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        pickle.UnpicklingError,
    ) as error:
        raise ValueError(
            f"checkpoint={str(path)!r} cannot be read ({error}): delete it"
        ) from error
    different = [key for key in run if saved.get(key) != run[key]]
    if different:
        changes = ", ".join(f"{k} {saved.get(k)!r} -> {run[k]!r}" for k in different)
        raise ValueError(
            f"checkpoint={str(path)!r} belongs to another run ({changes}): delete it "
            "or name another file"
        )
    return state
