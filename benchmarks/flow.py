"""Flow matching and DDPM: the same net, two minutes each, and how many steps they need.

FD of 2,000 samples against the 10,000 test images of Fashion-MNIST; for the first seed
also the curve of the number of steps against FD.
"""

from __future__ import annotations

from itertools import chain

from torch import Tensor

import aigc_lib as aigc
from aigc_lib.metrics import images as metrics
from aigc_lib.models import DDPM, FlowMatching
from benchmarks.image_quality import draw, save_figure, train_and_judge
from benchmarks.record import in_turns, record, seeds, summary

SECONDS, SAMPLES, SEEDS = 120, 2_000, seeds(3)
KINDS = {"flow": FlowMatching, "ddpm": DDPM}
# Arguments of ``sample``, evaluations of the net a step, and numbers of steps.
SAMPLERS = {
    "flow": {
        "euler": ({"solver": "euler"}, 1, (1, 2, 3, 5, 10, 20, 50)),
        "heun": ({"solver": "heun"}, 2, (1, 2, 3, 5, 10)),
        "midpoint": ({"solver": "midpoint"}, 2, (1, 2, 3, 5, 8, 10)),
    },
    "ddpm": {"ddim": ({}, 1, (1, 2, 3, 5, 10, 20, 50))},
}


def measure(name: str, seed: int, train: aigc.data.Dataset, real: Tensor) -> dict:
    """Train model ``name`` and compare its samples with the features ``real``."""
    run, model, images = train_and_judge(
        KINDS[name], train, real, seconds=SECONDS, samples=SAMPLES, seed=seed
    )
    if seed > 0:
        return run | {"curves": {}}
    draw(images[:60], name)
    return run | {"curves": curves(model, name, seed, real)}


def curves(model: DDPM | FlowMatching, name: str, seed: int, real: Tensor) -> dict:
    """Return for each way to sample a list of steps, evaluations of the net, and FD."""
    found = {}
    for sampler, (arguments, evaluations, counts) in SAMPLERS[name].items():
        found[sampler] = []
        for steps in counts:
            images = model.sample(SAMPLES, seed=seed, steps=steps, **arguments)
            distance = metrics.frechet_distance(real, metrics.features(images))
            point = {"steps": steps, "evaluations": steps * evaluations, "fd": distance}
            found[sampler].append(point)
            print(sampler, point, flush=True)
    return found


def main() -> None:
    train = aigc.data.load("fashion_mnist")
    test = aigc.data.load("fashion_mnist", split="test")
    real = metrics.features(test.x)
    runs = in_turns(
        "flow", KINDS, SEEDS, lambda name, seed: measure(name, seed, train, real)
    )
    drawn = {}
    for run in chain(*runs.values()):
        drawn |= run.pop("curves")
    record(
        "flow",
        {name: {"model": name} | summary(results) for name, results in runs.items()},
        curves=drawn,
        data="fashion_mnist",
        split="train for training, test for judging",
        n=f"{SAMPLES} samples against {len(test.x)} images",
        metric="Fréchet distance on the features of aigc_lib.metrics (64)",
        seconds=SECONDS,
        seeds=list(SEEDS),
    )
    draw_curves(drawn)


def draw_curves(drawn: dict[str, list[dict]]) -> None:
    """Write FD over evaluations of the net, a line a sampler, to flow_steps.png."""
    _, ax = aigc.plots.figure(width=5.5, height=3.2)
    for (sampler, curve), mark in zip(drawn.items(), "so^D", strict=True):
        evaluations = [point["evaluations"] for point in curve]
        ax.loglog(evaluations, [point["fd"] for point in curve], mark + "-", ms=4)
        ax.lines[-1].set_label(
            "DDPM, DDIM" if sampler == "ddim" else f"flow, {sampler}"
        )
    ax.set(xlabel="evaluations of the net", ylabel=f"FD of {SAMPLES:,} samples")
    ax.legend()
    save_figure("flow_steps")


if __name__ == "__main__":
    main()
