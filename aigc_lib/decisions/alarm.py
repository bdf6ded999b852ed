"""Alarms: when has a stream of numbers left its normal course?

A stream is standardised first: 0 on a normal day, deviation 1, upwards is bad. Every
alarm that rings early also rings falsely; so alarms are compared at one rate of false
ones, stated as the average run length: the mean number of quiet days to a false alarm.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import norm

from ..arguments import finite, whole
from ..arrays import array

NODES = 96  # of the quadrature of Page's equation: more than six digits


class Alarm:
    """A threshold on a statistic of the stream; begins anew after it rang.

    ``observe`` is for a stream that comes one value at a time, ``rings`` for whole
    streams. ``value`` is the statistic now: an alarm made with the ``value`` that
    another one had goes on where that one stood.

    Raises:
        ValueError: a threshold that is not finite.
    """

    def __init__(self, threshold: float, *, value: float = 0.0):
        self.threshold = finite("threshold", threshold)
        self.value = finite("value", value)

    def after(self, value: ArrayLike, z: ArrayLike) -> np.ndarray:
        """Return the statistic after ``z``, where it was ``value`` before."""
        raise NotImplementedError

    def observe(self, z: float) -> bool:
        """Take the next value of the stream; tell whether the alarm rings.

        Raises:
            ValueError: ``z`` is not finite.
        """
        self.value = float(self.after(self.value, finite("z", z)))
        if ringing := self.value > self.threshold:
            self.value = 0.0
        return ringing

    def rings(self, streams: ArrayLike) -> np.ndarray:
        """Tell when fresh alarms would ring in streams (..., T), as booleans.

        Raises:
            ValueError: no values, or some that are not finite.
        """
        return self._rings(_checked(streams), self.threshold)

    def _rings(self, z: np.ndarray, threshold: float) -> np.ndarray:
        value, found = np.zeros(z.shape[:-1]), np.zeros(z.shape, bool)
        for t in range(z.shape[-1]):
            value = self.after(value, z[..., t])
            found[..., t] = value > threshold
            value = np.where(found[..., t], 0.0, value)
        return found

    def tune(self, quiet: ArrayLike, run_length: float) -> Self:
        """Set the threshold so that it rings once in ``run_length`` quiet values.

        ``quiet`` (..., T) are streams without anything to find, like those to come;
        the threshold is the lowest that rings no more often than that in them. Give
        many times ``run_length`` values: of k alarms the rate is known to about 1/√k.
        Returns the alarm.

        Raises:
            ValueError: values not finite, ``run_length`` not above 1, or fewer values
                than 10 times ``run_length``.
        """
        z = _checked(quiet)
        run_length = finite("run_length", run_length, above=1)
        if z.size < 10 * run_length:
            raise ValueError(
                f"quiet holds {z.size:,} values for run_length={run_length:g}: give at "
                "least 10 times as many, or simulate more"
            )
        low, high = float(z.min()) - 1, float(z.max())
        while self._rings(z, high).any():
            high = 2 * abs(high) + 1
        for _ in range(40):
            middle = (low + high) / 2
            if self._rings(z, middle).sum() * run_length > z.size:
                low = middle
            else:
                high = middle
        self.threshold = high
        return self


class LevelAlarm(Alarm):
    """Rings where a value lies above the threshold (Shewhart 1931).

    The quickest alarm for a large sudden shift; it forgets every day before.
    """

    def after(self, value: ArrayLike, z: ArrayLike) -> np.ndarray:
        return np.asarray(z, float)

    @classmethod
    def for_run_length(cls, run_length: float) -> Self:
        """Make the alarm that rings once in ``run_length`` standard normal values.

        Raises:
            ValueError: ``run_length`` not above 1.
        """
        return cls(float(norm.isf(1 / finite("run_length", run_length, above=1))))


class CUSUM(Alarm):
    """Adds up what lies above ``slack``, never below 0: S = max(0, S + z - slack).

    For a lasting shift of 2 x ``slack`` no alarm with so few false ones is quicker on
    average, in the worst case (Page 1954; Moustakides 1986).

    Raises:
        ValueError: a threshold below 0, or a ``slack`` below 0.
    """

    def __init__(self, threshold: float = 4.0, slack: float = 0.5, *, value: float = 0):
        super().__init__(finite("threshold", threshold, least=0), value=value)
        self.slack = finite("slack", slack, least=0)

    def after(self, value: ArrayLike, z: ArrayLike) -> np.ndarray:
        return np.maximum(0, value + np.asarray(z, float) - self.slack)

    @classmethod
    def for_run_length(cls, run_length: float, slack: float = 0.5) -> Self:
        """Make the alarm that rings once in ``run_length`` standard normal values.

        Raises:
            ValueError: ``run_length`` outside (2, 1e7], or so short that already the
                threshold 0 rings more rarely.
        """
        run_length = finite("run_length", run_length, above=2, most=1e7)
        shortest = cusum_run_length(0, slack)
        if run_length <= shortest:
            raise ValueError(
                f"run_length={run_length:g}, slack={slack}: a CUSUM waits at least "
                f"{shortest:.3g} on average, choose more or a smaller slack"
            )
        high = 1.0
        while cusum_run_length(high, slack) < run_length:
            high *= 2

        def surplus(threshold: float) -> float:
            return math.log(cusum_run_length(threshold, slack) / run_length)

        return cls(brentq(surplus, 0, high, xtol=1e-9), slack)


@lru_cache(maxsize=4096)
def cusum_run_length(threshold: float, slack: float = 0.5, shift: float = 0.0) -> float:
    """Mean number of values, normal with mean ``shift`` and deviation 1, to an alarm.

    Solves Page's equation L(s) = 1 + L(0) P(z <= slack - s) + the integral of L(x)
    times the density of z = x + slack - s over (0, threshold], by Gauss-Legendre
    quadrature (Page 1954; Goel and Wu 1971). Returns L(0).

    Raises:
        ValueError: ``threshold`` or ``slack`` below 0, or a ``shift`` that is not
            finite.
    """
    h = finite("threshold", threshold, least=0)
    k, shift = finite("slack", slack, least=0), finite("shift", shift)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    x, w = h * (nodes + 1) / 2, h * weights / 2
    s = np.append(0, x)  # where the sum can stand: at 0, and at the nodes
    matrix = np.empty((NODES + 1, NODES + 1))
    matrix[:, 0] = norm.cdf(k - s - shift)
    matrix[:, 1:] = w * norm.pdf(x + k - s[:, None] - shift)
    return float(np.linalg.solve(np.eye(NODES + 1) - matrix, np.ones(NODES + 1))[0])


def delays(rings: ArrayLike, onset: int) -> np.ndarray:
    """How long after ``onset`` each stream's first alarm came, (R,); infinity: never.

    ``rings`` (R, T) are booleans, ``onset`` the number of the first changed value: an
    alarm at that very value has the delay 1. Alarms before it are false and not
    counted.

    Raises:
        ValueError: not (R, T), or no value after ``onset``.
    """
    found, onset = array("rings", rings, bool), whole("onset", onset, 0)
    if found.ndim != 2 or onset >= found.shape[1]:
        raise ValueError(
            f"rings has shape {found.shape}, onset={onset}: give (R, T), onset below T"
        )
    after = found[:, onset:]
    return np.where(after.any(1), after.argmax(1) + 1.0, math.inf)


def _checked(streams: ArrayLike) -> np.ndarray:
    z = array("streams", streams, float)
    if not z.ndim or not z.size:
        raise ValueError(f"streams has shape {z.shape}: give (..., T), T >= 1")
    if not np.isfinite(z).all():
        raise ValueError("streams holds NaN or infinity: fill or drop those days")
    return z
