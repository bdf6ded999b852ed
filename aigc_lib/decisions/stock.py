"""How much to order: the newsvendor, and (s, S) policies run against a demand.

Scenarios of demand come in as samples; what comes out is an order. Quantities are in
pieces, costs in the same money for all arguments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import finite, whole
from ..arrays import array
from ..metrics.series import alike, finite_array


def newsvendor(samples: ArrayLike, shortage: float, excess: float) -> np.ndarray:
    """Return the orders (N,) that cost least on average over ``samples`` (N, M).

    A piece short costs ``shortage``, one too many ``excess``: the order is the
    shortage / (shortage + excess) quantile of demand, the smallest sample with at least
    that share at or below it (Arrow, Harris and Marschak 1951).

    Raises:
        ValueError: not (N, M), demand below 0, or prices that are not above 0.
    """
    x = _demand("samples", samples, 2)
    shortage, excess = _price("shortage", shortage), _price("excess", excess)
    return np.quantile(x, shortage / (shortage + excess), axis=1, method="inverted_cdf")


def newsvendor_cost(
    order: ArrayLike, demand: ArrayLike, shortage: float, excess: float
) -> np.ndarray:
    """Return what pieces short and pieces left over cost, of the shape of both.

    Raises:
        ValueError: demand below 0, shapes that do not fit, or prices that are not above
            0.
    """
    q, d = alike(order=order, demand=_demand("demand", demand))
    shortage, excess = _price("shortage", shortage), _price("excess", excess)
    return shortage * np.maximum(d - q, 0) + excess * np.maximum(q - d, 0)


def economic_order(mean: ArrayLike, fixed: float, holding: float) -> np.ndarray:
    """Return √(2 K d / h): the batch that costs least where demand is even.

    ``mean`` demand d a day, ``fixed`` cost K of an order, ``holding`` h of a piece a
    day (Harris 1913).

    Raises:
        ValueError: demand below 0, or costs that are not above 0.
    """
    d = _demand("mean", mean)
    return np.sqrt(2 * _price("fixed", fixed) * d / _price("holding", holding))


class Run(NamedTuple):
    """What a policy did: each (N,) over all days, ``demand`` as it was asked for."""

    demand: np.ndarray
    filled: np.ndarray
    stock: np.ndarray  # mean pieces at the end of a day
    orders: np.ndarray

    @property
    def fill_rate(self) -> float:
        """The share of all demand that was served from stock; of no demand 1."""
        asked = self.demand.sum()
        return float(self.filled.sum() / asked) if asked else 1.0

    def cost(
        self, days: int, *, holding: float, fixed: float, shortage: float
    ) -> np.ndarray:
        """Return what each item cost, (N,).

        Raises:
            ValueError: prices that are not above 0, ``days`` < 1.
        """
        days, lost = whole("days", days, 1), self.demand - self.filled
        return (
            _price("holding", holding) * self.stock * days
            + _price("fixed", fixed) * self.orders
            + _price("shortage", shortage) * lost
        )


def run_policy(
    demand: ArrayLike,
    reorder: ArrayLike,
    upto: ArrayLike,
    *,
    lead: int,
    start: ArrayLike | None = None,
) -> Run:
    """Run an (s, S) policy against ``demand`` (N, T); what cannot be served is lost.

    Each day, what was ordered ``lead`` days ago arrives, then demand is served. At the
    end of a day with a review, an item whose stock and orders on the way lie at or
    below ``reorder`` (N, T), s, is ordered up to ``upto`` (N, T), S, in whole pieces. A
    day where ``reorder`` is NaN has no review. Stock begins at ``start`` (N,), else at
    the first S.

    Raises:
        ValueError: demand below 0 or NaN, S below s or infinite, shapes
            that do not fit, no review at all, ``lead`` < 1.
    """
    d = _demand("demand", demand, 2)
    s, big = array("reorder", reorder, float), array("upto", upto, float)
    if s.shape != d.shape or big.shape != d.shape:
        raise ValueError(
            f"demand {d.shape}, reorder {s.shape}, upto {big.shape}: give one shape"
        )
    reviewed = ~np.isnan(s)
    if not reviewed.any(1).all():
        raise ValueError("reorder is NaN on all days of an item: give one review")
    if (big < s)[reviewed].any() or np.isnan(big[reviewed]).any():
        raise ValueError("upto lies below reorder or is NaN: S must be at least s")
    if np.isinf(big[reviewed]).any():
        raise ValueError("upto is infinite: nobody can order so much")
    lead = whole("lead", lead, 1)
    n, days = d.shape
    first = reviewed.argmax(1)
    stock = (
        np.ceil(big[np.arange(n), first]) if start is None else _demand("start", start)
    )
    if stock.shape not in ((), (1,), (n,)):
        raise ValueError(f"start has shape {stock.shape}: give one number an item")
    stock = np.array(np.broadcast_to(stock, n), float)
    coming = np.zeros((n, days + lead + 1))
    way, filled, kept, orders = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for day in range(days):
        stock += coming[:, day]
        way -= coming[:, day]
        served = np.minimum(stock, d[:, day])
        stock -= served
        filled += served
        kept += stock
        position = stock + way
        due = reviewed[:, day] & (position <= s[:, day])
        wanted = np.where(due, np.ceil(big[:, day] - position), 0)
        wanted = np.nan_to_num(np.maximum(wanted, 0))
        coming[:, day + lead] += wanted
        way += wanted
        orders += wanted > 0
    return Run(d.sum(1), filled, kept / days, orders)


def _demand(name: str, values: ArrayLike, dimensions: int | None = None) -> np.ndarray:
    x = finite_array(name, values)
    if dimensions and x.ndim != dimensions:
        raise ValueError(f"{name} has shape {x.shape}: give {dimensions} dimensions")
    if (x < 0).any():
        raise ValueError(
            f"{name} goes down to {x.min():g}: demand is not below 0, net returns first"
        )
    return x


def _price(name: str, value: float) -> float:
    return finite(name, value, above=0)
