"""``load``: a data set by its name or path, from wherever it can be had."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module

from torch import Tensor

from ..arguments import unknown, yes_or_no
from .answers import Answers
from .answers import collect as collect_answers
from .catalog import CATALOG, Card, lookup
from .download import CorruptFile, DataUnavailable
from .own import is_own, read_own
from .ratings import Ratings
from .ratings import collect as collect_ratings
from .series import Series
from .series import collect as collect_series
from .store import obtain
from .table import Table, tabled
from .text import Texts, collect


@dataclass(frozen=True, eq=False)
class Dataset:
    """One split of a data set, whole in memory, on the CPU.

    ``x`` is (N, C, H, W) uint8 for images, (N, 2) float32 for toys, (N, T) float32 for
    sounds; ``y`` is (N,) int64.
    ``modes`` (K, 2) and ``std`` are the centres and the width of a mixture's parts.
    ``stands_for`` names the set that this one replaces, if it is a stand-in.
    """

    x: Tensor = field(repr=False)
    y: Tensor = field(repr=False)
    name: str
    split: str
    card: Card = field(repr=False)
    modes: Tensor | None = None
    stands_for: str | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """What the labels mean."""
        return self.card.classes

    @property
    def std(self) -> float | None:
        """Standard deviation around each mode, where there are modes."""
        return None if self.modes is None else self.card.parameters["std"]

    @property
    def is_standin(self) -> bool:
        """Whether this is not the data set that was asked for."""
        return self.stands_for is not None

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.x.shape[1:]))
        kind = str(self.x.dtype).removeprefix("torch.")
        role = f", standing in for {self.stands_for}" if self.is_standin else ""
        role += ", some files left out: see .card" if self.card.left_out else ""
        return (
            f"{self.name}/{self.split}: {len(self):,} samples of {shape} {kind}, "
            f"{len(self.classes)} classes{role}"
        )


def load(
    name: str | os.PathLike,
    *,
    split: str = "train",
    standin: str | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    seconds: float | None = None,
    target: str | None = None,
    kinds: Mapping[str, str] | None = None,
    constraints: Iterable[str] | None = None,
    ratings: bool | None = None,
    series: bool | None = None,
) -> Dataset | Texts | Table | Ratings | Series:
    """Load one split of a data set; see ``CATALOG`` for the names, or give a path.

    Looks in ``$AIGC_DATA_DIR``, then in the cache, then downloads. If all that fails
    and ``standin`` names a set of the same kind that is always at hand ("digits" for
    images), returns that one in the shape of the set asked for, and says so in a
    banner. Sets of texts come as ``Texts``, of tables as ``Table``, of who took what
    as ``Ratings``, numbers in the course of time as ``Series``, all others as
    ``Dataset``.

    A path is a folder of your own pictures, WAV files, texts, tables, or tunes in ABC
    or MIDI files, whose sub-folders are classes; or a file of a text, of JSON lines
    with the fields text and label, of tunes, or a table in CSV or Parquet. What cannot
    be used is left out: ``data.card`` says what and why. Pictures become squares of
    ``image_size`` with 1 or 3 ``channels``, sounds last ``seconds``; see
    ``aigc_lib.data.own`` for what is taken where these are not given. In tables the
    others are to tell the column ``target``, else the last one; ``kinds`` and
    ``constraints`` correct what ``TableCodec.fit`` infers. With ``ratings`` a table
    says who took what: rows of user, item and, if known, time; with ``series`` it holds
    times and numbers. About one sample in ten is for the split "test", always the same,
    of ratings one user in five, of a series the last tenth. A name of the catalogue
    goes before a folder of that name: "./mnist".

    Raises:
        ValueError: unknown ``name``, ``split`` or ``standin``; nothing at a path that
            can be used; an option that is not for such data.
        CorruptFile: a file is not what its card says (a ``ValueError``).
        DataUnavailable: not here, not to be downloaded, no ``standin`` (``OSError``).
    """
    options = {"image_size": image_size, "channels": channels, "seconds": seconds}
    options |= {"target": target, "kinds": kinds, "constraints": constraints}
    for option, value in {"ratings": ratings, "series": series}.items():
        options[option] = (value is not None and yes_or_no(option, value)) or None
    if is_own(name):
        if standin is not None:
            raise ValueError(
                f"standin={standin!r}: name={os.fspath(name)!r} is a path of your own; "
                "a stand-in is for data sets that must be downloaded"
            )
        return read_own(name, split, **options)
    card = lookup(name)
    for option, value in options.items():
        if value is not None:
            raise ValueError(
                f"{option}={value}: for files of your own only, {name} has the shape "
                f"{card.shape}"
            )
    if split not in card.splits:
        raise unknown("split", split, card.splits)
    if standin is not None and standin not in standins(card):
        raise unknown("standin", standin, standins(card))
    try:
        return _read(card, split)
    except DataUnavailable:
        if standin is None:
            raise
    substitute = replace(CATALOG[standin], shape=card.shape)
    data = replace(_read(substitute, split), stands_for=name)
    _announce(data, card)
    return data


def standins(wanted: Card) -> list[str]:
    """The names of the sets of the same kind that need neither files nor a package."""
    return [
        card.name
        for card in CATALOG.values()
        if card.kind == wanted.kind and not card.files and not card.requires
    ]


def _read(
    card: Card, split: str
) -> Dataset | Texts | Table | Ratings | Series | Answers:
    """Read a split and check it against the card."""
    module, _, function = card.reader.partition(":")
    read = getattr(import_module(f"{__package__}.{module}"), function)
    found = read(card, split, obtain(card, split))
    if card.kind == "text":
        return collect(card, split, found)
    if card.kind == "tables":
        return tabled(card, split, found)
    if card.kind == "ratings":
        return collect_ratings(card, split, found)
    if card.kind == "answers":
        return collect_answers(card, split, found)
    if card.kind == "series":
        return collect_series(card, split, found)
    x, y, *modes = found
    shape = (card.splits[split], *card.shape)
    if tuple(x.shape) != shape or tuple(y.shape) != shape[:1]:
        raise CorruptFile(
            f"{card.name}/{split} has x {tuple(x.shape)} and y {tuple(y.shape)}, "
            f"its card says {shape} and {shape[:1]}"
        )
    if y.min() < 0 or y.max() >= len(card.classes):
        raise CorruptFile(
            f"{card.name}/{split} has labels {y.min()}..{y.max()}, "
            f"its card has {len(card.classes)} classes"
        )
    return Dataset(x, y, card.name, split, card, *modes)


def _announce(data: Dataset | Texts | Table | Ratings | Series, card: Card) -> None:
    """Tell the reader, in a notebook by a banner, else by a line on stderr."""
    text = (
        f"替身数据：本机没有 {card.title}，也无法下载，以下改用 {data.card.title}"
        f"（{len(data):,} {data.card.unit}）。"
        "图与数值都来自替身，不能与正文引用的结果比较。"
    )
    remedy = f"python -m aigc_lib data {card.name}"
    if _in_notebook():
        from IPython.display import HTML, display

        style = "border-left: 4px solid #E69F00; padding: 0.5em 1em; margin: 0.5em 0"
        display(
            HTML(
                f'<div class="aigc-standin" style="{style}">⚠ {html.escape(text)}'
                f"联网后运行 <code>{html.escape(remedy)}</code> 取得真实数据。</div>"
            )
        )
    else:
        print(f"{text}联网后运行 {remedy} 取得真实数据。", file=sys.stderr)


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None
