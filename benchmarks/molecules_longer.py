"""Molecules by the GPT of ``benchmarks.molecules`` after five minutes of one thread.

The same net, data, rates and seeds. The weights that write are averaged over fewer
steps than `fit` does unless told: over 2 % of the run, not a ninth. It writes from what
it has learned, and at a temperature of 0.8; no rule of valences helps it. Both ways of
writing were set before what they write was judged.
"""

from __future__ import annotations

from benchmarks.molecules import FACTS, NET, SEEDS, by_ways, learned_gpt, summarised
from benchmarks.record import in_turns, record

STEPS, EMA = 2_300, 0.98
NAME = "GPT, five minutes"
WAYS = {NAME: {}, f"{NAME}, temperature 0.8": {"temperature": 0.8}}


def measure(method: str, seed: int) -> dict[str, dict]:
    """Judge what the GPT of one seed writes."""
    return by_ways(learned_gpt(seed, STEPS, EMA), seed, WAYS)


def main() -> None:
    rows = summarised(in_turns("molecules_longer", [NAME], SEEDS, measure))
    record("molecules_longer", rows, **FACTS, net=NET, steps=STEPS, ema=EMA)


if __name__ == "__main__":
    main()
