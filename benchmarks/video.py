"""Films: what comes after four frames? Copied, moved on, regressed, or drawn by a flow.

Four worlds: a shape between smooth walls, two shapes that cross, a shape between rough
walls (two futures at each), a handwritten digit. Regression frame by frame and the
flow over the whole clip have nets of one kind, one optimiser, one training time. All
ways see the same films; differences are paired by film, each averaged over the seeds.
"""

from __future__ import annotations

import os
import time
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib import plots
from aigc_lib.data.made.films import Films, foils, moving_digits, moving_shapes
from aigc_lib.metrics.films import (
    flicker,
    frame_error,
    likeness,
    path_error,
    recognised,
)
from aigc_lib.metrics.intervals import paired_gain
from aigc_lib.models import FilmFlow, FramePredictor
from aigc_lib.models.frames import copy_last, linear_motion, windows
from benchmarks.record import ROOT, kept, record, seeds, summary

SEEDS = seeds(3)
# Steps of training that take one processor about the same time.
STEPS = {"predictor": 450, "flow": 280}
N, LEARNED = int(os.environ.get("N", 128)), 4_000  # films to judge and to learn from
KNOWN, AHEAD, DRAWN = 4, 12, 4
WIDTHS = {"predictor": 32, "flow": 32}
BATCH = 16
WORLDS = {
    "one shape": {"things": 1},
    "two shapes": {"things": 2},
    "rough walls": {"things": 1, "rough": 0.5},
    "digits": {},
}
COPY, WALLS, ONE = "copy the last frame", "straight on, walls known", "film flow, one"
SHOWN = (COPY, WALLS, "frame predictor", ONE, f"film flow, mean of {DRAWN}")


@cache
def films(world: str, split: str) -> Films:
    """Films of a world: 4,000 to learn from, or those to be judged."""
    n, seed = (LEARNED, 1) if split == "train" else (N, 2)
    if world != "digits":
        return moving_shapes(n, seed=seed, **WORLDS[world])
    digits = aigc.data.load("mnist", split=split)
    return moving_digits(digits.x, digits.y, n, seed=seed)


def pixels(x: Tensor) -> Tensor:
    """Bring uint8 to [-1, 1]."""
    return x.float() / 127.5 - 1


def trained(world: str, seed: int) -> tuple[FramePredictor, FilmFlow, dict]:
    """Train both for the same time."""
    x = films(world, "train").x
    channels = x.shape[2]
    aigc.start(seed=seed)
    predictor = FramePredictor(24, channels, KNOWN, WIDTHS["predictor"])
    flow = FilmFlow(24, channels, KNOWN + AHEAD, KNOWN, WIDTHS["flow"])
    told = {}
    for name, model, length in (
        ("predictor", predictor, KNOWN + 1),
        ("flow", flow, KNOWN + AHEAD),
    ):
        began = time.process_time()  # others use this machine too
        options = {"steps": STEPS[name], "batch_size": BATCH, "seed": seed}
        aigc.fit(model, windows(x, length), **options)
        told[f"{name} training seconds"] = time.process_time() - began
        told[f"{name} parameters"] = sum(p.numel() for p in model.net.parameters())
    return predictor, flow, told


def futures(world: str, seed: int) -> tuple[dict[str, Tensor], dict]:
    """What each way says of the films to be judged: (N, 12, C, S, S) by way."""
    predictor, flow, told = trained(world, seed)
    known = pixels(films(world, "test").x[:, :KNOWN])
    began = time.process_time()
    guessed = predictor.predict(known, AHEAD)
    middle = time.process_time()
    draws = [flow.predict(known, AHEAD, seed=1_000 * seed + k) for k in range(DRAWN)]
    told["flow seconds"] = (time.process_time() - middle) / DRAWN / N
    told["predictor seconds"] = (middle - began) / N
    draws = torch.stack(draws)
    true = pixels(films(world, "test").x[:, KNOWN:])
    nearest = (draws - true).square().mean((2, 3, 4, 5)).argmin(0)
    made = {
        COPY: copy_last(known, AHEAD),
        "straight on": linear_motion(known, AHEAD),
        WALLS: linear_motion(known, AHEAD, walls=True),
        "frame predictor": guessed,
        "film flow in one step": flow.predict(known, AHEAD, seed=seed, steps=1),
        ONE: draws[0],
        f"film flow, mean of {DRAWN}": draws.mean(0),
        f"film flow, nearest of {DRAWN}": draws[nearest, torch.arange(N)],
        "truth": true,
    }
    return made, told


