"""A round of learning: what agents corrected becomes a newer model, live at once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..blobs import Blobs
from .brain import pack
from .known import Known


def learn(known: Known, blobs: Blobs, train: Callable[[list[dict]], Any]) -> int:
    """Train on all corrections and publish the model; returns its version.

    ``train`` is given the corrections and returns the assistant. A stop at any moment
    leaves the old model in its place: the new one is stored first, then named in one
    transaction.
    """
    corrections = known.corrections()
    newer = train(corrections)
    with tempfile.TemporaryDirectory() as folder:
        newer.save(Path(folder))
        name = blobs.put(pack(Path(folder)))
    return known.add_model(name, {"corrections": len(corrections)})
