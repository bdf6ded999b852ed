"""Small, tested implementations of the models in 《生成式 AIGC：数据驱动的商业创新》.

Six verbs carry every chapter::

    import aigc_lib as aigc

    run = aigc.start()
    train = aigc.data.load("fashion_mnist")
    model = aigc.models.DCGAN()
    history = aigc.fit(model, train, steps=run.pick(smoke=20, cpu=1_500, gpu=20_000))
    images = model.sample(64, seed=0)
    aigc.plots.grid(images)

Submodules are imported when they are first used, so that ``import aigc_lib`` stays
cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from . import _moved  # noqa: F401

__version__ = "0.2.0"

__all__ = [
    "check",
    "data",
    "fit",
    "metrics",
    "models",
    "pipeline",
    "plots",
    "runtime",
    "show",
    "start",
    "train",
]
_HOMES = {"start": "runtime", "fit": "train"}  # functions, by module

if TYPE_CHECKING:  # lets editors complete what __getattr__ loads
    from . import check, data, metrics, models, pipeline, plots, runtime, show, train
    from .runtime import start
    from .train import fit


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
