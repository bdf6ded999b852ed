"""Readers of demand: what a shop, a web shop and a bicycle rental gave out."""

from __future__ import annotations

import csv
import gzip
import lzma
from collections import Counter, defaultdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..catalog import Card
from ..download import CorruptFile
from .ratings import PRODUCT

Rows = tuple[np.ndarray, np.ndarray]


def read_sales(card: Card, split: str, paths: list[Path]) -> Rows:
    """Read the days of the pasta shop: 118 quantities, then 118 promotion flags."""
    times, rows = [], []
    with _open(paths[0], gzip) as file:
        table = csv.reader(file)
        _expect(paths[0], next(table, [])[1:], card.parameters["columns"])
        for date, *cells in table:
            times.append(np.datetime64(date, "s"))
            rows.append([float(cell) for cell in cells])
    return _divided(card, split, np.array(times), np.array(rows))


def read_bike_hours(card: Card, split: str, paths: list[Path]) -> Rows:
    """Read the rentals of each hour; hours without a row have had none."""
    times, rows = [], []
    with paths[0].open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                hour = np.timedelta64(int(row["hr"]), "h")
                times.append(np.datetime64(row["dteday"], "s") + hour)
                rows.append([float(row["cnt"])])
            except (KeyError, ValueError, TypeError) as error:
                raise CorruptFile(f"{paths[0]}: no such table: {error}") from None
    return _divided(card, split, np.array(times), np.array(rows))


def read_retail_weeks(card: Card, split: str, paths: list[Path]) -> Rows:
    """Read what was ordered of the products on the card, by whole weeks from Monday.

    A line that the same customer cancelled in full, the same product and number, within
    a week of ordering it counts as never ordered; later returns do not change demand.
    """
    items = card.parameters["columns"]
    place = {code: i for i, code in enumerate(items)}
    lines = _orders(paths[0])
    first, weeks = (
        np.datetime64(card.parameters["first"], "D"),
        sum(card.splits.values()),
    )
    rows = np.zeros((weeks, len(items)))
    for code, number, day in lines:
        week = (day - first).astype(int) // 7
        if code in place and 0 <= week < weeks:
            rows[week, place[code]] += number
    times = (first + 7 * np.arange(weeks)).astype("M8[s]")
    return _divided(card, split, times, rows)


def most_ordered(path: Path, n: int, before: str) -> list[str]:
    """Return the ``n`` products of which most was ordered before a day, sorted.

    How the columns of ``retail_weeks`` were chosen: from the training weeks alone.
    """
    total, end = Counter(), np.datetime64(before, "D")
    for code, number, day in _orders(path):
        if day < end:
            total[code] += number
    return sorted(code for code, _ in total.most_common(n))


@lru_cache(1)
def _orders(path: Path) -> list[tuple[str, int, np.datetime64]]:
    """Return product, number and day of the lines that were not soon cancelled."""
    found = []
    with _open(path, lzma) as file:
        for row in csv.DictReader(file):
            code = row["StockCode"].upper()
            if PRODUCT.fullmatch(code):
                day = np.datetime64(row["InvoiceDate"][:10], "D")
                found.append((row["CustomerID"], code, int(row["Quantity"]), day))
    return uncancelled(found)


def uncancelled(
    lines: list[tuple[str, str, int, np.datetime64]],
) -> list[tuple[str, int, np.datetime64]]:
    """Return product, number and day of the lines (customer, ...) that stood.

    What the same customer took back in full within a week was never asked for.
    """
    cancelled = defaultdict(list)
    for customer, code, number, day in lines:
        if number < 0 and customer:
            cancelled[customer, code, -number].append(day)
    kept = []
    for customer, code, number, day in lines:
        if number <= 0:
            continue
        days = cancelled.get((customer, code, number), [])
        soon = next((d for d in days if 0 <= (d - day).astype(int) <= 7), None)
        if soon is None:
            kept.append((code, number, day))
        else:
            days.remove(soon)
    return kept


def _open(path: Path, module):
    try:
        file = module.open(path, "rt", encoding="utf-8", newline="")
        file.read(1)
        file.seek(0)
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise CorruptFile(f"{path} is no such file: {error}") from None
    return file


def _expect(path: Path, found: list[str], columns: list[str]) -> None:
    if found != list(columns):
        raise CorruptFile(f"{path} has {len(found)} columns, not those of its card")


def _divided(card: Card, split: str, times: np.ndarray, rows: np.ndarray) -> Rows:
    late = times >= np.datetime64(card.parameters["test_from"])
    chosen = late if split == "test" else ~late
    return times[chosen], rows[chosen]
