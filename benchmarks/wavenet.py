"""One second of sound from the default WaveNet: with remembered layers, and without.

Both write the same samples. The naive loop is timed on the first ``NAIVE`` of them:
while the past is shorter than the receptive field it has less to compute than later, so
the ratio is a lower bound.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.data.audio import SAMPLE_RATE
from aigc_lib.models import WaveNet
from benchmarks.record import record

NAIVE = 2_500


def timed(
    model: aigc.models.WaveNet, length: int, cached: bool
) -> tuple[Tensor, float]:
    """Return one sound (length,) and the seconds that it took."""
    began = time.perf_counter()
    x = model.sample(1, seed=0, length=length, cached=cached)[0]
    return x, time.perf_counter() - began


def main() -> None:
    aigc.start()
    model = WaveNet()
    torch.nn.init.normal_(model.net.head[-1].weight)  # it starts at zero
    timed(model, 200, True)  # warms up
    fast, cached = timed(model, SAMPLE_RATE, True)
    slow, naive = timed(model, NAIVE, False)
    assert torch.equal(fast[:NAIVE], slow), "the two loops differ"
    row = {
        "receptive_field": model.receptive_field,
        "parameters": sum(p.numel() for p in model.parameters()),
        "identical_samples": NAIVE,
        "cached_seconds": cached,
        "cached_ms": 1_000 * cached / SAMPLE_RATE,
        "naive_ms": 1_000 * naive / NAIVE,
        "ratio": naive / NAIVE / (cached / SAMPLE_RATE),
    }
    print(row, flush=True)
    record(
        "wavenet",
        [row],
        n=f"cached: {SAMPLE_RATE} samples; naive: the first {NAIVE} of them",
        metric="milliseconds per sample, one sound, before training",
        seeds=[0],
    )


if __name__ == "__main__":
    main()
