"""Generative adversarial networks: losses, the game, and one family member per file."""

from .game import DCGAN, GAN, MLPGAN, HingeGAN, bound_slopes, mlp, steep_mlp
from .losses import (
    LOSSES,
    GANLoss,
    cross_entropy_discriminator,
    gradient_penalty,
    hinge_discriminator,
    least_squares_discriminator,
    least_squares_generator,
    minimax_generator,
    nonsaturating_generator,
    r1_penalty,
    wasserstein_critic,
    wasserstein_generator,
)

__all__ = [
    "DCGAN",
    "GAN",
    "LOSSES",
    "MLPGAN",
    "GANLoss",
    "HingeGAN",
    "bound_slopes",
    "cross_entropy_discriminator",
    "gradient_penalty",
    "hinge_discriminator",
    "least_squares_discriminator",
    "least_squares_generator",
    "minimax_generator",
    "mlp",
    "nonsaturating_generator",
    "r1_penalty",
    "steep_mlp",
    "wasserstein_critic",
    "wasserstein_generator",
]
