"""Reports in which every number can be traced to a cell of a table, or is called out.

A ledger is the table that a report speaks of: rows of names, columns of names, and each
number as it is to be written. Numbers are put into a text by code; and a text that
somebody else wrote is read again, number by number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, Self

Cell = tuple[str, str]  # the row, the column
FIELD = re.compile(r"\{([^{}/]+)/([^{}/]+)\}")
SENTENCE = re.compile(r"[^。；！？\n]+")
# Numbers in digits, and those that hide in words: 近三成, 百分之五, 翻番, 一半.
NUMBER = re.compile(
    r"[+-]?\d[\d,]*(?:\.\d+)?%?"
    r"|百分之[零一二三四五六七八九十百点两]+"
    r"|[一二三四五六七八九十百千万亿两几]+(?:成|倍|次|个百分点|分之[一二三四五六七八九十])"
    r"|[一过大]半|翻番"
)


class Trace(NamedTuple):
    """A number of a text, ``start`` in it, and the cell that it was taken from."""

    start: int
    text: str
    cell: Cell


class Audit(NamedTuple):
    """What the numbers of a text are.

    ``traced`` ones are those of the cell that the text names; ``misplaced`` stand in
    the ledger, but not where the text says; ``foreign`` stand nowhere; ``missing`` are
    cells that had to be told and were not.
    """

    traced: list[Trace]
    misplaced: list[str]
    foreign: list[str]
    missing: list[Cell]

    @property
    def true(self) -> bool:
        """Whether all numbers are traced, and none is missing."""
        return not (self.misplaced or self.foreign or self.missing)

    @property
    def exactness(self) -> float:
        """The share of the numbers that are traced; 1 of a text without any."""
        wrong = len(self.misplaced) + len(self.foreign)
        return len(self.traced) / (len(self.traced) + wrong) if wrong else 1.0


class Ledger:
    """Numbers as they are written: ``cells`` maps (row, column) to a text.

    Raises:
        ValueError: no cells, one that is no single number in digits, a row or column
            without a name, or a row with the name of a column.
    """

    def __init__(self, cells: Mapping[Cell, str]):
        self.cells = {cell: plain(text) for cell, text in cells.items()}
        if not self.cells:
            raise ValueError("cells is empty: give at least one number")
        for cell, text in self.cells.items():
            if not all(isinstance(name, str) and name for name in cell):
                raise ValueError(f"cells[{cell}]: name rows and columns by texts")
            if not (found := NUMBER.fullmatch(text)) or not re.search(r"\d", found[0]):
                raise ValueError(f"cells[{cell}]={text!r}: give one number in digits")
        self.rows = list(dict.fromkeys(row for row, _ in cells))
        self.columns = list(dict.fromkeys(column for _, column in cells))
        if both := set(self.rows) & set(self.columns):
            raise ValueError(f"{min(both)!r} names a row and a column: rename one")

    @classmethod
    def of(
        cls, table: Mapping[str, Mapping[str, float]], formats: Mapping[str, str]
    ) -> Self:
        """Write the numbers of ``table[row][column]`` by the format of their column.

        Raises:
            ValueError: a column without a format, or no number where one is needed.
        """
        cells = {}
        for row, values in table.items():
            for column, value in values.items():
                if column not in formats:
                    raise ValueError(
                        f"formats has no {column!r}: give one, such as '.2%'"
                    )
                try:
                    cells[row, column] = format(value, formats[column])
                except (TypeError, ValueError):
                    raise ValueError(
                        f"table[{row!r}][{column!r}]={value!r} is not to be written "
                        f"as {formats[column]!r}: give a number"
                    ) from None
        return cls(cells)

    def fill(self, template: str) -> tuple[str, list[Trace]]:
        """Put cells in the place of "{row/column}": the text, and where each went.

        Raises:
            ValueError: a cell that is not there, or a number that the template has of
                its own.
        """
        if own := NUMBER.search(self._nameless(plain(FIELD.sub("", template)))):
            raise ValueError(
                f"template holds {own[0]!r}: a number belongs to the ledger, name its "
                "cell"
            )
        text, traces, end = "", [], 0
        for field in FIELD.finditer(template):
            cell = field[1], field[2]
            if cell not in self.cells:
                known = "、".join("/".join(c) for c in list(self.cells)[:6])
                raise ValueError(f"{field[0]}: no such cell; there are {known}")
            text += template[end : field.start()]
            traces.append(Trace(len(text), self.cells[cell], cell))
            text, end = text + self.cells[cell], field.end()
        return text + template[end:], traces

    def audit(self, text: str, required: Collection[Cell] = ()) -> Audit:
        """Read ``text``: which of its numbers stand in the cell that it names?

        The cell of a number is that of the last row and the last column named before it
        in its sentence; a row stays until the text names another. A ledger of one row
        needs no row named. Numbers must be written as in the ledger.

        Raises:
            ValueError: ``required`` cells that are not there.
        """
        if foreign := set(required) - set(self.cells):
            raise ValueError(f"required holds {min(foreign)}: no such cell")
        text = plain(text)
        traced, misplaced, strange = [], [], []
        row = self.rows[0] if len(self.rows) == 1 else None
        for sentence in SENTENCE.finditer(text):
            column, start = None, sentence.start()
            for kind, found in self._read(sentence[0]):
                if kind == "row":
                    row = found[0]
                elif kind == "column":
                    column = found[0]
                elif self.cells.get((row, column)) == found[0]:
                    at = start + found.start()
                    traced.append(Trace(at, found[0], (row, column)))
                elif found[0] in self.cells.values():
                    misplaced.append(found[0])
                else:
                    strange.append(found[0])
        told = {trace.cell for trace in traced}
        missing = [cell for cell in required if cell not in told]
        return Audit(traced, misplaced, strange, missing)

    def _read(self, sentence: str) -> Iterator[tuple[str, re.Match]]:
        """Yield names and numbers in order; the longest name that fits is taken."""
        for found in re.finditer(f"{self._names()}|{NUMBER.pattern}", sentence):
            kind = "row" if found[0] in self.rows else "column"
            known = found[0] in self.rows or found[0] in self.columns
            yield (kind if known else "number"), found

    def _nameless(self, text: str) -> str:
        return re.sub(self._names(), "", text)

    def _names(self) -> str:
        """The pattern of all names, the longest first; 1 does not stand in 12."""
        names = sorted((*self.rows, *self.columns), key=len, reverse=True)
        return "|".join(
            r"(?<![\d.])" * name[0].isdigit()
            + re.escape(name)
            + r"(?!\d|[.,]\d)" * name[-1].isdigit()
            for name in names
        )


def plain(text: str) -> str:
    """Write digits and signs in one way: full-width ones and the minus sign too."""
    kept = "，。；：！？（）"  # punctuation stays as it is
    signs = (c if c in kept else unicodedata.normalize("NFKC", c) for c in text)
    return "".join(signs).replace("\N{MINUS SIGN}", "-")
