"""What generated designs are worth: rules kept, new, in the style, all of the style.

Judged against designs that the generator never saw: what they have of each figure is
what a designer of the same house would reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..arguments import at_least, finite, whole
from ..codecs.designs import Space
from .memorisation import nearest_distances
from .tables import Features

if TYPE_CHECKING:
    from pandas import DataFrame


class Judged(NamedTuple):
    """What each of N designs is, (N,) bool, and how many of the held-out are reached.

    ``useful`` ones are all three: they keep the rules, are new and in the style.
    """

    kept: np.ndarray
    new: np.ndarray
    in_style: np.ndarray
    coverage: float

    @property
    def useful(self) -> np.ndarray:
        """Designs that keep all rules, are new, and lie in the style, (N,) bool."""
        return self.kept & self.new & self.in_style

    def figures(self) -> dict[str, float]:
        """Return the shares, from 0 to 1."""
        return {
            "kept": float(self.kept.mean()),
            "new": float(self.new.mean()),
            "in_style": float(self.in_style.mean()),
            "coverage": self.coverage,
            "useful": float(self.useful.mean()),
        }


class DesignJudge:
    """Judges designs of a ``space`` against those of ``train`` and of ``held_out``.

    Distances are those of ``tables.Features``: numbers in deviations, a different
    choice counts as one.

    - *new*: farther from every design of ``train`` than the nearest ``level`` of the
      held-out ones; of honest new designs so 1 - ``level`` are new;
    - *in the style*: within the k-th neighbour's distance of some held-out design
      (precision: Kynkäänniemi et al. 2019, equation 2);
    - *coverage*: share of held-out designs that have a made one, which keeps the rules,
      within that distance (Naeem et al. 2020, section 3).

    In the style and coverage depend on the number of designs and on ``k``: compare
    equally many.

    Raises:
        ValueError: designs that ``space.check`` refuses, ``k`` not below the number of
            held-out designs, ``level`` outside (0, 1).
    """

    def __init__(
        self,
        space: Space,
        train: DataFrame,
        held_out: DataFrame,
        *,
        k: int = 5,
        level: float = 0.05,
    ):
        for frame in (train, held_out):
            space.check(frame)
        k = whole("k", k)
        if not 1 <= k < len(held_out):
            raise ValueError(
                f"k={k} with {len(held_out)} held-out designs: give 1 <= k < that"
            )
        level = finite("level", level, above=0, below=1)
        self.space = space
        self.features = Features(train[space.columns])
        self.train, self.held_out = self._rows(train), self._rows(held_out)
        nearest = nearest_distances(self.held_out, self.train)
        self.near = nearest.quantile(level).item()
        among = torch.cdist(self.held_out, self.held_out)
        self.radii = among.topk(k + 1, largest=False).values[:, -1]  # itself is one
        apart = torch.cdist(self.train, self.train).fill_diagonal_(torch.inf)
        self.apart = apart.amin(1).quantile(level).item()

    def __call__(self, made: DataFrame) -> Judged:
        """Judge the designs ``made``, which may break rules but no ranges.

        Raises:
            ValueError: designs that ``space.check`` refuses, or fewer than 2.
        """
        kept = self.space.keeps(made)
        at_least(2, designs=len(made))
        rows = self._rows(made)
        new = nearest_distances(rows, self.train) > self.near
        inside = torch.cdist(self.held_out, rows) <= self.radii[:, None]  # (H, N)
        reached = inside[:, torch.from_numpy(kept)].any(1)
        return Judged(
            kept, new.numpy(), inside.any(0).numpy(), reached.double().mean().item()
        )

    def passes(self, made: DataFrame) -> np.ndarray:
        """Tell which designs keep the rules and repeat none of ``train``, (N,) bool.

        What whoever has the rules and the learned designs can check before anybody
        looks: to repeat is to be nearer to one of them than all but ``level`` of them
        are to their nearest other.

        Raises:
            ValueError: designs that ``space.check`` refuses, or fewer than 2.
        """
        kept = self.space.keeps(made)
        at_least(2, designs=len(made))
        return (
            kept
            & (nearest_distances(self._rows(made), self.train) > self.apart).numpy()
        )

    def neighbours(self, k: int) -> np.ndarray:
        """Return the row numbers of the ``k`` nearest others of each training design.

        Raises:
            ValueError: ``k`` < 1, or not below the number of training designs.
        """
        k = whole("k", k)
        if not 1 <= k < len(self.train):
            raise ValueError(
                f"k={k} with {len(self.train)} designs: give 1 <= k < that"
            )
        among = torch.cdist(self.train, self.train).fill_diagonal_(torch.inf)
        return among.topk(k, largest=False).indices.numpy()

    def _rows(self, frame: DataFrame) -> Tensor:
        return torch.from_numpy(self.features(frame[self.space.columns])).double()
