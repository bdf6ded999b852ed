"""Storyboards from a script: how many panels show who the script says, and where.

The painter of chapter 09, trained longer than in its page, draws what a script of four
shots says; the reader of made scenes tells what a panel shows. Opponent: pictures of
the training sentences most alike. Each once as the first one comes, and once behind a
sieve: of ``DRAWS`` the first that the reader finds right. A program draws them too.
Each seed learns anew and has scripts of its own. ``SCRIPTS=4 STEPS=5`` is a quick try.
"""

from __future__ import annotations

import os
import time
from functools import partial

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.codecs.tokenizers import UNKNOWN
from aigc_lib.data import Characters
from aigc_lib.data.made.scenes import (
    COLOURS,
    NOVEL,
    PLACES,
    SHAPES,
    SIDES,
    SIZES,
    Thing,
    describe,
    draw,
    judge,
    of_split,
)
from aigc_lib.data.made.shots import shots
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models import VQVAE, Painter
from aigc_lib.models.edits import to_uint8
from benchmarks.clothing import write
from benchmarks.record import kept, record, seeds, summary

SEEDS, SCRIPTS = seeds(5), int(os.environ.get("SCRIPTS", 30))
CODER_STEPS = int(os.environ.get("STEPS", 250))
STEPS = int(os.environ.get("STEPS", 600))
DRAWS, SHOTS = 8, 4
CAST = {"守库人": ("blue", "circle", "small"), "箱子": ("red", "square", "large")}
SCRIPT = "守库人在左边\n守库人在左边，箱子在右边\n箱子在上边，守库人在下边\n箱子在中间"
Board = list[tuple[Thing, ...]]


def boards(seed: int) -> list[Board]:
    """The scripts of a seed: two roles, alone, together, changed about, alone."""
    random = np.random.default_rng(1_000 + seed)
    known = [(c, s) for c in COLOURS for s in SHAPES if (c, s) not in NOVEL]

    def one(options):
        return list(options)[random.integers(len(options))]

    found = []
    for _ in range(SCRIPTS):
        cast = {name: (*one(known), one(SIZES)) for name in CAST}
        first, second = cast
        side, other = ([PLACES[p][0] for p in one(SIDES)] for _ in range(2))
        script = (
            f"{first}在{PLACES[one(PLACES)][0]}\n"
            f"{first}在{side[0]}，{second}在{side[1]}\n"
            f"{second}在{other[0]}，{first}在{other[1]}\n"
            f"{second}在{PLACES[one(PLACES)][0]}"
        )
        found.append(shots(script, cast))
    return found


def painter(seed: int) -> Painter:
    """Learn the codes, then to write them, as chapter 09 does."""
    aigc.start(seed=seed)
    train = of_split("train")
    coder = VQVAE(32, 3, num_codes=128, width=16)
    aigc.fit(coder, train.x, steps=CODER_STEPS, seed=seed)
    letters = Characters.train([*train.texts, UNKNOWN])
    model = Painter(letters, coder, width=64, depth=2)
    rows = model.prepare(train.x, train.texts)
    aigc.fit(model, rows, steps=STEPS, batch_size=32, seed=seed)
    return model


def nearest(texts: list[str], seed: int) -> Tensor:
    """The pictures of the training sentences most alike, (N, DRAWS, 3, S, S)."""
    train = of_split("train")
    words = TfidfVectorizer(analyzer="char")  # single characters: as painters.py chose
    known = words.fit_transform(train.texts)
    alike = (words.transform(texts) @ known.T).toarray()
    alike += 1e-9 * np.random.default_rng(seed).random(alike.shape)  # between equals
    first = torch.from_numpy(np.argsort(-alike, 1)[:, :DRAWS].copy())
    return train.x[first]


def sieved(x: Tensor, asked: Board) -> Tensor:
    """Of the pictures (N, DRAWS, ...) the first that is right, else the first."""
    flat = [things for things in asked for _ in range(x.shape[1])]
    right = judge(x.flatten(0, 1), flat).everything.view(len(asked), -1)
    return x[torch.arange(len(x)), right.int().argmax(1)]


