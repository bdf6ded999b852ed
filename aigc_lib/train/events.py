"""Losses as event files of TensorBoard."""

from __future__ import annotations

import os
from typing import Any

from ..runtime import optional
from .history import History


def opened(log_dir: str | os.PathLike, step: int):
    """Open a writer of event files; what an interrupted run wrote later is dropped."""
    optional("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(os.fspath(log_dir), purge_step=step + 1 if step else None)


def write(events: Any, history: History) -> None:
    step = history.steps[-1]
    for name, values in history.losses.items():
        events.add_scalar(f"loss/{name}", values[-1], step)
    for name, curve in history.validation.items():
        for at, value in curve.items():
            if at > (history.steps[-2] if len(history.steps) > 1 else 0):
                events.add_scalar(f"validation/{name}", value, at)
    events.flush()
