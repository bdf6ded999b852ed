"""Schedules of job shops by CP-SAT, plans for many scenarios, and plans made anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import finite, unknown, whole
from ..arrays import array
from ..runtime import optional
from .cpsat import solved
from .jobshop import (
    RULES,
    Breakdown,
    JobShop,
    checked,
    dispatch,
    ended,
    executed,
    lasting,
    order_of,
    tardiness,
)

MOST_LOST = 0.1  # of all durations, by rounding them


class Plan(NamedTuple):
    """``starts`` (J, K); ``value`` of the objective; ``bound`` that none undercuts."""

    starts: np.ndarray
    value: float
    bound: float


def solve(
    shop: JobShop,
    *,
    objective: str = "makespan",
    effort: float = 2.0,
    seed: int = 0,
    begun: ArrayLike | None = None,
    now: float = 0.0,
    down: Breakdown | None = None,
) -> Plan:
    """Return the best schedule that CP-SAT finds, with a bound; durations are rounded.

    ``objective`` is "makespan", when the last job is done, or "tardiness", the mean by
    which jobs are late. To plan anew at the time ``now``: ``begun`` (J, K) are the
    starts of what has begun, NaN elsewhere, which stay as they are; all else begins at
    ``now`` or later, and not while a machine is ``down``. ``effort`` is in CP-SAT's
    deterministic seconds, so that the same call gives the same schedule.

    Raises:
        ValueError: unknown ``objective``, tardiness without due times, an ``effort`` of
            0 or less in which nothing is found, a bad ``down``, durations so small that
            rounding would change them by more than a tenth.
        ModuleNotFoundError: ortools is missing.
    """
    if objective not in ("makespan", "tardiness"):
        raise unknown("objective", objective, ("makespan", "tardiness"))
    if objective == "tardiness" and shop.due is None:
        raise ValueError("objective='tardiness' needs due times: shop.with_due()")
    effort = finite("effort", effort, above=0)
    now, seed = finite("now", now, least=0), whole("seed", seed, 0)
    down = checked(shop, down)
    cp = optional("ortools.sat.python.cp_model", install="ortools")
    jobs, count = shop.durations.shape
    lasts = np.round(shop.durations).astype(int)
    lost, work = np.abs(shop.durations - lasts).sum(), shop.durations.sum()
    if lost > MOST_LOST * work:
        raise ValueError(
            f"durations add up to {work:g}, and rounding would change them by "
            f"{lost:g}: give them in a smaller unit, such as minutes for hours"
        )
    begun = np.full(lasts.shape, np.nan) if begun is None else begun
    begun = array("begun", begun, float)
    if begun.shape != lasts.shape:
        raise ValueError(f"begun is {begun.shape}: give {lasts.shape}, NaN elsewhere")
    horizon = int(np.ceil(now + lasts.sum() + (down.end if down else 0))) + jobs * count
    model, starts = cp.CpModel(), {}
    spans: list[list] = [[] for _ in range(count)]
    ends = []
    for j in range(jobs):
        end = 0
        for k in range(count):
            m, length = int(shop.machines[j, k]), int(lasts[j, k])
            if np.isfinite(begun[j, k]):
                first = round(begun[j, k])
                start = model.new_constant(first)
                length = round(ended(first, length, m, down)) - first
            else:
                start = model.new_int_var(int(np.ceil(now)), horizon, "")
                if k:
                    model.add(start >= end)
            spans[m].append(model.new_fixed_size_interval_var(start, length, ""))
            starts[j, k], end = start, start + length
        ends.append(end)
    if down is not None and not _interrupted(shop, begun, lasts, down):
        first, last = int(np.floor(down.start)), int(np.ceil(down.end))
        spans[down.machine].append(
            model.new_fixed_size_interval_var(first, last - first, "")
        )
    for span in spans:
        model.add_no_overlap(span)
    if objective == "makespan":
        last = model.new_int_var(0, horizon, "")
        model.add_max_equality(last, ends)
        model.minimize(last)
    else:
        late = [model.new_int_var(0, horizon, "") for _ in ends]
        for over, end, due in zip(late, ends, shop.due, strict=True):
            model.add(over >= end - round(due))
        model.minimize(sum(late))
    solver, failure = solved(model, effort, seed)
    if failure:
        raise ValueError(f"no schedule in effort={effort} ({failure}): give more")
    found = np.array(
        [[solver.value(starts[j, k]) for k in range(count)] for j in range(jobs)], float
    )
    share = 1 if objective == "makespan" else jobs
    return Plan(
        found, solver.objective_value / share, solver.best_objective_bound / share
    )


def candidates(
    shop: JobShop,
    scenarios: ArrayLike,
    *,
    effort: float = 0.5,
    single: int = 4,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return orders (K, J) worth comparing over ``scenarios`` (S, J, K), by name.

    CP-SAT's for the mean, for long durations (70% and 90% quantiles) and for ``single``
    of the scenarios, each by itself; and what each rule makes of the mean.

    Raises:
        ValueError: as ``solve``.
    """
    scenarios, single = lasting(shop, scenarios), whole("single", single, 0)
    if scenarios.ndim != 3:
        raise ValueError(f"scenarios has shape {scenarios.shape}: give (S, J, K)")
    wanted = {"mean": scenarios.mean(0)}
    wanted |= {f"{q:.0%}": np.quantile(scenarios, q, axis=0) for q in (0.7, 0.9)}
    wanted |= {f"scenario {s}": one for s, one in enumerate(scenarios[:single])}
    plans = {}
    for name, durations in wanted.items():
        there = JobShop(shop.machines, durations, shop.due)
        plan = solve(there, objective="tardiness", effort=effort, seed=seed)
        plans[name] = order_of(there, plan.starts)
    there = JobShop(shop.machines, wanted["mean"], shop.due)
    return plans | {r: order_of(there, dispatch(there, r)[0]) for r in RULES}


def choose(
    shop: JobShop,
    plans: Mapping[str, np.ndarray],
    scenarios: ArrayLike,
    *,
    tail: float | None = None,
) -> str:
    """Return which of ``plans`` is late least over ``scenarios`` (S, J, K).

    By the mean of the tardiness, or by its quantile ``tail``.

    Raises:
        ValueError: no plans, a shop without due times, ``tail`` outside [0, 1], and as
            ``executed``.
    """
    if tail is not None:
        tail = finite("tail", tail, least=0, most=1)
    if not plans or shop.due is None:
        raise ValueError(
            f"{len(plans)} plans, due={shop.due}: give plans and due times"
        )

    def cost(name: str) -> float:
        late = tardiness(executed(shop, plans[name], scenarios)[1], shop.due)
        return late.mean() if tail is None else np.quantile(late, tail)

    return min(plans, key=cost)


def replan(
    shop: JobShop, order: ArrayLike, down: Breakdown, *, effort: float = 1.0
) -> Plan:
    """Plan anew, when a machine breaks down, what has not begun; see ``solve``.

    ``order`` (K, J) is what was followed until then.

    Raises:
        ValueError: as ``solve`` and ``executed``.
    """
    down = checked(shop, down)
    starts, _ = executed(shop, order)
    begun = np.where(starts < down.start, starts, np.nan)
    return solve(
        shop,
        objective="tardiness",
        effort=effort,
        begun=begun,
        now=down.start,
        down=down,
    )


def _interrupted(shop, begun, lasts, down: Breakdown) -> bool:
    """Whether the machine works on something when it breaks down."""
    on = np.isfinite(begun) & (shop.machines == down.machine)
    return bool((on & (begun < down.start) & (begun + lasts > down.start)).any())
