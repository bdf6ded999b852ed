"""Training on one's own pictures as a job: progress, an early look, stopping, a judge.

What is learned is judged on pictures that were held out before anything began, and the
gate says whether the model may be published.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as tensors
from torch import Tensor

from ... import models
from ...data import load
from ...data.own.folder import for_test
from ...metrics.pictures import quality
from ...models.edits import to_uint8
from ...pipeline.gate import Gate
from ...pipeline.pictures import RECIPES, folder, is_trained
from ...train import fit
from ..jobs import Jobs, Task
from ..refused import Refused
from . import likeness
from .store import Store
from .studio import described, plain_png
from .upload import SIDE, unpacked

GATE = Gate(("precision >= 0.3", "recall >= 0.1", "suspects <= 0.05"))
NEEDED = 3  # different held-out pictures, the fewest that can be judged by
JUDGED = 128  # pictures that are drawn to be judged
LOOKS = 50  # times that a training tells how it goes
LOOKED = 8  # pictures of an early look
SAVE_EVERY = 100  # steps
SHARE = 0.35  # of the steps that the autoencoder gets
WIDTHS = 32, 96  # of the autoencoder and of the flow
CLOTHES = (
    "T恤",
    "长裤",
    "套衫",
    "连衣裙",
    "大衣",
    "凉鞋",
    "衬衫",
    "运动鞋",
    "包",
    "短靴",
)
DRAWERS = {  # the models that the build makes, with the names of their classes
    "clothing": [
        *("连衣裙", "帽子", "长袖衫", "外套", "长裤"),
        *("衬衫", "鞋", "短裤", "短裙", "T恤"),
    ],
    "emoji": [],
}


class Enough(Exception):
    """The training was asked to stop and to keep what it has."""


def train(store: Store, place: Path, task: Task) -> dict[str, Any]:
    """Learn to draw the pictures of an album; a job of the kind ``train``.

    A process that is killed goes on where its last checkpoint was, if the same machine
    takes the job up; another one begins anew.

    Raises:
        Refused: the album is gone.
    """
    asked = task.request
    album = store.album(asked["album"], task.account)
    if album is None:
        raise Refused("没有这批图片。")
    x, y = unpacked(store.blobs.get(album["blob"]))
    test = held_out(x)
    work = place / task.id
    model = learned(
        x[~test], y[~test], album["classes"], asked["steps"], work, Teller(store, task)
    )
    task.tell(0.9, "正在评判", now=True)
    with torch.no_grad():
        drawn = model.sample(JUDGED, seed=0, **options_of(model))
    figures = judged(x[~test], x[test], to_uint8(drawn))
    shutil.rmtree(work, ignore_errors=True)
    told = {"blob": store.blobs.put(saved(model)), "figures": figures}
    return {**told, **described(model, album["classes"] if model.classes else [])}


def finish(store: Store, connection: Any, task: Task, result: dict[str, Any]) -> None:
    """Note the model that a job learned, in the transaction that ends it."""
    same = {"account": task.account, "job": task.id, "title": task.request["title"]}
    store.add_model(connection, published=task.account is None, **same, **result)


class Teller:
    """Tells the job how a training goes, in two stages, with a look now and then."""

    def __init__(self, store: Store, task: Task):
        self.store, self.task = store, task
        self.enough = False  # it was asked to stop, and says so once

    def __call__(self, share: float, told: str, model: Any = None) -> None:
        look = None
        if model is not None:
            with torch.no_grad():
                x = model.sample(LOOKED, seed=0, **options_of(model))
            row = torch.cat(list(to_uint8(x.cpu())), dim=2)  # (C, S, LOOKED * S)
            look = self.store.blobs.put(plain_png(row))
        go_on = self.task.tell(0.9 * share, told, look=look)
        if not go_on and not self.enough:
            self.enough = True
            raise Enough


def held_out(x: Tensor) -> Tensor:
    """Choose about one in ten pictures for the test, by their content; (N,) bool.

    Equal pictures go to the same side, and at least three different ones to the test.
    """
    digests = [hashlib.sha256(p.numpy().tobytes()).hexdigest() for p in x]
    return torch.tensor(for_test(digests, least=NEEDED))


def _seeded(make: Callable[[], Any]) -> Any:
    """Make a model of the same weights each time; no other draw is changed by it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


def learned(
    x: Tensor, y: Tensor, classes: list[str], steps: int, work: Path, tell: Teller
) -> Any:
    """Train a flow over the codes of an autoencoder on pictures (N, 3, S, S) uint8."""
    first = max(2, round(SHARE * steps))
    autoencoder = _seeded(lambda: _autoencoder(x.shape[-1], x.shape[1]))
    batch = min(32, len(x))
    floats = x.float() / 127.5 - 1
    both = torch.cat([floats, floats.flip(-1)])
    stop = staged(autoencoder, both, first, work / "codes", tell, 0.0, SHARE, batch)
    if stop:  # a flow of a few steps, so that there is something to keep
        steps = first + 20
    model = _seeded(lambda: _flow(autoencoder, classes))
    codes = model.prepare(both)
    data = (codes, y.repeat(2)) if model.classes else codes
    after = max(2, steps - first)
    staged(model, data, after, work / "flow", tell, SHARE, 1 - SHARE, min(64, batch))
    return model.eval()


