"""Where each class of model is defined: a family is imported on its first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

HOMES = {
    "GAN": "gan",
    "MLPGAN": "gan",
    "DCGAN": "gan",
    "ConditionalGAN": "gan.conditional",
    "InfoGAN": "gan.conditional",
    "GrowingGAN": "gan.growing",
    "StyleGAN": "gan.style",
    "CTGAN": "gan.tabular",
    "GANEncoder": "gan.inspection",
    "VAE": "vae",
    "BetaVAE": "vae",
    "ConditionalVAE": "vae.conditional",
    "FlowPriorVAE": "vae.flow_prior",
    "VAEGAN": "vae.adversarial",
    "StringVAE": "vae.strings",
    "TVAE": "vae.tabular",
    "MultVAE": "vae.ranking",
    "DDPM": "diffusion",
    "FlowMatching": "diffusion",
    "LatentFlow": "diffusion.latent",
    "LatentTextFlow": "diffusion.latent",
    "MapVAE": "vae.pictures",
    "VQVAE": "vae.quantised",
    "Painter": "transformer.painter",
    "PictureClassifier": "classifier",
    "DefectMarker": "inspection",
    "TableFlow": "diffusion.tabular",
    "TextDraft": "diffusion.draft",
    "TextFlow": "diffusion.text",
    "SeriesFlow": "diffusion.series",
    "GPT": "transformer.gpt",
    "CLIP": "transformer.clip",
    "Composer": "transformer.composer",
    "DPO": "transformer.preference",
    "PairEncoder": "transformer.pairs",
    "MaskedLM": "transformer.encoder",
    "TextClassifier": "transformer.encoder",
    "SASRec": "transformer.ranking",
    "EASE": "ranking",
    "ItemKNN": "ranking",
    "Lately": "ranking",
    "Popularity": "ranking",
    "SoundClassifier": "recogniser",
    "DeepAR": "recurrent",
    "KnowledgeTracer": "tracing",
    "LevelWriter": "transformer.levels",
    "LipSync": "lips",
    "FilmFlow": "diffusion.film",
    "FramePredictor": "frames",
    "load_bert": "transformer.bert",
    "load_gpt2": "transformer.gpt2",
    "WaveNet": "wavenet",
}


def imported(name: str) -> Any:
    """Return what ``HOMES`` lists under ``name``."""
    return getattr(import_module(f".{HOMES[name]}", __package__), name)


def class_named(name: str) -> type | None:
    """Return the class of the model ``name``, or None where there is none here."""
    return imported(name) if name in HOMES else None
