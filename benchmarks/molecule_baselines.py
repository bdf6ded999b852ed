"""Molecules by Markov chains and by a VAE of strings, judged as those of the GPT.

All learn from what the GPT of ``benchmarks.molecules`` learns from. The VAE takes as
much processor time, roughly: it is told. Its batches are as large, its steps end as
slowly, and its KL term enters during the first half of them. ``STEPS=20 N=100
LEARN=2000`` is a quick try.
"""

from __future__ import annotations

import time

import numpy as np

import aigc_lib as aigc
from aigc_lib.codecs.molecules import END
from aigc_lib.models import StringVAE
from aigc_lib.models.markov import MarkovText
from benchmarks.molecules import (
    FACTS,
    SEEDS,
    STEPS,
    N,
    held_out,
    judged,
    learned,
    summarised,
)
from benchmarks.record import in_turns, record

VAE_STEPS = max(2, STEPS * 4 // 3)  # each takes less time
ORDERS = (3, 6, 9, 12)
CHAINS = {f"Markov chain of order {order}": order for order in ORDERS}


def measure(method: str, seed: int) -> dict[str, dict]:
    """Teach one method and judge what it writes."""
    lines, tokenizer = learned()
    if method == "VAE":
        aigc.start(seed=seed)
        model = StringVAE(tokenizer, warm_up=VAE_STEPS // 2)
        rows = model.rows(lines)
        began = time.process_time()
        aigc.fit(model, rows, steps=VAE_STEPS, batch_size=32, cooldown=0.5, seed=seed)
        took, began = time.process_time() - began, time.process_time()
        made = model.sample(N, seed=seed)
        writing = time.process_time() - began
        again = model.decode(model.encode(held_out()), temperature=0)
        same = np.mean([a == b for a, b in zip(again, held_out(), strict=True)])
        return {method: judged(made, took, writing) | {"reconstructed": float(same)}}
    rows = [tokenizer.encode(one).tolist() for one in lines]
    began = time.process_time()
    model = MarkovText(rows, order=CHAINS[method], end=tokenizer.end_token(END))
    took, began = time.process_time() - began, time.process_time()
    made = [tokenizer.decode(row) for row in model.sample(N, seed=seed)]
    return {method: judged(made, took, time.process_time() - began)}


def main() -> None:
    runs = in_turns("molecule_baselines", [*CHAINS, "VAE"], SEEDS, measure)
    record("molecule_baselines", summarised(runs), **FACTS, steps=VAE_STEPS)


if __name__ == "__main__":
    main()
