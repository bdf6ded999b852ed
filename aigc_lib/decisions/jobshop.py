"""Which job goes first on which machine: shops, rules, breakdowns, what happens.

A schedule is executed by its order: on each machine the jobs follow each other as
planned, and each begins as soon as its machine and its last operation are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import finite, unknown
from ..arrays import array
from ..codecs.tokenizers import check_text
from ..metrics.series import alike, finite_array


@dataclass(frozen=True, eq=False)
class JobShop:
    """Job j does its k-th operation on ``machines[j, k]`` for ``durations[j, k]``.

    Both (J, K); every job visits every machine 0 ... K - 1 once. ``due`` (J,) is when a
    job should be done.

    Raises:
        ValueError: a negative duration, a machine that a job visits twice or not at
            all, due times below 0, or shapes that do not fit.
    """

    machines: np.ndarray = field(repr=False)
    durations: np.ndarray = field(repr=False)
    due: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self):
        d = finite_array("durations", self.durations)
        m = finite_array("machines", self.machines)
        if d.ndim != 2 or m.shape != d.shape:
            raise ValueError(
                f"machines is {m.shape}, durations is {d.shape}: give (jobs, machines) "
                "twice"
            )
        if (d < 0).any():
            job, k = np.argwhere(d < 0)[0]
            raise ValueError(
                f"durations[{job}, {k}]={d[job, k]:g}: job {job} cannot take less than "
                "no time, give 0 or more"
            )
        wrong = np.flatnonzero((np.sort(m, 1) != np.arange(m.shape[1])).any(1))
        if len(wrong):
            told = ", ".join(f"{machine:g}" for machine in m[wrong[0]])
            raise ValueError(
                f"machines[{wrong[0]}]=[{told}]: job {wrong[0]} must "
                f"visit each machine 0 to {m.shape[1] - 1} exactly once"
            )
        object.__setattr__(self, "durations", d)
        object.__setattr__(self, "machines", m.astype(int))
        if self.due is not None:
            due = finite_array("due", self.due)
            if due.shape != (len(d),) or (due < 0).any():
                raise ValueError(
                    f"due is {due.shape}, from {due.min():g}: give ({len(d)},), none "
                    "below 0"
                )
            object.__setattr__(self, "due", due)

    @classmethod
    def read(cls, text: str) -> JobShop:
        """Read the usual form: "jobs machines", then pairs "machine duration" a job.

        Raises:
            ValueError: text of another form, and what the class refuses.
        """
        lines = [x for x in check_text("text", text).splitlines() if x.strip()]
        try:
            n, m = map(int, lines[0].split())
            numbers = np.array([line.split() for line in lines[1:]], float)
        except (ValueError, IndexError):
            numbers = np.zeros((0, 0))
            n = m = -1
        if numbers.shape != (n, 2 * m):
            raise ValueError(
                f"text begins with {text[:30]!r}: the first line tells the numbers of "
                "jobs and machines, each other line a job as pairs machine, duration"
            )
        return cls(numbers[:, ::2], numbers[:, 1::2])

    def with_due(self, tightness: float) -> JobShop:
        """Return the shop with each job due at ``tightness`` times its own work.

        Raises:
            ValueError: ``tightness`` of 0 or less.
        """
        tightness = finite("tightness", tightness, above=0)
        return JobShop(self.machines, self.durations, tightness * self.durations.sum(1))


class Breakdown(NamedTuple):
    """``machine`` stands still from ``start`` to ``end``; what it works on waits."""

    machine: int
    start: float
    end: float


RULES = ("mwkr", "spt", "edd", "slack")


def tardiness(ends: ArrayLike, due: ArrayLike) -> np.ndarray:
    """Return how late the jobs are on average: ends (..., J) -> (...); early is 0.

    Raises:
        ValueError: times that are not finite, or shapes that do not fit.
    """
    ends, due = alike(ends=ends, due=due)
    return np.maximum(ends - due, 0).mean(-1)


def dispatch(
    shop: JobShop,
    rule: str,
    durations: ArrayLike | None = None,
    *,
    down: Breakdown | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Let a machine that is free take, of the jobs that wait, the one the rule names.

    "mwkr": most work remaining; "spt": shortest operation; "edd": earliest due;
    "slack": least time left until due beyond the work remaining. The rule goes by what
    is planned (``shop.durations``); the clock by what happens, ``durations``
    (..., J, K), if given. No machine waits while a job waits for it. Returns starts
    (..., J, K) and ends (..., J).

    Raises:
        ValueError: unknown ``rule``, durations that do not fit or are below 0, a rule
            that needs due times where there are none, a bad ``down``.
    """
    if rule not in RULES:
        raise unknown("rule", rule, RULES)
    if shop.due is None and rule in ("edd", "slack"):
        raise ValueError(f"rule={rule!r} needs due times: give due, or shop.with_due()")
    real = lasting(shop, durations)
    down = checked(shop, down)
    lead, (jobs, count) = real.shape[:-2], shop.durations.shape
    real = real.reshape(-1, jobs, count)
    n, rows = len(real), np.arange(len(real))
    remaining = np.append(
        np.cumsum(shop.durations[:, ::-1], 1)[:, ::-1], np.zeros((jobs, 1)), 1
    )
    next_, ready = np.zeros((n, jobs), int), np.zeros((n, jobs))
    free = np.zeros((n, count))
    starts = np.zeros(real.shape)
    everyone = np.arange(jobs)
    for _ in range(jobs * count):
        done = next_ == count
        at = np.minimum(next_, count - 1)
        machine = shop.machines[everyone, at]
        soonest = np.maximum(ready, free[rows[:, None], machine])
        soonest = _not_down(soonest, machine, down)
        soonest[done] = np.inf
        now = soonest.min(1, keepdims=True)
        work = remaining[everyone, at]
        key = {
            "mwkr": lambda w=work: -w,
            "spt": lambda a=at: shop.durations[everyone, a],
            "edd": lambda: np.broadcast_to(shop.due, (n, jobs)),
            "slack": lambda t=now, w=work: shop.due - t - w,
        }[rule]()
        job = np.where(soonest <= now + 1e-9, key, np.inf).argmin(1)
        k, m = at[rows, job], machine[rows, job]
        begin = now[:, 0]
        starts[rows, job, k] = begin
        end = ended(begin, real[rows, job, k], m, down)
        ready[rows, job] = free[rows, m] = end
        next_[rows, job] += 1
    return starts.reshape(*lead, jobs, count), ready.reshape(*lead, jobs)


