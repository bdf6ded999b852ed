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

Without ``FULL=1`` only the best is trained, for two minutes; with it also the simpler
ones, and the best for 24 minutes. Rows that were not measured anew stay in the file,
with their commit and date.
"""

from __future__ import annotations

import json
import math
import os
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
    is_dirty,
    kept,
    record,
    seeds,
    summary,
)

SECONDS, FULL_SECONDS, K = 120, 1_440, 200
PLAIN = {"latent_dim": 32, "hidden": 400, "body": "mlp", "likelihood": "bernoulli"}
AUTOREGRESSIVE = PLAIN | {"likelihood": "autoregressive", "free_nats": 12.0}
CALM = {"batch_size": 128, "cooldown": 0.5}
BEST = "flow prior, autoregressive decoder"
RECIPES = {
    "plain 784-400-400-32": (VAE, PLAIN, {}),
    "flow prior": (FlowPriorVAE, PLAIN, CALM),
    BEST: (FlowPriorVAE, AUTOREGRESSIVE, CALM),
}


def binarised(split: str, seed: int) -> Tensor:
    """Draw every pixel of MNIST once, (N, 1, 28, 28) uint8, 0 or 255."""
    grey = aigc.data.load("mnist", split=split).x
    source = torch.Generator().manual_seed(seed)
    white = torch.rand(grey.shape, generator=source) < grey / 255
    return white.to(torch.uint8) * 255


def measure(
    recipe: tuple, seed: int, seconds: float, train: Tensor, test: Tensor
) -> dict[str, float]:
    """Train for ``seconds`` and judge by ``K`` importance samples per test image."""
    kind, arguments, training = recipe
    aigc.start(seed=seed)
    model = kind(**arguments)
    history = aigc.fit(model, train, seconds=seconds, seed=seed, **training)
    model.eval()
    x = test.float() / 127.5 - 1
    began = time.perf_counter()
    nll = model.nll(x, K)
    with torch.no_grad():
        terms = [torch.stack(model.rate_distortion(part)) for part in x.split(1_000)]
    rate, distortion = torch.cat(terms, 1).mean(1).tolist()
    return {
        "nll": nll.mean().item(),
        "nll_standard_error": nll.std().item() / math.sqrt(len(nll)),
        "negative_elbo": rate + distortion,
        "rate": rate,
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "steps": history.steps[-1],
        "seconds_to_judge": time.perf_counter() - began,
    }


def main() -> None:
    chosen = [(BEST, SECONDS, seeds(3))]
    if os.environ.get("FULL"):
        chosen = [(name, SECONDS, seeds(3)) for name in RECIPES]
        chosen.append((BEST, FULL_SECONDS, seeds(1)))
    train, test = binarised("train", 0), binarised("test", 1)
    anew = {(name, seconds) for name, seconds, _ in chosen}
    rows = [row for row in on_file() if (row["recipe"], row["seconds"]) not in anew]
    for name, seconds, some_seeds in chosen:
        runs = []
        for seed in some_seeds:
            run = kept(
                "vae_nll",
                f"{name} {seed} {seconds} s",
                lambda name=name, seed=seed, seconds=seconds: measure(
                    RECIPES[name], seed, seconds, train, test
                ),
            )
            print(name, seed, run, flush=True)
            runs.append(run)
        when = {"seconds": seconds, "seeds": list(some_seeds), "commit": commit()}
        when |= {"dirty": is_dirty(), "date": str(date.today()), "on": hardware()}
        rows.append({"recipe": name} | summary(runs) | when)
    record(
        "vae_nll",
        sorted(rows, key=lambda row: (row["seconds"], -row["nll"])),
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
