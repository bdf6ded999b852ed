"""Molecules by the GPT of ``benchmarks.molecules`` after five minutes of one thread.

The same net, data, rates and seeds. The weights that write are averaged over fewer
steps than `fit` does unless told: over 2 % of the run, not a ninth. It writes from what
it has learned; at a temperature of 0.8; at the highest temperature of which ``WANTED``
of ``TRIED`` strings, which are not judged again, are valid; and under the rule of
valences. All were set before what they write was judged. ``STEPS=20 N=100 LEARN=2000``
is a quick try.
"""

from __future__ import annotations

import os

from aigc_lib.metrics import molecules as chemistry
from benchmarks.molecules import (
    FACTS,
    NET,
    SEEDS,
    by_ways,
    learned_gpt,
    summarised,
    written,
)
from benchmarks.record import in_turns, record

STEPS, EMA = int(os.environ.get("STEPS", 2_300)), 0.98
TEMPERATURES = (0.8, 0.7, 0.6, 0.5, 0.4)
TRIED, WANTED = 1_000, 0.985
NAME = "GPT, five minutes"
FIXED = {
    NAME: {},
    f"{NAME}, temperature 0.8": {"temperature": 0.8},
    f"{NAME}, valences kept": {"keeps": True},
}
CHOSEN = f"{NAME}, temperature chosen"


def measure(method: str, seed: int) -> dict[str, dict]:
    """Judge what the GPT of one seed writes."""
    taught = learned_gpt(seed, STEPS, EMA)
    chosen = valid_at(*taught[:2], seed=500 + seed)
    found = by_ways(taught, seed, FIXED | {CHOSEN: {"temperature": chosen}})
    found[CHOSEN]["temperature"] = chosen
    return found


def valid_at(model, tokenizer, *, seed: int) -> float:
    """Return the highest temperature that writes as many valid strings as wanted."""
    for temperature in TEMPERATURES:
        made = written(model, tokenizer, seed, n=TRIED, temperature=temperature)
        if chemistry.judge(made, frozenset())["valid"] >= WANTED:
            break
    return temperature


def main() -> None:
    rows = summarised(in_turns("molecules_longer", [NAME], SEEDS, measure))
    record(
        "molecules_longer",
        rows,
        **FACTS,
        net=NET,
        steps=STEPS,
        ema=EMA,
        wanted=WANTED,
        tried=TRIED,
    )


if __name__ == "__main__":
    main()