def measured(seed: int) -> dict:
    began = time.process_time()
    model = painter(seed)
    took = time.process_time() - began
    told = [*boards(seed), shots(SCRIPT, CAST)]  # the last one is shown, not counted
    asked = [things for board in told for things in board]
    texts = [describe(things) for things in asked]
    began = time.process_time()
    drawn = model.sample(
        len(texts) * DRAWS,
        texts=[text for text in texts for _ in range(DRAWS)],
        seed=seed,
        guidance=2.0,
        temperature=0.5,
    )
    each = (time.process_time() - began) / len(drawn)
    drawn = to_uint8(drawn).view(len(texts), DRAWS, *drawn.shape[1:])
    old = nearest(texts, seed)
    ways = {
        "painter": drawn[:, 0],
        "painter, sieve": sieved(drawn, asked),
        "nearest": old[:, 0],
        "nearest, sieve": sieved(old, asked),
        "program": torch.stack([draw(t, seed=k) for k, t in enumerate(asked)]),
    }
    if seed == SEEDS[0]:
        names = ("program", "painter", "painter, sieve", "nearest, sieve")
        rows = torch.cat([ways[name][-SHOTS:] for name in names])
        large = rows.repeat_interleave(3, 2).repeat_interleave(3, 3)
        large = torch.nn.functional.pad(large, (2, 2, 2, 2), value=150)  # edges
        write("storyboard.png", large, SHOTS, {"benchmark": "storyboard", "seed": seed})
    found: dict = {"training_seconds": took, "seconds_a_picture": each}
    for name, x in ways.items():
        verdict = judge(x[:-SHOTS], asked[:-SHOTS])
        parts = {k: v.double().mean().item() for k, v in verdict._asdict().items()}
        whole = verdict.everything.view(-1, SHOTS).all(1).double().mean().item()
        found[name] = parts | {"whole": whole}
    real = of_split("test")
    again = model.autoencoder.decode(model.autoencoder.encode(real.x))
    kept_right = judge(again, real.things).everything.double().mean().item()
    return found | {"coder_right": kept_right}


def interval(shares: list[float]) -> dict[str, float]:
    """Mean over the seeds, with Student's interval, inside [0, 1]."""
    found = student_gain(shares, [0.0] * len(shares))
    ends = {"from": max(0.0, found.low), "to": min(1.0, found.high)}
    return {"share": found.mean} | ends


def main() -> None:
    runs = [kept("storyboard", f"seed {s}", partial(measured, s)) for s in SEEDS]
    rows = []
    for way in [name for name, value in runs[0].items() if isinstance(value, dict)]:
        own = [run[way] for run in runs]
        row = {"way": way} | summary(own)
        for key, name in (("right", "everything"), ("whole", "whole")):
            found = interval([r[name] for r in own])
            row |= {f"{key}_{k}": v for k, v in found.items()}
        if way != "painter, sieve":
            mine = [run["painter, sieve"]["everything"] for run in runs]
            gain = student_gain(mine, [r["everything"] for r in own])
            row |= {"gain": gain.mean, "gain_interval": [gain.low, gain.high]}
        rows.append(row)
    single = [k for k, value in runs[0].items() if not isinstance(value, dict)]
    record(
        "storyboard",
        rows,
        training=summary([{k: run[k] for k in single} for run in runs])
        | {"coder_steps": CODER_STEPS, "steps": STEPS},
        shown=SCRIPT,
        draws=DRAWS,
        data="scenes: 4,000 to learn from",
        split="scripts of their own; looks that training has",
        n=f"{SCRIPTS} scripts of {SHOTS} shots a seed",
        metric="share of panels in which the reader of made scenes sees what was asked "
        "(right), of scripts with all panels right (whole); means over the seeds with "
        "Student's 95% interval; gains of the painter behind the sieve",
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
