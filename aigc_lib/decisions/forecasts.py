"""Forecasts of demand by the methods that a deep one must beat.

All see a panel before ``start`` only. They give paths (N, paths, horizon), or quantiles
(N, horizon, L), of the demand from ``start`` on, none below 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..arguments import finite, whole
from ..arrays import array
from ..codecs.demand import Panel
from ..metrics.series import pinball
from ..runtime import optional

LEVELS = (np.arange(10) + 0.5) / 10  # 0.05 ... 0.95: CRPS is twice their mean loss


def seasonal_naive(
    panel: Panel,
    start: int,
    horizon: int,
    *,
    seasons: int = 8,
    paths: int = 100,
    seed=0,
) -> np.ndarray:
    """Draw paths (N, paths, horizon): seasons as they were, each a whole past one.

    A season is the longest of ``panel.seasons``, or one step where there is none; each
    path takes, season by season, one of the last ``seasons``.

    Raises:
        ValueError: fewer steps before ``start`` than that.
    """
    length = max(panel.seasons, default=1)
    start, paths = whole("start", start), whole("paths", paths, 1)
    seasons, horizon = whole("seasons", seasons, 1), whole("horizon", horizon, 1)
    first = start - seasons * length
    if first < 0 or start > len(panel.times):
        raise ValueError(f"start={start}: {seasons} seasons of {length} lie before it")
    past = filled(panel.demand[:, :start], length)[:, first:]
    past = past.reshape(len(past), seasons, length)
    generator = np.random.default_rng(whole("seed", seed, 0))
    number = -(-horizon // length)
    pick = generator.integers(seasons, size=(len(past), paths, number))
    drawn = past[
        np.arange(len(past))[:, None, None], pick
    ]  # (N, paths, number, length)
    return drawn.reshape(len(past), paths, -1)[:, :, :horizon]


def filled(demand: np.ndarray, season: int) -> np.ndarray:
    """Return demand (N, T) where what lacks is as it was a season before, else 0."""
    x = demand.copy()
    for t in np.flatnonzero(np.isnan(x).any(0)):
        before = x[:, t - season] if t >= season else np.zeros(len(x))
        x[:, t] = np.where(np.isnan(x[:, t]), before, x[:, t])
    return x


class Smoothing:
    """Exponential smoothing ETS(A, N, A) of each item, by ``statsmodels``.

    Fitted once on a training panel; later starts go on with the same weights. With
    ``log`` it smooths ln(1 + demand). The season is the shortest of the panel's unless
    told otherwise. Source: Hyndman et al. 2008.

    Raises:
        ValueError: fewer than two seasons.
        ModuleNotFoundError: statsmodels is missing.
    """

    def __init__(self, train: Panel, *, log: bool = False, season: int | None = None):
        if season is None:
            season = min(train.seasons, default=0)
        self.season, self.log = season, log
        self._whole: tuple[Panel, tuple] | None = None
        if len(train.times) < max(4, 2 * season):
            raise ValueError(f"train has {len(train.times)} steps: give two seasons")
        y = self._read(train)
        self.params = [self._model(one).fit(disp=False).params for one in y]

    def _read(self, panel: Panel) -> np.ndarray:
        x = filled(panel.demand, self.season or 1)
        return np.log1p(x) if self.log else x

    def _model(self, y: np.ndarray):
        ets = optional(
            "statsmodels.tsa.exponential_smoothing.ets", install="statsmodels"
        )
        how = (
            {"seasonal": "add", "seasonal_periods": self.season} if self.season else {}
        )
        # the many first seasonal states of hours are not searched for, but computed
        if self.season > 12:
            how["initialization_method"] = "heuristic"
        return ets.ETSModel(y, error="add", **how)

    def _states(self, panel: Panel) -> tuple:
        """Level, season, errors (N, T), weights: a filter, which sees the past only."""
        if self._whole is None or self._whole[0] is not panel:
            y, found = self._read(panel), []
            for one, params in zip(y, self.params, strict=True):
                r = self._model(one).smooth(params)
                gamma = (
                    r.params[r.model.param_names.index("smoothing_seasonal")]
                    if self.season
                    else 0.0
                )
                season = r.season if self.season else 0 * r.level
                found.append((r.level, season, r.resid, r.smoothing_level, gamma))
            self._whole = (panel, tuple(map(np.array, zip(*found, strict=True))))
        return self._whole[1]

    def paths(
        self, panel: Panel, start: int, horizon: int, *, paths: int = 100, seed: int = 0
    ) -> np.ndarray:
        """Draw paths (N, paths, horizon), errors drawn from those of the training.

        Raises:
            ValueError: a ``start`` before the first season, or behind the panel.
        """
        m, start = self.season, whole("start", start)
        horizon = whole("horizon", horizon, 1)
        paths = whole("paths", paths, 1)
        if not max(1, m) <= start <= len(panel.times):
            raise ValueError(
                f"start={start}: give at least a season before it, in the panel"
            )
        level, season, errors, alpha, gamma = self._states(panel)
        n = len(level)
        now = np.repeat(level[:, start - 1, None], paths, 1)
        ring = [np.repeat(season[:, start - m + k, None], paths, 1) for k in range(m)]
        generator = np.random.default_rng(whole("seed", seed, 0))
        made = np.empty((n, paths, horizon))
        known = errors[:, max(1, m) : start]
        for h in range(horizon):
            pick = generator.integers(known.shape[1], size=(n, paths))
            error = np.take_along_axis(known, pick, 1)
            made[..., h] = now + (ring[h % m] if m else 0) + error
            now = now + alpha[:, None] * error
            if m:
                ring[h % m] = ring[h % m] + gamma[:, None] * error
        made = np.expm1(np.minimum(made, 20)) if self.log else made
        return np.maximum(np.nan_to_num(made), 0)  # what never sold has no errors


class Boosting:
    """Gradient boosting of quantiles (scikit-learn) on lags, calendar and promotions.

    One model a level for all items and steps ahead. All is measured by 1 + the mean of
    the last ``past`` steps. With ``total`` it learns the sum of the first ``total``
    steps instead of each step.

    Raises:
        ValueError: a panel shorter than past and horizon, or levels outside (0, 1).
    """

    def __init__(
        self,
        train: Panel,
        horizon: int,
        *,
        past: int = 28,
        levels: Sequence[float] = LEVELS,
        total: int | None = None,
        rows: int = 40_000,
        trees: int = 100,
        seed: int = 0,
    ):
        from sklearn.ensemble import HistGradientBoostingRegressor

        horizon = self.horizon = whole("horizon", horizon, 1)
        past = self.past = whole("past", past, 1)
        self.total = None if total is None else whole("total", total, 1)
        rows, trees = whole("rows", rows, 1), whole("trees", trees, 1)
        self.levels = [finite("levels", x, above=0, below=1) for x in levels]
        if sorted(set(self.levels)) != self.levels:
            raise ValueError(f"levels={self.levels}: give them ascending, each once")
        last = len(train.times) - horizon
        if last <= past:
            raise ValueError(f"train has {len(train.times)} steps: give past + horizon")
        generator = np.random.default_rng(whole("seed", seed, 0))
        starts = generator.integers(past, last + 1, rows)
        ahead = generator.integers(1 if self.total else horizon, size=rows)
        item = generator.integers(len(train), size=rows)
        x, scale, y = self._table(train, starts, ahead, item, True)
        kept = ~np.isnan(y)
        forest = {"max_iter": trees, "loss": "quantile", "random_state": 0}
        self.models = [
            HistGradientBoostingRegressor(
                quantile=q, categorical_features=[0], **forest
            ).fit(x[kept], (y / scale)[kept])
            for q in self.levels
        ]

    def quantiles(self, panel: Panel, start: int) -> np.ndarray:
        """Return (N, horizon, L), or (N, 1, L) of a total, ascending along L.

        Raises:
            ValueError: a ``start`` before the first whole past, or too late.
        """
        start = whole("start", start)
        if not self.past <= start <= len(panel.times) - self.horizon:
            raise ValueError(f"start={start}: give {self.past} steps before it")
        steps = 1 if self.total else self.horizon
        ahead = np.tile(np.arange(steps), len(panel))
        item = np.repeat(np.arange(len(panel)), steps)
        starts = np.full(len(item), start)
        x, scale, _ = self._table(panel, starts, ahead, item, False)
        found = np.stack([model.predict(x) * scale for model in self.models], 1)
        found = np.maximum(np.sort(found, 1), 0)
        return found.reshape(len(panel), steps, -1)

    def _table(self, panel, starts, ahead, item, learning):
        """Return features (R, F), scales (R,) and, for learning, targets (R,)."""
        season = min(panel.seasons, default=1)
        longest = max(panel.seasons, default=1)
        d = panel.demand
        at = starts + ahead
        back = d[item[:, None], starts[:, None] - 1 - np.arange(self.past)]
        with np.errstate(invalid="ignore"):
            scale = 1 + np.nan_to_num(
                np.nanmean(np.where(np.isnan(back), np.nan, back), 1)
            )
        near = np.nanmean(np.nan_to_num(back[:, : max(2, season)]), 1)
        columns = [item % 255, ahead, np.log(scale), near / scale, back[:, 0] / scale]
        for length in {season, longest}:
            k = ahead // length + 1  # the last such step that is known
            for more in range(3):
                place = at - (k + more) * length
                value = np.where(place >= 0, d[item, np.maximum(place, 0)], np.nan)
                columns.append(value / scale)
        columns += list(panel.calendar()[-2:, at])
        rest = panel.calendar()[:-2]
        if len(rest) > 7:
            columns += [rest[:-7].argmax(0)[at]]
        if len(rest):
            columns += [rest[-7:].argmax(0)[at]]
        for known in panel.known:
            columns += [known[item, at], known[item, starts - 1]]
            if self.total:
                span = starts[:, None] + np.arange(self.total)
                columns.append(known[item[:, None], span].sum(1))
            recent = known[item[:, None], starts[:, None] - 1 - np.arange(self.past)]
            columns.append(recent.mean(1))
        y = None
        if learning and self.total:
            y = np.nansum(d[item[:, None], starts[:, None] + np.arange(self.total)], 1)
        elif learning:
            y = d[item, at]
        return np.stack(columns, 1).astype(float), scale, y


class Score(NamedTuple):
    """Means over what was measured, (N,) an item: CRPS and share within the 90%."""

    crps: np.ndarray
    inside: np.ndarray


def judge(quantiles: np.ndarray, real: np.ndarray) -> Score:
    """Score quantiles (N, ..., L) at ``LEVELS`` against ``real`` (N, ...).

    Raises:
        ValueError: shapes that do not fit, or an item of which nothing was measured.
    """
    quantiles, real = array("quantiles", quantiles), array("real", real, float)
    if quantiles.shape != (*real.shape, len(LEVELS)):
        raise ValueError(
            f"quantiles {quantiles.shape}, real {real.shape}: give {len(LEVELS)} "
            "levels for each"
        )
    told = ~np.isnan(real)
    y = np.nan_to_num(real)
    loss = sum(2 * pinball(quantiles[..., k], y, q) for k, q in enumerate(LEVELS))
    within = (y >= quantiles[..., 0]) & (y <= quantiles[..., -1])
    axes = tuple(range(1, real.ndim))
    count = told.sum(axes)
    if not count.all():
        raise ValueError(
            f"real: of item {int(count.argmin())} nothing was measured, leave it out"
        )
    return Score(
        (told * loss).sum(axes) / len(LEVELS) / count, (told * within).sum(axes) / count
    )


def of_paths(paths: np.ndarray) -> np.ndarray:
    """Return quantiles (N, horizon, L) at ``LEVELS`` of paths (N, paths, horizon)."""
    return np.moveaxis(np.quantile(paths, LEVELS, axis=1), 0, -1)