def order_of(shop: JobShop, starts: ArrayLike) -> np.ndarray:
    """Return the jobs on each machine, the first first: starts (J, K) -> (K, J).

    Raises:
        ValueError: starts of another shape, or not finite.
    """
    starts = _starts(shop, starts)
    on = np.argsort(shop.machines, 1)  # the operation of a job on each machine
    rows = np.arange(len(starts))[:, None]
    at, lasts = starts[rows, on], shop.durations[rows, on]
    return np.stack([np.lexsort((lasts[:, m], at[:, m])) for m in range(at.shape[1])])


def executed(
    shop: JobShop,
    order: ArrayLike,
    durations: ArrayLike | None = None,
    *,
    down: Breakdown | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Work in ``order`` (K, J) with what happens: durations (..., J, K), a breakdown.

    Returns starts (..., J, K) and ends (..., J).

    Raises:
        ValueError: an order that names a job twice on a machine, or in which jobs wait
            for each other for ever; else as ``dispatch``.
    """
    real, down = lasting(shop, durations), checked(shop, down)
    order = array("order", order)
    jobs, count = shop.durations.shape
    if order.shape != (count, jobs) or (np.sort(order, 1) != np.arange(jobs)).any():
        raise ValueError(
            f"order is {order.shape}: give ({count}, {jobs}), on each machine each job "
            "once"
        )
    starts = np.zeros(real.shape)
    ready = np.zeros((*real.shape[:-2], jobs))
    free = np.zeros((*real.shape[:-2], count))
    next_, turn, left = [0] * jobs, [0] * count, jobs * count
    while left:
        before = left
        for job in range(jobs):
            while next_[job] < count:
                k = next_[job]
                m = shop.machines[job, k]
                if order[m, turn[m]] != job:
                    break
                begin = np.maximum(ready[..., job], free[..., m])
                begin = _not_down(begin, m, down)
                starts[..., job, k] = begin
                ready[..., job] = ended(begin, real[..., job, k], m, down)
                free[..., m] = ready[..., job]
                next_[job], turn[m], left = k + 1, turn[m] + 1, left - 1
        if left == before:
            raise ValueError(
                f"order: {left} operations wait for each other for ever, take the "
                "order of a schedule (order_of)"
            )
    return starts, ready


def check(shop: JobShop, starts: ArrayLike) -> np.ndarray:
    """Return when each job is done, (J,), of a schedule of the planned durations.

    Raises:
        ValueError: an operation before the last one of its job is done, or two at a
            time on a machine; starts of another shape.
    """
    starts = _starts(shop, starts)
    ends = starts + shop.durations
    if starts.min() < 0 or (starts[:, 1:] < ends[:, :-1] - 1e-6).any():
        raise ValueError("starts: an operation begins before the one before it is done")
    for m, jobs in enumerate(order_of(shop, starts)):
        k = np.argsort(shop.machines, 1)[jobs, m]
        if (starts[jobs, k][1:] < ends[jobs, k][:-1] - 1e-6).any():
            raise ValueError(f"starts: machine {m} works on two jobs at a time")
    return ends[:, -1]


def lots(shop: JobShop, quantity: ArrayLike, expected: ArrayLike, setup: float = 0.3):
    """Return durations (..., J, K) for lots of other sizes than expected.

    ``quantity`` (..., J) and ``expected`` (J,) in pieces: the share ``setup`` of an
    operation does not depend on them, the rest grows with quantity / expected.

    Raises:
        ValueError: quantities below 0, an expected one of 0 or less, ``setup`` outside
            [0, 1].
    """
    quantity, expected = alike(quantity=quantity, expected=expected)
    if quantity.shape[-1:] != shop.durations.shape[:1]:
        raise ValueError(
            f"quantity and expected make {quantity.shape}: give one number a job, "
            f"(..., {len(shop.durations)})"
        )
    setup = finite("setup", setup, least=0, most=1)
    if (quantity < 0).any() or (expected <= 0).any():
        raise ValueError(
            f"quantity from {quantity.min():g}, expected from {expected.min():g}: give "
            "none below 0, and expected ones above 0"
        )
    factor = setup + (1 - setup) * quantity / expected
    return shop.durations * factor[..., None]


def lasting(shop: JobShop, durations: ArrayLike | None) -> np.ndarray:
    """Return durations (..., J, K): those given, once checked, or the planned ones."""
    if durations is None:
        return shop.durations
    d = finite_array("durations", durations)
    if d.shape[-2:] != shop.durations.shape or (d < 0).any():
        raise ValueError(
            f"durations is {d.shape}, from {d.min():g}: give "
            f"(..., {', '.join(map(str, shop.durations.shape))}), none below 0"
        )
    return d


def checked(shop: JobShop, down: Sequence | None) -> Breakdown | None:
    """Return a breakdown that can happen in this shop, or None."""
    if down is None:
        return None
    try:
        machine, start, end = down
    except (TypeError, ValueError):
        raise ValueError(f"down={down!r}: give machine, start and end") from None
    start, end = finite("start", start), finite("end", end)
    if machine not in range(shop.durations.shape[1]):
        raise ValueError(
            f"down: machine {machine!r} is none of 0 to {shop.durations.shape[1] - 1}"
        )
    if not 0 <= start < end:
        raise ValueError(
            f"down from {start} to {end}: a breakdown begins at 0, the start of the "
            "work, or later, and ends after it begins"
        )
    return Breakdown(int(machine), float(start), float(end))


def _starts(shop: JobShop, starts: ArrayLike) -> np.ndarray:
    starts = finite_array("starts", starts)
    if starts.shape != shop.durations.shape:
        raise ValueError(
            f"starts is {starts.shape}: give {shop.durations.shape}, a time for each "
            "operation"
        )
    return starts


def _not_down(begin, machine, down: Breakdown | None):
    if down is None:
        return begin
    held = (machine == down.machine) & (begin >= down.start) & (begin < down.end)
    return np.where(held, down.end, begin)


def ended(begin, lasts, machine, down: Breakdown | None):
    """When work that begins at ``begin`` is done: a breakdown in between adds to it."""
    end = begin + lasts
    if down is None:
        return end
    hit = (machine == down.machine) & (begin < down.start) & (end > down.start)
    return end + np.where(hit, down.end - down.start, 0)
