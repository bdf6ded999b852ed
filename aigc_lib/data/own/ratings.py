"""Tables of who took what: CSV files with a user, an item and perhaps a time a row."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import numpy as np

from ...arguments import unknown
from ..ratings import Log, Ratings, divided
from .folder import Files, Found, LeftOut, delimiter
from .texts import MOST_BYTES, decoded

LEAST = {"least_items": 2, "least_users": 2}  # of shops smaller than those published
COLUMNS = {  # what a header may call them, in small letters without spaces and marks
    "user": "user userid customer customerid member memberid household householdid "
    "用户 用户名 用户编号 用户id 客户 客户编号 客户id 顾客 顾客编号 会员 "
    "会员编号 会员号",
    "item": "item itemid product productid sku stockcode movie movieid film course "
    "song 商品 商品名 商品名称 商品编号 商品id 产品 物品 物品id 货号 电影 课程 歌曲",
    "time": "time timestamp date datetime invoicedate "
    "时间 日期 下单时间 购买时间 时间戳",
}
DATE = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[ T]+(\d{1,2})[:：](\d{2})(?:[:：](\d{2})(?:\.\d+)?)?)?"
)
BY_TIME = (
    "按时间与用户划分：约五分之一的用户（按名字的散列值）用来测试，只给模型看切分时刻"
    "以前的，要排出的是他们以后才有的；其余用户在切分时刻以前的用来训练。"
)
WITHOUT_TIME = (
    "没有时间：约五分之一的用户用来测试，其中约五分之一的物品藏起来要排出；"
    "不能按时间切分，成绩会偏高。"
)


def read(files: Files, split: str) -> Ratings:
    """Read rows of user, item and perhaps time, with a header or without one.

    A header in the first line names the columns (``COLUMNS``); without one they stand
    in this order. Times are dates (without a zone: taken as they are) or numbers. Rows
    without a user or an item, or without a time where others have one, are left out.
    Divided as ``divided`` does.

    Raises:
        ValueError: nothing that can be used, more than ``MOST_BYTES`` in all, other
            columns, times in two ways, or too little to be divided.
    """
    found = files.each(
        lambda file, raw: list(_rows(files, file, decoded(raw))),
        most=MOST_BYTES,
        of="tables",
    )
    rows = [row for _, made in found for row in made]
    dated = any(time for *_, time in rows)
    if dated:
        for shown, *_, time in rows:
            if not time:
                files.leave_out(shown, LeftOut("no time, others have one", "没有时间"))
        rows = [row for row in rows if row[-1]]
    if not rows:
        raise files.nothing()
    times = _times(files, rows) if dated else None
    if times is not None:
        kept = ~np.isnan(times)
        rows = [row for row, good in zip(rows, kept, strict=True) if good]
        times = times[kept]
        if not rows:
            raise files.nothing()
    _, users, items, _ = zip(*rows, strict=True)
    parts = divided(Log(users, items, times), **LEAST)
    if split not in parts:
        raise unknown("split", split, parts)
    how = BY_TIME if dated else WITHOUT_TIME
    card = files.card(
        kind="ratings",
        shape=(len(parts["train"].items),),
        splits={name: len(part) for name, part in parts.items()},
        classes=(),
        unit="位用户",
        summary=f"从 `{files.title}` 读入的用户与物品。{how}",
        biases=(
            "只有发生过的：没有买，不等于不喜欢。",
            "同一物品多次出现，只算第一次。",
        ),
    )
    return replace(parts[split], name=files.title, card=card)


Row = tuple[str, str, str, str]  # where it stands, user, item, time


def _rows(files: Files, file: Found, text: str) -> Iterator[Row]:
    lines = csv.reader(StringIO(text, newline=""), delimiter=delimiter(text))
    try:
        header = next(lines, [])
        columns = _columns(header)
        if columns is None:
            if not 2 <= len(header) <= 3:
                raise LeftOut(
                    f"its first line, {', '.join(header)[:80]}, names no column user "
                    "and item: name them so, or give only user, item and time",
                    "没有 user 和 item 两列",
                )
            columns = range(len(header))
            lines = csv.reader(StringIO(text, newline=""), lines.dialect)
        for row in lines:
            shown = f"{file.shown}:{lines.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if any(cell.strip() for cell in row[len(header) :]):
                reason = "more cells than the first line"
                files.leave_out(shown, LeftOut(reason, "单元格比第一行多"))
                continue
            cells = [row[at].strip() if at < len(row) else "" for at in columns]
            user, item, time = (*cells, "")[:3]
            if any(_missing(cell) for cell in (user, item)):
                files.leave_out(shown, LeftOut("no user or no item", "没有用户或物品"))
                continue
            yield shown, user, item, "" if _missing(time) else time
    except csv.Error as error:
        raise LeftOut(f"no table: {error}", "不是表格") from None


def _columns(header: list[str]) -> list[int] | None:
    """The places of user, item and, if there is one, time; None without the first."""
    names = [re.sub(r"[\s_\-.]", "", cell).lower() for cell in header]
    found = [
        next((at for at, name in enumerate(names) if name in known.split()), None)
        for known in COLUMNS.values()
    ]
    if None in found[:2]:
        return None
    return [at for at in found if at is not None]


def _missing(cell: str) -> bool:
    return cell.lower() in ("", "nan", "null", "none", "n/a", "#n/a")


def _times(files: Files, rows: list[Row]) -> np.ndarray:
    """Seconds of each row, NaN where a cell is no time, which the card says."""
    numbers = [_number(time) for *_, time in rows]
    dates = [_date(time) for *_, time in rows]
    if any(n is not None for n in numbers) and any(d is not None for d in dates):
        raise ValueError(
            f"name={files.name!r} has times as numbers and as dates: write all of them "
            "in one way"
        )
    found = np.full(len(rows), np.nan)
    for at, ((shown, *_, time), number, date) in enumerate(
        zip(rows, numbers, dates, strict=True)
    ):
        value = number if number is not None else date
        if value is None:
            reason = f"{time[:40]!r} is no time: write 2026-01-31 08:30:00 or a number"
            files.leave_out(shown, LeftOut(reason, "时间读不出"))
        else:
            found[at] = value
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _date(text: str) -> float | None:
    try:
        if match := DATE.fullmatch(text):
            parts = [int(part or 0) for part in match.groups()]
            return datetime(*parts, tzinfo=UTC).timestamp()
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        return None
