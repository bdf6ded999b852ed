"""The five modules as a configuration states them, by what the library has."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from .. import kinds, runtime
from ..arguments import finite, unknown, whole
from ..data import Dataset, Texts, load
from ..data.parts import joined, spread
from ..files import check_writable
from ..models import MODELS, GenerativeModel, Trainable
from ..options import typed
from ..train import History, fit
from ..train.fit import RECIPE, own_randomness


@dataclass(frozen=True)
class Data:
    """A data set of the catalogue, or files of one's own, by ``aigc_lib.data.load``.

    ``held_out`` is how many samples of ``split`` are used to judge, None for all.
    ``feedback`` of an application, a folder or a file of that kind of data, joins the
    training data if it is there. ``kind`` says what a table of one's own holds where
    it is not rows: "ratings" or "series"; a configuration leaves it to the model.
    """

    name: str
    split: str = "test"
    held_out: int | None = None
    standin: str | None = None
    image_size: int | None = None
    channels: int | None = None
    seconds: float | None = None
    target: str | None = None
    kind: str | None = None

    def __post_init__(self):
        if self.kind not in (None, *OF_TABLES):
            raise unknown("kind", self.kind, OF_TABLES)
        if self.split == "train":
            raise ValueError("split='train': judge by data that training does not see")
        if self.held_out is not None:
            whole("held_out", self.held_out, 2)

    def load(self, feedback: Any = None) -> tuple[Dataset | Texts, Dataset | Texts]:
        """Return what to learn from and what to judge by."""
        own = {name: getattr(self, name) for name in OWN}
        own |= {self.kind: True} if self.kind else {}
        train, held_out = (
            load(self.name, split=split, standin=self.standin, **own)
            for split in ("train", self.split)
        )
        if feedback is not None:
            train = joined(train, feedback)
        return train, spread(held_out, self.held_out)


OWN = ("image_size", "channels", "seconds", "target")
OF_TABLES = ("ratings", "series")


@dataclass(frozen=True)
class Model:
    """A model of the registry, with arguments of its constructor."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def section(cls, name: str | None = None, **values: Any) -> Model:
        """Make one of what a configuration says."""
        if name not in MODELS:
            raise unknown("name", name, MODELS)
        return cls(name, typed(MODELS[name], values))

    def build(self, train: Dataset | Texts, seed: int) -> tuple[Trainable, Any]:
        """Make the model for such data; the seed decides its weights."""
        with own_randomness(runtime.pick_device()):
            torch.manual_seed(seed)
            return kinds.build(self.name, train, self.options)


@dataclass(frozen=True)
class Optimisation:
    """``aigc_lib.fit`` with a checkpoint: an interrupted run goes on where it stopped.

    ``tensorboard`` writes event files into the folder of the run.
    """

    steps: int | None = None
    seconds: float | None = None
    batch_size: int | None = None
    ema: float | None = None
    cooldown: float | None = None
    max_grad_norm: float | None = None
    save_every: int = 500
    tensorboard: bool = False

    def __post_init__(self):
        if (self.steps is None) == (self.seconds is None):
            raise ValueError(
                f"steps={self.steps}, seconds={self.seconds}: give one of the two"
            )
        for name in ("steps", "batch_size", "save_every"):
            if getattr(self, name) is not None:
                whole(name, getattr(self, name), 1)
        for name in ("seconds", "max_grad_norm"):
            if getattr(self, name) is not None:
                finite(name, getattr(self, name), above=0)

    def fit(
        self, model: Trainable, samples: Any, seed: int, folder: Path
    ) -> tuple[Trainable, History]:
        """Train ``model``, which ``folder`` keeps the checkpoint of."""
        options = asdict(self) | {"batch_size": self.batch_size}
        if self.batch_size is None:
            options["batch_size"] = batch_for(model, samples)
        log_dir = folder / "events" if options.pop("tensorboard") else None
        place = folder / "checkpoint.pt"
        history = fit(
            model, samples, seed=seed, checkpoint=place, log_dir=log_dir, **options
        )
        return model, history


@dataclass(frozen=True)
class Evaluation:
    """The figures of ``python -m aigc_lib evaluate``, from ``n`` samples."""

    n: int = 1_000

    def __post_init__(self):
        whole("n", self.n, 2)

    def evaluate(
        self, trained: Trainable, held_out: Dataset | Texts, seed: int
    ) -> dict[str, Any]:
        """Compare the model with data that it has not seen."""
        return kinds.evaluate(trained, held_out, n=self.n, seed=seed)


@dataclass(frozen=True)
class Application:
    """A file that a service reads: it is replaced as a whole, or it stays as it is.

    ``samples`` are drawn into the folder of the run, for the eye. ``feedback`` is where
    the service puts what users send back.
    """

    to: str
    samples: int = 16
    feedback: str | None = None

    def __post_init__(self):
        for name in ("to", "feedback"):  # a file may say ~ as a shell does
            if isinstance(told := getattr(self, name), str):
                object.__setattr__(self, name, os.path.expanduser(told))
        if Path(self.to).suffix != ".safetensors":
            raise ValueError(f"to={self.to!r}: name a file that ends in .safetensors")
        whole("samples", self.samples, 0)
        check_writable(self.to, "to")

    def deploy(self, trained: Trainable, seed: int, folder: Path) -> dict[str, Any]:
        """Write the file; return its path and its SHA-256, which the record keeps."""
        if self.samples and isinstance(trained, GenerativeModel):
            drawn = kinds.draw(trained, self.samples, seed=seed)
            ending = kinds.endings(trained)[0]
            kinds.write(trained, drawn, folder / f"samples.{ending}", columns=8)
        place = trained.save(self.to)
        return {
            "path": str(place),
            "sha256": hashlib.sha256(place.read_bytes()).hexdigest(),
        }


STANDARD = {
    "data": Data,
    "model": Model,
    "optimisation": Optimisation,
    "evaluation": Evaluation,
    "application": Application,
}


def batch_for(model: Trainable, samples: Any) -> int:
    """The batch that suits ``model``, or all samples where there are fewer."""
    return min(len(samples), model.recipe.get("batch_size", RECIPE["batch_size"]))
