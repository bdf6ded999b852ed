"""Does a model copy its training set? Compare it with people who never saw the set."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..arguments import finite
from .distances import ROWS, checked_pair, squared_distances


def nearest_distances(rows: ArrayLike, train: ArrayLike) -> Tensor:
    """Euclidean distance of each row to the nearest training row: (N, D) -> (N,).

    Raises:
        ValueError: not two arrays of rows of one length; fewer than 2 rows; NaN.
    """
    train, rows = checked_pair(train, rows)
    center = train.mean(0)  # a common shift costs digits in |x|² + |y|² - 2 x·y
    train, rows = train - center, rows - center
    nearest = [  # measured again: a copy has distance 0, and no rounding beside it
        (part - train[squared_distances(part, train).argmin(1)]).norm(dim=1)
        for part in rows.split(ROWS)
    ]
    return torch.cat(nearest)


def copying(
    train: ArrayLike, held_out: ArrayLike, fake: ArrayLike, *, level: float = 0.01
) -> dict[str, float]:
    """Compare how near generated and held-out rows come to the training rows.

    Held-out rows are real and were never trained on: how near *they* come is chance.
    ``train``: (T, D), ``held_out``: (N, D), ``fake``: (M, D).

    - ``closer``: probability that a generated row lies nearer to the training set than
      a held-out row (ties count half): 0.5 without copying, 1 where all are copies;
    - ``z``: the same as a standard normal deviate under the hypothesis of equal
      distributions. The sign is that of copying: above 3 is strong evidence, far below
      0 means that the generated rows are *farther* away than real ones;
    - ``suspects``: share of generated rows nearer than all but ``level`` of the
      held-out rows; ``level`` is expected by chance. It finds a few copies among many
      honest rows, which ``closer`` averages away.

    Blurred or noisy samples lie far from everything and can hide copies elsewhere from
    ``closer``; look at the suspects. The features decide what counts as near.

    Source: Meehan, Chaudhuri and Dasgupta 2020, section 3 (whose Z_U has the other
    sign), here without the partition of the space.

    Raises:
        ValueError: ``level`` outside (0, 1); otherwise as ``nearest_distances``.
    """
    level = finite("level", level, above=0, below=1)
    chance = nearest_distances(held_out, train).sort().values
    found = nearest_distances(fake, train)
    n, m = len(chance), len(found)
    # Mann-Whitney: pairs in which the held-out row is the farther one
    farther = n - torch.searchsorted(chance, found, right=True)
    tied = n - torch.searchsorted(chance, found) - farther
    closer = ((farther + 0.5 * tied).double().mean() / n).item()
    deviation = ((n + m + 1) / (12 * n * m)) ** 0.5
    return {
        "closer": closer,
        "z": (closer - 0.5) / deviation,
        "suspects": (found < chance.quantile(level)).double().mean().item(),
    }
