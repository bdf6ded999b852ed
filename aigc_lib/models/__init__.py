"""The models; ``MODELS`` lists them by name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base import GenerativeModel, Trainable, load_model
from .registry import HOMES, class_named, imported

if TYPE_CHECKING:  # lets editors complete what __getattr__ loads
    from .classifier import PictureClassifier
    from .diffusion import DDPM, FlowMatching
    from .diffusion.draft import TextDraft
    from .diffusion.film import FilmFlow
    from .diffusion.latent import LatentFlow, LatentTextFlow
    from .diffusion.series import SeriesFlow
    from .diffusion.tabular import TableFlow
    from .diffusion.text import TextFlow
    from .frames import FramePredictor
    from .gan import DCGAN, GAN, MLPGAN
    from .gan.conditional import ConditionalGAN, InfoGAN
    from .gan.growing import GrowingGAN
    from .gan.inspection import GANEncoder
    from .gan.style import StyleGAN
    from .gan.tabular import CTGAN
    from .inspection import DefectMarker
    from .lips import LipSync
    from .ranking import EASE, ItemKNN, Lately, Popularity
    from .recogniser import SoundClassifier
    from .recurrent import DeepAR
    from .tracing import KnowledgeTracer
    from .transformer.bert import load_bert
    from .transformer.clip import CLIP
    from .transformer.composer import Composer
    from .transformer.encoder import MaskedLM, TextClassifier
    from .transformer.gpt import GPT
    from .transformer.gpt2 import load_gpt2
    from .transformer.levels import LevelWriter
    from .transformer.painter import Painter
    from .transformer.pairs import PairEncoder
    from .transformer.preference import DPO
    from .transformer.ranking import SASRec
    from .vae import VAE, BetaVAE
    from .vae.adversarial import VAEGAN
    from .vae.conditional import ConditionalVAE
    from .vae.flow_prior import FlowPriorVAE
    from .vae.pictures import MapVAE
    from .vae.quantised import VQVAE
    from .vae.ranking import MultVAE
    from .vae.strings import StringVAE
    from .vae.tabular import TVAE
    from .wavenet import WaveNet


class Registry(Mapping[str, type[Trainable]]):
    """Models by the names that commands know, imported when they are asked for."""

    def __init__(self, classes: dict[str, str]):
        self._classes = classes

    def __getitem__(self, name: str) -> type[Trainable]:
        return imported(self._classes[name])

    def __contains__(self, name: object) -> bool:  # without importing it
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


MODELS = Registry(
    {
        "mlp_gan": "MLPGAN",
        "dcgan": "DCGAN",
        "vae": "VAE",
        "beta_vae": "BetaVAE",
        "conditional_vae": "ConditionalVAE",
        "flow_prior_vae": "FlowPriorVAE",
        "vae_gan": "VAEGAN",
        "tvae": "TVAE",
        "mult_vae": "MultVAE",
        "ddpm": "DDPM",
        "flow": "FlowMatching",
        "table_flow": "TableFlow",
        "series_flow": "SeriesFlow",
        "deep_ar": "DeepAR",
        "conditional_gan": "ConditionalGAN",
        "info_gan": "InfoGAN",
        "growing_gan": "GrowingGAN",
        "style_gan": "StyleGAN",
        "ctgan": "CTGAN",
        "gpt": "GPT",
        "masked_lm": "MaskedLM",
        "text_classifier": "TextClassifier",
        "picture_classifier": "PictureClassifier",
        "sound_classifier": "SoundClassifier",
        "sasrec": "SASRec",
        "knowledge_tracer": "KnowledgeTracer",
        "wavenet": "WaveNet",
    }
)

__all__ = [
    "CLIP",
    "CTGAN",
    "DCGAN",
    "DDPM",
    "DPO",
    "EASE",
    "GAN",
    "GPT",
    "MLPGAN",
    "MODELS",
    "TVAE",
    "VAE",
    "VAEGAN",
    "VQVAE",
    "BetaVAE",
    "Composer",
    "ConditionalGAN",
    "ConditionalVAE",
    "DeepAR",
    "DefectMarker",
    "FilmFlow",
    "FlowMatching",
    "FlowPriorVAE",
    "FramePredictor",
    "GANEncoder",
    "GenerativeModel",
    "GrowingGAN",
    "InfoGAN",
    "ItemKNN",
    "KnowledgeTracer",
    "Lately",
    "LatentFlow",
    "LatentTextFlow",
    "LevelWriter",
    "LipSync",
    "MapVAE",
    "MaskedLM",
    "MultVAE",
    "Painter",
    "PairEncoder",
    "PictureClassifier",
    "Popularity",
    "SASRec",
    "SeriesFlow",
    "SoundClassifier",
    "StringVAE",
    "StyleGAN",
    "TableFlow",
    "TextClassifier",
    "TextDraft",
    "TextFlow",
    "Trainable",
    "WaveNet",
    "load",
    "load_bert",
    "load_gpt2",
]


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return imported(name)
    if any(home.split(".")[0] == name for home in HOMES.values()):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def load(path: str | os.PathLike) -> Trainable:
    """Rebuild a model from the file that ``model.save(path)`` wrote.

    Raises:
        FileNotFoundError: no file at ``path``.
        ValueError: not such a file, an unknown model, or weights that do not fit.
    """
    return load_model(path, class_named)
