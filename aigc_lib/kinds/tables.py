"""Tables: a codec is made for their columns, and frames are written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..arguments import unknown
from ..codecs.columns import Column
from ..codecs.tables import TableCodec
from ..data import Table, load
from ..data.samples import Samples
from ..metrics import tables as metrics
from ..models import MODELS, GenerativeModel

if TYPE_CHECKING:
    from pandas import DataFrame


def build(
    name: str, data: Table, options: dict[str, Any]
) -> tuple[GenerativeModel, Samples | Tensor]:
    """Make a model with a codec for this table; it learns from the codes of its rows.

    Raises:
        ValueError: a column that the codec cannot read, see ``TableCodec.fit``.
    """
    codec = TableCodec.fit(data.frame, **data.asked)
    model = MODELS[name](codec, **options)
    return model, model.samples(codec.encode(data.frame))


def draw(
    model: GenerativeModel,
    n: int,
    seed: int,
    conditions: dict[str, str] | None = None,
) -> DataFrame:
    """Draw ``n`` rows, all of which fulfil ``conditions``, which are texts.

    "30..40" stands for a pair of numbers or dates, "A|B" for several categories, "" for
    a missing value.
    """
    columns = {column.name: column for column in model.codec.coded}
    meant = {}
    for name, text in (conditions or {}).items():
        if name not in columns:
            raise unknown("--where", name, columns)
        meant[name] = _meant(columns[name], text)
    return model.sample(n, seed=seed, conditions=meant)


def _meant(column: Column, text: str) -> Any:
    if not text:
        return None
    if column.is_number:
        return text.split("..") if ".." in text else text
    known = {str(value): value for value in column.values}
    return [known.get(part, part) for part in text.split("|")]


def write(samples: DataFrame, path: Path, columns: int) -> None:
    """Write a CSV file, with tabs where the ending is .tsv, or a Parquet file."""
    if path.suffix.lower() == ".parquet":
        samples.to_parquet(path)
        return
    mark = "\t" if path.suffix.lower() == ".tsv" else ","
    samples.to_csv(path, sep=mark, index=False, encoding="utf-8")


def evaluate(model: GenerativeModel, data: Table, n: int, seed: int) -> dict[str, Any]:
    """Compare ``n`` rows that ``model`` makes with the rows of ``data``.

    Classifiers of the target learn from the made rows, and beside them from as many
    real ones at most. Those are of the split "train", where ``data`` is another split
    and that one is at hand; then also what the made rows give away is measured. Else
    they are half of ``data``, and the other half judges.

    Raises:
        ValueError: a table without the columns of the model.
    """
    began = time.perf_counter()
    made = model.sample(n, seed=seed)
    sampling = time.perf_counter() - began
    real = model.codec.typed(data.frame)
    figures = {"real_rows": len(real), "made_rows": len(made)}
    figures |= metrics.distances(real, made)
    known = _training_rows(model, data)
    if known is None:
        mixed = real.sample(frac=1, random_state=seed)
        known, real = mixed.iloc[::2], mixed.iloc[1::2]
    else:
        figures |= metrics.privacy(known, real, made, seed=seed)
    if data.target in real.columns:
        known = known.sample(min(n, len(known)), random_state=seed)
        figures["target"] = data.target
        for label, rows in (("made", made), ("real", known)):
            scores = metrics.utility(rows, real, data.target, seed=seed)
            figures |= {f"{name}_from_{label}": x for name, x in scores.items()}
    return figures | {"seed": seed, "seconds_sampling": round(sampling, 2)}


def _training_rows(model: GenerativeModel, data: Table) -> DataFrame | None:
    if data.split == "train" or "train" not in data.card.splits:
        return None
    place = data.name if data.card.reader else data.card.source
    return model.codec.typed(load(place).frame)
