"""What a decision does to groups of people: rates of each, and the gaps between them.

The gaps contradict one another: where groups differ in how often they repay, no rule
but a perfect one has all of them at zero (Chouldechova 2017; Kleinberg et al. 2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import array

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")


def group_rates(
    chosen: ArrayLike, outcomes: ArrayLike, groups: ArrayLike
) -> dict[str, dict[str, float | int | None]]:
    """Count for each group how often it is chosen, and how rightly.

    ``chosen`` (N,) of 0 and 1 are decisions (1: the loan is given), ``outcomes`` (N,)
    of 0 and 1 what is true (1: it is repaid), ``groups`` (N,) names. For each group:
    ``n``; ``selection_rate`` among all, ``true_positive_rate`` among those of outcome
    1, ``false_positive_rate`` among those of outcome 0, None where there are none;
    ``accuracy``.

    Raises:
        ValueError: no (N,) arrays of one length, or values other than 0 and 1.
    """
    d, y, g = _checked(chosen, outcomes, groups)
    return {
        str(name): {
            "n": int((own := g == name).sum()),
            "selection_rate": _mean(d[own]),
            "true_positive_rate": _mean(d[own & (y == 1)]),
            "false_positive_rate": _mean(d[own & (y == 0)]),
            "accuracy": _mean(d[own] == y[own]),
        }
        for name in np.unique(g)
    }


def group_gaps(
    chosen: ArrayLike, outcomes: ArrayLike, groups: ArrayLike
) -> dict[str, float]:
    """The largest difference between two groups in each rate.

    ``demographic_parity`` is that of the selection rates, ``equal_opportunity`` that
    of the true positive rates (Hardt, Price and Srebro 2016), ``equalized_odds`` the
    larger one of those of true and of false positive rates; ``accuracy``.

    Raises:
        ValueError: as ``group_rates``; fewer than two groups; a group without any of
            one outcome, whose rate is not known.
    """
    rates = group_rates(chosen, outcomes, groups)
    if len(rates) < 2:
        raise ValueError(f"groups are all {next(iter(rates))!r}: give at least two")
    gaps = {}
    for name in (*RATES, "accuracy"):
        values = {group: rate[name] for group, rate in rates.items()}
        if None in values.values():
            group = next(group for group, value in values.items() if value is None)
            raise ValueError(
                f"group {group!r} has no {name}: none of its people has that outcome; "
                "take more people, or join groups"
            )
        gaps[name] = max(values.values()) - min(values.values())
    parity, opportunity, false_alarms, accuracy = gaps.values()
    return {
        "demographic_parity": parity,
        "equal_opportunity": opportunity,
        "equalized_odds": max(opportunity, false_alarms),
        "accuracy": accuracy,
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _checked(
    chosen: ArrayLike, outcomes: ArrayLike, groups: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    d, y = array("chosen", chosen), array("outcomes", outcomes)
    g = array("groups", groups)
    if d.ndim != 1 or not len(d) or d.shape != y.shape or d.shape != g.shape:
        raise ValueError(
            f"chosen {d.shape}, outcomes {y.shape}, groups {g.shape}: give three (N,)"
        )
    for name, values in (("chosen", d), ("outcomes", y)):
        if not np.isin(values, (0, 1)).all():
            raise ValueError(f"{name} has other values than 0 and 1: threshold them")
    return d.astype(int), y.astype(int), named(g)


def named(groups: np.ndarray) -> np.ndarray:
    """Return the groups (N,) as names.

    Raises:
        ValueError: one is missing: None, NaN or pandas' NA.
    """
    # NaN equals nothing, and of NA nobody can say
    if any(one is None or (one == one) is not True for one in groups.tolist()):
        raise ValueError("groups holds missing values: name that group, or drop it")
    return groups.astype(str)
