"""How far a measured figure may be off: intervals for statistics of rows and shares.

All of them cover the drawing of the samples. How much a model varies from one training
to the next they cannot know: for that, train with several seeds and show the range.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import torch
from numpy.typing import ArrayLike
from torch import Tensor

Statistic = Callable[[Tensor], float]


def bootstrap_interval(
    rows: ArrayLike,
    statistic: Statistic,
    *,
    level: float = 0.95,
    resamples: int = 1_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of ``statistic`` over the rows (N, ...).

    For means, shares, medians and the like. **Not for a Fréchet distance**: drawing
    with replacement repeats rows, the repetition looks like missing variety, and the
    distance grows by its own bias once more; the interval can lie above the figure
    that it belongs to. Use ``jackknife_interval`` there.

    Source: Efron 1979; Efron and Tibshirani 1993, chapter 13.

    Raises:
        ValueError: fewer than 2 rows, ``level`` outside (0, 1), ``resamples`` < 2.
    """
    rows = _checked(rows, level)
    if resamples < 2:
        raise ValueError(f"resamples={resamples}: give at least 2, better 1,000")
    generator = torch.Generator().manual_seed(seed)
    n = len(rows)
    values = [
        float(statistic(rows[torch.randint(n, (n,), generator=generator)]))
        for _ in range(resamples)
    ]
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.tensor(values, dtype=torch.float64).quantile(tails).tolist()
    return low, high


def jackknife_interval(
    rows: ArrayLike,
    statistic: Statistic,
    *,
    level: float = 0.95,
    groups: int = 50,
    seed: int = 0,
) -> tuple[float, float]:
    """Normal interval around ``statistic(rows)`` by leaving out one group at a time.

    Nothing is repeated, so that it also serves smooth statistics which the bootstrap
    shifts, such as ``lambda fake: frechet_distance(real, fake)``. It holds for the
    expected value **at this N**: the bias of a small sample stays in the figure and
    in the interval. Rows beyond a multiple of ``groups`` share out over the groups.

    Source: Shao and Wu 1989 (leaving out groups); Efron 1979.

    Raises:
        ValueError: fewer than 2 rows, ``level`` outside (0, 1), ``groups`` not in
            2 .. N.
    """
    rows = _checked(rows, level)
    if not 2 <= groups <= len(rows):
        raise ValueError(f"groups={groups} with {len(rows)} rows: give 2 to N groups")
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    left_out = torch.arange(len(rows)) % groups
    values = torch.tensor(
        [float(statistic(rows[order[left_out != g]])) for g in range(groups)],
        dtype=torch.float64,
    )
    error = ((groups - 1) * values.var(correction=0)).sqrt().item()
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    center = float(statistic(rows))
    return center - reach, center + reach


def proportion_interval(
    hits: int, n: int, *, level: float = 0.95
) -> tuple[float, float]:
    """Wilson's interval for a share of ``hits`` among ``n``, within [0, 1].

    Stays honest near 0 and 1, where the textbook p ± 1.96 √(p (1 - p) / n) shrinks to
    nothing.

    Source: Wilson 1927; recommended by Brown, Cai and DasGupta 2001.

    Raises:
        ValueError: ``hits`` outside 0 .. n, ``n`` < 1, ``level`` outside (0, 1).
    """
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"hits={hits} of n={n}: give n >= 1 and hits from 0 to n")
    _check_level(level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, shrink = hits / n, 1 + z**2 / n
    center = (share + z**2 / (2 * n)) / shrink
    reach = z * (share * (1 - share) / n + (z / (2 * n)) ** 2) ** 0.5 / shrink
    # the ends are exactly 0 and 1 there; rounding must not say otherwise
    low = 0.0 if hits == 0 else center - reach
    high = 1.0 if hits == n else center + reach
    return low, high


def _checked(rows: ArrayLike, level: float) -> Tensor:
    rows = torch.as_tensor(rows).detach()
    if rows.ndim == 0 or len(rows) < 2:
        raise ValueError(
            f"rows has shape {tuple(rows.shape)}: give one row per sample, at least 2"
        )
    _check_level(level)
    return rows


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level={level}: a share between 0 and 1, such as 0.95")
