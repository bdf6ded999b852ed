"""Customers as short sequences: orders month by month, and who did not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import whole
from ..runtime import optional
from .ratings import Log

if TYPE_CHECKING:
    from pandas import DataFrame, Series

DAY = 86_400  # seconds
LEFT = "left"  # the column that says who did not come back


def months_before(
    log: Log, cut: ArrayLike, *, months: int = 6, ahead: int = 3, days: int = 30
) -> DataFrame:
    """Return one row for each customer who ordered in the ``months`` before ``cut``.

    ``cut`` is a time as in ``log.times``: seconds, or datetime64. A month has ``days``
    days, counted from the cut. An order is what a customer took at one time. The index
    has the customers' names; the columns are

    - "month -6" to "month -1" (of ``months=6``): orders in each month, int64;
    - "products": rows of the log in these months, int64;
    - "days": whole days from the last order to the cut, int64;
    - "left": "yes" for no order in the ``ahead`` months from the cut on, else "no".

    Only the last column looks at what happens from the cut on.

    Raises:
        ValueError: a log without times, or one that ends before all these months do;
            nobody who ordered in those before the cut.
    """
    pd = optional("pandas")
    months, ahead = whole("months", months, 1), whole("ahead", ahead, 1)
    days = whole("days", days, 1)
    if log.times is None:
        raise ValueError("log has no times: give one a row")
    ago = _seconds(cut) - _seconds(log.times)  # > 0 before the cut
    day = (ago - 1) // DAY  # 0 is the day before the cut, -1 that which begins with it
    first, last = months * days - 1, -ahead * days
    if not (day >= first).any() or not (day <= last).any():
        raise ValueError(
            f"cut={cut}: the log goes from {day.max() + 1} days before it to "
            f"{-day.min()} after, wanted are {first + 1} and {-last}: move the cut, or "
            "choose lower months, ahead or days"
        )
    names = np.asarray(log.users, object).astype(str)
    rows = pd.DataFrame({"user": names, "ago": ago, "day": day})
    known = rows[(day >= 0) & (day <= first)]
    if known.empty:
        raise ValueError(f"cut={cut}: nobody ordered in {months} months before it")
    orders = known.drop_duplicates()
    table = pd.crosstab(orders["user"], orders["day"] // days + 1)
    table = table.reindex(columns=range(months, 0, -1), fill_value=0)
    table.columns = [f"month -{month}" for month in table.columns]
    of_each = known.groupby("user")["day"]
    table = table.assign(products=of_each.size(), days=of_each.min())
    stayed = table.index.isin(rows["user"][(day < 0) & (day >= last)])
    return table.assign(**{LEFT: np.where(stayed, "no", "yes")})


def impossible(table: DataFrame, *, days: int = 30) -> Series:
    """Return True for each row that ``months_before`` could not have given.

    Its "days" fall into another month than its last order, it has no order at all, or
    fewer products than orders.
    """
    orders = table.filter(like="month -")
    newest_first = orders.to_numpy()[:, ::-1] > 0  # (N, months)
    last = np.where(newest_first.any(1), newest_first.argmax(1), -1)
    wrong = last != table["days"].to_numpy() // days
    return (table["products"] < orders.sum(axis=1)) | wrong


def _seconds(times: ArrayLike) -> np.ndarray:
    times = np.asarray(times)
    if times.dtype.kind == "M":
        times = times.astype("M8[s]")
    return times.astype(np.int64)