def judged(made: Tensor, world: str) -> dict[str, list]:
    """Figures of each film, (N,) each, and the error of each frame (N, 12)."""
    test = films(world, "test")
    true = test.x[:, KNOWN:]
    rows = torch.arange(N)
    path, like, same = [], [], []
    off = path_error(made, true)
    for thing in range(test.channels.shape[1]):
        channel = test.channels[:, thing]
        looks = torch.zeros(N, *test.x.shape[2:], dtype=torch.uint8)
        looks[rows, channel] = test.looks[:, thing]
        path.append(off[rows, :, channel])
        like.append(likeness(made, looks)[rows, :, channel])
        others = foils(test, thing, int(test.kinds.max()) + 1)
        found = recognised(made, others)[rows, :, channel]
        same.append((found == test.kinds[:, thing, None]).float())
    error = frame_error(made, pixels(true))
    return {
        "error": error.mean(1).tolist(),
        "frames": error.mean(0).tolist(),
        "flicker": flicker(made).tolist(),
        "path": torch.stack(path).nanmean((0, 2)).tolist(),
        "path_last": torch.stack(path)[..., -1].nanmean(0).tolist(),
        "likeness": torch.stack(like).mean((0, 2)).tolist(),
        "same": torch.stack(same).mean((0, 2)).tolist(),
    }


def events(world: str) -> dict[str, np.ndarray]:
    """Which of the films to be judged meet a wall, or cross, in what is not known."""
    test = films(world, "test")
    hit = test.hits[:, KNOWN:].any(2).any(1)
    found = {"no wall": ~hit, "wall": hit}
    if test.places.shape[2] > 1:
        gap = (test.places[:, KNOWN:, 0] - test.places[:, KNOWN:, 1]).norm(dim=-1)
        crossed = (gap < 5).any(1)
        found |= {"not crossed": ~crossed, "crossed": crossed}
    return {name: rows.numpy() for name, rows in found.items()}


def measured(world: str, seed: int) -> dict:
    made, told = futures(world, seed)
    return {"training": told} | {way: judged(x, world) for way, x in made.items()}


def curves(runs: dict[str, list[dict]]) -> None:
    """Draw the error of each frame, mean of the seeds."""
    fig, axes = plots.figure(1, len(WORLDS), width=2.3, height=2.6)
    for ax, (world, own) in zip(axes, runs.items(), strict=True):
        for way, color in zip(SHOWN, plots.COLORS, strict=False):
            mean = np.mean([run[way]["frames"] for run in own], 0)
            ax.plot(range(1, AHEAD + 1), 1_000 * mean, color=color, label=way)
        ax.set(title=world, xlabel="frames ahead", ylim=(0, None))
    axes[0].set_ylabel("squared error, thousandths")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncol=3)
    fig.savefig(ROOT / "results" / "video_curves.png", dpi=110)


def row_of(world: str, way: str, own: list[dict]) -> dict:
    """Median and range over the seeds, and what it gains, paired by film."""
    plain = [
        {k: float(np.mean(v)) for k, v in run[way].items() if k != "frames"}
        for run in own
    ]
    row = {"world": world, "way": way} | summary(plain)
    row["frames"] = np.mean([run[way]["frames"] for run in own], 0).tolist()
    error = {w: np.mean([r[w]["error"] for r in own], 0) for w in (way, COPY, WALLS)}
    for name, other in (("gain", COPY), ("gain_walls", WALLS)):
        if way not in (other, "truth"):
            gain = paired_gain(error[way], error[other], relative=True)
            row |= {name: gain.mean, f"{name}_interval": [gain.low, gain.high]}
    for name, chosen in events(world).items():
        for figure in ("path", "same"):
            values = np.mean([run[way][figure] for run in own], 0)
            row[f"{figure}, {name}"] = float(values[chosen].mean())
    return row


def main() -> None:
    runs: dict[str, list[dict]] = {world: [] for world in WORLDS}
    for seed in SEEDS:
        for world, own in runs.items():
            own.append(kept("video", f"{world} {seed}", partial(measured, world, seed)))
            figures = {
                w: np.mean(own[-1][w]["error"]) for w in own[-1] if w != "training"
            }
            print(world, seed, figures, flush=True)
    rows = [
        row_of(world, way, own)
        for world, own in runs.items()
        for way in own[0]
        if way != "training"
    ]
    curves(runs)
    record(
        "video",
        rows,
        training={
            w: summary([run["training"] for run in own]) for w, own in runs.items()
        },
        events={
            world: {name: int(rows.sum()) for name, rows in events(world).items()}
            for world in WORLDS
        },
        data=f"made films, 16 frames of 24 px: {LEARNED:,} to learn from a world",
        split="films of another seed; digits of MNIST's test split",
        n=f"{N} films a world, {KNOWN} frames known, {AHEAD} guessed",
        metric="error: mean squared error of light from 0 to 1; gain: error relative "
        "to copying, gain_walls: to straight on with walls, paired by film; path: "
        "pixels; same: kind recognised by matching; likeness: normalised "
        "cross-correlation; flicker: second difference of the mean light",
        steps=STEPS,
        judged=N,
        seeds=list(SEEDS),
        interval="95%, bootstrap over films, each the mean of the seeds",
    )


if __name__ == "__main__":
    main()
