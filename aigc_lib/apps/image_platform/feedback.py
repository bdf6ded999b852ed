"""What people said of the pictures, as data to learn from."""

from __future__ import annotations

import json
import os
import zipfile

from ...files import replacing
from ..blobs import Damaged
from .store import Store

LIST = "feedback.jsonl"


def written(store: Store, path: str | os.PathLike) -> tuple[int, int]:
    """Write all feedback as a ZIP file; returns how many opinions are in it.

    And how many are not, because the files of their pictures are gone.

    ``feedback.jsonl`` has a line an opinion: ``picture`` names a PNG without a mark in
    ``good/LABEL`` or ``bad/LABEL``, the two sides of a training or ranking set; ``job``
    tells which pictures had the same request, and so can be compared.
    """
    lines, there, gone = [], set(), 0
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for row in store.said():
            side = "good" if row["good"] else "bad"
            label = "".join(c if c.isalnum() else "_" for c in row["label"]) or "_"
            name = f"{side}/{label}/{row['picture']}.png"
            told = {
                k: row[k] for k in ("label", "good", "reasons", "at", "job", "model")
            }
            if name not in there:
                try:
                    file.writestr(name, store.blobs.get(row["raw"]))
                except (FileNotFoundError, Damaged):
                    gone += 1
                    continue
            there.add(name)
            lines.append(json.dumps({"picture": name, **told}, ensure_ascii=False))
        file.writestr(LIST, "\n".join(lines))
    return len(lines), gone
