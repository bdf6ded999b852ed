"""Tables: numbers, categories, dates and gaps become whole numbers, and back.

Every cell becomes the number of one of its column's codes. A category has a code for
each value. A number has one for each value that is frequent, and bins of equal weight
for the rest: quantiles instead of the mixtures of CTGAN (Xu et al. 2019, section 4.2).
A missing cell has a code of its own. So one network reads all columns alike, whatever
their scales, peaks and tails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from ..arguments import at_least, unknown
from ..runtime import optional
from .cells import KINDS, as_category
from .columns import PLACES, Column

if TYPE_CHECKING:
    from pandas import DataFrame

BINS = 64  # codes of a number, roughly
LEAST_BINS, ROWS_PER_BIN = 10, 50  # few rows say little about many bins


@dataclass(frozen=True, repr=False)
class TableCodec:
    """Turns the rows of one kind of table into codes (N, C) int64, and back.

    Made by ``TableCodec.fit``; saved with the model that uses it. ``constraints`` are
    pairs (low, high) of columns: the upper one is stored as its distance from the lower
    one, which is never negative, so that every row that is decoded obeys them.
    ``starts`` are what takes the place of lower ones that are missing. Categories and
    the ends of bins, least and greatest values among them, are those of the table: who
    has a model's file can read them.
    """

    columns: tuple[Column, ...]
    constraints: tuple[tuple[str, str], ...] = ()
    starts: dict[str, float] = field(default_factory=dict)

    # ---- making ----------------------------------------------------------------------

    @classmethod
    def fit(
        cls,
        frame: DataFrame,
        *,
        kinds: Mapping[str, str] | None = None,
        constraints: Iterable[str] = (),
        bins: int | None = None,
    ) -> Self:
        """Look at ``frame`` and settle what each column is, and which codes it has.

        ``kinds`` corrects what was inferred, such as {"zip": "category", "id": "skip"}:
        one of "number", "date", "category", "skip" for each column. ``constraints`` are
        texts, "start <= end". A number has about ``bins`` codes, by default one for
        every 50 rows, from 10 to 64. Of more than 1,000 categories the rarer ones share
        the code of "(other)"; a column with another text in more than half of the rows
        is skipped unless ``kinds`` says otherwise, and so is one that counts the rows.

        Raises:
            ValueError: no rows or no columns, two columns of one name, infinity, a
                column of numbers and words, an unknown name or kind, a constraint that
                is none, or that some row breaks.
        """
        _check_frame(frame)
        kinds = dict(kinds or {})
        for name, kind in kinds.items():
            if name not in frame.columns:
                raise unknown("kinds", name, frame.columns)
            if kind not in KINDS:
                raise unknown(f"kinds[{name!r}]", kind, KINDS)
        if bins is None:
            bins = max(LEAST_BINS, min(BINS, len(frame) // ROWS_PER_BIN))
        at_least(2, bins=bins)
        columns = {n: Column.of(n, frame[n], kinds.get(n)) for n in frame.columns}
        if all(column.kind == "skip" for column in columns.values()):
            raise ValueError(
                f"frame has {len(columns)} columns, all of them skipped: say by kinds= "
                "what they are"
            )
        pairs = ordered(constraints, columns)
        numbers = {
            name: column.numbers(frame[name])
            for name, column in columns.items()
            if column.is_number
        }
        starts = {low: float(np.nanmin(numbers[low])) for low, _ in pairs}
        for low, high in pairs:  # what is added to a fraction keeps its decimals
            both = [columns[low].decimals, columns[high].decimals]
            finer = None if None in both else max(both)
            columns[high] = replace(columns[high], decimals=finer)
        codec = cls(tuple(columns.values()), tuple(pairs), starts)
        stored = codec._stored(numbers)
        done = []
        for column in codec.columns:
            if column.is_number:
                column = column.with_bins(stored[column.name], bins)
            elif column.kind == "category":
                column = column.with_values(frame[column.name])
            done.append(column)
        return replace(codec, columns=tuple(done))

    @classmethod
    def blank(cls, size: int = 2) -> Self:
        """A codec of ``size`` numbers x1, x2, ... from 0 to 1, made without a table."""
        at_least(1, size=size)
        knots = tuple(
            tuple(((k + PLACES) / LEAST_BINS).tolist()) for k in range(LEAST_BINS)
        )
        names = [f"x{i + 1}" for i in range(size)]
        return cls(tuple(Column(name, "number", knots=knots) for name in names))

    def state(self) -> dict[str, Any]:
        """Return what ``from_state`` needs, as plain values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild the codec of a ``state``."""
        columns = [
            Column(
                **facts
                | {"values": tuple(facts["values"])}
                | {"knots": tuple(map(tuple, facts["knots"]))}
            )
            for facts in state["columns"]
        ]
        pairs = tuple((low, high) for low, high in state["constraints"])
        return cls(tuple(columns), pairs, dict(state["starts"]))

    # ---- showing ---------------------------------------------------------------------

    @property
    def coded(self) -> tuple[Column, ...]:
        """The columns that are not skipped, in the order of the codes."""
        return tuple(column for column in self.columns if column.kind != "skip")

    @property
    def sizes(self) -> list[int]:
        """The number of codes of each coded column."""
        return [column.size for column in self.coded]

    def schema(self) -> DataFrame:
        """Return what each column was taken for: kind, codes, missing and a note.

        What is wrong in it is corrected by ``fit(frame, kinds=...)``.
        """
        pd = optional("pandas")
        lower = {high: f"at least {low}" for low, high in self.constraints}
        rows = [
            {
                "column": column.name,
                "kind": column.kind,
                "codes": column.size,
                "missing": column.missing,
                "note": "; ".join(filter(None, [column.note, lower.get(column.name)])),
            }
            for column in self.columns
        ]
        return pd.DataFrame(rows).set_index("column")

    def __repr__(self) -> str:
        kinds = [column.kind for column in self.columns]
        counts = ", ".join(f"{kinds.count(k)} {k}" for k in KINDS if k in kinds)
        return f"TableCodec({counts}; {sum(self.sizes)} codes)"

    # ---- there and back --------------------------------------------------------------

    def encode(self, frame: DataFrame) -> Tensor:
        """Return the codes (N, C) int64 of a frame; columns that it has more are left.

        A number outside of all bins gets the code of the next one above it, or the
        last.

        Raises:
            ValueError: no rows, a column that is not there, a category or a missing
                value that the codec never saw, infinity, a constraint that is broken.
        """
        self._check_columns(frame)
        numbers = {c.name: c.numbers(frame[c.name]) for c in self.coded if c.is_number}
        stored = self._stored(numbers)
        codes = [
            column.codes_of_numbers(stored[column.name])
            if column.is_number
            else column.codes_of_categories(frame[column.name])
            for column in self.coded
        ]
        return torch.from_numpy(np.stack(codes, 1).astype(np.int64))

    def decode(
        self, codes: Tensor, *, generator: torch.Generator | None = None
    ) -> DataFrame:
        """Return the frame of codes (N, C); where a bin is wide, a value is drawn.

        Raises:
            ValueError: codes of another shape, or out of range.
        """
        pd = optional("pandas")
        rows = self._checked(codes)
        numbers = {}
        for column, row in zip(self.coded, rows.T, strict=True):
            if column.is_number:
                u = torch.rand(len(row), generator=generator, dtype=torch.float64)
                numbers[column.name] = column.drawn(row, u.numpy())
        for low, high in self.constraints:  # in this order, lower ends come first
            start = numbers[low]
            start = np.where(np.isnan(start), self.starts[low], start)
            numbers[high] = start + numbers[high]
        return pd.DataFrame(
            {
                column.name: column.cells_of_numbers(numbers[column.name])
                if column.is_number
                else column.cells_of_categories(row)
                for column, row in zip(self.coded, rows.T, strict=True)
            }
        )

    def typed(self, frame: DataFrame) -> DataFrame:
        """Return the coded columns of a frame, in the types that ``decode`` gives.

        So that real rows can be compared with made ones: dates in texts become dates.

        Raises:
            ValueError: no rows, a column that is not there, infinity.
        """
        pd = optional("pandas")
        self._check_columns(frame)
        return pd.DataFrame(
            {
                column.name: column.cells_of_numbers(column.numbers(cells))
                if column.is_number
                else as_category(column.name, cells).array
                for column in self.coded
                for cells in [frame[column.name]]
            }
        )

    def _check_columns(self, frame: DataFrame) -> None:
        _check_frame(frame)
        names = [column.name for column in self.coded]
        if absent := [name for name in names if name not in frame.columns]:
            raise ValueError(
                f"frame lacks the columns {absent[:5]}: give those that the codec was "
                f"made for, {', '.join(names)}"
            )

    def _stored(self, numbers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Put distances in the place of the upper ends of constraints.

        Raises:
            ValueError: a row breaks a constraint.
        """
        stored = dict(numbers)
        known = {column.name: column for column in self.columns}
        for low, high in self.constraints:
            below = numbers[high] < numbers[low]  # False where one is missing
            if below.any():
                row = int(below.argmax())
                raise ValueError(
                    f"constraint '{low} <= {high}': {below.sum():,} rows break it, "
                    f"first row {row} with {numbers[low][row]:g} and "
                    f"{numbers[high][row]:g}: correct them, or leave it out"
                )
            start = np.where(np.isnan(numbers[low]), self.starts[low], numbers[low])
            gap = (numbers[high] - start).clip(min=0)
            stored[high] = known[high].rounded(gap)
        return stored

    def _checked(self, codes: Tensor) -> np.ndarray:
        sizes = np.array(self.sizes)
        if codes.ndim != 2 or codes.shape[1] != len(sizes):
            raise ValueError(
                f"codes has shape {tuple(codes.shape)}: give (N, {len(sizes)})"
            )
        rows = codes.detach().cpu().long().numpy()
        if (bad := (rows < 0) | (rows >= sizes)).any():
            k = int(bad.any(0).argmax())
            raise ValueError(
                f"codes has {rows[bad[:, k], k][0]} for {self.coded[k].name!r}: give "
                f"numbers from 0 to {sizes[k] - 1}"
            )
        return rows

    # ---- conditions ------------------------------------------------------------------

    def allowed(self, conditions: Mapping[str, Any]) -> dict[int, Tensor]:
        """Map the numbers of columns to the codes that may fulfil ``conditions``.

        For a category a value, or a list of several; for a number or a date a value, or
        a pair (from, to), both included; None for a missing one. Masks are (K,) bool.
        Nothing is said of a column that is stored as a distance from another.

        Raises:
            ValueError: an unknown column, or a value that it never had.
        """
        names = [column.name for column in self.coded]
        upper = {high for _, high in self.constraints}
        masks = {}
        for name, wanted in conditions.items():
            if name not in names:
                raise unknown("conditions", name, names)
            column = self.coded[k := names.index(name)]
            mask = torch.zeros(column.size, dtype=torch.bool)
            if column.kind == "category":
                for value in _several(wanted):
                    mask[column.code_of(value)] = True
            elif wanted is None:
                mask[column.missing_code()] = True
            elif name in upper:
                _range(column, wanted)
                continue
            else:
                low, high = _range(column, wanted)
                for i, knots in enumerate(column.knots):
                    mask[i] = knots[0] <= high and low <= knots[-1]
                if not mask.any():
                    raise ValueError(
                        f"conditions[{name!r}]={wanted!r}: no value of the table lies "
                        f"there: choose from {column.knots[0][0]:g} to "
                        f"{column.knots[-1][-1]:g}"
                    )
            masks[k] = mask
        return masks

    def fulfils(self, frame: DataFrame, conditions: Mapping[str, Any]) -> np.ndarray:
        """Tell of each row of a decoded frame whether it fulfils them, (N,) bool."""
        kept = np.ones(len(frame), bool)
        columns = {column.name: column for column in self.coded}
        for name, wanted in conditions.items():
            column, cells = columns[name], frame[name]
            if column.kind == "category":
                codes = column.codes_of_categories(cells)
                kept &= np.isin(codes, [column.code_of(v) for v in _several(wanted)])
            elif wanted is None:
                kept &= cells.isna().to_numpy()
            else:
                low, high = _range(column, wanted)
                numbers = column.numbers(cells)
                kept &= (numbers >= low) & (numbers <= high)
        return kept


