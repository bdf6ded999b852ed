"""Do generated chest pictures help a detector that has few real ones?

PneumoniaMNIST, and phantoms whose lesions are known. A detector learns from a tenth of
the training split: as it is, shifted, flipped and shifted, with rare classes drawn more
often, or together with what a conditional flow or a conditional VAE draws that learned
from **the same tenth**. Of phantoms these are told the kind of the lesion, so that the
rare kind can be drawn as often as the others. As many generated pictures are added as
there are real ones. Every detector takes as many steps. Nothing is chosen: the test
split is looked at once. Five seeds, each with another tenth. ``xrays_shifts`` has the
generated pictures without flips. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.data import augment
from aigc_lib.data.made.phantoms import KINDS, phantoms
from aigc_lib.metrics.detection import chances, detection, scaled, within
from aigc_lib.metrics.images import features, frechet_distance
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.metrics.learning import taught
from aigc_lib.metrics.memorisation import copying
from benchmarks.record import ROOT, in_turns, record, seeds

STEPS, SEEDS = int(os.environ.get("STEPS", 400)), seeds(5)
FLOW_STEPS, VAE_STEPS = STEPS, 3 * STEPS // 4
SHARE = 0.1  # of the training split; as many pictures are drawn
GENERATORS = ("flow", "VAE")


class Part(NamedTuple):
    """Pictures in [-1, 1], what is wrong with them (0: nothing), and their group."""

    x: Tensor
    kind: Tensor
    group: np.ndarray

    @property
    def y(self) -> np.ndarray:
        return (self.kind > 0).long().numpy()


@cache
def parts(name: str) -> dict[str, Part]:
    """Return train, validation and test."""
    found = {}
    if name == "phantoms":
        for seed, (split, n) in enumerate(
            {"train": 4_000, "validation": 500, "test": 2_000}.items()
        ):
            made = phantoms(n, seed=500 + seed)
            group = np.where(made.large, "large body", "small body")
            found[split] = Part(scaled(made.x), made.kind + 1, group)
        return found
    data = {s: aigc.data.load(name, split=s) for s in ("train", "validation", "test")}
    light = [d.x.float().mean((1, 2, 3)) for d in data.values()]
    edges = light[0].quantile(torch.tensor([1 / 3, 2 / 3]))  # of the training split
    for (split, d), mean in zip(data.items(), light, strict=True):
        group = np.array(["dark", "middle", "bright"])[torch.bucketize(mean, edges)]
        found[split] = Part(scaled(d.x), d.y, group)
    return found


NAMES = {"pneumoniamnist": ("normal", "pneumonia"), "phantoms": ("normal", *KINDS)}


def tenth(name: str, seed: int) -> tuple[Tensor, Tensor]:
    """Draw a tenth of the training split, of each kind a tenth."""
    train, source = parts(name)["train"], torch.Generator().manual_seed(seed)
    rows = []
    for kind in range(len(NAMES[name])):
        own = (train.kind == kind).nonzero()[:, 0]
        order = own[torch.randperm(len(own), generator=source)]
        rows.append(order[: round(SHARE * len(own))])
    rows = torch.cat(rows)
    return train.x[rows], train.kind[rows]


def drawn(generator: str, real: tuple[Tensor, Tensor], seed: int) -> Tensor:
    """Teach a generator these pictures and draw as many of each kind, in turns."""
    classes = int(real[1].max()) + 1
    aigc.start(seed=seed)
    if generator == "flow":
        model = aigc.models.FlowMatching(28, 1, 24, classes=classes)
        aigc.fit(model, real, steps=FLOW_STEPS, batch_size=32, seed=seed)
    else:
        model = aigc.models.ConditionalVAE(28, 1, classes=classes)
        aigc.fit(model, real, steps=VAE_STEPS, batch_size=64, seed=seed)
    labels = torch.arange(len(real[0])) % classes
    return model.sample(len(labels), seed=seed, labels=labels).cpu()


def shifts(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Shift and do not mirror: a heart lies on one side."""
    return augment.shifted(x, 2, generator), y


def detector(x: Tensor, kind: Tensor, change, seed: int) -> torch.nn.Module:
    y = augment.soft((kind > 0).long(), 2)
    return taught(x, y, change, steps=STEPS, seed=seed)


def judged(name: str, net: torch.nn.Module) -> dict:
    """Return the figures of a detector on the test split."""
    test = parts(name)["test"]
    p = chances(net, test.x)
    groups = within(p, test.y, test.group)
    return detection(p, test.y, np.array(NAMES[name])[test.kind]) | {
        f"auc within {g}": auc for g, auc in groups.items()
    }


def joined(real: tuple[Tensor, Tensor], made: Tensor) -> tuple[Tensor, Tensor]:
    """Add generated pictures, whose kinds take turns."""
    kinds = torch.arange(len(made)) % (int(real[1].max()) + 1)
    return torch.cat([real[0], made]), torch.cat([real[1], kinds])


