"""The cells of one column of a table: what they are, and their values."""

from __future__ import annotations

import numbers
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ..runtime import optional

if TYPE_CHECKING:
    from pandas import Series

KINDS = ("number", "date", "category", "skip")
FEW = 20  # distinct values of codes such as grades
MOST_DECIMALS = 6
COMMA = re.compile(r"\s*[-+]?\d[\d.]*,\d[\d,]*(\.\d+)?\s*")  # 1,5 or 1,234 or 1.234,5
PLAIN = str.maketrans("０１２３４５６７８９．，－＋−", "0123456789.,-+-")
DATE = r"\s*\d{4}([-/])\d{1,2}\1\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?\s*"


def inferred(name: str, cells: Series, most: int) -> tuple[str, str]:
    """Return the kind of a column and a note; ``most`` is a limit of categories.

    Raises:
        ValueError: a column of numbers and words, of numbers with commas, or of
            something else.
    """
    pd = optional("pandas")
    types = pd.api.types
    known = cells.dropna()
    if types.is_bool_dtype(cells.dtype):
        return "category", ""
    if types.is_datetime64_any_dtype(cells.dtype):
        return "date", ""
    if types.is_numeric_dtype(cells.dtype) and not types.is_complex_dtype(cells.dtype):
        if _counts_rows(known):
            return "skip", "counts the rows"
        return "number", "always missing" if known.empty else ""
    if known.empty:
        return "category", "always missing"
    _check_plain(name, known)
    if all(isinstance(value, numbers.Real) for value in known):
        boolean = all(isinstance(value, bool) for value in known)
        return "category" if boolean else "number", ""
    texts = known.astype(str)
    if texts.str.fullmatch(DATE).all():
        return "date", ""
    as_numbers = _numeric(texts)
    words = as_numbers.isna()
    if not words.any():
        return "number", "numbers written as texts"
    if texts.nunique() > FEW and all(map(COMMA.fullmatch, texts[words])):
        raise _with_commas(name, texts[words].iloc[0])
    if words.sum() <= len(words) / 2 and as_numbers.nunique() > FEW:
        row = words.idxmax()
        raise ValueError(
            f"{name!r} mixes numbers and words: {words.sum():,} of {len(words):,} "
            f"cells are no numbers, first {texts[row]!r} in row {row}: correct them, "
            f'or say kinds={{"{name}": "number"}} (words count as missing) or '
            f'kinds={{"{name}": "category"}}'
        )
    distinct = texts.nunique()
    if distinct > most and distinct > len(texts) / 2:
        return "skip", f"{distinct:,} different texts in {len(texts):,} rows"
    return "category", ""


def _check_plain(name: str, cells: Series) -> None:
    for value in cells:
        plain = isinstance(value, str | numbers.Real) or hasattr(value, "isoformat")
        if not plain or isinstance(value, timedelta):
            raise ValueError(
                f"{name!r} holds a {type(value).__name__}: give numbers, dates, texts "
                "or booleans, or skip the column"
            )


def _counts_rows(known: Series) -> bool:
    """Tell whether whole numbers follow one another without a gap, each one once."""
    if len(known) < 100 or not (known % 1 == 0).all():
        return False
    return known.nunique() == len(known) == known.max() - known.min() + 1


def _numeric(cells: Series) -> Series:
    """Read texts as numbers, also in full-width digits; NaN where they are none."""
    pd = optional("pandas")
    found = pd.to_numeric(cells, errors="coerce")
    left = found.isna() & cells.notna()
    if left.any():
        plain = [str(text).translate(PLAIN) for text in cells[left]]
        more = pd.to_numeric(pd.Series(plain, cells.index[left]), errors="coerce")
        found = found.astype(float).where(~left, more)
    return found


def _with_commas(name: str, text: str) -> ValueError:
    return ValueError(
        f"{name!r} holds {text!r}, which may be a decimal comma or one of thousands: "
        "write 1.5 for 1,5 and 1234 for 1,234 (pandas.read_csv(path, decimal=',') or "
        f'thousands=\',\'), or say kinds={{"{name}": "category"}}'
    )


def as_number(name: str, cells: Series) -> np.ndarray:
    """Cells as float64, NaN where missing or no number.

    Raises:
        ValueError: infinity, or numbers with commas.
    """
    pd = optional("pandas")
    if not pd.api.types.is_numeric_dtype(cells.dtype):
        texts, cells = cells, _numeric(cells)
        for text in texts[cells.isna() & texts.notna()]:
            if COMMA.fullmatch(str(text)):
                raise _with_commas(name, text)
    values = cells.to_numpy(np.float64, na_value=np.nan)
    if (infinite := np.isinf(values)).any():
        raise ValueError(
            f"{name!r} holds infinity in {infinite.sum():,} of {len(values):,} rows, "
            f"first in row {infinite.argmax()}: correct it, or write NaN for missing"
        )
    return values


def as_date(name: str, cells: Series, unit: str) -> np.ndarray:
    """Cells as ``unit``s ("D" or "s") since 1970, float64, NaN where missing.

    Dates with a time zone become UTC.

    Raises:
        ValueError: a cell that is no date of ISO 8601, such as 2026-11-28.
    """
    pd = optional("pandas")
    if not pd.api.types.is_datetime64_any_dtype(cells.dtype):
        texts = cells.astype("string").str.replace("/", "-").str.strip()
        dates = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
        loose = dates.isna() & texts.notna()  # without leading zeros: 2026-1-8
        if loose.any():
            again = pd.to_datetime(
                texts[loose], format="%Y-%m-%d", errors="coerce", utc=True
            )
            dates = dates.where(~loose, again.reindex(dates.index))
        bad = dates.isna() & texts.notna()
        if bad.any():
            raise ValueError(
                f"{name!r} holds {texts[bad].iloc[0]!r}, which is no date: write dates "
                "as 2026-11-28 or 2026-11-28 13:45:00"
            )
        cells = dates
    if cells.dt.tz is not None:
        cells = cells.dt.tz_convert("UTC").dt.tz_localize(None)
    seconds = cells.to_numpy("datetime64[s]")
    values = seconds.astype(np.int64).astype(np.float64)
    values[np.isnat(seconds)] = np.nan
    return values / 86_400 if unit == "D" else values


def dates_from(values: np.ndarray, unit: str) -> np.ndarray:
    """The inverse of ``as_date``: datetime64 in seconds, NaT where missing."""
    absent = np.isnan(values)
    whole = np.round(np.where(absent, 0, values)).astype(np.int64)
    dates = whole.astype(f"datetime64[{unit}]").astype("datetime64[s]")
    dates[absent] = np.datetime64("NaT")
    return dates


def as_category(name: str, cells: Series) -> Series:
    """Cells as texts, except numbers and booleans in a column of such alone."""
    pd = optional("pandas")
    types = pd.api.types
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.astype(cells.cat.categories.dtype)
    if types.is_bool_dtype(cells.dtype) or types.is_numeric_dtype(cells.dtype):
        return cells
    known = cells.dropna()
    if len(known) and all(isinstance(value, bool) for value in known):
        return cells
    return known.astype(str).reindex(cells.index)


def decimals_of(values: np.ndarray) -> int | None:
    """How many decimals all ``values`` need, None for more than ``MOST_DECIMALS``."""
    known = values[~np.isnan(values)]
    nothing = 1e-9 * min(1.0, np.abs(known).max(initial=0))
    for decimals in range(MOST_DECIMALS + 1):
        if np.allclose(known, np.round(known, decimals), rtol=1e-12, atol=nothing):
            return decimals
    return None