def ordered(
    constraints: Iterable[str], columns: Mapping[str, Column]
) -> list[tuple[str, str]]:
    """Return "low <= high" as pairs; each low end comes before it is one itself.

    Raises:
        ValueError: see ``TableCodec.fit``.
    """
    texts = [constraints] if isinstance(constraints, str) else list(constraints)
    pairs = []
    for text in texts:
        low, sign, high = (part.strip() for part in str(text).partition("<="))
        if not (low and sign and high):
            raise ValueError(f"constraint {text!r}: write 'low <= high', two columns")
        for name in (low, high):
            if name not in columns:
                raise unknown(f"constraint {text!r}", name, columns)
        kinds, units = zip(
            *((columns[name].kind, columns[name].unit) for name in (low, high)),
            strict=True,
        )
        alike = len(set(kinds)) == len(set(units)) == 1 and columns[low].is_number
        if not alike or low == high:
            raise ValueError(
                f"constraint {text!r}: {low!r} is a {kinds[0]}, {high!r} a {kinds[1]}: "
                "give two columns of numbers, or two of dates of one precision"
            )
        pairs.append((low, high))
    if len({high for _, high in pairs}) < len(pairs):
        raise ValueError(
            f"constraints={texts}: a column may be the upper end of one of them only"
        )
    found: list[tuple[str, str]] = []
    while len(found) < len(pairs):
        left = [pair for pair in pairs if pair not in found]
        ready = [pair for pair in left if pair[0] not in {high for _, high in left}]
        if not ready:
            raise ValueError(f"constraints={texts}: they go in a circle")
        found += ready
    return found


