"""The lattice of transposed convolutions: how much of it a DCGAN of photographs draws.

Clothes of 64 pixels in colour, from a DCGAN with the even doublings of the library and
from the same one with plain doublings, trained for the same steps in one run. Beside
them stands how much power photographs that nobody learned from have at period 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import remove_parametrizations

import aigc_lib as aigc
from aigc_lib.metrics.intervals import bootstrap_interval
from aigc_lib.models.edits import to_uint8
from benchmarks.record import in_turns, record, seeds, summary

STEPS, SEEDS, SAMPLES = 400, seeds(2), 500


def even() -> aigc.models.DCGAN:
    return aigc.models.DCGAN(image_size=64, channels=3)


def plain() -> aigc.models.DCGAN:
    """The same network, whose doublings add up four weights as they happen to be."""
    model = even()
    for layer in model.generator:
        if isinstance(layer, nn.ConvTranspose2d):
            remove_parametrizations(layer, "weight", leave_parametrized=False)
    return model


GENERATORS = {"even doublings": even, "plain doublings": plain}


def at_period_two(pictures: Tensor) -> Tensor:
    """Share of the spectral power at period 2: uint8 (N, C, S, S), S even -> (N,).

    Of rows, of columns, and of both at once; brightness itself does not count.
    """
    power = torch.fft.fft2(pictures.double()).abs().square().sum(1)  # (N, S, S)
    half = pictures.shape[-1] // 2
    lattice = power[:, half, 0] + power[:, 0, half] + power[:, half, half]
    return lattice / (power.sum((1, 2)) - power[:, 0, 0])


def told(pictures: Tensor) -> dict[str, float]:
    """The mean share of ``pictures``, with its interval over them."""
    shares = at_period_two(pictures)
    low, high = bootstrap_interval(shares, torch.mean)
    return {"share": shares.mean().item(), "share_low": low, "share_high": high}


def measure(name: str, seed: int) -> dict[str, float]:
    """Train the DCGAN ``name``; what it draws, and what it drew before training."""
    aigc.start(seed=seed)
    train, model = aigc.data.load("clothing"), GENERATORS[name]()
    fresh = at_period_two(to_uint8(model.sample(SAMPLES, seed=seed)))
    aigc.fit(model, train.x, steps=STEPS, seed=seed)
    figures = told(to_uint8(model.sample(SAMPLES, seed=seed)))
    return figures | {"fresh": fresh.mean().item()}


def main() -> None:
    real = told(aigc.data.load("clothing", split="test").x)
    runs = in_turns("checkerboard", GENERATORS, SEEDS, measure)
    rows = [{"generator": "photographs"} | real]
    for name, results in runs.items():
        row = {"generator": name} | summary(results)
        rows.append(row | {"times_real": row["share"] / real["share"]})
    record(
        "checkerboard",
        rows,
        data="clothing",
        split="train for training, test for judging",
        n=f"{SAMPLES} pictures a seed; all photographs of test",
        metric="share of spectral power at period 2 (rows, columns, both), mean over "
        "pictures; low and high: 95% bootstrap interval over pictures; fresh: before "
        "training; times_real: share over that of photographs",
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
