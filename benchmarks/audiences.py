"""One copy for each audience: learn for all at once, for each, or believe the writer.

Four audiences, four copies, each written for one of them, made-up click rates. What a
copy brings from everybody is drawn from a beta distribution of mean 2.5%. In the first
world an audience clicks twice as often on what was written for it, in the second on
what was written for the next one, in the third all audiences like the same. Every
policy that learns knows how rare clicks are (Beta(2, 78)); one believes besides that
the writer is right, as firmly as 80 visitors would tell.
"""

from __future__ import annotations

import os
import time

import numpy as np

from aigc_lib.decisions.bandit import Assigned, ThompsonPerSegment, play
from aigc_lib.metrics.intervals import paired_gain
from aigc_lib.simulators.clicks import Audience
from benchmarks.bandit import mean_interval
from benchmarks.record import record

VISITORS = int(os.environ.get("VISITORS", 10_000))
REPLICATIONS = 500
SHARES = (0.4, 0.3, 0.2, 0.1)
LIFT, USUAL = 2, (2, 78)
REFERENCE, EACH = "one for all", "one for each"


def worlds(replications: int) -> dict[str, np.ndarray]:
    """Rates (replications, S, K) of each world."""
    rng = np.random.default_rng(0)
    appeal = rng.beta(*USUAL, (replications, 1, len(SHARES)))
    alike = np.repeat(appeal, len(SHARES), axis=1)
    own = np.eye(len(SHARES)) * (LIFT - 1) + 1
    return {
        "each likes what was written for it": np.minimum(alike * own, 1),
        "each likes what was written for another": np.minimum(
            alike * np.roll(own, 1, axis=1), 1
        ),
        "all like the same": alike,
    }


def policies(replications: int) -> dict:
    """The rivals."""
    n = len(SHARES)
    usual = np.tile(USUAL, (n, n, 1))
    writer = usual.copy()
    writer[range(n), range(n)] = (USUAL[0] * LIFT, USUAL[1] - USUAL[0])
    many = {"replications": replications}
    return {
        REFERENCE: ThompsonPerSegment(n, 1, prior=USUAL, seed=1, **many),
        EACH: ThompsonPerSegment(n, n, prior=USUAL, seed=1, **many),
        "as written": Assigned(range(n), **many),
        "as written, but learns": ThompsonPerSegment(
            n, n, prior=writer, seed=1, **many
        ),
    }


def main() -> None:
    began = time.perf_counter()
    rows = []
    for world, rates in worlds(REPLICATIONS).items():
        games = {
            name: play(
                policy,
                Audience(rates, SHARES, replications=REPLICATIONS, seed=0),
                VISITORS,
                points=50,
            )
            for name, policy in policies(REPLICATIONS).items()
        }
        at = games[REFERENCE].at.tolist()
        early = at.index(VISITORS // 10)
        for name, game in games.items():
            row = {
                "world": world,
                "policy": name,
                "regret_early": game.path[early].mean(),
                "regret": game.regret.mean(),
                "regret_interval": mean_interval(game.regret),
                "wrong": game.wrong.mean(),
                "wrong_interval": mean_interval(game.wrong),
            }
            for figure, other in {"saved": REFERENCE, "saved_from_each": EACH}.items():
                if name != other:
                    saved = paired_gain(games[other].regret, game.regret)
                    row[figure] = saved.mean
                    row[f"{figure}_interval"] = [saved.low, saved.high]
            rows.append(row | {"path": game.path.mean(1).round(2).tolist()})
            print(world, name, {k: row[k] for k in ("regret_early", "regret", "wrong")})
    record(
        "audiences",
        rows,
        data="simulators.clicks.Audience: made up",
        n=REPLICATIONS,
        visitors=VISITORS,
        shares=list(SHARES),
        metric="regret in expected clicks against each audience's best copy, after "
        "a tenth of the visitors and after all, 95% bootstrap interval over "
        "replications; share of visitors for whom what is chosen in the end is not "
        "the best; differences are paired",
        reference=REFERENCE,
        path_at=at,
        seconds=time.perf_counter() - began,
        seeds=[0, 1],
    )


if __name__ == "__main__":
    main()
