"""What pictures teach: a small classifier that learns from them, whoever made them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from ..arguments import at_least, whole


def small_classifier(classes: int = 10) -> nn.Sequential:
    """Pictures (N, 1, 28, 28) -> logits (N, classes), by two layers of stride 2."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),  # (N, 32, 7, 7)
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, classes),
    )


def taught(
    x: Tensor,
    y: Tensor,
    change: Callable | None = None,
    *,
    steps: int = 300,
    seed: int = 0,
) -> nn.Module:
    """Train a small classifier on pictures x (N, 1, 28, 28) and labels y (N, K).

    ``change(x, y, generator)`` alters every batch, as ``data.augment.moved`` does. The
    same steps and rates whatever it learns from, so that only the pictures differ.
    The classifier comes in eval mode.

    Raises:
        ValueError: x of another shape or of whole numbers, y of another shape, or no
            step.
    """
    at_least(1, steps=steps)
    if x.shape[1:] != (1, 28, 28) or not len(x) or not x.is_floating_point():
        raise ValueError(
            f"x is {tuple(x.shape)} {x.dtype}: give (N, 1, 28, 28), x / 127.5 - 1"
        )
    if y.dim() != 2 or len(y) != len(x) or y.shape[1] < 2:
        raise ValueError(f"y has shape {tuple(y.shape)}: give ({len(x)}, K), one-hot")
    seed = whole("seed", seed)
    source = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        net = small_classifier(y.shape[1])
    optimizer = AdamW(net.parameters(), weight_decay=0.05)
    schedule = OneCycleLR(optimizer, 5e-3, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(len(x), (64,), generator=source)
        batch = (x[rows], y[rows])
        images, labels = change(*batch, source) if change else batch
        optimizer.zero_grad()
        cross_entropy(net(images), labels).backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of pictures (N, 1, 28, 28) that are given their class (N,)."""
    hits = [
        (net(a).argmax(1) == b) for a, b in zip(x.split(500), y.split(500), strict=True)
    ]
    return torch.cat(hits).double().mean().item()
