"""Nats per binary image: how well the VAE family knows statically binarised MNIST.

"Static" is the usual protocol: each pixel of each image is drawn once, white with the
probability that its grey value says, and that one draw is the data set, for training
and for judging. Ours are the 60,000 training and 10,000 test images of MNIST, drawn by
torch with seeds 0 and 1. The literature uses another draw (files that Larochelle
shared) and 50,000 of the images for training; those files are not at hand: figures
compare in kind, not to the decimal. No image is shifted or drawn anew in training.

The plain model and most figures of the literature take pixels as independent given z.
The best of the family does not: an autoregressive decoder is a stronger model, and its
figure belongs beside those of PixelVAEs. Its neighbours know so much that z would be
left empty; ``free_nats`` keeps the rate, what z tells, from falling below 12 nats.

``python -m benchmarks.vae_nll [recipe ...]`` trains the given ones, without names the
best. The rows of the others stay in the file, with commit and date. Seconds are of the
processor, all threads together.
"""

from __future__ import annotations

import json
import math
import sys
import time
from datetime import date

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.models import VAE, FlowPriorVAE
from benchmarks.record import (
    ROOT,
    commit,
    hardware,
    in_turns,
    is_dirty,
    record,
    seeds,
    summary,
)

K, SEEDS = 200, seeds(3)
PLAIN = {"latent_dim": 32, "hidden": 400, "body": "mlp", "likelihood": "bernoulli"}
AUTOREGRESSIVE = PLAIN | {"likelihood": "autoregressive", "free_nats": 12.0}
TRAINING = {"batch_size": 128, "cooldown": 0.5}
BEST = "flow prior, autoregressive decoder"
# Model, its arguments, and steps of training: some two minutes of two fast cores, the
# last some six; a likelihood must not depend on the machine.
RECIPES = {
    "plain 784-400-400-32": (VAE, PLAIN, 15_000),
    "flow prior": (FlowPriorVAE, PLAIN, 12_000),
    BEST: (FlowPriorVAE, AUTOREGRESSIVE, 2_400),
    f"{BEST}, longer": (FlowPriorVAE, AUTOREGRESSIVE, 6_000),
}


def binarised(split: str, seed: int) -> Tensor:
    """Draw every pixel of MNIST once, (N, 1, 28, 28) uint8, 0 or 255."""
    grey = aigc.data.load("mnist", split=split).x
    source = torch.Generator().manual_seed(seed)
    white = torch.rand(grey.shape, generator=source) < grey / 255
    return white.to(torch.uint8) * 255


def measure(name: str, seed: int, train: Tensor, test: Tensor) -> dict[str, float]:
    """Train recipe ``name`` and judge by ``K`` importance samples per test image."""
    kind, arguments, steps = RECIPES[name]
    aigc.start(seed=seed)
    model = kind(**arguments)
    began = time.process_time()
    aigc.fit(model, train, steps=steps, seed=seed, **TRAINING)
    trained = time.process_time() - began
    model.eval()
    x = test.float() / 127.5 - 1
    began = time.process_time()
    nll = model.nll(x, K)
    with torch.no_grad(), model.averaged():  # as `nll` does by itself
        terms = [torch.stack(model.rate_distortion(part)) for part in x.split(1_000)]
    rate, distortion = torch.cat(terms, 1).mean(1).tolist()
    return {
        "nll": nll.mean().item(),
        "nll_standard_error": nll.std().item() / math.sqrt(len(nll)),
        "negative_elbo": rate + distortion,
        "rate": rate,
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "steps": steps,
        "seconds": trained,
        "seconds_to_judge": time.process_time() - began,
    }


def main() -> None:
    chosen = sys.argv[1:] or [BEST]
    if unknown := set(chosen) - set(RECIPES):
        raise SystemExit(f"{unknown}: choose from {', '.join(map(repr, RECIPES))}")
    train, test = binarised("train", 0), binarised("test", 1)
    rows = [row for row in on_file() if row["recipe"] in set(RECIPES) - set(chosen)]
    runs = in_turns(
        "vae_nll",
        chosen,
        SEEDS,
        lambda name, seed: measure(name, seed, train, test),
    )
    for name, results in runs.items():
        when = {"seeds": list(SEEDS), "commit": commit()}
        when |= {"dirty": is_dirty(), "date": str(date.today()), "on": hardware()}
        rows.append({"recipe": name} | summary(results) | when)
    record(
        "vae_nll",
        sorted(rows, key=lambda row: list(RECIPES).index(row["recipe"])),
        data="MNIST, each pixel drawn once with its grey value as probability",
        split="60,000 training images (seed 0), 10,000 test images (seed 1)",
        n=len(test),
        metric=f"-log p(x) in nats per image, {K} importance samples",
    )


def on_file() -> list[dict]:
    """Return the rows that were measured before."""
    path = ROOT / "results" / "vae_nll.json"
    return json.loads(path.read_text("utf-8"))["rows"] if path.exists() else []


if __name__ == "__main__":
    main()
