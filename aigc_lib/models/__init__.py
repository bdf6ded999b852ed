"""One family of generative models per file; ``MODELS`` lists them by name."""

import os

from .base import GenerativeModel, load_model
from .diffusion import DDPM
from .flow import FlowMatching
from .gan import DCGAN, GAN, MLPGAN
from .vae import VAE, BetaVAE

MODELS: dict[str, type[GenerativeModel]] = {
    "mlp_gan": MLPGAN,
    "dcgan": DCGAN,
    "vae": VAE,
    "beta_vae": BetaVAE,
    "ddpm": DDPM,
    "flow": FlowMatching,
}

__all__ = [
    "DCGAN",
    "DDPM",
    "GAN",
    "MLPGAN",
    "MODELS",
    "VAE",
    "BetaVAE",
    "FlowMatching",
    "GenerativeModel",
    "load",
]


def load(path: str | os.PathLike) -> GenerativeModel:
    """Rebuild a model from the file that ``model.save(path)`` wrote.

    Raises:
        FileNotFoundError: no file at ``path``.
        ValueError: not such a file, an unknown model, or weights that do not fit.
    """
    return load_model(path, MODELS)
