"""Reader of series in CSV files: a time in the first column, numbers in the others."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ..catalog import Card
from ..download import CorruptFile


def read_series(
    card: Card, split: str, paths: list[Path]
) -> tuple[np.ndarray, np.ndarray]:
    """Return times (N,) and values (N, C) of the columns that the card names.

    Rows where one of them is missing are left out, so the next step spans the gap.
    ``test_from`` on the card is the first time of the test.

    Raises:
        CorruptFile: a column that is missing, or cells that are no time or number.
    """
    names = card.parameters["columns"]
    times, rows = [], []
    with paths[0].open(encoding="utf-8", newline="") as file:
        table = csv.reader(file)
        header = next(table, [])
        try:
            places = [header.index(name) for name in names]
            for row in table:
                cells = [row[place] for place in places]
                if all(cells):
                    times.append(np.datetime64(row[0], "s"))
                    rows.append([float(cell) for cell in cells])
        except (ValueError, IndexError) as error:
            raise CorruptFile(
                f"{paths[0]}, line {table.line_num}: {error}; expected a time and "
                f"{', '.join(names)}"
            ) from None
    late = np.array(times) >= np.datetime64(card.parameters["test_from"])
    chosen = late if split == "test" else ~late
    return np.array(times)[chosen], np.array(rows)[chosen]
