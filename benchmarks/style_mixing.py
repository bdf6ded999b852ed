"""Style mixing drawn: a small StyleGAN, two sources and their mixtures.

The model has the settings of the common table and its two minutes of training.
"""

from __future__ import annotations

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.metrics import images as metrics
from benchmarks.image_quality import save_figure, train_and_judge
from benchmarks.record import record

SECONDS, SAMPLES, SEED = 120, 5_000, 0


def mixtures(model: aigc.models.StyleGAN, crossover: int) -> Tensor:
    """Six coarse sources down, eight fine ones across: (63, C, S, S), 9 a row.

    The first row shows the fine sources, the first column the coarse ones; the corner
    is white.
    """
    coarse, fine = model.prior(6, seed=1), model.prior(8, seed=2)
    across = model.mix(fine, fine)
    rows = [torch.cat([torch.ones_like(across[:1]), across])]
    for source in coarse.split(1):
        own = model.mix(source, source)
        rows.append(torch.cat([own, model.mix(source.expand(8, -1), fine, crossover)]))
    return torch.cat(rows)


def main() -> None:
    train = aigc.data.load("fashion_mnist")
    test = aigc.data.load("fashion_mnist", split="test")
    real = metrics.features(test.x)
    run, model, _ = train_and_judge(
        aigc.models.StyleGAN, train, real, seconds=SECONDS, samples=SAMPLES, seed=SEED
    )
    _, axes = aigc.plots.figure(1, 2, width=4.2, height=3.3)
    for ax, crossover in zip(axes, (1, 2), strict=True):
        title = f"styles change after layer {crossover}"
        aigc.plots.grid(mixtures(model, crossover).cpu(), columns=9, title=title, ax=ax)
    save_figure("style_mixing")
    record(
        "style_mixing",
        run,
        data="fashion_mnist",
        split="train for training, test for judging",
        n=f"{SAMPLES} samples against {len(test.x)} images",
        metric="Fréchet distance on the features of aigc_lib.metrics (64)",
        seconds=SECONDS,
        seeds=[SEED],
    )


if __name__ == "__main__":
    main()
