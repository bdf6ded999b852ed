"""Series of CSV files: a column of times, and columns of numbers."""

from __future__ import annotations

import csv
import math
import re
from datetime import datetime
from io import StringIO

import numpy as np
import torch

from ...arguments import unknown
from ..series import Series, ordered
from .folder import Files, LeftOut, content, delimiter
from .texts import MOST_BYTES, decoded

LEAST = 20  # times
NAMES = ("time", "timestamp", "date", "datetime", "时间", "日期", "交易日期")
TIME = re.compile(
    r"(\d{4})年?(?:[-/.]?(\d{1,2})月?(?:[-/.]?(\d{1,2})日?)?)?"
    r"(?:[ T]+(\d{1,2})[:：](\d{2})(?:[:：](\d{2})(?:[.,]\d+)?)?"
    r" *(?:Z|[A-Z]{3,5}|[-+]\d{2}(?::?\d{2})?)?)?"  # a zone, but no PM
)
THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
BY_TIME = "按时间切分：最后约十分之一用于测试，其余用于训练。"


def read(files: Files, split: str) -> Series:
    """Read one table with a header, a column of times, and columns of numbers.

    The times stand in a column of a known name, else in the first one; year first, as
    2024-01-31 08:00, 2024/1/31, 20240131 or 2024年1月31日, a zone is not looked at. A
    column with anything but numbers is left out; then rows with an empty cell, with
    more cells than the header, or without a time. Rows in another order are sorted. The
    last tenth is the test.

    Raises:
        ValueError: several files, no header, no column of numbers, a time twice, or
            fewer than ``LEAST`` rows.
    """
    if len(files.found) != 1:
        raise ValueError(
            f"name={files.name!r} holds {len(files.found)} tables: a series is one "
            "file, give its path"
        )
    (file,) = files.found
    try:
        header, rows = _table(decoded(content(file.path, MOST_BYTES)))
    except LeftOut as reason:
        files.leave_out(file.shown, reason)
        raise files.nothing() from None
    at = next((i for i, name in enumerate(header) if name.lower() in NAMES), 0)
    for line, row in enumerate(rows, 2):
        if any(row[len(header) :]):  # as of 1,234 without quotes: all would be moved
            why = LeftOut("more cells than names", "单元格比列名多的行")
            files.leave_out(f"{file.shown}:{line}", why)
            row[:] = [""] * len(header)
    columns = []
    for i, name in enumerate(header):
        if i == at:
            continue
        cells = [row[i] for row in rows if not _missing(row[i])]
        if cells and all(_number(cell) is not None for cell in cells):
            columns.append(i)
        else:
            text = next((c for c in cells if _number(c) is None), "nothing")[:40]
            reason = LeftOut(f"holds {text!r}: no number", "不全是数的列")
            files.leave_out(f"{file.shown}, {name}", reason)
    if not columns:
        raise ValueError(
            f"name={files.name!r} has no column of numbers beside {header[at]!r}: "
            "a series is a table with a header, times, and numbers"
        )
    times, values = [], []
    for line, row in enumerate(rows, 2):
        if not any(row):
            continue
        shown, time = f"{file.shown}:{line}", _time(row[at])
        found = [_number(row[i]) for i in columns]
        if time is None:
            why = f"{row[at][:40]!r} is no time: write it year first, 2024-01-31"
            files.leave_out(shown, LeftOut(why, "时间读不出的行"))
        elif None in found:
            files.leave_out(shown, LeftOut("an empty cell", "有空格子的行"))
        else:
            times.append(time)
            values.append(found)
    if len(times) < LEAST:
        files.leave_out(file.shown, LeftOut(f"only {len(times)} rows", "行数太少"))
        raise files.nothing()
    times, x, moved, twice = ordered(np.array(times, "M8[s]"), np.array(values))
    if len(twice):
        raise ValueError(
            f"name={files.name!r} has {len(twice)} times twice, such as {twice[0]}: "
            "keep one row a time; several series side by side are columns"
        )
    cut = len(x) - max(1, len(x) // 10)
    parts = {"train": slice(cut), "test": slice(cut, None)}
    if split not in parts:
        raise unknown("split", split, parts)
    names = tuple(header[i] for i in columns)
    card = files.card(
        kind="series",
        shape=(len(names),),
        splits={"train": cut, "test": len(x) - cut},
        classes=(),
        unit="行",
        summary=f"从 `{files.title}` 读入的时间序列，{len(names)} 列。{BY_TIME}",
        parameters={"columns": list(names), "test_from": str(times[cut])},
        biases=(
            "相邻两行的间隔不一定相等：缺了的时刻就跨过去。",
            *(["原来不按时间先后，读入时已排序。"] if moved else []),
        ),
    )
    part = parts[split]
    return Series(
        torch.from_numpy(x[part]), times[part], names, files.title, split, card
    )


def _table(text: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows, none shorter than the header.

    Raises:
        LeftOut: no table, or a header with a name twice.
    """
    try:
        lines = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter(text)))
    except csv.Error as error:
        raise LeftOut(f"no table: {error}", "不是表格") from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    if len(header) < 2 or all(_number(cell) is not None for cell in header[1:]):
        raise LeftOut(
            "its first line names no columns: write a header, such as time,price",
            "没有表头",
        )
    if len(set(header)) < len(header):
        raise LeftOut("a name twice in its header", "表头有重名")
    width = len(header)
    rows = [
        [cell.strip() for cell in (*row, *[""] * (width - len(row)))]
        for row in lines[1:]
        if any(cell.strip() for cell in row)
    ]
    return header, rows


def _missing(cell: str) -> bool:
    return cell.lower() in ("", "nan", "null", "none", "n/a", "#n/a", "-", "--", "inf")


def _number(text: str) -> float | None:
    if THOUSANDS.fullmatch(text):  # as exports write them; 1,5 is none
        text = text.replace(",", "")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _time(text: str) -> datetime | None:
    match = TIME.fullmatch(text)
    if not match:
        return None
    year, month, day, *clock = match.groups()
    try:
        parts = [int(year), int(month or 1), int(day or 1)]
        return datetime(*parts, *(int(part or 0) for part in clock))
    except ValueError:
        return None