def balanced(real: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Repeat pictures until all kinds are as frequent."""
    x, kind = real
    most = max(Counter(kind.tolist()).values())
    rows = []
    for k in range(int(kind.max()) + 1):
        own = (kind == k).nonzero()[:, 0]
        rows.append(own.repeat(most // len(own) + 1)[:most])
    rows = torch.cat(rows)
    return x[rows], kind[rows]


def measure(name: str, seed: int) -> dict:
    """Judge all recipes with one tenth of the training split."""
    real, test = tenth(name, seed), parts(name)["test"]
    held_out = parts(name)["validation"]
    recipes = {
        "as they are": (real, None),
        "shifts": (real, shifts),
        "flips and shifts": (real, augment.moved),
        "rare ones more often": (balanced(real), augment.moved),
    }
    quality = {}
    for generator in GENERATORS:
        began = time.process_time()
        made = drawn(generator, real, seed)
        took = time.process_time() - began
        recipes[generator] = joined(real, made), augment.moved
        recipes[f"{generator} alone"] = (
            (made, torch.arange(len(made)) % len(NAMES[name])),
            augment.moved,
        )
        seen = [features(x) for x in (real[0], held_out.x, test.x, made)]
        pixels = [x.flatten(1) for x in (real[0], held_out.x, made)]
        quality[generator] = {
            "fd": frechet_distance(seen[2], seen[3]),
            "copying_features": copying(seen[0], seen[1], seen[3]),
            "copying_pixels": copying(*pixels),
            "seconds": took,
        }
        if seed == 0:
            sheet(name, generator, real[0], made)
    everything = parts(name)["train"]
    recipes["all of the training split"] = (
        (everything.x, everything.kind),
        augment.moved,
    )
    figures = {
        recipe: judged(name, detector(x, kind, change, seed))
        for recipe, ((x, kind), change) in recipes.items()
    }
    return {"figures": figures, "quality": quality}


def sheet(name: str, generator: str, real: Tensor, made: Tensor) -> None:
    """Save the first pictures drawn, and below each the nearest one learned from."""
    far = torch.cdist(made[:12].flatten(1), real.flatten(1)).argmin(1)
    rows = [((x[:, 0] + 1) * 127.5).byte().numpy() for x in (made[:12], real[far])]
    tiles = np.concatenate([np.concatenate(list(row), 1) for row in rows])
    tiles = np.kron(tiles, np.ones((3, 3), np.uint8))
    Image.fromarray(tiles).save(ROOT / "results" / f"xrays_{name}_{generator}.png")


PAIRS = (
    ("flow", "flips and shifts"),
    ("VAE", "flips and shifts"),
    ("flow", "rare ones more often"),
    ("rare ones more often", "flips and shifts"),
    ("flow", "as they are"),
    ("flips and shifts", "as they are"),
    ("flips and shifts", "shifts"),
    ("all of the training split", "flips and shifts"),
)


def gains(runs: list[dict], name: str, pairs=PAIRS) -> list[dict]:
    """Return differences that are paired by seed, with their intervals."""
    found, figures = [], [run["figures"] for run in runs]
    for recipe, against in pairs:
        for figure in figures[0][recipe]:
            pair = [[f[way][figure] for f in figures] for way in (recipe, against)]
            if any(value is None for values in pair for value in values):
                continue
            gain = student_gain(*pair)
            row = {"data": name, "recipe": recipe, "against": against}
            row |= {"figure": figure, "gain": gain.mean}
            found.append(row | {"from": gain.low, "to": gain.high})
    return found


def means(runs: list[dict], name: str) -> list[dict]:
    """Return a row for each recipe: its mean over the seeds, least and greatest."""
    rows = []
    for recipe in runs[0]["figures"]:
        row = {"data": name, "recipe": recipe}
        for figure in runs[0]["figures"][recipe]:
            values = [run["figures"][recipe][figure] for run in runs]
            if None not in values:
                row[figure] = float(np.mean(values))
                row |= {f"{figure}_min": min(values), f"{figure}_max": max(values)}
        rows.append(row)
    return rows


def main() -> None:
    rows, all_gains, quality = [], [], []
    for name, runs in in_turns("xrays", NAMES, SEEDS, measure).items():
        rows += means(runs, name)
        if len(runs) > 1:
            all_gains += gains(runs, name)
        for generator in GENERATORS:
            own = [run["quality"][generator] for run in runs]
            row = {"data": name, "generator": generator}
            row |= {k: float(np.mean([q[k] for q in own])) for k in ("fd", "seconds")}
            for how in ("features", "pixels"):
                for figure in ("closer", "z", "suspects"):
                    each = [q[f"copying_{how}"][figure] for q in own]
                    row[f"{figure}_{how}"] = float(np.mean(each))
                    row[f"{figure}_{how}_max"] = max(each)
            quality.append(row)
    record(
        "xrays",
        rows,
        gains=all_gains,
        quality=quality,
        data="pneumoniamnist; phantoms drawn by data.made.phantoms",
        split=f"{SHARE:.0%} of train, another one each seed; judged by test "
        "(624 X-rays, 2,000 phantoms)",
        n={name: len(parts(name)["test"].x) for name in NAMES},
        metric="AUC, ECE (15 bins), Brier; gains paired by seed, Student's t; copying "
        "as in metrics.memorisation, against the validation split",
        steps={"detector": STEPS, "flow": FLOW_STEPS, "VAE": VAE_STEPS},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
