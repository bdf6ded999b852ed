"""Changes that keep the meaning: what one knows about data, written down as examples.

Pictures are (N, C, H, W) floats in [-1, 1], sounds log-mel spectra (N, M, T), rows of a
table (N, D), texts strings. Each function draws from a ``torch.Generator``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, one_hot, pad

from ..arguments import at_least, finite, whole
from .samples import Images

Source = torch.Generator | None
BLACK = -1.0  # where a picture has nothing


def flipped(x: Tensor, generator: Source = None) -> Tensor:
    """Mirror each picture (N, C, H, W) with probability one half, left to right."""
    mirror = torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5
    return torch.where(mirror, x.flip(-1), x)


def shifted(x: Tensor, most: int = 2, generator: Source = None) -> Tensor:
    """Move each picture (N, C, H, W) by up to ``most`` pixels; black comes in.

    Raises:
        ValueError: ``most`` below 0.
    """
    most = whole("most", most, 0)
    n, channels, height, width = x.shape
    wide = pad(x, (most,) * 4, value=BLACK)
    down, right = torch.randint(2 * most + 1, (2, n, 1), generator=generator)
    rows = (down + torch.arange(height))[:, None, :, None]  # (N, 1, H, 1)
    columns = (right + torch.arange(width))[:, None, None, :]  # (N, 1, 1, W)
    each = torch.arange(n)[:, None, None, None]
    return wide[each, torch.arange(channels)[:, None, None], rows, columns]


def cut_out(x: Tensor, size: int = 8, generator: Source = None) -> Tensor:
    """Blacken a square of ``size`` pixels somewhere (DeVries & Taylor 2017).

    Raises:
        ValueError: ``size`` below 1.
    """
    n, _, height, width = x.shape
    size = whole("size", size, 1)
    middle = torch.rand(2, n, 1, generator=generator)
    hidden = [
        (torch.arange(length) - length * middle[k]).abs() <= size / 2
        for k, length in enumerate((height, width))
    ]
    square = hidden[0][:, None, :, None] & hidden[1][:, None, None, :]
    return x.masked_fill(square, BLACK)


def reframed(
    x: Tensor,
    zoom: float = 0.2,
    turn: float = 10.0,
    move: float = 0.1,
    generator: Source = None,
) -> Tensor:
    """Photograph each picture (N, C, H, W) again from a little elsewhere.

    Up to ``zoom`` nearer or farther, turned by up to ``turn`` degrees, moved by up to
    the share ``move`` of its size; what lies outside continues the edge.

    Raises:
        ValueError: a negative number, or ``zoom`` of 1 and more.
    """
    finite("zoom", zoom, least=0, below=1)
    finite("turn", turn, least=0)
    finite("move", move, least=0)
    even = torch.rand(4, len(x), generator=generator) * 2 - 1  # in [-1, 1)
    scale, angle = 1 + zoom * even[0], even[1] * turn * math.pi / 180
    rows = torch.stack([scale * angle.cos(), -scale * angle.sin(), 2 * move * even[2]])
    more = torch.stack([scale * angle.sin(), scale * angle.cos(), 2 * move * even[3]])
    grid = affine_grid(torch.stack([rows.T, more.T], 1), list(x.shape), False)
    grid = grid.to(x)
    return grid_sample(x, grid, padding_mode="border", align_corners=False)


def relit(x: Tensor, strength: float = 0.3, generator: Source = None) -> Tensor:
    """Change light, contrast and saturation of colour pictures (N, 3, H, W) a little.

    Raises:
        ValueError: ``strength`` outside [0, 1).
    """
    finite("strength", strength, least=0, below=1)
    even = torch.rand(3, len(x), 1, 1, 1, generator=generator).to(x) * 2 - 1
    light, contrast, saturation = strength * even
    grey = x.mean(1, keepdim=True)
    x = grey + (1 + saturation) * (x - grey)
    middle = x.mean((1, 2, 3), keepdim=True)
    return (middle + (1 + contrast) * (x - middle) + light).clamp(-1, 1)


def mixed(
    x: Tensor, y: Tensor, alpha: float = 0.2, generator: Source = None
) -> tuple[Tensor, Tensor]:
    """Blend each sample with another, and their labels (N, K) with the same weight.

    The weight is drawn from Beta(``alpha``, ``alpha``) (mixup, Zhang et al. 2018).

    Raises:
        ValueError: ``alpha`` of 0 or less.
    """
    alpha = finite("alpha", alpha, above=0)
    seed = int(torch.randint(2**62, (1,), generator=generator))  # torch draws no Beta
    drawn = np.random.default_rng(seed).beta(alpha, alpha, len(x))
    weight = torch.from_numpy(drawn).to(x)
    other = torch.randperm(len(x), generator=generator)

    def blend(a: Tensor) -> Tensor:
        w = weight.view(-1, *[1] * (a.dim() - 1))
        return w * a + (1 - w) * a[other]

    return blend(x), blend(y)


def smote(rows: Tensor, n: int, k: int = 5, generator: Source = None) -> Tensor:
    """Make ``n`` rows between a row and one of its ``k`` nearest (Chawla et al. 2002).

    ``rows`` (N, D) are those of one class. Returns (n, D).

    Raises:
        ValueError: fewer than 2 rows, ``n`` or ``k`` below 1.
    """
    at_least(1, n=n, k=k)
    at_least(2, rows=len(rows))
    near = torch.cdist(rows, rows).fill_diagonal_(torch.inf)
    near = near.topk(min(k, len(rows) - 1), largest=False).indices  # (N, k)
    one = torch.randint(len(rows), (n,), generator=generator)
    which = torch.randint(near.shape[1], (n,), generator=generator)
    share = torch.rand(n, 1, generator=generator).to(rows)
    return rows[one] + share * (rows[near[one, which]] - rows[one])


def masked(
    mel: Tensor, bands: int = 4, frames: int = 4, generator: Source = None
) -> Tensor:
    """Hide a run of bands and one of frames of each spectrum, (N, M, T).

    Each run is up to that long and gets the mean of its spectrum (SpecAugment, Park et
    al. 2019, without the warping of time).

    Raises:
        ValueError: a run longer than the spectrum, or below 0.
    """
    hidden = torch.zeros(mel.shape, dtype=torch.bool)
    for axis, most in ((1, bands), (2, frames)):
        length = mel.shape[axis]
        most = whole("bands" if axis == 1 else "frames", most)
        if not 0 <= most <= length:
            raise ValueError(f"a run of {most}: give 0 to {length}")
        run = torch.randint(most + 1, (len(mel), 1), generator=generator)
        start = torch.rand(len(mel), 1, generator=generator) * (length + 1 - run)
        place = torch.arange(length) - start.long()  # (N, length)
        inside = (place >= 0) & (place < run)
        hidden |= inside[:, :, None] if axis == 1 else inside[:, None, :]
    return torch.where(hidden, mel.mean((1, 2), keepdim=True), mel)


def without_words(text: str, share: float = 0.1, generator: Source = None) -> str:
    """Leave out each word with probability ``share``, but never all of them.

    Raises:
        ValueError: ``share`` outside [0, 1).
    """
    share = finite("share", share, least=0, below=1)
    words = text.split()
    stays = torch.rand(len(words), generator=generator) >= share
    return " ".join(w for w, s in zip(words, stays, strict=True) if s) or text


def with_synonyms(
    text: str,
    synonyms: Mapping[str, Sequence[str]],
    share: float = 0.5,
    generator: Source = None,
) -> str:
    """Replace each word of which ``synonyms`` are known with probability ``share``.

    Words are looked up in lower case; what is not in the list stays as it is.

    Raises:
        ValueError: ``share`` outside [0, 1].
    """
    share = finite("share", share, least=0, most=1)
    found = []
    for word in text.split():
        choices = synonyms.get(word.lower(), ())
        if choices and torch.rand(1, generator=generator).item() < share:
            word = choices[int(torch.randint(len(choices), (1,), generator=generator))]
        found.append(word)
    return " ".join(found)


Change = Callable[[Tensor, Tensor, Source], tuple[Tensor, Tensor]]


def nothing(x: Tensor, y: Tensor, generator: Source = None) -> tuple[Tensor, Tensor]:
    """Leave pictures and labels as they are."""
    return x, y


def moved(x: Tensor, y: Tensor, generator: Source = None) -> tuple[Tensor, Tensor]:
    """Mirror and shift pictures; their labels (N, K) stay."""
    return shifted(flipped(x, generator), 2, generator), y


def mixing(x: Tensor, y: Tensor, generator: Source = None) -> tuple[Tensor, Tensor]:
    """Blend pictures and labels as ``mixed`` does."""
    return mixed(x, y, generator=generator)


def soft(y: Tensor, classes: int) -> Tensor:
    """Turn labels (N,) into one-hot rows (N, K), which can be blended."""
    return one_hot(y, classes).float()


class Varied:
    """Pictures with labels of which every look is another one: for ``fit``.

    ``varied[rows]`` gives pictures (B, C, H, W) in [-1, 1], changed by ``change``, and
    their labels (B,). Where the same rows come again, they are changed in another way;
    equal sequences of requests are answered equally.

    Raises:
        ValueError: pictures and labels of different lengths.
    """

    def __init__(
        self, x: Tensor, y: Tensor, change: Callable[[Tensor, Source], Tensor]
    ):
        self.samples = Images(x, y)
        self.change = change

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.samples[rows]
        return self.change(x, None), y
