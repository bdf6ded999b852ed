"""The terms of a variational bound, in nats.

Sums run over dimensions, means over the batch (Kingma & Welling 2014).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def reparameterize(
    mu: Tensor, log_var: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Draw z = mu + sigma eps, with gradients for both (Kingma & Welling 2014, 2.4).

    mu, log_var: (B, d); returns (B, d).
    """
    eps = torch.randn(mu.shape, generator=generator, device=mu.device)
    return mu + (0.5 * log_var).exp() * eps


def kl_to_standard_normal(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mu, sigma²) || N(0, I)) in nats, (B, d) -> (B,).

    Source: Kingma & Welling 2014, appendix B.
    """
    return 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(-1)


def normal_log_density(z: Tensor, mu: Tensor, log_var: Tensor) -> Tensor:
    """log N(z; mu, sigma²) summed over the last axis: (..., d) -> (...)."""
    squared = (z - mu).square() * (-log_var).exp()
    return -0.5 * (squared + log_var + math.log(2 * math.pi)).sum(-1)
