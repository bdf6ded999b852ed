"""Readers of purchases and of films that users rated: (card, split, paths) -> log."""

from __future__ import annotations

import csv
import gzip
import lzma
import re
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

import numpy as np

from ..catalog import Card
from ..download import CorruptFile
from ..ratings import Log
from ..store import obtain

PRODUCT = re.compile(r"\d{5}[A-Z]*")  # the other codes are postage, fees, samples
LIKED = 6  # of 10, in MovieTweetings


def read_retail(card: Card, split: str, paths: list[Path]) -> Log:
    """Read Online Retail: products that known customers bought and that are products.

    Returned goods (a quantity below 1) do not count.
    """
    return _retail(*paths)


def read_journey(card: Card, split: str, paths: list[Path]) -> Log:
    """Read Complete Journey: the products of households, called by their type."""
    return _journey(*paths)


def read_films(card: Card, split: str, paths: list[Path]) -> Log:
    """Read MovieTweetings: films that users gave at least ``LIKED`` of 10."""
    return _films(*paths)


READERS = {
    "online_retail": read_retail,
    "complete_journey": read_journey,
    "movietweetings": read_films,
}


def log_of(card: Card) -> Log:
    """Return all rows of a data set, before they are divided."""
    return READERS[card.name](card, "train", obtain(card))


@lru_cache(1)
def _retail(path: Path) -> Log:
    users, items, times, titles = [], [], [], {}
    columns = ("CustomerID", "StockCode", "Quantity", "InvoiceDate", "Description")
    for user, code, quantity, time, title in _table(path, *columns):
        code = code.upper()
        if user and int(quantity) > 0 and PRODUCT.fullmatch(code):
            users.append(user.partition(".")[0])
            items.append(code)
            times.append(time)
            titles.setdefault(code, title.strip())
    return Log(users, items, np.array(times, "M8[s]"), titles)


@lru_cache(1)
def _journey(bought: Path, products: Path) -> Log:
    columns = ("product_id", "product_type", "product_category")
    titles = {code: kind or group for code, kind, group in _table(products, *columns)}
    columns = ("household_id", "product_id", "transaction_timestamp")
    users, items, times = zip(*_table(bought, *columns), strict=True)
    return Log(users, items, np.array(times, "M8[s]"), titles)


@lru_cache(1)
def _films(ratings: Path, films: Path) -> Log:
    rows = [r for r in _lines(ratings, 4) if int(r[2]) >= LIKED]
    users, items, _, times = zip(*rows, strict=True)
    titles = {film: title for film, title, _ in _lines(films, 3)}
    return Log(users, items, np.array(times, np.int64), titles)


def _table(path: Path, *columns: str) -> Iterator[tuple[str, ...]]:
    """Read some columns of a CSV file in an xz file.

    Raises:
        CorruptFile: it is none, or has no such columns.
    """
    try:
        with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            yield from map(itemgetter(*map(header.index, columns)), rows)
    except (lzma.LZMAError, EOFError, ValueError, IndexError, csv.Error) as error:
        raise CorruptFile(f"{path} is no such table in an xz file: {error}") from None


def _lines(path: Path, fields: int) -> Iterator[list[str]]:
    """Read a gzip file of fields with "::" between them.

    Raises:
        CorruptFile: it is none.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                parts = line.rstrip("\n").split("::")
                if len(parts) != fields:
                    raise CorruptFile(f"{path}: no {fields} fields in {line[:80]!r}")
                yield parts
    except (EOFError, OSError, UnicodeDecodeError) as error:
        raise CorruptFile(f"{path} is no gzip file of lines: {error}") from None
