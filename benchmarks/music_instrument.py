"""The studio's WaveNet after a minute of learning: in tune, and how slow?

All its pitches are drawn together, as long as the studio ever draws a note. An ear, the
highest peak of a spectrum, hears the first and the last quarter of a second; the string
that it learned from, heard by the same ear, stands beside. The studio's command learns
longer; ``SECONDS=300`` measures that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.apps.music_studio.learn import trained_wavenet
from aigc_lib.codecs.sound import SAMPLE_RATE
from aigc_lib.metrics.intervals import proportion_interval
from aigc_lib.models.wavenet.instrument import MOST, PITCHES, string
from benchmarks.record import kept, record, seeds

NAME = "music_instrument"
SECONDS = float(os.environ.get("SECONDS", 60))
PART = 2_000  # samples that are heard
FINE = 16  # times as many frequencies as there are samples
NEAR = 50  # cents: half a semitone, beyond which another note is nearer
LENGTH = round(MOST * SAMPLE_RATE)
TEMPERATURE = 0.6


def cents(x: Tensor) -> list[float]:
    """How far each sound (N, T) is from its pitch, in hundredths of a semitone."""
    power = torch.fft.rfft(x * torch.hann_window(x.shape[1]), FINE * x.shape[1]).abs()
    power[:, 0] = 0
    heard = power.argmax(1) * SAMPLE_RATE / (FINE * x.shape[1])
    number = 69 + 12 * (heard / 440).log2()
    return (100 * (number - torch.tensor(list(PITCHES)))).tolist()


def timed(make: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """Return a sound, and the seconds that each of its seconds took."""
    began = time.perf_counter()
    x = make()
    return x, (time.perf_counter() - began) * SAMPLE_RATE / x.shape[-1]


def measured(seed: int) -> dict:
    """Train a WaveNet, and hear all its pitches."""
    model = trained_wavenet(seconds=SECONDS, seed=seed)
    labels, told = torch.arange(len(PITCHES)), {"temperature": TEMPERATURE}
    model.sample(1, labels=0, length=100)  # warms up
    x, all_of_them = timed(
        lambda: model.sample(len(labels), labels=labels, length=LENGTH, seed=0, **told)
    )
    _, one = timed(lambda: model.sample(1, labels=0, length=4_000, seed=0, **told))
    return {
        "first": cents(x[:, :PART]),
        "last": cents(x[:, -PART:]),
        "seconds_together": all_of_them,
        "seconds_alone": one,
    }


def summed_up(runs: list[dict]) -> dict:
    """Shares of the pitches that every run plays nearest to what was asked."""
    found = {}
    for part in ("first", "last"):
        hits = int(np.all([np.abs(run[part]) < NEAR for run in runs], axis=0).sum())
        found[part] = hits / len(PITCHES)
        found[f"{part}_interval"] = list(proportion_interval(hits, len(PITCHES)))
        found[f"{part}_cents"] = float(np.median(np.abs([run[part] for run in runs])))
    for name in ("seconds_together", "seconds_alone"):
        found[name] = float(np.median([run[name] for run in runs]))
    return found


def main() -> None:
    aigc.start()
    runs = [kept(NAME, f"seed {n}", lambda n=n: measured(n)) for n in seeds(3)]
    strings, seconds = timed(lambda: torch.stack([string(p, MOST) for p in PITCHES]))
    ear = {
        "first": cents(strings[:, :PART]),
        "last": cents(strings[:, -PART:]),
        "seconds_together": seconds,
        "seconds_alone": seconds / len(PITCHES),
    }
    rows = {"wavenet": summed_up(runs), "string": summed_up([ear])}
    print(rows, flush=True)
    record(
        NAME,
        rows,
        data="strings by a formula, a quarter of a second each",
        n=len(PITCHES),
        metric=f"share of pitches that all runs play within {NEAR} cents, in the first "
        f"and in the last {PART} samples of {LENGTH}; median of cents; seconds that a "
        "second of sound takes, of all pitches together and of one",
        interval="95%, Wilson, over pitches",
        seconds=SECONDS,
        seeds=list(seeds(3)),
    )


if __name__ == "__main__":
    main()
