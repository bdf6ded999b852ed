"""The trained models of pictures that the image platform starts with.

``python -m aigc_lib.pipeline.pictures clothing_judge clothing emoji`` makes those that
are not there yet, in an hour each at most; whoever interrupts it loses nothing. They
lie in ``folder()``: NAME.safetensors, and NAME.json that says how it came to be.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import console, models, runtime
from ..arguments import finite, unknown
from ..codecs.tokenizers import UNKNOWN, Characters
from ..data import load
from ..data.augment import Varied, flipped, reframed, relit
from ..data.captions import Captioned, words_of_emoji
from ..data.store import cache_dir
from ..files import replacing
from ..models.base import Trainable
from ..train.fit import fit
from ..train.randomness import own_randomness

Watch = Callable[[float, Trainable], Any]
LOOKS = 40  # how often ``watch`` is called in a training
CLOTHING_STEPS = 3_300
SAVE_EVERY = 200  # steps


class Training:
    """One recipe at work: its folder, its share of the steps, who watches it.

    ``stages`` are the shares of the time that its trainings take, one after the other.
    """

    def __init__(self, folder: Path, share: float, watch: Watch | None):
        self.folder, self.share, self.watch = folder, share, watch
        self.done, self.steps, self.seconds = 0.0, {}, 0.0

    def fit(
        self, name: str, part: float, model: Trainable, data: Any, steps: int, **options
    ) -> None:
        """Train ``model``; it is the ``part`` of the whole recipe."""
        steps = max(2, round(self.share * steps))
        before, self.steps[name] = self.done, steps
        every = max(1, steps // LOOKS)
        looks, path = range(0, steps + 1, every), self.folder / f"{name}.checkpoint"
        begun = path.exists() and torch.load(path, weights_only=True)["step"]
        count = iter([step for step in looks if step > begun or not begun])

        def look(present: Trainable) -> float:
            share = before + part * next(count, steps) / steps
            if self.watch:
                self.watch(share, present)
            return share

        options |= {"checkpoint": path, "save_every": SAVE_EVERY}
        history = fit(model, data, steps=steps, watch=look, watch_at=looks, **options)
        self.seconds += history.seconds
        self.done += part


def clothing_judge(training: Training) -> Trainable:
    """Tell ten kinds of clothes apart, from photographs framed and lit anew."""
    data = load("clothing")
    torch.manual_seed(0)
    model = models.PictureClassifier(64, 3, 10, 32)
    varied = Varied(data.x, data.y, as_photographed)
    training.fit("clothing_judge", 1.0, model, varied, 2400, cooldown=0.7)
    return model


def as_photographed(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Mirror, frame and light photographs anew: (N, 3, S, S) in [-1, 1]."""
    x = reframed(flipped(x, generator), generator=generator)
    return relit(x, generator=generator)


def clothing(training: Training) -> Trainable:
    """Draw clothes: an autoencoder of photographs, then a flow over its codes.

    The flow sees each photograph and its mirror image, nothing that was moved, turned
    or coloured: it would draw what it sees.
    """
    data = load("clothing")
    torch.manual_seed(0)
    autoencoder = models.MapVAE(64, 3, 8, 32)
    seen = Pictures(Varied(data.x, data.y, mirrored_and_lit))
    options = {"batch_size": 32, "cooldown": 0.5}
    training.fit("clothing_codes", 0.2, autoencoder, seen, 1_700, **options)
    torch.manual_seed(0)
    model = models.LatentFlow(autoencoder, 128, classes=10)
    codes = model.prepare(torch.cat([data.x, data.x.flip(-1)]))
    both = (codes, data.y.repeat(2))
    training.fit("clothing", 0.8, model, both, CLOTHING_STEPS, ema=0.999)
    return model