def _check_frame(frame: DataFrame) -> None:
    if not hasattr(frame, "columns") or not hasattr(frame, "isna"):
        raise ValueError(f"frame is {type(frame).__name__}: give a pandas DataFrame")
    if not len(frame) or not len(frame.columns):
        raise ValueError(
            f"frame has {len(frame)} rows and {len(frame.columns)} columns: give at "
            "least one of each"
        )
    if bad := [name for name in frame.columns if not isinstance(name, str)]:
        raise ValueError(f"frame has a column named {bad[0]!r}: give texts as names")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"frame has two columns named {twice[0]!r}: rename one")


def _several(wanted: Any) -> list:
    return list(wanted) if isinstance(wanted, list | tuple | set) else [wanted]


def _range(column: Column, wanted: Any) -> tuple[float, float]:
    """Return (from, to) of a number or a date, as the codec counts it.

    Raises:
        ValueError: no such pair.
    """
    pd = optional("pandas")
    ends = list(wanted) if isinstance(wanted, list | tuple) else [wanted, wanted]
    numbers = column.numbers(pd.Series(ends, dtype=object)).tolist()
    if len(ends) != 2 or not numbers[0] <= numbers[1]:
        raise ValueError(
            f"conditions[{column.name!r}]={wanted!r}: give a value, or two (from, to)"
        )
    return numbers[0], numbers[1]
