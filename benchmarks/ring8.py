"""Ring of eight Gaussians: modes found, and samples near a mode, after 20 s."""

from __future__ import annotations

import torch

import aigc_lib as aigc
from benchmarks.record import in_turns, record, seeds, summary

SECONDS, SEEDS, SAMPLES = 20, seeds(5), 10_000
LOSSES = ("nonsaturating", "minimax", "hinge", "lsgan")
BODY = {"steep_generator": True, "r1": 0.1, "learning_rates": (4e-3, 4e-3)}
TRAINING = {"batch_size": 256, "cooldown": 0.5}


def coverage(samples, modes, std) -> dict[str, float]:
    """Count modes, samples near one, and compare the width of the modes.

    ``modes``: how many hold at least 1% of the samples; ``share_within_3std``: share
    of the samples that lie so near a mode; ``width``: their root mean square distance
    over the true one, 1 if the modes are as wide as in the data.
    """
    distance, nearest = torch.cdist(samples, modes).min(1)
    close = distance < 3 * std
    counts = torch.bincount(nearest[close], minlength=len(modes))
    width = distance[close].square().mean().sqrt() / (std * 2**0.5)
    return {
        "modes": int((counts >= 0.01 * len(samples)).sum()),
        "share_within_3std": close.float().mean().item(),
        "width": width.item(),
    }


def measure(loss: str, seed: int) -> dict[str, float]:
    """Train with ``loss`` and say what the samples cover."""
    aigc.start(seed=seed)
    ring = aigc.data.load("ring8")
    model = aigc.models.MLPGAN(loss=loss, **BODY)
    history = aigc.fit(model, ring, seconds=SECONDS, seed=seed, **TRAINING)
    samples = model.sample(SAMPLES, seed=seed).cpu()
    result = coverage(samples, ring.modes, ring.std)
    return result | {"steps": history.steps[-1]}


def main() -> None:
    runs = in_turns("ring8", LOSSES, SEEDS, measure)
    rows = [{"loss": loss} | summary(results) for loss, results in runs.items()]
    record(
        "ring8",
        rows,
        seeds=list(SEEDS),
        seconds=SECONDS,
        samples=SAMPLES,
        model=BODY,
        training=TRAINING,
    )


if __name__ == "__main__":
    main()
