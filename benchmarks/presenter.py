"""A presenter's mouth: how late and how wrong, by how long it may wait.

Made speech whose mouth is known. A table of frames against small nets that see 0 to 12
frames of 8 ms of the future; voices of the test are others than those learned, and
come clean and with noise; table and net also learn from speech half of which has noise
of unknown strength. Smoothing of the table and steps of the nets are chosen on
voices of their own. Paired by seed: training set, weights and test voices change.
"""

from __future__ import annotations

import os
import time
from functools import partial

import torch

import aigc_lib as aigc
from aigc_lib.codecs.sound import SAMPLE_RATE
from aigc_lib.codecs.spectrum import HOP, N_FFT
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.metrics.lips import delay, opening_error
from aigc_lib.models.lips import LipSync, MouthTable
from aigc_lib.simulators.speech import FRAME, Speech, speeches
from benchmarks.record import kept, record, seeds, summary

SEEDS, N, TESTED = seeds(5), int(os.environ.get("N", 120)), 40
WAITS, STEPS, NOISE = (0, 2, 4, 8, 12), (200, 400), 0.02
SMOOTH, ENTRIES = (1, 5, 9, 13, 17), (32, 128)


def told(said, wanted) -> dict[str, float]:
    """Error of the opening, mean delay and its size in ms."""
    late = delay(said, wanted, FRAME)
    return {
        "error": opening_error(said, wanted).mean().item(),
        "late": late.mean().item(),
        "off": late.abs().mean().item(),
        "worst": late.abs().quantile(0.95).item(),
    }


def net(train: Speech, wait: int, steps: int, seed: int) -> LipSync:
    aigc.start(seed=seed)
    model = LipSync(lookahead=wait)
    pair = (train.x, train.mouths)
    aigc.fit(model, pair, steps=steps, batch_size=16, seed=seed, cooldown=0.5)
    return model


def hissing(speech: Speech, seed: int) -> Speech:
    """The speeches, and again with noise of up to twice the strength of the test."""
    generator = torch.Generator().manual_seed(seed)
    strength = 2 * NOISE * torch.rand(len(speech.x), 1, generator=generator)
    noise = strength * torch.randn(speech.x.shape, generator=generator)
    x = torch.cat([speech.x, (speech.x + noise).clamp(-1, 1)])
    return Speech(x, speech.mouths.repeat(2, 1, 1), 2 * speech.words)


def chosen() -> dict:
    """Steps of a net, entries and smoothing of the table, on voices kept for it."""
    train, valid = speeches(N, seed=900), speeches(TESTED, seed=901)

    def error(model) -> float:
        return opening_error(model.predict(valid.x), valid.mouths).mean().item()

    nets = {str(k): error(net(train, 4, k, 0)) for k in STEPS}
    tables = {
        f"{e}, {s}": error(MouthTable(train.x, train.mouths, entries=e, smooth=s))
        for e in ENTRIES
        for s in SMOOTH
    }
    table = min(tables, key=tables.get)
    return {
        "net": nets,
        "table": tables,
        "steps": int(min(nets, key=nets.get)),
        "entries": int(table.split(", ")[0]),
        "smooth": int(table.split(", ")[1]),
    }


def measured(best: dict, seed: int) -> dict[str, dict]:
    train = speeches(N, seed=10 + seed)
    tests = {
        "clean": speeches(TESTED, seed=100 + seed),
        "noisy": speeches(TESTED, seed=100 + seed, noise=NOISE),
    }
    options = {"entries": best["entries"], "smooth": best["smooth"]}
    models = {"table": MouthTable(train.x, train.mouths, **options)}
    for wait in WAITS:
        models[f"net, {wait} frames"] = net(train, wait, best["steps"], seed)
    both = hissing(train, seed)
    models["table, noise learned"] = MouthTable(both.x, both.mouths, **options)
    models["net, 8 frames, noise learned"] = net(both, 8, best["steps"], seed)
    found = {}
    for name, model in models.items():
        began = time.perf_counter()
        model.predict(tests["clean"].x)
        each = (time.perf_counter() - began) / TESTED / tests["clean"].x.shape[1]
        row = {"wait": (model.lookahead * HOP + N_FFT / 2) / SAMPLE_RATE * 1_000}
        row["seconds_per_second"] = each * SAMPLE_RATE
        for kind, test in tests.items():
            figures = told(model.predict(test.x), test.mouths)
            row |= {f"{kind}_{k}": v for k, v in figures.items()}
        found[name] = row
    middle = (
        tests["clean"].mouths.mean(1, keepdim=True).expand_as(tests["clean"].mouths)
    )
    found["still"] = {"error": opening_error(middle, tests["clean"].mouths).mean()}
    found["still"]["error"] = found["still"]["error"].item()
    return found


def main() -> None:
    best = kept("presenter", "chosen", chosen)
    runs = [
        kept("presenter", f"seed {seed}", partial(measured, best, seed))
        for seed in SEEDS
    ]
    rows = []
    for name in [k for k in runs[0] if k != "still"]:
        own = [run[name] for run in runs]
        row = {"mouth": name} | summary(own)
        if name != "table" and len(runs) > 1:
            for kind in ("clean", "noisy"):
                key = f"{kind}_error"
                gain = student_gain(
                    [run["table"][key] for run in runs], [r[key] for r in own]
                )
                row[f"{kind}_gain"] = gain.mean
                row[f"{kind}_gain_interval"] = [gain.low, gain.high]
        rows.append(row)
    record(
        "presenter",
        rows,
        still=summary([run["still"] for run in runs]),
        chosen=best,
        data=f"made speech of vowels and pauses, {N} voices to learn from",
        split="other voices",
        n=f"{TESTED} speeches of 1.6 s a seed",
        metric="error: root mean square of the opening (0 to 1); late, off: mean of "
        "the delay in ms and of its size, by cross-correlation; wait: lookahead and "
        f"half a window; gains over the table; noise of {NOISE}",
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
