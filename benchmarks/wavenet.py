"""One second of sound from the default WaveNet: with remembered layers, and without.

Both write the same samples as far as the naive loop goes: ``NAIVE``, which fill the
receptive field. From then on each of its steps costs the same, and the rest of its
second is reckoned from ``FULL`` such steps.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.codecs.sound import SAMPLE_RATE
from aigc_lib.models import WaveNet
from benchmarks.record import record

NAIVE, FULL = 2_100, 100


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
    began = time.perf_counter()
    window = torch.randint(256, (1, model.receptive_field))
    with torch.no_grad():
        for _ in range(FULL):
            model.net(window, torch.zeros(1, 1, 1))
    full = (time.perf_counter() - began) / FULL
    second = naive + (SAMPLE_RATE - NAIVE) * full
    row = {
        "receptive_field": model.receptive_field,
        "parameters": sum(p.numel() for p in model.parameters()),
        "identical_samples": NAIVE,
        "cached_seconds": cached,
        "naive_seconds": second,
        "ratio": second / cached,
    }
    print(row, flush=True)
    record(
        "wavenet",
        [row],
        n=f"{SAMPLE_RATE} samples; naive: {NAIVE} written, the rest from {FULL} steps",
        metric="seconds for one second of one sound, before training",
        seeds=[0],
    )


if __name__ == "__main__":
    main()
