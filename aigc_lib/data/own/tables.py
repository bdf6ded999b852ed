"""Tables: CSV, TSV and Parquet files of the reader's own, of one header all."""

from __future__ import annotations

import csv
import io
import re
import warnings
from typing import TYPE_CHECKING

from ...arguments import unknown
from ...runtime import optional
from ..table import Table, target_of
from .folder import BY_FOLDER, SPLITS, Files, Found, LeftOut, delimiter, divided
from .texts import decoded

if TYPE_CHECKING:
    from pandas import DataFrame, Series

DECIMAL = re.compile(r"\s*[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?\s*", re.ASCII)
MOST_BYTES = 512 * 2**20  # of all files together
BY_ROW = "按每行内容的散列值分成训练与测试，约九比一；相同的行总在同一边。"
WHOLE = "文件名说明这是哪一部分，没有再分。"


def read(
    files: Files,
    split: str,
    *,
    target: str | None = None,
    kinds: dict[str, str] | None = None,
    constraints: tuple[str, ...] = (),
) -> Table:
    """Read tables, whose columns must be the same in all files.

    A first line has the names. Texts are written in UTF-8, with or without a mark, in
    UTF-16 with a mark, or else in GB18030; cells are divided by commas, semicolons or
    tabs; between semicolons 1,5 is read as 1.5 where a whole column is written so.
    Empty cells, "NA", "NaN", "null" and "?" are missing. Columns without a name are
    left out: they are most often the row numbers of who wrote the file. A file whose
    name ends with train or test is wholly that split.

    Raises:
        ValueError: nothing that can be used, more than ``MOST_BYTES`` in all, files
            with other columns, or an unknown ``target`` or column in ``kinds``.
    """
    pd = optional("pandas")
    frames, given = [], []
    found = files.each(
        lambda file, raw: _frame(files, file, raw), most=MOST_BYTES, of="tables"
    )
    for file, frame in found:
        if frames and list(frame.columns) != list(frames[0].columns):
            raise ValueError(
                f"name={files.name!r}: {file.shown} has other columns than the file "
                f"before it, {list(frame.columns)[:5]}: give tables of the same columns"
            )
        frames.append(frame)
        given += [file.split or _split_of(file)] * len(frame)
    if not frames:
        raise files.nothing()
    whole = pd.concat(frames, ignore_index=True)
    target = target_of(whole, target)
    for name in kinds or {}:
        if name not in whole.columns:
            raise unknown("kinds", name, whole.columns)
    named = len(set(given)) > 1 or given[0]
    if named and not all(given):
        given = [name or "train" for name in given]
    keys = (
        []
        if named
        else [str(key) for key in pd.util.hash_pandas_object(whole, index=False)]
    )
    if not named:
        files.enough(range(len(whole)), "row")
    numbers, splits = divided(split, keys, given)
    card = files.card(
        kind="tables",
        shape=(len(whole.columns),),
        splits=splits,
        classes=(),
        unit="行",
        summary=f"从 `{files.title}` 读入的表格。{_how(given)}",
        biases=("原样读入：没有清理，也没有去重。",),
        parameters={"target": target},
    )
    frame = whole.iloc[numbers].reset_index(drop=True)
    return Table(
        frame, target, card.name, split, card, dict(kinds or {}), tuple(constraints)
    )


def _how(given: list[str]) -> str:
    if not any(given):
        return BY_ROW
    return BY_FOLDER if len(set(given)) > 1 else WHOLE


def _split_of(file: Found) -> str:
    """The split that the last word of a file's name is, such as loans_test.csv."""
    stem = file.path.stem.lower()
    for word, split in SPLITS.items():
        if stem == word or stem.endswith(tuple(mark + word for mark in "_-. ")):
            return split
    return ""


def _frame(files: Files, file: Found, raw: bytes) -> DataFrame:
    """Read one table.

    Raises:
        LeftOut: it is none, or has no rows.
    """
    if file.path.suffix.lower() == ".parquet":
        frame = _parquet(raw)
    else:
        frame = _csv(decoded(raw), file.path.suffix.lower() == ".tsv")
    unnamed = [name for name in frame.columns if not name.strip()]
    if unnamed:
        reason = LeftOut("a column without a name", "没有名字的列")
        files.leave_out(file.shown, reason)
        frame = frame.drop(columns=unnamed)
    if frame.empty:
        raise LeftOut("no rows", "没有数据行")
    return frame


def _parquet(raw: bytes) -> DataFrame:
    pd = optional("pandas")
    pa = optional("pyarrow")
    from pyarrow.parquet import read_schema

    try:
        schema = read_schema(io.BytesIO(raw))
        frame = pd.read_parquet(io.BytesIO(raw))
    except (ValueError, OSError) as error:  # pyarrow's errors are both
        raise LeftOut(f"no Parquet file ({error})", "不是 Parquet 文件") from None
    for column in schema:
        if pa.types.is_nested(column.type):
            reason = f"no flat table: {column.name!r} holds lists or records"
            raise LeftOut(reason, "单元格里是列表或记录")
    frame.columns = [str(name) for name in frame.columns]
    return frame.reset_index(drop=True)


def _csv(text: str, tabs: bool) -> DataFrame:
    pd = optional("pandas")
    mark = "\t" if tabs else delimiter(text)
    lines = io.StringIO(text.lstrip("\n"), newline="")
    names = [" ".join(name.split()) for name in _header(lines, mark)]
    rest = lines.read()
    if len({*names} - {""}) < len([name for name in names if name]):
        twice = next(name for name in names if names.count(name) > 1)
        raise LeftOut(f"two columns named {twice!r}", "两列同名")
    if not rest.strip():
        raise LeftOut("no rows", "没有数据行")
    try:
        with warnings.catch_warnings():  # that cells beyond the header are dropped
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(rest),
                sep=mark,
                names=_distinct(names),
                header=None,
                index_col=False,
                na_values="?",
                skipinitialspace=True,
                low_memory=False,
            )
    except pd.errors.ParserWarning:
        raise LeftOut("no table: more cells than names", "单元格比列名多") from None
    except (ValueError, pd.errors.ParserError) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise LeftOut(f"no table (below the header: {reason})", "不是表格") from None
    if mark == ";":
        frame = frame.apply(_without_commas)
    return frame.rename(columns=lambda name: "" if name.startswith("\0") else name)


def _without_commas(cells: Series) -> Series:
    """Read 1,5 as 1.5 where every cell of a column is such a number."""
    known = cells.dropna()
    if not all(isinstance(cell, str) and DECIMAL.fullmatch(cell) for cell in known):
        return cells
    if not any("," in cell for cell in known):
        return cells
    plain = cells.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return optional("pandas").to_numeric(plain)


def _header(lines: io.StringIO, mark: str) -> list[str]:
    """Read the names of the columns, which may have line breaks, and no further."""
    try:
        return next(csv.reader(lines, delimiter=mark), [])
    except csv.Error as error:
        raise LeftOut(f"no table ({error})", "不是表格") from None


def _distinct(names: list[str]) -> list[str]:
    """Give names to columns without one, for pandas."""
    return [name or f"\0{k}" for k, name in enumerate(names)]
