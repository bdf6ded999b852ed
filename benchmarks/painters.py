"""Pictures from sentences: who draws what was asked, and what of words never joined?

Made scenes, where a reader without a network tells what a picture shows. A painter
writes a picture's tokens one after another; a flow draws over the codes of an
autoencoder, another over pixels, both told by the same kind of text reader. Opponent:
the picture of the training sentence that reads most alike. Each has the same time on
one core, its autoencoder included. Guidance and temperature are chosen on validation
sentences; then the test sentences, and those with a combination of colour and shape
that no training scene has, are drawn once. ``SECONDS=10 N=40`` is a quick try.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.codecs.recipe import png
from aigc_lib.codecs.tokenizers import UNKNOWN
from aigc_lib.data import Characters
from aigc_lib.data.made.scenes import Scenes, Verdict, judge, of_split
from aigc_lib.files import replacing
from aigc_lib.metrics.intervals import paired_gain
from aigc_lib.metrics.memorisation import copying
from aigc_lib.models import VQVAE, LatentTextFlow, MapVAE, Painter, TextFlow
from aigc_lib.models.base import Trainable
from aigc_lib.models.vae.quantised import perplexity
from benchmarks.record import ROOT, in_turns, record, seeds, summary

SECONDS, SEEDS = float(os.environ.get("SECONDS", 90)), seeds(3)
N = int(os.environ.get("N", 300))  # sentences judged, of each split
CHOOSING = N // 3  # of the validation split
FIRST = 1 / 3  # of the time: the autoencoder's, where there is one
BATCH, PROBE = 64, 20
GUIDANCES = (1.0, 2.0, 4.0)
TEMPERATURES = (1.0, 0.5)
SPLITS = ("test", "novel")
CODES, CODER_WIDTH = 128, 16
WAYS = ("painter", "latent flow", "pixel flow", "nearest sentence")
Draw = Callable[[list[str], int], Tensor]  # (texts, seed) -> pictures in [-1, 1]


@cache
def scenes(split: str) -> Scenes:
    return of_split(split)


def some(split: str) -> Scenes:
    """The scenes of a split that are looked at."""
    n = CHOOSING if split == "validation" else N
    return Scenes(*(part[:n] for part in scenes(split)))


@cache
def letters() -> Characters:
    return Characters.train([*scenes("train").texts, UNKNOWN])


def signed(x: Tensor) -> Tensor:
    return x.float() / 127.5 - 1


def trained(model: Trainable, data, share: float, seed: int, batch: int = BATCH) -> int:
    """Train for a share of ``SECONDS`` of one core; return the steps.

    A copy tells how many steps these are, by the time of the process: what else runs on
    the machine takes nothing from anybody.
    """
    probe, options = copy.deepcopy(model), {"batch_size": batch, "seed": seed}
    aigc.fit(probe, data, steps=2, **options)
    began = time.process_time()
    aigc.fit(probe, data, steps=PROBE, **options)
    each = (time.process_time() - began) / PROBE
    steps = max(1, round(share * SECONDS / each))
    aigc.fit(model, data, steps=steps, **options)
    return steps


# ---- the ways to draw ----------------------------------------------------------------


def painter(seed: int) -> tuple[dict[str, Draw], dict]:
    """Learn codes, then to write them."""
    train = scenes("train")
    coder = VQVAE(32, 3, CODES, CODER_WIDTH)
    coder_steps = trained(coder, train.x, FIRST, seed)
    model = Painter(letters(), coder, width=96)
    rows = model.prepare(train.x, train.texts)
    steps = trained(model, rows, 1 - FIRST, seed, batch=32)  # more steps, smaller ones
    real, tokens = signed(some("test").x), coder.encode(some("test").x)
    told = of_coder(coder.decode(tokens)) | {
        "coder_steps": coder_steps,
        "steps": steps,
        "perplexity": perplexity(tokens, CODES),
        "codes_used": len(tokens.unique()),
        "held_out_nats": model.nats_per_token(model.prepare(real, some("test").texts)),
    }

    def draw(texts, seed, **settings):
        return model.sample(len(texts), texts=texts, seed=seed, **settings)

    ways = {
        f"guidance {w:g}, temperature {t:g}": partial(draw, guidance=w, temperature=t)
        for w in GUIDANCES
        for t in TEMPERATURES
    }
    return ways, told


def latent_flow(seed: int) -> tuple[dict[str, Draw], dict]:
    """Learn a map of numbers, then a flow over it."""
    train = scenes("train")
    coder = MapVAE(32, 3, 4, CODER_WIDTH)
    coder_steps = trained(coder, train.x, FIRST, seed)
    model = LatentTextFlow(letters(), coder, 64)
    pairs = (model.prepare(train.x), model.read(train.texts))
    steps = trained(model, pairs, 1 - FIRST, seed)
    shown = coder.decode(coder.encode(some("test").x))
    return guided(model), of_coder(shown) | {"coder_steps": coder_steps, "steps": steps}


def pixel_flow(seed: int) -> tuple[dict[str, Draw], dict]:
    """Learn a flow over the pixels themselves."""
    train = scenes("train")
    model = TextFlow(letters(), 32, 3, 32, context=24)
    pairs = (train.x, model.read(train.texts))
    return guided(model), {"steps": trained(model, pairs, 1.0, seed)}


def guided(model: TextFlow) -> dict[str, Draw]:
    """The settings of a flow: only its guidance."""

    def draw(texts, seed, guidance):
        return model.sample(len(texts), labels=texts, seed=seed, guidance=guidance)

    return {f"guidance {w:g}": partial(draw, guidance=w) for w in GUIDANCES}


def nearest_sentence(seed: int) -> tuple[dict[str, Draw], dict]:
    """Show the picture of the training sentence most alike, by runs of characters."""
    train, ways = scenes("train"), {}
    for longest in (1, 2, 4):
        words = TfidfVectorizer(analyzer="char", ngram_range=(1, longest))
        known = words.fit_transform(train.texts)

        def draw(texts, seed, words=words, known=known):
            alike = (words.transform(texts) @ known.T).toarray()
            # the seed decides between equals
            lot = np.random.default_rng(seed).random(alike.shape)
            return signed(train.x[(alike + 1e-9 * lot).argmax(1)])

        ways[f"runs of up to {longest}"] = draw
    return ways, {}


MAKERS = dict(
    zip(WAYS, (painter, latent_flow, pixel_flow, nearest_sentence), strict=True)
)


# ---- the figures ---------------------------------------------------------------------


def of_coder(shown: Tensor) -> dict[str, float]:
    """How much of a test picture an autoencoder keeps."""
    real = some("test")
    return {
        "coder_mse": (shown - signed(real.x)).square().mean().item(),
        "coder_right": judge(shown, real.things).everything.float().mean().item(),
    }


def shares(verdict: Verdict) -> dict[str, float]:
    return {
        name: part.float().mean().item()
        for name, part in zip(verdict._fields, verdict, strict=True)
    }


def measured(way: str, seed: int) -> dict:
    """Train one way, choose its settings, and judge what it draws."""
    aigc.start(seed=seed)
    ways, told = MAKERS[way](seed)
    held = some("validation")
    tried = {
        name: judge(draw(held.texts, 7), held.things).everything.float().mean().item()
        for name, draw in ways.items()
    }
    best = max(tried, key=tried.get)
    found = {"training": told, "tried": tried, "best": best}
    for split in SPLITS:
        asked = some(split)
        began = time.process_time()
        drawn = ways[best](asked.texts, 100 + seed)
        took = (time.process_time() - began) / len(drawn)
        verdict = judge(drawn, asked.things)
        learned, real = (signed(v.x).flatten(1) for v in (scenes("train"), asked))
        near = copying(learned, real, drawn.flatten(1))
        found[split] = shares(verdict) | {
            "hits": verdict.everything.int().tolist(),
            "seconds_a_picture": took,
            "closer": near["closer"],
        }
        if (way, split, seed) == (WAYS[0], SPLITS[0], SEEDS[0]):
            write("painters_painter_test.png", drawn[:24])
    print(way, seed, {k: found[k] for k in ("training", "tried")}, flush=True)
    print({s: {k: v for k, v in found[s].items() if k != "hits"} for s in SPLITS})
    return found


def write(name: str, drawn: Tensor) -> None:
    """Write the first drawings as they come, twice as large, eight a row."""
    pixels = ((drawn + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    large = pixels.repeat_interleave(2, 2).repeat_interleave(2, 3)
    edged = torch.nn.functional.pad(large, (1, 1, 1, 1), value=255)
    rows = [torch.cat([*part], 2) for part in edged.split(8)]
    recipe = {"benchmark": "painters", "seed": SEEDS[0], "seconds": SECONDS}
    with replacing(Path(ROOT, "results", name)) as temporary:
        temporary.write_bytes(png(torch.cat(rows, 1), recipe))


def table(runs: dict[str, list[dict]]) -> list[dict]:
    """A row for each way and split, with its interval and what the painter gains."""
    rows = []
    for way, parts in runs.items():
        for split in SPLITS:
            own = [{k: v for k, v in p[split].items() if k != "hits"} for p in parts]
            hits = np.array([part[split]["hits"] for part in parts])
            # by sentence, over the seeds: pictures of one sentence are no two draws
            mean, low, high = paired_gain(hits.mean(0), np.zeros(hits.shape[1]))
            row = {"way": way, "split": split} | summary(own)
            row |= {"right": mean, "low": low, "high": high}
            if way != WAYS[0]:
                first = np.array([part[split]["hits"] for part in runs[WAYS[0]]])
                gain = paired_gain(first.mean(0), hits.mean(0))
                row |= {"gain": gain.mean, "gain_interval": [gain.low, gain.high]}
            rows.append(row)
    return rows


def main() -> None:
    runs = in_turns("painters", WAYS, SEEDS, measured)
    record(
        "painters",
        table(runs),
        training={
            way: summary([part["training"] for part in parts])
            for way, parts in runs.items()
        },
        chosen={way: [part["best"] for part in parts] for way, parts in runs.items()},
        tried={way: parts[0]["tried"] for way, parts in runs.items()},
        shown={split: some(split).texts[:24] for split in SPLITS},
        data="scenes: 4,000 to learn from",
        split="test: combinations of colour and shape that training has; novel: one "
        "thing of each scene has another; settings chosen on validation",
        n=f"{N} sentences a split, a picture each, {len(SEEDS)} seeds",
        metric="share of pictures in which the reader of made scenes sees what was "
        "asked; intervals over sentences; gains of the painter, paired by sentence",
        seconds=SECONDS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
