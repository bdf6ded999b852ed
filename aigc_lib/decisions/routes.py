"""Routes of trucks: plans by PyVRP, and what a plan costs when demand is another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import finite, whole
from ..codecs.tokenizers import check_text
from ..metrics.series import finite_array
from ..runtime import optional

SCALE = 1_000  # PyVRP counts in whole numbers: of thousandths, where not all are whole
BUFFERS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7)  # shares of a truck that plans may fill

# What is read of an instance, or tells nothing that counts
KNOWN = {
    *("name", "comment", "type", "dimension", "display_data_type", "node_coord_type"),
    *("node_coord", "edge_weight_type", "edge_weight", "demand", "capacity", "depot"),
    *("vehicles", "time_window", "service_time"),
}

Routes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Instance:
    """Customers 1 ... n - 1 around the depot 0, and trucks of one ``capacity``.

    ``distance`` (n, n), ``demand`` (n,) with 0 at the depot, ``places`` (n, 2) for
    drawing. With ``windows`` (n, 2) service, which takes ``service`` (n,), must begin
    within them; driving a distance takes as long. ``vehicles`` None: as many as needed.

    Raises:
        ValueError: a truck that carries nothing, demand below 0 or above a truck's,
            fewer trucks than the demand fills, a window that ends before it begins, or
            shapes that do not fit.
    """

    distance: np.ndarray = field(repr=False)
    demand: np.ndarray = field(repr=False)
    capacity: float
    places: np.ndarray | None = field(default=None, repr=False)
    vehicles: int | None = None
    windows: np.ndarray | None = field(default=None, repr=False)
    service: np.ndarray | None = field(default=None, repr=False)
    name: str = "made"

    def __post_init__(self):
        d, q = (
            finite_array("distance", self.distance),
            finite_array("demand", self.demand),
        )
        n = len(q)
        if d.shape != (n, n) or n < 2 or (d < 0).any():
            raise ValueError(
                f"distance {d.shape}, demand {q.shape}: give (n, n) not below 0 and "
                "(n,), the depot first"
            )
        capacity = finite("capacity", self.capacity)
        if capacity <= 0:
            raise ValueError(
                f"capacity={self.capacity}: a truck that carries nothing serves "
                "nobody, give a capacity above 0"
            )
        if (q < 0).any() or q[0] != 0:
            raise ValueError(
                f"demand of customer {int(q.argmin())} is {q.min():g}, of the depot "
                f"{q[0]:g}: give numbers not below 0, and 0 for the depot"
            )
        if q.max() > capacity:
            raise ValueError(
                f"demand of customer {int(q.argmax())} is {q.max():g}, a truck carries "
                f"{capacity:g}: split the order or take a larger truck"
            )
        if self.vehicles is not None:
            vehicles = whole("vehicles", self.vehicles, 1)
            if q.sum() > vehicles * capacity:
                raise ValueError(
                    f"vehicles={vehicles} carry {vehicles * capacity:g}, the demand is "
                    f"{q.sum():g}: give more trucks"
                )
            object.__setattr__(self, "vehicles", vehicles)
        if self.places is not None:
            places = finite_array("places", self.places)
            if places.shape != (n, 2):
                raise ValueError(f"places has shape {places.shape}: give ({n}, 2)")
            object.__setattr__(self, "places", places)
        if self.windows is not None:
            w = finite_array("windows", self.windows)
            service = 0 * q if self.service is None else self.service
            service = finite_array("service", service)
            fits = w.shape == (n, 2) and service.shape == (n,)
            if not fits or (w[:, 1] < w[:, 0]).any() or min(w.min(), service.min()) < 0:
                raise ValueError(
                    f"windows has shape {w.shape}, service {service.shape}: give "
                    "(n, 2), none ending before it begins, and (n,), none below 0"
                )
            object.__setattr__(self, "windows", w)
            object.__setattr__(self, "service", service)
        for name, value in {"distance": d, "demand": q, "capacity": capacity}.items():
            object.__setattr__(self, name, value)

    @classmethod
    def at(
        cls, places: ArrayLike, demand: ArrayLike, capacity: float, **more
    ) -> Instance:
        """Make one of places (n, 2) in a plane, the depot first.

        Raises:
            ValueError: as the class.
        """
        xy = finite_array("places", places)
        if xy.ndim != 2 or xy.shape[1] != 2:
            raise ValueError(f"places has shape {xy.shape}: give (n, 2)")
        apart = np.linalg.norm(xy[:, None] - xy[None], axis=2)
        return cls(apart, demand, capacity, xy, **more)

    @classmethod
    def read(cls, text: str) -> Instance:
        """Read VRPLIB's or TSPLIB's format, or Solomon's; places are in a plane.

        Distances are rounded to whole numbers in VRPLIB and TSPLIB (EUC_2D), as their
        best known costs are counted, and exact in Solomon's. A TSP is one truck for
        all.

        Raises:
            ValueError: text that is none of these, distances of another kind, a depot
                that is not the first place, or a rule that is not in the class, such as
                a longest route.
            ModuleNotFoundError: vrplib is missing.
        """
        parse = optional("vrplib.parse", install="pyvrp")
        check_text("text", text)
        solomon = "CUST NO." in text
        try:
            found = (parse.parse_solomon if solomon else parse.parse_vrplib)(text)
            places = np.asarray(found["node_coord"], float)
            n = len(places)
            demand = np.asarray(found.get("demand", np.ones(n)), float)
        except Exception as error:  # the parser fails in its own ways
            raise ValueError(
                f"text is no instance of VRPLIB or Solomon ({error!r}): give the file "
                "as it is"
            ) from None
        kind = "EUC_2D" if solomon else found.get("edge_weight_type")
        depot = [int(place) for place in found.get("depot", [0])]
        others = [key.upper() for key in found if key not in KNOWN]
        if "service_time" in found and "time_window" not in found:
            others.append("SERVICE_TIME without windows")
        if kind != "EUC_2D" or depot != [0] or others:
            raise ValueError(
                f"text has EDGE_WEIGHT_TYPE {kind}, depot {[i + 1 for i in depot]}, "
                f"{', '.join(others) or 'nothing else'}: read are EUC_2D, one depot, "
                "the first place, and no other rules"
            )
        if "demand" not in found:
            demand[0] = 0
        made = cls.at(
            places,
            demand,
            float(found.get("capacity", n)),
            vehicles=found.get("vehicles"),
            windows=found.get("time_window"),
            service=found.get("service_time"),
            name=str(found.get("name", "read")),
        )
        if not solomon:
            object.__setattr__(made, "distance", np.floor(made.distance + 0.5))
        if "demand" not in found:
            object.__setattr__(made, "vehicles", 1)
        return made


class Plan(NamedTuple):
    """Routes, each the customers of a truck in their order, and what they cost."""

    routes: Routes
    cost: float


def solve(
    instance: Instance, *, iterations: int = 1_000, fill: float = 1.0, seed: int = 0
) -> Plan:
    """Return the shortest plan that PyVRP finds in so many ``iterations``.

    Trucks are filled up to the share ``fill`` of their capacity. The same seed gives
    the same plan.

    Raises:
        ValueError: numbers out of range, or no feasible plan was found.
        ModuleNotFoundError: pyvrp is missing.
    """
    pyvrp, stop = optional("pyvrp"), optional("pyvrp.stop", install="pyvrp")
    iterations, seed = whole("iterations", iterations, 1), whole("seed", seed, 0)
    fill = finite("fill", fill, above=0, most=1)
    measured = [instance.distance]
    if instance.windows is not None:  # driving takes time, so one scale for both
        measured += [instance.windows, instance.service]
    scaled = _whole(instance.distance, scale=_scale(*measured))
    # rounded up, or a full truck would be too full; 1000 x .069 is 69.00000000000001
    sized = _whole(instance.demand, lambda x: np.ceil(x - 1e-6))
    room = int(np.floor(instance.capacity * fill * sized.scale + 1e-6))
    if sized.values.max() > room:
        raise ValueError(f"fill={fill}: a customer does not fit into that share")
    model = pyvrp.Model()
    xy = (
        np.zeros((len(sized.values), 2)) if instance.places is None else instance.places
    )
    spots = [model.add_location(float(x), float(y)) for x, y in xy]
    times = {}
    if instance.windows is not None:
        early, late = (instance.windows * scaled.scale).T
        early = np.ceil(early).astype(int)
        times = {
            "tw_early": early,
            "tw_late": np.maximum(early, np.floor(late).astype(int)),
            "service_duration": np.ceil(instance.service * scaled.scale).astype(int),
        }
    hours = {k: int(v[0]) for k, v in times.items() if k != "service_duration"}
    depot = model.add_depot(spots[0], **hours)
    model.add_vehicle_type(
        instance.vehicles or len(xy) - 1,
        room,
        start_depot=depot,
        end_depot=depot,
        **hours,
    )
    for i in range(1, len(xy)):
        more = {k: int(v[i]) for k, v in times.items()}
        model.add_client(spots[i], delivery=int(sized.values[i]), **more)
    for i in range(len(xy)):
        for j in range(len(xy)):
            far = int(scaled.values[i, j])
            model.add_edge(spots[i], spots[j], far, far)
    found = model.solve(stop.MaxIterations(iterations), seed=seed, display=False)
    if not found.is_feasible():
        raise ValueError(
            f"no feasible plan of {instance.name} was found in "
            f"iterations={iterations}: give more, or more trucks"
        )
    routes = tuple(
        tuple(int(visit.idx) + 1 for visit in route.schedule() if visit.is_client())
        for route in found.best.routes()
    )
    return Plan(routes, check(instance, routes))


def check(instance: Instance, routes: Sequence[Sequence[int]]) -> float:
    """Return the length of ``routes``, counted anew.

    Raises:
        ValueError: a customer who is not visited just once, a truck that is too full,
            too many trucks, or service that would begin after its window.
    """
    routes = [[whole("routes", i) for i in route] for route in routes]
    visited = sorted(i for route in routes for i in route)
    if visited != list(range(1, len(instance.demand))):
        raise ValueError(f"routes visit {visited}: each customer once, nobody else")
    if instance.vehicles is not None and len(routes) > instance.vehicles:
        raise ValueError(f"routes: {len(routes)} for vehicles={instance.vehicles}")
    total = 0.0
    for number, route in enumerate(routes):
        load = instance.demand[list(route)].sum()
        if load > instance.capacity + 1e-6:
            raise ValueError(
                f"route {number} carries {load:g}, a truck {instance.capacity:g}"
            )
        stops = [0, *route, 0]
        total += instance.distance[stops[:-1], stops[1:]].sum()
        if instance.windows is not None:
            _in_time(instance, stops, number)
    return float(total)


def _in_time(instance: Instance, stops: list[int], number: int) -> None:
    clock = instance.windows[0, 0]
    for here, there in pairwise(stops):
        clock += instance.service[here] if here else 0
        clock += instance.distance[here, there]
        clock = max(clock, instance.windows[there, 0])
        if clock > instance.windows[there, 1] + len(stops) / SCALE:
            raise ValueError(
                f"route {number} reaches {there} at {clock:g}, its window ends at "
                f"{instance.windows[there, 1]:g}"
            )


def executed(
    instance: Instance, routes: Sequence[Sequence[int]], demands: ArrayLike
) -> np.ndarray:
    """Return what ``routes`` cost, (M,), when the true demands are ``demands`` (M, n).

    A truck learns the demand at the door. What it lacks it fetches from the depot and
    comes back, as often as needed; then it goes on (Dror, Laporte and Trudeau 1989).

    Raises:
        ValueError: demands below 0 or of another shape, or an instance with windows.
    """
    x = finite_array("demands", demands)
    if x.ndim != 2 or x.shape[1] != len(instance.demand) or (x < 0).any():
        raise ValueError(
            f"demands has shape {x.shape}, from {x.min():g}: give "
            f"(M, {len(instance.demand)}), none below 0"
        )
    if instance.windows is not None:
        raise ValueError(f"{instance.name} has windows: a way back would break them")
    d, full = instance.distance, instance.capacity
    total = np.zeros(len(x))
    for route in routes:
        stops = [0, *route, 0]
        total += d[stops[:-1], stops[1:]].sum()
        load = np.full(len(x), float(full))
        for i in route:
            lacking = np.maximum(x[:, i] - load, 0)
            ways = np.ceil(lacking / full - 1e-9)
            total += ways * (d[i, 0] + d[0, i])
            load += ways * full - x[:, i]
    return total


def candidates(
    instance: Instance, *, iterations: int = 500, seed: int = 0
) -> dict[float, Plan]:
    """Return plans that leave room in the trucks: for each share of ``BUFFERS`` one.

    Raises:
        ValueError: as ``solve``.
    """
    room = [b for b in BUFFERS if instance.demand.max() <= b * instance.capacity]
    return {b: solve(instance, iterations=iterations, fill=b, seed=seed) for b in room}


def choose(
    instance: Instance,
    plans: dict[float, Plan],
    scenarios: ArrayLike,
    *,
    tail: float | None = None,
) -> tuple[float, Routes]:
    """Return the share and the routes that cost least over ``scenarios`` (M, n).

    On average, or at the quantile ``tail`` of the costs. Each route goes in the
    direction in which it costs less on average.

    Raises:
        ValueError: as ``executed``; no plans, ``tail`` outside [0, 1].
    """
    if not plans:
        raise ValueError("plans is empty: give those of candidates()")
    if tail is not None:
        tail = finite("tail", tail, least=0, most=1)
    best = None
    for share, plan in plans.items():
        routes = tuple(
            min(
                (tuple(route), tuple(reversed(route))),
                key=lambda way: executed(instance, [way], scenarios).mean(),
            )
            for route in plan.routes
        )
        costs = executed(instance, routes, scenarios)
        cost = costs.mean() if tail is None else np.quantile(costs, tail)
        if best is None or cost < best[0]:
            best = (cost, share, routes)
    return best[1], best[2]


class _Scaled(NamedTuple):
    values: np.ndarray
    scale: int


def _whole(
    x: np.ndarray,
    to: Callable[[np.ndarray], np.ndarray] = np.round,
    *,
    scale: int | None = None,
) -> _Scaled:
    scale = scale or _scale(x)
    return _Scaled(to(x * scale).astype(int), scale)


def _scale(*arrays: np.ndarray) -> int:
    """Return 1 where all is whole, else a thousand: more where all is below 1."""
    if all((x == np.round(x)).all() for x in arrays):
        return 1
    most = max(x.max() for x in arrays)
    return SCALE * 10 ** max(0, int(np.ceil(-np.log10(most))))
