"""Series as what a network learns: standardised steps from one time to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..arguments import unknown, whole

TRANSFORMS = ("log_return", "difference", "level")


class SeriesCodec:
    """Values (N, C) of ``columns`` <-> standardised steps (N - 1, C).

    A step is ln(x_t / x_{t-1}) ("log_return"), x_t - x_{t-1} ("difference") or x_t
    itself ("level", for series that stay around a level), less ``mean`` over ``std`` of
    its column. ``recent`` (R, C) are the last values of the training data: there paths
    begin unless told.

    Raises:
        ValueError: unknown ``transform``; numbers that are not finite or do not fit
            the columns; a column twice; a ``std`` that is not above 0.
    """

    def __init__(
        self,
        columns: Sequence[str],
        mean: ArrayLike,
        std: ArrayLike,
        transform: str = "log_return",
        recent: ArrayLike = (),
    ):
        if transform not in TRANSFORMS:
            raise unknown("transform", transform, TRANSFORMS)
        self.columns, self.transform = tuple(map(str, columns)), transform
        width = len(self.columns)
        if not width or len(set(self.columns)) != width:
            raise ValueError(f"columns={self.columns}: give at least one, each once")
        self.mean, self.std = map(as_double, (mean, std))
        for name, value in (("mean", self.mean), ("std", self.std)):
            if value.shape != (width,) or not value.isfinite().all():
                raise ValueError(f"{name}={value.tolist()}: give {width} numbers")
        if (self.std <= 0).any():
            raise ValueError(f"std={self.std.tolist()}: give deviations above 0")
        recent = as_double(recent).reshape(-1, width)
        self.recent = self.checked(recent) if len(recent) else recent

    @classmethod
    def train(
        cls,
        values: ArrayLike,
        columns: Sequence[str],
        *,
        transform: str | None = None,
        recent: int = 1,
    ) -> Self:
        """Take mean and deviation of the steps of ``values`` (N, C).

        Without a ``transform`` it is "log_return" where all values are above 0, else
        "difference". The last ``recent`` values are kept.

        Raises:
            ValueError: values that are not (N, C) finite, fewer than 3 rows, a column
                whose steps are all the same, or logarithms of what is not above 0.
        """
        x = as_double(values)
        recent = whole("recent", recent, 1)
        if x.dim() != 2 or x.shape[1] != len(columns) or len(x) < 3:
            raise ValueError(
                f"values has shape {tuple(x.shape)}: give (N, {len(columns)}), N >= 3"
            )
        if transform is None:
            transform = "log_return" if (x > 0).all() else "difference"
        ones = torch.ones(len(columns))
        steps = cls(columns, 0 * ones, ones, transform)._steps(x)
        mean, std = steps.mean(0), steps.std(0)
        for name, one in zip(columns, std.tolist(), strict=True):
            if one < 1e-12:
                raise ValueError(
                    f"column {name!r} always takes the same step: leave it out, there "
                    "is nothing to learn"
                )
        return cls(columns, mean, std, transform, x[-recent:])

    def state(self) -> dict[str, Any]:
        """Return plain values that ``SeriesCodec(**state)`` is made of."""
        return {
            "columns": list(self.columns),
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "transform": self.transform,
            "recent": self.recent.tolist(),
        }

    def encode(self, values: ArrayLike) -> Tensor:
        """Return the standardised steps (N - 1, C) float32 of values (N, C).

        Raises:
            ValueError: not (N, C) finite with N >= 2, or logarithms of what is not
                above 0.
        """
        x = self.checked(as_double(values))
        if len(x) < 2:
            raise ValueError(f"values has {len(x)} rows: a step needs two")
        return ((self._steps(x) - self.mean) / self.std).float()

    def decode(self, steps: Tensor, start: ArrayLike) -> Tensor:
        """Return the values (..., T, C) float64 that follow ``start`` (C,).

        The inverse of ``encode``: ``start`` is the value before the first step.

        Raises:
            ValueError: shapes that do not fit.
        """
        start = as_double(start)
        if steps.shape[-1] != len(self.columns) or start.shape != self.mean.shape:
            raise ValueError(
                f"steps {tuple(steps.shape)}, start {tuple(start.shape)}: give "
                f"(..., T, {len(self.columns)}) and ({len(self.columns)},)"
            )
        steps = self.increments(steps)
        if self.transform == "level":
            return steps
        total = steps.cumsum(-2)
        return start + total if self.transform == "difference" else start * total.exp()

    def increments(self, steps: Tensor) -> Tensor:
        """Return standardised steps (..., C) in their own units, float64."""
        return steps.double().cpu() * self.std + self.mean

    def windows(self, values: ArrayLike, length: int) -> Tensor:
        """Return all runs of ``length`` steps, (N - length, C, length) float32.

        They overlap, and take the memory of one another: a view.

        Raises:
            ValueError: as ``encode``; fewer steps than ``length``.
        """
        steps, length = self.encode(values), whole("length", length, 1)
        if len(steps) < length:
            raise ValueError(
                f"length={length}: there are only {len(steps)} steps, choose a smaller "
                "past or horizon, or take a longer series"
            )
        return steps.unfold(0, length, 1)

    def checked(self, x: Tensor) -> Tensor:
        """Return values (N, C) as they are.

        Raises:
            ValueError: another shape, values that are not finite, or not above 0 where
                their logarithms are needed.
        """
        if x.dim() != 2 or x.shape[1] != len(self.columns):
            raise ValueError(
                f"values has shape {tuple(x.shape)}: give (N, {len(self.columns)})"
            )
        if bad := int((~x.isfinite()).any(1).sum()):
            raise ValueError(
                f"values holds NaN or infinity in {bad} of {len(x)} rows: drop those "
                "rows, the step then spans the gap"
            )
        if self.transform == "log_return" and (x <= 0).any():
            raise ValueError(
                f"values go down to {x.min():g}: a log return needs values above 0, "
                'take transform="difference"'
            )
        return x

    def _steps(self, x: Tensor) -> Tensor:
        x = self.checked(x)
        if self.transform == "level":
            return x[1:]
        return (x.log() if self.transform == "log_return" else x).diff(dim=0)

    def __repr__(self) -> str:
        return f"SeriesCodec({', '.join(self.columns)}: {self.transform})"


def as_double(values: ArrayLike) -> Tensor:
    """Return ``values`` as float64: lists too, which torch would round to float32.

    Raises:
        ValueError: they are no numbers.
    """
    if isinstance(values, Tensor):
        return values.double()
    try:
        return torch.from_numpy(np.array(values, np.float64))
    except (TypeError, ValueError):
        raise ValueError(f"values={values!r}: give numbers") from None
