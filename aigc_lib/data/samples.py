"""Samples in memory, as ``fit`` takes them: rows of tensors that belong together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

from ..arguments import finite, whole


class Samples:
    """Tensors (N, ...) whose rows belong together: ``samples[rows]`` gives a batch.

    One tensor gives tensors, several give tuples.

    Raises:
        ValueError: no tensor, no rows, or tensors of different lengths.
    """

    def __init__(self, *parts: Tensor):
        lengths = [len(part) if part.dim() else 0 for part in parts]
        if not parts or len(set(lengths)) != 1 or not lengths[0]:
            shapes = ", ".join(str(tuple(part.shape)) for part in parts)
            raise ValueError(
                f"data has parts of shapes {shapes or 'none'}: give tensors of one "
                "length (N, ...), N >= 1"
            )
        self.parts = parts

    @property
    def bytes(self) -> int:
        """How much memory they take."""
        return sum(part.nbytes for part in self.parts)

    def to(self, device: torch.device | str) -> Self:
        """Return the same samples on ``device``."""
        return type(self)(*(part.to(device) for part in self.parts))

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, rows: Tensor | slice) -> Tensor | tuple[Tensor, ...]:
        picked = tuple(part[rows] for part in self.parts)
        return picked if len(picked) > 1 else picked[0]


class Images(Samples):
    """Images (N, C, H, W), and what belongs to each: uint8 comes as [-1, 1]."""

    def __getitem__(self, rows: Tensor | slice) -> Tensor | tuple[Tensor, ...]:
        images, *others = (part[rows] for part in self.parts)
        if images.dtype == torch.uint8:
            images = images.float().div_(127.5).sub_(1)
        return (images, *others) if others else images


class Part:
    """Some of the samples of something with a length and an index, by number.

    It has ``bytes`` and ``to`` where the samples have them: they move as a whole.
    """

    def __init__(self, samples: Any, numbers: Tensor):
        self.samples, self.numbers = samples, numbers

    @property
    def bytes(self) -> int:
        """How much memory all samples take, of which these are some."""
        return self.samples.bytes

    @property
    def to(self) -> Callable[[torch.device | str], Self]:
        """``to(device)`` returns the same part on ``device``."""
        move = self.samples.to  # what cannot be moved has none
        return lambda device: type(self)(move(device), self.numbers.to(device))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: Tensor | slice) -> Tensor | tuple[Tensor, ...]:
        return self.samples[self.numbers[rows]]


def held_out(samples: Any, share: float, seed: int = 0) -> tuple[Part, Part]:
    """Divide ``samples`` at random: the larger part to learn from, ``share`` to judge.

    Raises:
        ValueError: ``share`` outside of (0, 1), or a part that would be empty.
    """
    finite("share", share, above=0, below=1)
    n = len(samples)
    count = round(share * n)
    if not 0 < count < n:
        raise ValueError(f"share={share} of {n} samples: one part would be empty")
    generator = torch.Generator().manual_seed(whole("seed", seed))
    order = torch.randperm(n, generator=generator)
    return Part(samples, order[count:]), Part(samples, order[:count])
