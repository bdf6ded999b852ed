"""Demand as a panel: many items on one clock without holes, for forecasters."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..arguments import whole
from ..arrays import array

HOUR, DAY, WEEK = (np.timedelta64(n, "s") for n in (3_600, 86_400, 604_800))
SEASONS = {HOUR: (24, 168), DAY: (7,), WEEK: ()}  # steps after which demand is alike


@dataclass(frozen=True, eq=False)
class Panel:
    """What was asked for of ``items`` at ``times`` (T,), one step apart.

    ``demand`` (N, T) is NaN where nothing was measured, such as a day on which the shop
    was closed; ``known`` (K, N, T) is what is known of the future too, such as planned
    promotions.
    """

    times: np.ndarray = field(repr=False)
    demand: np.ndarray = field(repr=False)
    items: tuple[str, ...]
    known: np.ndarray = field(repr=False)
    step: np.timedelta64

    @classmethod
    def of(
        cls,
        times: ArrayLike,
        values: ArrayLike,
        columns: tuple[str, ...],
        *,
        known: str | None = None,
        longest_gap: int = 7,
    ) -> Self:
        """Put rows (R, C) at ``times`` (R,) on one clock; what lacks becomes NaN.

        The step is the commonest difference: an hour, a day or a week. Columns whose
        name begins with ``known`` tell of the future, one for each of the others in
        their order. Holes of up to ``longest_gap`` steps are closed days; a longer one
        is refused, as nobody can tell whether nothing was sold or nothing was written.

        Raises:
            ValueError: demand below 0 or not finite, times that do not ascend or have a
                time zone, another step, a longer hole, or columns that do not fit.
        """
        times, values = _times(times), array("values", values, np.float64)
        columns = tuple(columns)
        if len(set(columns)) < len(columns):
            raise ValueError(f"columns={columns}: give each name once")
        longest_gap = whole("longest_gap", longest_gap, 0)
        if times.ndim != 1 or values.shape != (len(times), len(columns)):
            raise ValueError(
                f"times {times.shape}, values {values.shape}: give (R,) and "
                f"(R, {len(columns)}), a column an item"
            )
        if len(times) < 3:
            raise ValueError(f"times has {len(times)} rows: give at least 3")
        told = [i for i, c in enumerate(columns) if known and c.startswith(known)]
        asked = [i for i in range(len(columns)) if i not in set(told)]
        if told and len(told) != len(asked):
            raise ValueError(
                f"known={known!r} names {len(told)} columns beside {len(asked)} items: "
                "give one for each item, in their order"
            )
        rows = _places(times, longest_gap)
        step = (times[-1] - times[0]) // rows[-1]
        for i in asked:
            if (values[:, i] < 0).any():
                row = int(np.flatnonzero(values[:, i] < 0)[0])
                raise ValueError(
                    f"demand of {columns[i]!r} at {times[row]} is {values[row, i]:g}, "
                    "below 0: a return is no demand, net it from its sale or drop it"
                )
        if np.isinf(values).any() or np.isnan(values[:, told]).any():
            raise ValueError("values holds infinity, or NaN in what is known: mend it")
        wide = np.full((rows[-1] + 1, len(columns)), np.nan)
        wide[rows] = values
        clock = times[0] + step * np.arange(len(wide))
        flags = np.nan_to_num(wide[:, told].T)[None] if told else None
        demand = wide[:, asked].T
        if flags is None:
            flags = np.zeros((0, *demand.shape))
        return cls(clock, demand, tuple(columns[i] for i in asked), flags, step)

    @property
    def seasons(self) -> tuple[int, ...]:
        """After how many steps demand is alike: a day, a week."""
        return SEASONS[self.step]

    def calendar(self, times: np.ndarray | None = None) -> np.ndarray:
        """Return what the clock says, (F, T): the hour, the weekday, the season.

        One row for each weekday and, of hours, for each hour; then sine and cosine of
        the time of the year.
        """
        times = self.times if times is None else times
        seconds = times.astype("M8[s]").astype(np.int64)
        rows = []
        if self.step == HOUR:
            rows += list(np.eye(24)[seconds // 3_600 % 24].T)
        if self.step < WEEK:
            rows += list(np.eye(7)[(seconds // 86_400 + 3) % 7].T)  # Monday first
        year = 2 * np.pi * seconds / (365.25 * 86_400)
        return np.array([*rows, np.sin(year), np.cos(year)])

    def part(self, start: int, stop: int) -> Panel:
        """Return the steps ``start`` to ``stop`` - 1.

        Raises:
            ValueError: they do not lie within the panel.
        """
        start, stop = whole("start", start), whole("stop", stop)
        if not 0 <= start < stop <= len(self.times):
            raise ValueError(
                f"start={start}, stop={stop}: give 0 <= start < stop <= "
                f"{len(self.times)}"
            )
        cut = np.s_[..., start:stop]
        return Panel(
            self.times[start:stop],
            self.demand[cut],
            self.items,
            self.known[cut],
            self.step,
        )

    def __len__(self) -> int:
        return len(self.items)


def _times(times: ArrayLike) -> np.ndarray:
    """Return times to the second, as a clock on the wall showed them.

    Raises:
        ValueError: no dates, one that is missing, or a time zone: in it days of 23 and
            25 hours would hide, and in UTC a day would begin at another hour.
    """
    zoned = f"times={times!r:.80}: give times without a zone, as tz_localize(None) does"
    if getattr(getattr(times, "dt", times), "tz", None) is not None:
        raise ValueError(zoned)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # NumPy's, of a zone in a text
            found = np.asarray(times, "M8[s]")
    except UserWarning:
        raise ValueError(zoned) from None
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"times={times!r:.80}: give dates, such as 2024-01-31 ({error})"
        ) from None
    if np.isnat(found).any():
        raise ValueError("times holds NaT, a date that is missing: drop those rows")
    return found


def _places(times: np.ndarray, longest_gap: int) -> np.ndarray:
    """Return the numbers of the steps at which ``times`` stand, from 0.

    Raises:
        ValueError: as ``Panel.of``.
    """
    apart = np.diff(times)
    if (apart <= np.timedelta64(0, "s")).any():
        where = times[1:][apart <= np.timedelta64(0, "s")][0]
        raise ValueError(f"times: {where} comes twice or too late, sort and join rows")
    found, count = np.unique(apart, return_counts=True)
    step = found[count.argmax()]
    if step not in SEASONS:
        raise ValueError(f"times are {step} apart: give hours, days or weeks")
    rows, rest = np.divmod(times - times[0], step)
    if (rest != np.timedelta64(0, "s")).any():
        where = times[rest != np.timedelta64(0, "s")][0]
        raise ValueError(
            f"times: {where} is not a whole number of {step} from the first"
        )
    holes = np.diff(rows) - 1
    if holes.max() > longest_gap:
        at = int(holes.argmax())
        raise ValueError(
            f"times: {holes[at]} steps are missing between {times[at]} and "
            f"{times[at + 1]}, more than longest_gap={longest_gap}: fill them with "
            "what was sold, cut the series there, or allow it by longest_gap"
        )
    return rows.astype(np.int64)


class DemandCodec:
    """What a forecaster keeps of its panel: items, step, and the last steps of it.

    ``recent`` (N, P) and ``known`` (K, N, P) are the steps before ``end``, the first
    time that is not among them, in seconds since 1970: there forecasts begin unless
    told otherwise.

    Raises:
        ValueError: no items, one twice, an unknown step, or shapes that do not fit.
    """

    def __init__(
        self,
        items: Sequence[str],
        step: int = 86_400,
        end: int = 0,
        recent: ArrayLike = (),
        known: ArrayLike = (),
    ):
        self.items, self.step, self.end = tuple(map(str, items)), int(step), int(end)
        if not self.items or len(set(self.items)) < len(self.items):
            raise ValueError(f"items={self.items}: give at least one, each once")
        if np.timedelta64(self.step, "s") not in SEASONS:
            raise ValueError(f"step={step}: give 3600, 86400 or 604800 seconds")
        n = len(self.items)
        rows = [[np.nan if v is None else v for v in row] for row in recent]
        self.recent = np.array(rows or [[]] * n, np.float64)
        shape = (len(known), *self.recent.shape)
        self.known = np.array(known, np.float64).reshape(shape)
        if len(self.recent) != n:
            raise ValueError(f"recent has {len(self.recent)} rows for {n} items")
        self.seasons = SEASONS[np.timedelta64(self.step, "s")]
        # the last panel: its calendar says how many rows there are
        self.features = len(self.known) + len(self._panel().calendar())

    @classmethod
    def train(cls, panel: Panel, past: int) -> Self:
        """Keep the last ``past`` steps of ``panel``.

        Raises:
            ValueError: it is shorter than that.
        """
        last = panel.part(len(panel.times) - past, len(panel.times))
        seconds = panel.step.astype(int)
        end = int((panel.times[-1] + panel.step).astype("M8[s]").astype(np.int64))
        return cls(panel.items, int(seconds), end, last.demand, last.known)

    def state(self) -> dict[str, Any]:
        """Return plain values that ``DemandCodec(**state)`` is made of."""
        recent = [[None if np.isnan(v) else v for v in row] for row in self.recent]
        known = self.known.tolist()
        return {
            "items": list(self.items),
            "step": self.step,
            "end": self.end,
            "recent": recent,
            "known": known,
        }

    def coming(self, horizon: int) -> Panel:
        """Return the last steps and ``horizon`` more, in which nothing is promoted."""
        last = self._panel()
        n, p = last.demand.shape
        wide = np.full((n, p + horizon), np.nan)
        wide[:, :p] = last.demand
        known = np.zeros((len(last.known), n, p + horizon))
        known[..., :p] = last.known
        times = last.times[0] + last.step * np.arange(p + horizon)
        return Panel(times, wide, self.items, known, last.step)

    def checked(self, panel: Panel) -> Panel:
        """Return a panel like that of the training.

        Raises:
            ValueError: other items, another step, or other things that are known.
        """
        seconds = panel.step.astype(int)
        if panel.items != self.items or seconds != self.step:
            raise ValueError(
                f"panel has {len(panel)} items a {seconds} s, the model "
                f"{len(self.items)} a {self.step} s: give the items of the training"
            )
        if len(panel.known) != len(self.known):
            raise ValueError(
                f"panel knows {len(panel.known)} things of the future, the model "
                f"{len(self.known)}: give the same"
            )
        return panel

    def _panel(self) -> Panel:
        length = self.recent.shape[1]
        step = np.timedelta64(self.step, "s")
        times = np.datetime64(self.end, "s") - step * np.arange(max(1, length), 0, -1)
        return Panel(times[:length], self.recent, self.items, self.known, step)

    def __repr__(self) -> str:
        return f"DemandCodec({len(self.items)} items, {len(self.known)} known)"


class Windows:
    """All runs of ``length`` steps of all items, as rows for ``fit``.

    An index of numbers (B,) gives (B, 3 + F, length): demand (0 where it was not
    measured), whether it was, the number of the item, and the F features of the time.
    Windows of an item stand together; ``every`` leaves out most starts.

    Raises:
        ValueError: a panel shorter than ``length``.
    """

    def __init__(self, panel: Panel, length: int, every: int = 1):
        steps = len(panel.times)
        length = whole("length", length, 1)
        if steps < length:
            raise ValueError(
                f"length={length}: the panel has {steps} steps, choose a smaller past "
                "or horizon, or take a longer series"
            )
        calendar = np.broadcast_to(
            panel.calendar()[:, None], (len(panel.calendar()), len(panel), steps)
        )
        observed = ~np.isnan(panel.demand)
        number = np.broadcast_to(np.arange(len(panel))[:, None], observed.shape)
        rows = [np.nan_to_num(panel.demand), observed, number, *panel.known, *calendar]
        self.all = torch.from_numpy(np.stack(rows).astype(np.float32))  # (C, N, T)
        self.starts = torch.arange(0, steps - length + 1, whole("every", every, 1))
        self.length = length

    def __len__(self) -> int:
        return self.all.shape[1] * len(self.starts)

    def __getitem__(self, rows: Tensor) -> Tensor:
        item, at = rows // len(self.starts), self.starts[rows % len(self.starts)]
        return self.at(item, at)

    def at(self, item: Tensor, start: Tensor) -> Tensor:
        """Return the windows of ``item`` (B,) that begin at ``start`` (B,)."""
        steps = start[:, None] + torch.arange(self.length)
        return self.all[:, item[:, None], steps].transpose(0, 1)