def mirrored_and_lit(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Mirror and light photographs anew: (N, 3, S, S) in [-1, 1]."""
    return relit(flipped(x, generator), 0.2, generator)


class Pictures:
    """What gives pictures with labels, without the labels."""

    def __init__(self, samples: Any):
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, rows: Tensor) -> Tensor:
        return self.samples[rows][0]


def emoji(training: Training) -> Trainable:
    """Draw emoji by their Chinese names: a flow first, then one that is shown a draft.

    What a name has to do with its picture is learned twenty times as fast by the draft,
    which answers a text at once, as by the flow, which is told it beside noise.
    """
    data, words = load("openmoji"), words_of_emoji()
    names = [data.classes[k] for k in data.y.tolist()]
    texts = [name + "".join(words[name]) for name in names]
    alphabet = UNKNOWN + "".join(sorted(set("".join(texts)) | {" "}))
    torch.manual_seed(0)
    model = models.TextFlow(Characters(alphabet), 32, 3, 64)

    def read(most: float, texts: Sequence[str]) -> Tensor:
        tokens = model.read(texts)
        share = most * torch.rand(len(tokens), 1) if most > 0.1 else most
        lost = torch.rand(tokens.shape) < share  # characters that nobody has seen
        return tokens.masked_fill(lost & (tokens >= 0), 0)

    def seen(most: float) -> Captioned:
        every = [words[name] for name in names]
        return Captioned(data.x, names, every, partial(read, most))

    training.fit("emoji", 0.65, model, seen(0.03), 4_000, ema=0.999)
    torch.manual_seed(0)
    draft = models.TextDraft(Characters(alphabet), 32, 3)
    training.fit("emoji_draft", 0.15, draft, seen(0.5), 6_000, cooldown=0.5)
    torch.manual_seed(0)
    model = model.drafted(draft, early=1.0)
    options = {"ema": 0.998, "cooldown": 0.5}
    training.fit("emoji_drafted", 0.2, model, seen(0.5), 1_200, **options)
    return model


@dataclass(frozen=True)
class Recipe:
    """How a model comes to be; ``minutes`` on one core of a server of 2025."""

    title: str
    make: Callable[[Training], Trainable]
    minutes: int


RECIPES = {
    "clothing_judge": Recipe("服装评判网络", clothing_judge, 10),
    "clothing": Recipe("服装", clothing, 30),
    "emoji": Recipe("表情（按中文名）", emoji, 35),
}


def folder() -> Path:
    """Return where the trained models lie; it need not exist yet."""
    return cache_dir() / "pictures"


def is_trained(name: str, place: Path | None = None) -> bool:
    """Tell whether a model is there, whole, as its record says.

    Raises:
        ValueError: unknown ``name``.
    """
    if name not in RECIPES:
        raise unknown("name", name, RECIPES)
    place = place or folder()
    try:
        record = json.loads((place / f"{name}.json").read_text(encoding="utf-8"))
        return record["sha256"] == _digest(place / f"{name}.safetensors")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def obtain(
    name: str,
    watch: Watch | None = None,
    *,
    place: Path | None = None,
    share: float = 1.0,
) -> Trainable:
    """Return a trained model; where there is none, train it, which takes minutes.

    ``watch(share, model)`` is called now and then with the share that is done, and the
    model as it is. ``share`` of the steps below 1 is for trying out; ``place`` is
    another folder than ``folder()``. The random numbers outside stay as they were.

    Raises:
        ValueError: unknown ``name``, ``share`` outside (0, 1].
    """
    finite("share", share, above=0, most=1)
    place = place or folder()
    with own_randomness(runtime.pick_device()):  # recipes set seeds, files are read
        if not is_trained(name, place):
            _train(name, Training(place, share, watch))
        return models.load(place / f"{name}.safetensors")


def _train(name: str, training: Training) -> None:
    """Follow a recipe; leave the model, and the record of how it came to be."""
    place = training.folder
    place.mkdir(parents=True, exist_ok=True)
    model = RECIPES[name].make(training)
    path = model.save(place / f"{name}.safetensors")
    record = {
        "sha256": _digest(path),
        "bytes": path.stat().st_size,
        "steps": training.steps,
        "seconds": round(training.seconds, 1),
        "parameters": sum(p.numel() for p in model.parameters()),
        "versions": runtime.describe_versions(),
    }
    with replacing(place / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    for part in training.steps:
        (place / f"{part}.checkpoint").unlink(missing_ok=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(words: Sequence[str]) -> None:
    """Train the models that are named and not there yet."""
    console.forgive()
    p = argparse.ArgumentParser(
        prog="python -m aigc_lib.pipeline.pictures", description=__doc__
    )
    p.add_argument("names", nargs="*", choices=[[], *RECIPES], default=[*RECIPES])
    p.add_argument(
        "--folder", type=console.place, default=folder(), help="(%(default)s)"
    )
    p.add_argument("--share", type=float, default=1.0, help="of the steps, to try out")
    arguments = p.parse_args(words)
    runtime.settle_threads()
    for name in arguments.names:
        obtain(name, place=arguments.folder, share=arguments.share)
        print(arguments.folder / f"{name}.safetensors", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
