"""One column of a table: its codes, one for each category, frequent number or bin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..arguments import unknown
from ..runtime import optional
from .cells import (
    as_category,
    as_date,
    as_number,
    dates_from,
    decimals_of,
    inferred,
)

if TYPE_CHECKING:
    from pandas import Series

OTHER = "(other)"  # what rare categories become
MOST = 1_000  # categories that get a code of their own
# Where the knots of a bin lie among its values: close at its ends, for the tails.
_LOW = 4.0 ** np.arange(-6, 0)
PLACES = np.concatenate([[0], _LOW, [0.5], 1 - _LOW[::-1], [1]])


@dataclass(frozen=True)
class Column:
    """What a codec knows of one column.

    ``kind`` is "number", "date", "category" or "skip". ``values`` are those of a
    category; ``knots`` those of each bin of a number: its quantiles at ``PLACES``, or
    one number for a bin of a single value. ``missing`` tells whether there is a last
    code for no value, ``decimals`` how many to keep, None for all; those of dates are
    whole ``unit``s, "D" or "s". ``note`` says what a reader should know.
    """

    name: str
    kind: str
    values: tuple = ()
    knots: tuple[tuple[float, ...], ...] = ()
    missing: bool = False
    decimals: int | None = None
    unit: str = ""
    note: str = ""

    @property
    def size(self) -> int:
        """The number of codes."""
        return len(self.values or self.knots) + self.missing

    @property
    def is_number(self) -> bool:
        """Whether its values can be compared: a number or a date."""
        return self.kind in ("number", "date")

    # ---- making ----------------------------------------------------------------------

    @classmethod
    def of(cls, name: str, cells: Series, told: str | None) -> Self:
        """Settle the kind of a column, by what it is ``told`` or by its cells."""
        kind, note = (told, "as told") if told else inferred(name, cells, MOST)
        if kind == "date":
            seconds = as_date(name, cells, "s")
            whole = (seconds[~np.isnan(seconds)] % 86_400 == 0).all()
            unit = "D" if whole else "s"
            return cls(name, kind, unit=unit, decimals=0, note=note)
        if kind == "number":
            decimals = decimals_of(as_number(name, cells))
            return cls(name, kind, decimals=decimals, note=note)
        return cls(name, kind, note=note)

    def with_bins(self, values: np.ndarray, bins: int) -> Self:
        """Return the column with codes for numbers like ``values``, NaN for missing."""
        known = np.sort(values[~np.isnan(values)])
        knots = tuple(binned(known, bins)) if len(known) else ()
        return replace(self, knots=knots, missing=len(known) < len(values))

    def with_values(self, cells: Series) -> Self:
        """Return the column with codes for the categories of ``cells``.

        Of more than ``MOST``, the rarer ones share that of ``OTHER``.
        """
        known = as_category(self.name, cells).dropna()
        counts = known.value_counts()
        kept = counts.index if len(counts) <= MOST else counts.index[: MOST - 1]
        values = [v.item() if isinstance(v, np.generic) else v for v in kept]
        values.sort(key=lambda v: (str(type(v)), v))  # whatever the order of the rows
        note = self.note
        if rarer := len(counts) - len(kept):
            values.append(OTHER)
            text = f"the rarer {rarer:,} of {len(counts):,} are {OTHER}"
            note = "; ".join(filter(None, [note, text]))
        missing = len(known) < len(cells)
        return replace(self, values=tuple(values), missing=missing, note=note)

    # ---- there -----------------------------------------------------------------------

    def numbers(self, cells: Series) -> np.ndarray:
        """Cells as float64, NaN where missing; dates in ``unit``s since 1970."""
        if self.kind == "date":
            return as_date(self.name, cells, self.unit)
        return as_number(self.name, cells)

    def missing_code(self) -> int:
        """The code of no value.

        Raises:
            ValueError: there is none.
        """
        if not self.missing:
            raise ValueError(
                f"{self.name!r} has a missing value, and had none in the table that "
                "the codec was made for: fill it, or make the codec with such rows"
            )
        return self.size - 1

    def code_of(self, value: Any) -> int:
        """The code of one category: that of ``OTHER`` for one never seen, if any.

        Raises:
            ValueError: there is none.
        """
        if value is None:
            return self.missing_code()
        for known in (value, OTHER):
            if known in self.values:
                return self.values.index(known)
        raise ValueError(
            f"{unknown(self.name, value, map(str, self.values[:20]))}: the codec never "
            "saw another"
        )

    def codes_of_categories(self, cells: Series) -> np.ndarray:
        """Return the codes (N,) of ``cells``."""
        pd = optional("pandas")
        cells = as_category(self.name, cells)
        index = pd.Index(self.values, dtype=object)
        codes = index.get_indexer(cells.astype(object))
        absent = cells.isna().to_numpy()
        new = (codes < 0) & ~absent
        if new.any():
            codes[new] = self.code_of(cells[new].iloc[0])
        if absent.any():
            codes[absent] = self.missing_code()
        return codes

    def codes_of_numbers(self, values: np.ndarray) -> np.ndarray:
        """Return the codes (N,) of ``values``: between two bins, that of the upper."""
        absent = np.isnan(values)
        if absent.any():
            self.missing_code()
        if not self.knots and not absent.all():
            raise ValueError(
                f"{self.name!r} has values, and had none in the table that the codec "
                "was made for: make the codec with such rows"
            )
        tops = np.array([knots[-1] for knots in self.knots])
        codes = np.searchsorted(tops, values).clip(max=max(len(tops) - 1, 0))
        return np.where(absent, self.size - 1, codes)

    # ---- and back --------------------------------------------------------------------

    def drawn(self, codes: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return a number for each code, at the quantile ``u`` in [0, 1] of its bin."""
        if not self.knots:
            return np.full(len(codes), np.nan)
        table = np.array([np.resize(knots, len(PLACES)) for knots in self.knots])
        absent = codes >= len(table)
        rows = np.where(absent, 0, codes)
        left = np.searchsorted(PLACES, u, "right").clip(max=len(PLACES) - 1) - 1
        way = (u - PLACES[left]) / (PLACES[left + 1] - PLACES[left])
        low, high = table[rows, left], table[rows, left + 1]
        return self.rounded(np.where(absent, np.nan, low + way * (high - low)))

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Keep as many decimals as the column has."""
        return values if self.decimals is None else np.round(values, self.decimals)

    def cells_of_numbers(self, values: np.ndarray) -> np.ndarray:
        """Return numbers with the column's decimals, or dates."""
        if self.kind == "date":
            return dates_from(values, self.unit)
        values = self.rounded(values)
        whole = self.decimals == 0 and (np.abs(values) < 2**63).all()  # NaN is not
        return values.astype(np.int64) if whole else values

    def cells_of_categories(self, codes: np.ndarray) -> Series:
        """Return the categories of ``codes``."""
        pd = optional("pandas")
        values = np.empty(self.size, dtype=object)  # None for missing
        values[: len(self.values)] = self.values
        return pd.Series(values[codes], dtype=object).infer_objects()


def binned(values: np.ndarray, most: int) -> Iterable[tuple[float, ...]]:
    """Cut sorted ``values`` into about ``most`` bins, and return their knots.

    A value as frequent as a bin's share has a bin of its own; the others divide the
    bins that are left by weight.
    """
    points, counts = np.unique(values, return_counts=True)
    alone = np.full(len(points), len(points) <= most)
    share = np.inf
    while not alone.all():
        share = counts[~alone].sum() / (most - alone.sum())
        heavy = ~alone & (counts >= share)
        if not heavy.any():
            break
        alone |= heavy
    rest = np.where(alone, 0, counts)
    number = (rest.cumsum() - rest) // share
    changed = alone[1:] | alone[:-1] | (number[1:] != number[:-1])
    ends = [*(np.flatnonzero(changed) + 1), len(points)]
    ranks = counts.cumsum()
    start = 0
    for end in (ranks[k - 1] for k in ends):
        inside = values[start:end]
        single = inside[0] == inside[-1]
        yield tuple(np.quantile(inside, [0] if single else PLACES).tolist())
        start = end
