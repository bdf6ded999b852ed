"""What generated pictures are worth, by features of a classifier or by their looks."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, normalize, one_hot

from ..arguments import at_least, whole
from ..arrays import tensor
from .distances import frechet_distance, precision_recall
from .memorisation import copying

GIST = 192 + 128 + 512 + 256  # numbers that ``gist`` gives of a picture


def quality(train: Tensor, held_out: Tensor, drawn: Tensor, k: int = 5) -> dict:
    """Compare drawn pictures with real ones that the model never saw.

    All are features (N, D) of one network: of the pictures that the model learned from,
    of others that are real, and of those that it drew. Returns ``fd`` (Fréchet
    distance), ``precision`` and ``recall`` between drawn and held-out pictures, and
    ``closer``, ``z`` and ``suspects`` of ``memorisation.copying``: 0.5, about 0 and
    0.01 where the model copies nothing.

    Raises:
        ValueError: fewer than k + 1 rows, rows of different lengths.
    """
    found = {"fd": frechet_distance(held_out, drawn)}
    both = precision_recall(held_out, drawn, k=k)
    found |= {"precision": both["precision"], "recall": both["recall"]}
    return found | copying(train, held_out, drawn)


def similar(query: Tensor, gallery: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return cosine distances and rows of the k most similar, nearest first, (Q, k).

    ``query`` (Q, D) and ``gallery`` (N, D) are features of one network.

    Raises:
        ValueError: ``k`` below 1 or above N, features of different lengths or that are
            not finite.
    """
    query, gallery = tensor("query", query), tensor("gallery", gallery)
    if query.dim() != 2 or gallery.dim() != 2 or query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"query has shape {tuple(query.shape)}, gallery {tuple(gallery.shape)}: "
            "give (Q, D) and (N, D)"
        )
    if not (query.isfinite().all() and gallery.isfinite().all()):
        raise ValueError("query or gallery holds NaN or infinity: drop those rows")
    k = whole("k", k, 1)
    if k > len(gallery):
        raise ValueError(f"k={k}: the gallery holds {len(gallery)} pictures")
    cosine = normalize(query.float(), dim=1) @ normalize(gallery.float(), dim=1).T
    found = (1 - cosine).clamp_min(0).topk(k, largest=False)
    return found.values, found.indices


def looks(x: Tensor, cells: int = 8) -> tuple[Tensor, Tensor]:
    """Return where the colours and where the edges are, without any network.

    Pictures (N, C, S, S), uint8 or in [-1, 1], in ``cells`` x ``cells`` squares: mean
    colours (N, 3 cells^2), and mean steps of the grey picture from pixel to pixel, down
    and across, (N, 2 cells^2).

    Raises:
        ValueError: ``cells`` below 1; as ``resized``.
    """
    at_least(1, cells=cells)
    x = resized(x, 4 * cells)
    steps = torch.cat(_steps(x), 1).abs()
    return avg_pool2d(x, 4).flatten(1), avg_pool2d(steps, 4).flatten(1)


def _steps(x: Tensor) -> list[Tensor]:
    """From pixel to pixel of the grey picture, down and across: each (N, 1, S, S)."""
    grey = x.mean(1, keepdim=True)
    return [grey.diff(dim=d, append=grey.narrow(d, -1, 1)) for d in (2, 3)]


def gist(x: Tensor) -> tuple[Tensor, ...]:
    """Return ``looks``, which way edges run, and how much there is of each colour.

    Pictures (N, C, S, S), uint8 or in [-1, 1]: mean colours (N, 192) and edges (N, 128)
    of 8 x 8 squares; in each square the steepness of its pixels, by 8 directions
    (N, 512), the idea of HOG (Dalal & Triggs 2005); and in each quarter of the picture
    the roots of the shares of 64 colours (N, 256).

    Raises:
        ValueError: as ``resized``.
    """
    x = resized(x, 32)
    down, across = _steps(x)
    turn = (torch.atan2(down, across) % math.pi) / math.pi
    directions = torch.zeros(len(x), 8, 32, 32, device=x.device).scatter_(
        1, (turn * 8).long().clamp(max=7), torch.hypot(across, down)
    )
    red, green, blue = ((x + 1) * 2).long().clamp(0, 3).unbind(1)
    shares = one_hot(16 * red + 4 * green + blue, 64).permute(0, 3, 1, 2).float()
    return (
        *looks(x),
        avg_pool2d(directions, 4).flatten(1),
        avg_pool2d(shares, 16).flatten(1).sqrt(),
    )


def resized(x: Tensor, size: int, channels: int = 3) -> Tensor:
    """Bring square pictures (N, C, S, S), uint8 or in [-1, 1], to a network's size.

    Returns (N, ``channels``, ``size``, ``size``) in [-1, 1]; grey becomes three equal
    channels, colour its mean.

    Raises:
        ValueError: not 1 or 3 channels, a ``size`` below 1, whole numbers that are no
            uint8, values outside [-1, 1], NaN.
    """
    at_least(1, size=size)
    x = tensor("x", x)
    if x.dim() != 4 or x.shape[1] not in (1, 3) or channels not in (1, 3):
        raise ValueError(f"x has shape {tuple(x.shape)}: give (N, C, S, S), C 1 or 3")
    if x.dtype == torch.uint8:
        x = x.float() / 127.5 - 1
    elif not x.is_floating_point() or not (x.detach().abs() <= 1.001).all():
        raise ValueError(
            f"x is {x.dtype} from {x.min():.4g} to {x.max():.4g}: give uint8, or "
            "floating point in [-1, 1]"
        )
    x = x.float()
    if x.shape[1] != channels:
        x = x.mean(1, keepdim=True).expand(-1, channels, -1, -1)
    if x.shape[-1] != size:
        options = {"mode": "bilinear", "antialias": True, "align_corners": False}
        x = interpolate(x, (size, size), **options)
    return x.clamp(-1, 1)
