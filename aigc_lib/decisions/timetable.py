"""Which shipment leaves with which departure, and when it is loaded: by CP-SAT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..arguments import whole
from ..runtime import optional
from .cpsat import solved


class Shipment(NamedTuple):
    """``size`` units that are ``ready`` at a time and must arrive by ``due``."""

    name: str
    size: int
    ready: int
    due: int


class Departure(NamedTuple):
    """A ship, train, truck or plane; ``fixed`` if it is used, ``unit`` a unit."""

    mode: str
    departs: int
    arrives: int
    capacity: int
    fixed: int
    unit: int


class Timetable(NamedTuple):
    """``departure[i]`` of shipment i, and the time at which its ``loading`` begins.

    ``cost`` is what was paid, ``bound`` what no timetable can undercut.
    """

    departure: tuple[int, ...]
    loading: tuple[int, ...]
    cost: int
    bound: float


def timetable(
    shipments: Sequence[Shipment],
    departures: Sequence[Departure],
    *,
    docks: int,
    loading: int = 1,
    effort: float = 5.0,
    seed: int = 0,
) -> Timetable:
    """Return the cheapest timetable that CP-SAT finds, with a bound.

    Each shipment takes one departure that it can reach and that arrives in time; it is
    loaded for ``loading`` at one of ``docks`` docks after it is ready and before it
    leaves. ``effort`` is in CP-SAT's deterministic seconds, so that the same call gives
    the same timetable.

    Raises:
        ValueError: a departure without capacity, a shipment that no departure can
            carry in time, or no timetable for all together; numbers out of range.
        ModuleNotFoundError: ortools is missing.
    """
    cp = optional("ortools.sat.python.cp_model", install="ortools")
    shipments, departures, docks, loading = _checked(
        shipments, departures, docks, loading
    )
    model, takes, starts, spans = cp.CpModel(), {}, [], []
    for i, s in enumerate(shipments):
        fits = _fits(s, departures, loading)
        last = max(departures[j].departs for j in fits) - loading
        start = model.new_int_var(s.ready, last, "")
        for j in fits:
            takes[i, j] = model.new_bool_var("")
            limit = departures[j].departs
            model.add(start + loading <= limit).only_enforce_if(takes[i, j])
        model.add_exactly_one(takes[i, j] for j in fits)
        starts.append(start)
        spans.append(model.new_fixed_size_interval_var(start, loading, ""))
    model.add_cumulative(spans, [1] * len(spans), docks)
    paid = []
    for j, d in enumerate(departures):
        loads = [(shipments[i].size, t) for (i, k), t in takes.items() if k == j]
        if not loads:
            continue
        used = model.new_bool_var("")
        total = sum(size * t for size, t in loads)
        model.add(total <= d.capacity * used)
        for _, t in loads:
            model.add_implication(t, used)
        paid.append(d.fixed * used + d.unit * total)
    model.minimize(sum(paid))
    solver, failure = solved(model, effort, seed)
    if failure:
        raise ValueError(
            f"no timetable for these {len(shipments)} shipments with docks={docks} "
            f"({failure}): add departures, capacity, docks or effort"
        )
    chosen = [0] * len(shipments)
    for (i, j), t in takes.items():
        if solver.boolean_value(t):
            chosen[i] = j
    loaded = tuple(int(solver.value(start)) for start in starts)
    found = Timetable(tuple(chosen), loaded, 0, solver.best_objective_bound)
    cost = check(found, shipments, departures, docks=docks, loading=loading)
    return found._replace(cost=cost)


def greedy(
    shipments: Sequence[Shipment],
    departures: Sequence[Departure],
    *,
    docks: int,
    loading: int = 1,
    by: str = "cost",
) -> Timetable:
    """Serve one shipment after the other, the most urgent first: the rule of thumb.

    Each takes, of the departures with room that it can still be loaded for, the one
    that costs least more ("cost") or arrives first ("speed").

    Raises:
        ValueError: a shipment finds none; or as ``timetable``.
    """
    shipments, departures, docks, loading = _checked(
        shipments, departures, docks, loading
    )
    room = [d.capacity for d in departures]
    chosen, begun = [0] * len(shipments), [0] * len(shipments)
    done: list[int] = []
    for i in sorted(range(len(shipments)), key=lambda i: shipments[i].due):
        s = shipments[i]
        open_ = []
        for j in _fits(s, departures, loading):
            d = departures[j]
            when = _slot(done, s.ready, d.departs - loading, docks, loading)
            if room[j] < s.size or when is None:
                continue
            more = d.unit * s.size + (d.fixed if room[j] == d.capacity else 0)
            key = (more, d.arrives) if by == "cost" else (d.arrives, more)
            open_.append((key, j, when))
        if not open_:
            raise ValueError(
                f"shipment {s.name}: the rule finds no departure with room"
            )
        _, j, when = min(open_)
        room[j] -= s.size
        chosen[i], begun[i] = j, when
        done.append(when)
    found = Timetable(tuple(chosen), tuple(begun), 0, 0.0)
    cost = check(found, shipments, departures, docks=docks, loading=loading)
    return found._replace(cost=cost)


def check(
    found: Timetable,
    shipments: Sequence[Shipment],
    departures: Sequence[Departure],
    *,
    docks: int,
    loading: int = 1,
) -> int:
    """Return what ``found`` costs, counted anew.

    Raises:
        ValueError: a shipment loaded too early or too late or that arrives too late, a
            departure too full or that is not there, or more loadings at a time than
            docks; or as ``timetable``.
    """
    shipments, departures, docks, loading = _checked(
        shipments, departures, docks, loading
    )
    if not len(found.departure) == len(found.loading) == len(shipments):
        raise ValueError(
            f"found has {len(found.departure)} departures and {len(found.loading)} "
            f"times for {len(shipments)} shipments: give one of each"
        )
    if strange := set(found.departure) - set(range(len(departures))):
        raise ValueError(
            f"found has departure {min(strange)}: there are {len(departures)}, from 0"
        )
    loads: dict[int, int] = {}
    for s, j, start in zip(shipments, found.departure, found.loading, strict=True):
        d = departures[j]
        if start < s.ready or start + loading > d.departs or d.arrives > s.due:
            raise ValueError(
                f"shipment {s.name}: it is not ready, late, or arrives late"
            )
        loads[j] = loads.get(j, 0) + s.size
    for time in found.loading:
        at_once = sum(time - loading < other <= time for other in found.loading)
        if at_once > docks:
            raise ValueError(f"time {time}: {at_once} loadings at docks={docks}")
    total = 0
    for j, load in loads.items():
        if load > departures[j].capacity:
            raise ValueError(
                f"departure {j} carries {load} of {departures[j].capacity}"
            )
        total += departures[j].fixed + departures[j].unit * load
    return total


def _slot(
    done: list[int], first: int, last: int, docks: int, loading: int
) -> int | None:
    """Return the first time at which a dock is free for a whole loading, if any."""
    # a dock that is taken becomes free when a loading ends, and at no other time
    for start in sorted({first, *(t + loading for t in done if t + loading > first)}):
        near = [t for t in done if start - loading < t < start + loading]
        moments = [start, *(t for t in near if t > start)]
        busy = [sum(t <= moment < t + loading for t in near) for moment in moments]
        if start <= last and max(busy) < docks:
            return start
    return None


def _fits(s: Shipment, departures: Sequence[Departure], loading: int) -> list[int]:
    fits = [
        j
        for j, d in enumerate(departures)
        if s.ready + loading <= d.departs
        and d.arrives <= s.due
        and s.size <= d.capacity
    ]
    if not fits:
        raise ValueError(
            f"shipment {s.name} (size {s.size}, ready {s.ready}, due {s.due}): no "
            "departure carries it in time, split it, hurry, or add a departure"
        )
    return fits


def _checked(shipments, departures, docks, loading):
    docks, loading = whole("docks", docks, 1), whole("loading", loading, 1)
    shipments = [_row(Shipment, s) for s in shipments]
    departures = [_row(Departure, d) for d in departures]
    if not shipments or not departures:
        raise ValueError("shipments or departures are empty: give at least one of each")
    for d in departures:
        if d.capacity <= 0 or d.arrives < d.departs or min(d.fixed, d.unit) < 0:
            raise ValueError(
                f"departure {d}: give a capacity above 0, an arrival not before it "
                "leaves, and prices not below 0"
            )
    for s in shipments:
        if s.size <= 0 or s.ready < 0 or s.due < s.ready:
            raise ValueError(
                f"shipment {s}: give a size above 0, and a due time not before ready"
            )
    return shipments, departures, docks, loading


def _row(kind, values):
    """Return a row with Python's whole numbers, which are what CP-SAT takes."""
    if len(values) != len(kind._fields):
        raise ValueError(f"{kind.__name__} {values!r}: give {', '.join(kind._fields)}")
    return kind(values[0], *map(whole, kind._fields[1:], values[1:]))
