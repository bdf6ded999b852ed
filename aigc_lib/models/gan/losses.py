"""What the two players of a GAN minimise, and the regularisers of the discriminator.

Logits everywhere: a discriminator returns one unbounded number per sample, and the
losses turn it into probabilities where they need them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

# ---- losses: pure functions of logits ---------------------------------------------


def cross_entropy_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))) with D = sigmoid(logit) (Goodfellow 2014)."""
    return softplus(-real).mean() + softplus(fake).mean()


def minimax_generator(fake: Tensor) -> Tensor:
    """E log(1 - D(G(z))): flat where D is sure (Goodfellow 2014, equation 1)."""
    return -softplus(fake).mean()


def nonsaturating_generator(fake: Tensor) -> Tensor:
    """-E log D(G(z)): steep where D is sure (Goodfellow 2014, section 3)."""
    return softplus(-fake).mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 - f(x)) + E max(0, 1 + f(G(z))) (Lim & Ye 2017)."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Half E (f(x) - 1)^2 + half E f(G(z))^2 (Mao et al. 2017, equation 9)."""
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


def least_squares_generator(fake: Tensor) -> Tensor:
    """Half E (f(G(z)) - 1)^2 (Mao et al. 2017, equation 9)."""
    return 0.5 * (fake - 1).square().mean()


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """-E f(x) + E f(G(z)); f must be kept Lipschitz (Arjovsky et al. 2017)."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """-E f(G(z)), which the hinge objective shares (Arjovsky et al. 2017)."""
    return -fake.mean()


class GANLoss(NamedTuple):
    """The two objectives of one game; both are minimised, each by its own player."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (real, fake logits) -> scalar
    generator: Callable[[Tensor], Tensor]  # (fake logits) -> scalar


LOSSES: dict[str, GANLoss] = {
    "minimax": GANLoss(cross_entropy_discriminator, minimax_generator),
    "nonsaturating": GANLoss(cross_entropy_discriminator, nonsaturating_generator),
    "hinge": GANLoss(hinge_discriminator, wasserstein_generator),
    "lsgan": GANLoss(least_squares_discriminator, least_squares_generator),
    "wasserstein": GANLoss(wasserstein_critic, wasserstein_generator),
}


# ---- regularisers of the discriminator --------------------------------------------


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """E (||grad f(x')|| - 1)^2 at random points between real and fake samples.

    One mixing weight and one norm per sample (Gulrajani et al. 2017, equation 3).
    Runs in float32, outside autocast and outside ``torch.compile``, whose double
    backward is not reliable.

    Raises:
        ValueError: ``critic`` holds a batch normalisation, with which the gradient of
            one sample depends on the others.
    """
    for name, module in critic.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise ValueError(
                f"critic has batch normalisation at {name!r}: the penalty is defined "
                "per sample; use layer or instance normalisation, or none"
            )
    alpha = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
    between = torch.lerp(real.float(), fake.float(), alpha)
    gradient = _input_gradient(critic, between)
    # sqrt has an infinite slope at 0, where a constant critic would give NaN
    norm = gradient.square().sum(1).clamp_min(1e-12).sqrt()
    return (norm - 1).square().mean()


def r1_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """Half of E ||grad f(x)||^2 at the real samples (Mescheder et al. 2018, eq. 9)."""
    return 0.5 * _input_gradient(discriminator, real.float()).square().sum(1).mean()


def _input_gradient(network: nn.Module, x: Tensor) -> Tensor:
    """Return d f(x) / d x per sample, flattened: (B, ...) -> (B, D)."""
    x = x.detach().requires_grad_()
    with (
        torch.autocast(x.device.type, enabled=False),
        torch.compiler.set_stance("force_eager"),
    ):
        logits = network(x)
        (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.flatten(1)
