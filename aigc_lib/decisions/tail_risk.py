"""Tomorrow's tail risk, one forecast a day, each from the days before it only.

The classic methods, and what a trained ``SeriesFlow`` says; all in returns, as
``metrics.risk`` judges them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter
from scipy.stats import t as student

from ..arguments import finite, unknown, whole
from ..metrics.risk import expected_shortfall, value_at_risk
from ..metrics.series import finite_array
from ..runtime import optional

if TYPE_CHECKING:
    from torch import Tensor

    from ..models import SeriesFlow

TAILS = ("t", "empirical")
IN_TAIL = 64  # levels at which the shortfall of a flow is averaged


class TailRisk(NamedTuple):
    """Value at risk and expected shortfall of the days from ``start`` on, (days,)."""

    var: np.ndarray
    shortfall: np.ndarray


def historical(
    returns: ArrayLike, start: int, *, window: int = 500, level: float = 0.99
) -> TailRisk:
    """What the last ``window`` days would have said: their own tail.

    ``returns`` (T,); the forecasts are for the days ``start`` ... T - 1.

    Raises:
        ValueError: not (T,) finite, ``start`` outside ``window`` ... T - 1, ``level``
            outside (0.5, 1).
    """
    r, start = _checked(returns, start)
    window = whole("window", window, 1)
    if start < window:
        raise ValueError(f"start={start}: the first window={window} days lie before it")
    past = np.lib.stride_tricks.sliding_window_view(r, window)[start - window : -1]
    return TailRisk(value_at_risk(past, level), expected_shortfall(past, level))


def garch(
    returns: ArrayLike,
    start: int,
    *,
    level: float = 0.99,
    refit: int = 250,
    tail: str = "t",
) -> TailRisk:
    """GARCH(1, 1) with Student's t by ``arch``, fitted anew every ``refit`` days.

    Each fit sees all days before (Bollerslev 1987). With ``tail`` "empirical" the tail
    is that of its own standardised residuals so far, not that of the t: filtered
    historical simulation (Barone-Adesi et al. 1999).

    Raises:
        ValueError: as ``historical``; ``start`` below 250, or returns all alike before
            it; unknown ``tail``.
        ModuleNotFoundError: arch is missing.
    """
    r, start = _checked(returns, start)
    level = finite("level", level, above=0.5, below=1)
    if tail not in TAILS:
        raise unknown("tail", tail, TAILS)
    var, shortfall = np.empty(len(r) - start), np.empty(len(r) - start)
    for fit in garch_fits(r, start, refit=refit):
        first, last, mean, volatility = fit.first, fit.last, fit.mean, fit.volatility
        if tail == "t":
            lowest, worst = t_tail(fit.nu, level)
        else:
            z = ((r[:first] - mean) / volatility[:first])[None]
            lowest, worst = value_at_risk(z, level)[0], expected_shortfall(z, level)[0]
        days = slice(first - start, last - start)
        var[days] = mean + volatility[first:last] * lowest
        shortfall[days] = mean + volatility[first:last] * worst
    return TailRisk(var, shortfall)


class GarchFit(NamedTuple):
    """A GARCH(1, 1)-t fitted on the days before ``first``, used until ``last``.

    ``volatility`` (last,) is known the day before, each; the variance of tomorrow is
    ``omega`` + ``alpha`` (r - ``mean``)² + ``beta`` volatility².
    """

    first: int
    last: int
    mean: float
    omega: float
    alpha: float
    beta: float
    nu: float
    volatility: np.ndarray


def garch_fits(
    returns: ArrayLike, start: int, *, refit: int = 250
) -> Iterator[GarchFit]:
    """Yield the fits that ``garch`` forecasts with, one every ``refit`` days.

    Raises:
        ValueError: as ``garch``.
        ModuleNotFoundError: arch is missing.
    """
    univariate = optional("arch.univariate", install="arch")
    r, start = _checked(returns, start)
    refit = whole("refit", refit, 1)
    if start < 250:
        raise ValueError(f"start={start}: a GARCH needs at least 250 days before it")
    unit = r[:start].std()
    if not unit:
        raise ValueError(
            f"returns are all {r[0]:g} before start={start}: nothing moves"
        )
    for first in range(start, len(r), refit):
        last = min(first + refit, len(r))

        def model(days: int) -> object:
            process = univariate.GARCH(p=1, q=1)
            mean = univariate.ConstantMean(r[:days] / unit, rescale=False)
            mean.volatility, mean.distribution = process, univariate.StudentsT()
            return mean

        fitted = model(first).fit(disp="off", show_warning=False).params
        # the same parameters on the days up to ``last``: each volatility is known the
        # day before
        fixed = model(last).fix(fitted)
        volatility = unit * np.asarray(fixed.conditional_volatility)
        yield GarchFit(
            first,
            last,
            mean=unit * fitted["mu"],
            omega=unit**2 * fitted["omega"],
            alpha=fitted["alpha[1]"],
            beta=fitted["beta[1]"],
            nu=fitted["nu"],
            volatility=volatility,
        )


def t_tail(nu: float, level: float = 0.99) -> tuple[float, float]:
    """Value at risk and shortfall of Student's t of variance 1, in closed form.

    Source: McNeil, Frey and Embrechts 2015, example 2.15.

    Raises:
        ValueError: ``nu`` not above 2, ``level`` outside (0.5, 1).
    """
    nu, p = finite("nu", nu, above=2), 1 - finite("level", level, above=0.5, below=1)
    q, unit = student.ppf(p, nu), np.sqrt((nu - 2) / nu)
    worst = -student.pdf(q, nu) / p * (nu + q**2) / (nu - 1)
    return float(unit * q), float(unit * worst)


def ewma_volatility(
    returns: ArrayLike, *, decay: float = 0.94, before: float = 1.0
) -> np.ndarray:
    """The deviation (T,) of each day as the squares of the days before it say.

    A day's square counts ``decay`` times as much a day later (RiskMetrics 1996).
    ``before`` is the deviation ahead of the first day, in the units of ``returns``
    (T,): 1 for standardised steps.

    Raises:
        ValueError: not (T,) finite with T >= 2, ``decay`` outside (0, 1), ``before``
            not above 0.
    """
    r, _ = _checked(returns, 1)
    decay = finite("decay", decay, above=0, below=1)
    before = finite("before", before, above=0)
    squares = np.append(before**2, r[:-1] ** 2)
    squares[1:] *= 1 - decay
    return np.sqrt(lfilter([1], [1, -decay], squares))


def by_flow(
    model: SeriesFlow,
    steps: Tensor,
    start: int,
    *,
    level: float = 0.99,
    scale: ArrayLike | None = None,
) -> TailRisk:
    """What a trained flow of one column and one step says, in the units of the series.

    ``steps`` (T, 1) are standardised, as its codec gives them. A flow that learned
    steps divided by a ``scale`` (T,), each known the day before, needs it here too: its
    past is divided by it, and what it says of a day multiplied. The shortfall is the
    mean of ``IN_TAIL`` quantiles spread evenly over the tail.

    Raises:
        ValueError: another model, ``start`` before its first whole past, or a ``scale``
            that is not (T,) above 0.
    """
    level = finite("level", level, above=0.5, below=1)
    start = whole("start", start, model.past)
    if start >= len(steps):
        raise ValueError(f"start={start}: there are only {len(steps)} days")
    unit = steps.new_ones(len(steps), 1)
    if scale is not None:
        unit = steps.new_tensor(finite_array("scale", scale)).reshape(-1, 1)
        if len(unit) != len(steps) or (unit <= 0).any():
            raise ValueError(
                f"scale has {len(unit)} numbers, down to {unit.min():g}: give "
                f"{len(steps)} above 0, one a day"
            )
    known = (steps / unit).unfold(0, model.past, 1)[start - model.past : -1]
    share = (np.arange(IN_TAIL) + 0.5) / IN_TAIL
    levels = (1 - level) * np.append(share, 1.0)
    said = model.quantiles(known, levels) * unit[start:]  # (days, levels)
    tail = model.codec.increments(said[..., None])[..., 0]
    return TailRisk(tail[:, -1].numpy(), tail[:, :-1].mean(1).numpy())


def bootstrap_paths(
    returns: ArrayLike, days: int, n: int, *, block: float | None = None, seed: int = 0
) -> np.ndarray:
    """Draw ``n`` paths of ``days`` returns, (n, days), by the stationary bootstrap.

    Runs of days that stood together, of random lengths with mean ``block``; without it
    the length that Politis and White 2004 choose for the squares, whose dependence is
    what a block must keep (Politis and Romano 1994; by ``arch``).

    Raises:
        ValueError: not (T,) finite, ``days`` above T, ``block`` below 1.
        ModuleNotFoundError: arch is missing.
    """
    bootstrap = optional("arch.bootstrap", install="arch")
    r, _ = _checked(returns, 1)
    days, n = whole("days", days, 1), whole("n", n, 1)
    if days > len(r):
        raise ValueError(f"days={days}: there are only {len(r)} returns")
    if block is None:
        found = bootstrap.optimal_block_length(r**2)["stationary"].iloc[0]
        block = max(1.0, float(found))
    block = finite("block", block, least=1)
    drawn = bootstrap.StationaryBootstrap(block, r, seed=whole("seed", seed, 0))
    each = len(r) // days  # paths that one draw of T days gives
    paths = [
        args[0][: each * days].reshape(each, days)
        for args, _ in drawn.bootstrap(-(-n // each))
    ]
    return np.concatenate(paths)[:n]


def _checked(returns: ArrayLike, start: int) -> tuple[np.ndarray, int]:
    r, start = finite_array("returns", returns), whole("start", start, 1)
    if r.ndim != 1 or start >= len(r):
        raise ValueError(
            f"returns has shape {r.shape}, start={start}: give a longer series"
        )
    return r, start
