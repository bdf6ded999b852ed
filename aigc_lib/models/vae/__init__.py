"""Variational autoencoders: the bound, likelihoods, and one family member per file."""

from .bounds import kl_to_standard_normal, normal_log_density, reparameterize
from .likelihoods import LIKELIHOODS, Bernoulli, Gaussian
from .vae import VAE, BetaVAE, mean_and_log_var

__all__ = [
    "LIKELIHOODS",
    "VAE",
    "Bernoulli",
    "BetaVAE",
    "Gaussian",
    "kl_to_standard_normal",
    "mean_and_log_var",
    "normal_log_density",
    "reparameterize",
]
