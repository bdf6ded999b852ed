"""Made-up maps, shipments and departures, for routes and timetables."""

from __future__ import annotations

import numpy as np

from ..arguments import whole

# mode: days on the way, days between departures, capacity, price a departure, a unit
MODES = {
    "sea": (18, 7, 400, 900, 1),
    "rail": (9, 3, 160, 500, 4),
    "road": (4, 2, 60, 260, 9),
    "air": (1, 1, 25, 120, 26),
}


def places(n: int, seed: int, *, clusters: int = 0) -> np.ndarray:
    """Return a depot in the middle and ``n`` customers, (n + 1, 2), on 100 × 100.

    Spread evenly, or around ``clusters`` towns.

    Raises:
        ValueError: ``n`` < 1 or a negative number.
    """
    n, clusters = whole("n", n, 1), whole("clusters", clusters, 0)
    generator = np.random.default_rng(whole("seed", seed, 0))
    spots = generator.uniform(0, 100, (n, 2))
    if clusters:
        towns = generator.uniform(10, 90, (clusters, 2))
        near = towns[generator.integers(clusters, size=n)]
        spots = np.clip(near + generator.normal(0, 6, (n, 2)), 0, 100)
    return np.concatenate([[[50.0, 50.0]], spots])


def departures(days: int) -> list[tuple[str, int, int, int, int, int]]:
    """Return (mode, departs, arrives, capacity, fixed, per unit), times in days.

    Raises:
        ValueError: ``days`` < 1.
    """
    days = whole("days", days, 1)
    return [
        (mode, day, day + way, capacity, fixed, unit)
        for mode, (way, every, capacity, fixed, unit) in MODES.items()
        for day in range(every, days + 1, every)
    ]


def shipments(n: int, seed: int) -> list[tuple[str, int, int, int]]:
    """Return ``n`` of (name, size, ready, due), some of them in a hurry.

    Raises:
        ValueError: ``n`` < 1 or a negative seed.
    """
    n = whole("n", n, 1)
    generator = np.random.default_rng(whole("seed", seed, 0))
    made = []
    for i in range(n):
        size, ready = int(generator.integers(2, 20)), int(generator.integers(0, 12))
        slack = int(generator.choice([5, 10, 16, 30], p=[0.2, 0.3, 0.2, 0.3]))
        made.append((f"s{i:02}", size, ready, ready + slack))
    return made
