"""Ring of eight Gaussians: modes found, and samples near a mode, after 20 s."""

from __future__ import annotations

import statistics

import torch

import aigc_lib as aigc
from benchmarks.record import record

SECONDS, SEEDS, SAMPLES = 20, range(5), 10_000
SETTINGS = {
    "nonsaturating + r1": {"loss": "nonsaturating", "r1": 0.1},
    "wasserstein + gradient penalty": {"loss": "wasserstein", "gradient_penalty": 1.0},
}


def coverage(samples, modes, std) -> tuple[int, float]:
    """Modes that hold at least 1% of the samples, and the share within 3 std of one."""
    distance, nearest = torch.cdist(samples, modes).min(1)
    close = distance < 3 * std
    counts = torch.bincount(nearest[close], minlength=len(modes))
    return int((counts >= 0.01 * len(samples)).sum()), close.float().mean().item()


def main() -> None:
    rows = []
    for name, setting in SETTINGS.items():
        results = []
        for seed in SEEDS:
            aigc.start(seed=seed)
            ring = aigc.data.load("ring8")
            model = aigc.models.MLPGAN(**setting)
            history = aigc.fit(model, ring, seconds=SECONDS, batch_size=256, seed=seed)
            samples = model.sample(SAMPLES, seed=seed).cpu()
            modes, share = coverage(samples, ring.modes, ring.std)
            results.append((modes, share, history.steps[-1]))
            print(name, seed, results[-1], flush=True)
        modes, shares, steps = zip(*results, strict=True)
        rows.append(
            {
                "objective": name,
                "modes_median": statistics.median(modes),
                "modes_min": min(modes),
                "share_within_3std_median": statistics.median(shares),
                "share_within_3std_min": min(shares),
                "steps_median": statistics.median(steps),
            }
        )
    record("ring8", rows, seeds=list(SEEDS), seconds=SECONDS, samples=SAMPLES)


if __name__ == "__main__":
    main()
