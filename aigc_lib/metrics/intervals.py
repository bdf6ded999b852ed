"""How far a measured figure may be off: intervals for statistics of rows and shares.

All of them cover the drawing of the samples. How much a model varies from one training
to the next they cannot know: for that, train with several seeds and show the range.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from scipy.stats import binomtest, t
from torch import Tensor

from ..arguments import at_least, finite, whole
from ..arrays import tensor

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

    For means, shares, medians and the like; 0 and 1 or True and False reach the
    statistic as float64. **Not for a Fréchet distance**: drawing
    with replacement repeats rows, the repetition looks like missing variety, and the
    distance grows by its own bias once more; the interval can lie above the figure
    that it belongs to. Use ``jackknife_interval`` there.

    Source: Efron 1979; Efron and Tibshirani 1993, chapter 13.

    Raises:
        ValueError: fewer than 2 rows, ``level`` outside (0, 1), ``resamples`` < 2; NaN
            or infinity in the rows or from ``statistic``.
    """
    rows = _checked(rows, level)
    at_least(2, resamples=resamples)
    generator = torch.Generator().manual_seed(whole("seed", seed))
    n = len(rows)
    values = [
        _value(statistic, rows[torch.randint(n, (n,), generator=generator)])
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
            2 .. N; NaN or infinity in the rows or from ``statistic``.
    """
    rows = _checked(rows, level)
    groups = whole("groups", groups)
    if not 2 <= groups <= len(rows):
        raise ValueError(f"groups={groups} with {len(rows)} rows: give 2 to N groups")
    generator = torch.Generator().manual_seed(whole("seed", seed))
    order = torch.randperm(len(rows), generator=generator)
    left_out = torch.arange(len(rows)) % groups
    values = torch.tensor(
        [_value(statistic, rows[order[left_out != g]]) for g in range(groups)],
        dtype=torch.float64,
    )
    error = ((groups - 1) * values.var(correction=0)).sqrt().item()
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    center = _value(statistic, rows)
    return center - reach, center + reach


class Gain(NamedTuple):
    """A mean difference, and the bounds of its interval.

    ``found`` tells whether the interval lies on one side of 0; "no evidence of a gain"
    is what there is to say where it does not.
    """

    mean: float
    low: float
    high: float

    @property
    def found(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def paired_gain(
    new: ArrayLike,
    old: ArrayLike,
    *,
    relative: bool = False,
    level: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Gain:
    """How much better ``new`` (N,) is than ``old`` (N,), measured on the same N units.

    Mean of new - old, or with ``relative`` the uplift mean(new) / mean(old) - 1, with
    the percentile bootstrap interval over the units: users, days, replications. Both
    of a unit are drawn together, so that what is hard for both does not count.

    Source: Efron and Tibshirani 1993, chapters 8 and 13.

    Raises:
        ValueError: other shapes than (N,) and (N,), fewer than 2 units, NaN or
            infinity, an uplift over a mean of 0 or less, or a bad ``level``.
    """
    pairs = [_checked(part, level).double() for part in (new, old)]
    if pairs[0].ndim != 1 or pairs[0].shape != pairs[1].shape:
        shapes = " and ".join(str(tuple(part.shape)) for part in pairs)
        raise ValueError(f"new and old have shapes {shapes}: give one number a unit")
    at_least(2, resamples=resamples)
    n, generator = len(pairs[0]), torch.Generator().manual_seed(whole("seed", seed))
    means = torch.empty(2, resamples, dtype=torch.float64)
    for i in range(resamples):
        rows = torch.randint(n, (n,), generator=generator)
        means[:, i] = torch.stack([part[rows].mean() for part in pairs])
    whole_means = torch.stack([part.mean() for part in pairs])
    if relative and not (whole_means[1] > 0 and (means[1] > 0).all()):
        raise ValueError(
            f"old has the mean {whole_means[1]:g}: an uplift needs one that stays "
            "above 0, take the difference"
        )
    drawn = means[0] / means[1] - 1 if relative else means[0] - means[1]
    new_mean, old_mean = whole_means.tolist()
    mean = new_mean / old_mean - 1 if relative else new_mean - old_mean
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    return Gain(mean, *drawn.quantile(tails).tolist())


def student_gain(new: ArrayLike, old: ArrayLike, *, level: float = 0.95) -> Gain:
    """Mean of new - old over a few pairs, such as five seeds, by Student's t.

    The bootstrap of ``paired_gain`` cannot see beyond the pairs that it draws from: of
    five its interval is a good third too narrow.

    Raises:
        ValueError: as ``paired_gain``.
    """
    pairs = [_checked(part, level).double() for part in (new, old)]
    if pairs[0].ndim != 1 or pairs[0].shape != pairs[1].shape:
        shapes = " and ".join(str(tuple(part.shape)) for part in pairs)
        raise ValueError(f"new and old have shapes {shapes}: give one number a unit")
    gains = pairs[0] - pairs[1]
    n, mean = len(gains), gains.mean().item()
    reach = float(t.ppf((1 + level) / 2, n - 1)) * (gains.std() / n**0.5).item()
    return Gain(mean, mean - reach, mean + reach)


def proportion_interval(
    hits: int, n: int, *, level: float = 0.95
) -> tuple[float, float]:
    """Wilson's interval for a share of ``hits`` among ``n``, within [0, 1].

    Stays honest near 0 and 1, where the textbook p ± 1.96 √(p (1 - p) / n) shrinks to
    nothing.

    Source: Wilson 1927; recommended by Brown, Cai and DasGupta 2001. Computed by scipy.

    Raises:
        ValueError: ``hits`` outside 0 .. n, ``n`` < 1, ``level`` outside (0, 1).
    """
    hits, n = whole("hits", hits, 0), whole("n", n, 1)
    if hits > n:
        raise ValueError(f"hits={hits} of n={n}: give hits from 0 to n")
    level = finite("level", level, above=0, below=1)
    low, high = binomtest(hits, n).proportion_ci(level, "wilson")
    return float(low), float(high)


def _checked(rows: ArrayLike, level: float) -> Tensor:
    rows = tensor("rows", rows).detach()
    if rows.ndim == 0 or len(rows) < 2:
        raise ValueError(
            f"rows has shape {tuple(rows.shape)}: give one row per sample, at least 2"
        )
    if bad := (~rows.reshape(len(rows), -1).isfinite().all(1)).sum().item():
        raise ValueError(
            f"rows holds NaN or infinity in {bad} of {len(rows)} rows: see where they "
            "come from, or drop those rows"
        )
    finite("level", level, above=0, below=1)
    return rows if rows.is_floating_point() else rows.double()


def _value(statistic: Statistic, rows: Tensor) -> float:
    return float(finite("statistic(rows)", statistic(rows)))