def brought(data: bytes, classes: list[str]) -> Any:
    """The model that ``learned`` made elsewhere, from the bytes of its file.

    Only its weights are believed: what is built is what is built here.

    Raises:
        ValueError: ``saved`` would not have written this of such a model; of a damaged
            file, what safetensors or PyTorch raise.
    """
    model, weights = _flow(_autoencoder(SIDE, 3), classes), tensors(data)
    if any(name.startswith("averages.") for name in weights):
        model.start_averaging()
    model.load_state_dict(weights)
    if saved(model) != data:
        raise ValueError("no model of ours")
    return model.eval()


def _autoencoder(size: int, channels: int) -> Any:
    return models.MapVAE(size, channels, 8, WIDTHS[0])


def _flow(autoencoder: Any, classes: list[str]) -> Any:
    many = len(classes) if len(classes) > 1 else None
    return models.LatentFlow(autoencoder, WIDTHS[1], classes=many)


def staged(
    model: Any,
    data: Any,
    steps: int,
    checkpoint: Path,
    tell: Teller,
    before: float,
    part: float,
    batch: int,
) -> bool:
    """Train one stage; returns whether it was asked to stop."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    every = max(1, steps // LOOKS)
    looks, drawing = range(0, steps + 1, every), isinstance(model, models.LatentFlow)
    count = {"step": 0}

    def look(present: Any) -> None:
        share = count["step"] / steps
        draw = drawing and count["step"] % (5 * every) == 0 and count["step"] > 0
        count["step"] += every
        told = f"{'学画' if drawing else '学压缩'}：{share:.0%}"
        tell(before + part * share, told, present if draw else None)

    options = {"checkpoint": checkpoint, "save_every": SAVE_EVERY, "batch_size": batch}
    begun = (
        torch.load(checkpoint, weights_only=True)["step"] if checkpoint.exists() else 0
    )
    count["step"] = (begun // every + 1) * every if begun else 0
    try:
        fit(model, data, steps=steps, watch=look, watch_at=looks, **options)
    except Enough:
        return True
    return False


def judged(train: Tensor, test: Tensor, drawn: Tensor) -> dict[str, Any]:
    """Figures of what was drawn against held-out pictures, and what the gate says."""
    k = max(1, min(5, len(test) - 2))
    seen = [likeness.features(some) for some in (train, test, drawn)]
    figures = {name: float(value) for name, value in quality(*seen, k=k).items()}
    checks = GATE.judge(figures)
    told = [
        {"rule": c.rule, "value": _finite(c.value), "passed": c.passed} for c in checks
    ]
    figures = {name: _finite(value) for name, value in figures.items()}
    sizes = {"train": len(train), "test": len(test), "drawn": len(drawn)}
    return {**figures, "checks": told, "passed": all(c.passed for c in checks), **sizes}


def _finite(value: float) -> float | None:
    """A figure as JSON can hold it."""
    return round(value, 4) if math.isfinite(value) else None


def options_of(model: Any) -> dict[str, Any]:
    """How a model is asked for a picture where nobody says."""
    return {"guidance": 1.5 if getattr(model, "classes", None) else 1.0, "steps": 20}


def saved(model: Any) -> bytes:
    """The bytes of a model's file."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "model.safetensors")
        model.save(path)
        return path.read_bytes()


# ---- what the house brings ----------------------------------------------------------


def house(store: Store, task: Task) -> dict[str, Any]:
    """Learn a small model on the spot, so that a first start has something to draw."""
    data = load("fashion_mnist", standin="digits")
    names = list(data.classes if data.is_standin else CLOTHES)
    kind, steps = task.request["kind"], task.request["steps"]
    shape = {"image_size": data.x.shape[-1], "channels": data.x.shape[1]}
    family = models.FlowMatching if kind == "flow" else models.ConditionalGAN
    model = _seeded(lambda: family(**shape, classes=len(names)))
    every = max(1, steps // LOOKS)
    count = iter(range(0, steps + 1, every))

    def look(_: Any) -> None:
        share = next(count) / steps
        task.tell(share, f"正在就地训练{task.request['title']}：{share:.0%}")

    looks = range(0, steps + 1, every)
    fit(model, data, steps=steps, watch=look, watch_at=looks)
    figures = {"data": data.card.name, "steps": steps}
    told = {"blob": store.blobs.put(saved(model)), "figures": figures}
    return {**told, **described(model.eval(), names)}


SMALL = (
    {"kind": "gan", "title": "小图（条件 GAN）", "steps": 600},
    {"kind": "flow", "title": "小图（流匹配）", "steps": 500},
)


def settle(store: Store, jobs: Jobs) -> list[str]:
    """Bring the models that the build made; where there is none, learn small ones.

    Returns the jobs that learn them.
    """
    have = store.house_models()
    for name, classes in DRAWERS.items():
        if is_trained(name):
            path = folder() / f"{name}.safetensors"
            add_file(store, path, RECIPES[name].title, classes, have)
    learning = {request["title"] for request in SMALL}
    if store.house_titles() - learning:
        return []
    return [
        jobs.submit("house", request, key=f"house {request['kind']}")[0]
        for request in SMALL
    ]


def add_file(
    store: Store,
    path: Path,
    title: str,
    classes: list[str],
    have: Collection[str] = (),
) -> bool:
    """Publish a model from a file; False where it is there.

    Raises:
        ValueError: no picture model, or not as many classes as it knows.
    """
    blob = store.blobs.put(path.read_bytes())
    if blob in have:
        return False
    told = described(models.load(path), classes)
    same = {"title": title, "blob": blob, "published": True}
    with store.engine.begin() as connection:
        store.add_model(connection, figures={"file": path.name}, **same, **told)
    return True
