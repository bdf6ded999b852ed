"""Five creatives, 10,000 visitors: bandits beside A/B tests, by made-up click rates.

All policies meet the same visitors, in ``REPLICATIONS`` games of each world, all at
once. Regret is the number of clicks that the best creative would have brought more, in
expectation; a winner is wrong if another creative has a higher rate. Worlds: one
creative is twice as good; five lie close together; rates as a beta distribution of mean
2.5% draws them. In the first two the last creative is the best, and the first is the
control of the A/B tests. Seconds are those of one processor.
"""

from __future__ import annotations

import os
import time

import numpy as np

from aigc_lib.decisions.bandit import UCB1, EpsilonGreedy, Thompson, play
from aigc_lib.decisions.experiment import ABTest, sample_size
from aigc_lib.metrics.intervals import (
    bootstrap_interval,
    paired_gain,
    proportion_interval,
)
from aigc_lib.simulators.clicks import Creatives
from benchmarks.record import record

VISITORS, ARMS = int(os.environ.get("VISITORS", 10_000)), 5
REPLICATIONS = 500
REFERENCE = "A/B test, half of the visitors"


def worlds() -> dict[str, np.ndarray]:
    """Rates (REPLICATIONS, ARMS) of each world."""
    drawn = np.random.default_rng(0).beta(2, 78, (REPLICATIONS, ARMS))
    fixed = {
        "one is twice as good": [0.02, 0.02, 0.02, 0.02, 0.04],
        "close together": [0.020, 0.022, 0.024, 0.026, 0.028],
    }
    fixed = {k: np.tile(rates, (REPLICATIONS, 1)) for k, rates in fixed.items()}
    return fixed | {"drawn from a beta distribution": drawn}


def policies(replications: int) -> dict:
    """The rivals; an A/B test needs no luck."""
    many = {"replications": replications}
    lucky = many | {"seed": 1}
    each = {share: int(share * VISITORS) // ARMS for share in (0.2, 0.5, 1.0)}
    return {
        "Thompson sampling": Thompson(ARMS, **lucky),
        "UCB1": UCB1(ARMS, **lucky),
        "UCB1, a tenth as wide": UCB1(ARMS, width=0.1, **lucky),
        "epsilon-greedy, 10%": EpsilonGreedy(ARMS, 0.1, **lucky),
        "A/B test, a fifth of the visitors": ABTest(ARMS, each[0.2], **many),
        REFERENCE: ABTest(ARMS, each[0.5], **many),
        "A/B test, half, the highest wins": ABTest(
            ARMS, each[0.5], alpha=None, **lucky
        ),
        "A/B test, all visitors": ABTest(ARMS, each[1.0], **many),
    }


def mean_interval(values: np.ndarray) -> list[float]:
    """A 95% bootstrap interval of the mean over replications."""
    return list(bootstrap_interval(values, lambda rows: rows.mean().item()))


def main() -> None:
    began = time.process_time()
    made = worlds()
    rates = np.concatenate(list(made.values()))
    played, seconds = {}, {}
    for name, policy in policies(len(rates)).items():
        start = time.process_time()
        world = Creatives(rates, replications=len(rates), seed=0)
        played[name] = play(policy, world, VISITORS, points=50)
        seconds[name] = time.process_time() - start
        print(f"{name}: {seconds[name]:.1f} s", flush=True)
    rows = []
    for i, world in enumerate(made):
        own = slice(i * REPLICATIONS, (i + 1) * REPLICATIONS)
        base = played[REFERENCE].regret[own]
        for name, game in played.items():
            regret, wrong = game.regret[own], int(game.wrong[own].sum())
            row = {"world": world, "policy": name, "regret": regret.mean()}
            row["regret_interval"] = mean_interval(regret)
            row["wrong_winner"] = wrong / REPLICATIONS
            row["wrong_winner_interval"] = list(
                proportion_interval(wrong, REPLICATIONS)
            )
            if name != REFERENCE:
                saved = paired_gain(base, regret)
                row["saved_against_reference"] = saved.mean
                row["saved_interval"] = [saved.low, saved.high]
            row["seconds_all_worlds"] = seconds[name]
            row["path"] = game.path[:, own].mean(1).round(2).tolist()
            rows.append(row)
            print(world, name, {k: row[k] for k in ("regret", "wrong_winner")})
    took = time.process_time() - began
    print(f"{took:.1f} s")
    record(
        "bandit",
        rows,
        data="simulators.clicks.Creatives: made up",
        n=REPLICATIONS,
        visitors=VISITORS,
        metric="regret in expected clicks, 95% bootstrap interval over replications; "
        "share of wrong winners, 95% Wilson interval; differences are paired",
        reference=REFERENCE,
        path_at=next(iter(played.values())).at.tolist(),
        visitors_that_a_test_needs={
            "2% against 4%, each": sample_size(0.02, 0.02, comparisons=ARMS - 1),
            "2.0% against 2.8%, each": sample_size(0.02, 0.008, comparisons=ARMS - 1),
        },
        seconds=took,
        seeds=[0, 1],
    )


if __name__ == "__main__":
    main()
