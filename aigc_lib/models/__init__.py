"""One family of generative models per file; ``MODELS`` lists them by name."""

import os

from .base import GenerativeModel, load_model
from .bert import load_bert
from .diffusion import DDPM
from .encoder import MaskedLM, TextClassifier
from .flow import FlowMatching
from .gan import DCGAN, GAN, MLPGAN
from .gan_conditional import ConditionalGAN, InfoGAN
from .gan_growing import GrowingGAN
from .gan_style import StyleGAN
from .gpt import GPT
from .gpt2 import load_gpt2
from .vae import VAE, BetaVAE
from .vae_conditional import ConditionalVAE
from .vae_flow_prior import FlowPriorVAE
from .vae_gan import VAEGAN
from .wavenet import WaveNet

MODELS: dict[str, type[GenerativeModel]] = {
    "mlp_gan": MLPGAN,
    "dcgan": DCGAN,
    "vae": VAE,
    "beta_vae": BetaVAE,
    "conditional_vae": ConditionalVAE,
    "flow_prior_vae": FlowPriorVAE,
    "vae_gan": VAEGAN,
    "ddpm": DDPM,
    "flow": FlowMatching,
    "conditional_gan": ConditionalGAN,
    "info_gan": InfoGAN,
    "growing_gan": GrowingGAN,
    "style_gan": StyleGAN,
    "gpt": GPT,
    "masked_lm": MaskedLM,
    "text_classifier": TextClassifier,
    "wavenet": WaveNet,
}

__all__ = [
    "DCGAN",
    "DDPM",
    "GAN",
    "GPT",
    "MLPGAN",
    "MODELS",
    "VAE",
    "VAEGAN",
    "BetaVAE",
    "ConditionalGAN",
    "ConditionalVAE",
    "FlowMatching",
    "FlowPriorVAE",
    "GenerativeModel",
    "GrowingGAN",
    "InfoGAN",
    "MaskedLM",
    "StyleGAN",
    "TextClassifier",
    "WaveNet",
    "load",
    "load_bert",
    "load_gpt2",
]


def load(path: str | os.PathLike) -> GenerativeModel:
    """Rebuild a model from the file that ``model.save(path)`` wrote.

    Raises:
        FileNotFoundError: no file at ``path``.
        ValueError: not such a file, an unknown model, or weights that do not fit.
    """
    return load_model(path, MODELS)
