"""Modules under the names that they had before families became folders.

An old import goes on working, with a ``DeprecationWarning`` that names the new place.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "data.abc": ("codecs.abc",),
    "data.audio": ("codecs.sound", "codecs.synthesis", "data.made.sounds"),
    "data.grammar": ("data.made.grammar",),
    "data.headlines": ("data.made.headlines",),
    "data.images": ("data.readers.images",),
    "data.music": ("codecs.melody", "data.readers.music"),
    "data.product_copy": ("data.made.product_copy",),
    "data.service": ("data.made.service",),
    "data.spectrum": ("codecs.spectrum",),
    "data.tokenizers": ("codecs.tokenizers",),
    "data.tokens": ("codecs.tokens",),
    "data.toy": ("data.made.toy",),
    "models.bert": ("models.transformer.bert",),
    "models.constraint": ("models.transformer.constraint",),
    "models.denoiser": ("models.diffusion.denoiser",),
    "models.encoder": ("models.transformer.encoder",),
    "models.flow": ("models.diffusion.flow",),
    "models.gan_conditional": ("models.gan.conditional",),
    "models.gan_growing": ("models.gan.growing",),
    "models.gan_style": ("models.gan.style",),
    "models.gpt": ("models.transformer.gpt",),
    "models.gpt2": ("models.transformer.gpt2",),
    "models.lora": ("models.transformer.lora",),
    "models.muon": ("optim",),
    "models.preference": ("models.transformer.preference",),
    "models.sampling": ("models.transformer.sampling",),
    "models.solvers": ("models.diffusion.solvers",),
    "models.vae_conditional": ("models.vae.conditional",),
    "models.vae_flow_prior": ("models.vae.flow_prior",),
    "models.vae_gan": ("models.vae.adversarial",),
    "models.vae_pixels": ("models.vae.pixels",),
    "nets.autoencoder": ("models.vae.autoencoder",),
    "nets.coupling": ("models.vae.coupling",),
    "nets.dit": ("models.diffusion.dit",),
    "nets.encoder": ("models.transformer.encoder_nets",),
    "nets.growing": ("models.gan.growing_nets",),
    "nets.style": ("models.gan.style_nets",),
    "nets.unet": ("models.diffusion.unet",),
    "nets.wavenet": ("models.wavenet.stack",),
}
PACKAGE = f"{__package__}."


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, name, path=None, target=None) -> ModuleSpec | None:
        known = name.startswith(PACKAGE) and name.removeprefix(PACKAGE) in MOVED
        return ModuleSpec(name, self) if known else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        homes = MOVED[module.__name__.removeprefix(PACKAGE)]
        homes = [PACKAGE + home for home in homes]
        message = f"{module.__name__} is now {' and '.join(homes)}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)

        def find(name: str):
            for home in map(import_module, homes):
                if hasattr(home, name):
                    return getattr(home, name)
            raise AttributeError(f"{module.__name__} has no {name!r}")

        module.__getattr__ = find


sys.meta_path.append(_Finder())
