"""Molecules as strings: what is valid, different, new, and like those learned from.

A grammar that counts valences, and a GPT that learns from 150,000 molecules of MOSES in
Kekulé form: a number of steps, whose processor time is told, on one thread. Each writes
``N`` strings, judged by RDKit. The GPT also writes under the rule that no valence is
exceeded and no ring stays open. Three seeds. ``molecule_baselines`` has other models,
``molecules_longer`` the GPT after five minutes. ``STEPS=20 N=100 LEARN=2000`` is a
quick try.
"""

from __future__ import annotations

import os
import time
from functools import cache

import numpy as np
import torch

import aigc_lib as aigc
from aigc_lib.codecs.molecules import END, Atoms, Valences, signs
from aigc_lib.codecs.tokens import Windows
from aigc_lib.data.made.molecules import random_molecules
from aigc_lib.data.samples import Part
from aigc_lib.files import replacing
from aigc_lib.metrics import molecules as chemistry
from aigc_lib.metrics.intervals import proportion_interval
from aigc_lib.models import GPT
from benchmarks.record import ROOT, in_turns, record, seeds, summary

STEPS, N = int(os.environ.get("STEPS", 1_100)), int(os.environ.get("N", 10_000))
SEEDS, LOOKED_AT = seeds(3), 2_000
LEARN = int(os.environ.get("LEARN", 150_000))
ROOM = 58
NET = {"context": ROOM, "depth": 3, "heads": 5, "width": 160, "learning_rate": 5e-3}
WAYS = {"GPT": {}, "GPT, valences kept": {"keeps": True}}  # by what it may write


@cache
def texts(split: str) -> tuple[str, ...]:
    return aigc.data.load("molecules", split=split).texts[:LEARN]


@cache
def learned() -> tuple[tuple[str, ...], Atoms]:
    """Return what all learn from, in Kekulé form, and the signs that it is made of."""
    path = ROOT / "_build" / "bench" / f"kekule_{LEARN}.txt"
    if not path.exists():  # it takes minutes, and an interrupted run needs it again
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            lines = map(chemistry.kekule, texts("train"))
            temporary.write_text("\n".join(lines), "utf-8")
    lines = tuple(path.read_text("utf-8").splitlines())
    return lines, Atoms.train(lines)


@cache
def held_out() -> list[str]:
    """Return test molecules whose signs were learned, in Kekulé form."""
    lines, signs_of = map(chemistry.kekule, texts("test")[:LOOKED_AT]), learned()[1]
    return [one for one in lines if signs_of.numbers.keys() >= set(signs(one))]


@cache
def known() -> frozenset[str]:
    return frozenset(texts("train"))


@cache
def references() -> dict[str, object]:
    """Return what held-out molecules are like."""
    return {
        "properties": chemistry.properties(texts("test")[:LOOKED_AT]),
        "scaffolds": {chemistry.scaffold(one) for one in texts("train")[::5]},
    }


def judged(made: list[str], seconds: float, writing: float) -> dict[str, float]:
    """Judge strings; properties and scaffolds by the first that are valid."""
    found = chemistry.judge(made, known())
    valid = [one for one in map(chemistry.canonical, made[: 2 * LOOKED_AT]) if one]
    valid = valid[:LOOKED_AT]
    if len(valid) > 1:
        own = chemistry.properties(valid)
        far = chemistry.property_distance(own, references()["properties"])
        found |= {f"distance_{name}": value for name, value in far.items()}
        found["distance"] = float(np.mean([*far.values()]))
        found["diversity"] = chemistry.diversity(chemistry.fingerprints(valid))
        rings = [s for s in map(chemistry.scaffold, valid) if s]
        new = sum(s not in references()["scaffolds"] for s in rings)
        found["new_scaffolds"] = new / max(1, len(rings))
    return found | {"seconds": seconds, "seconds_writing": writing}


def learned_gpt(
    seed: int, steps: int = STEPS, ema: float | None = None
) -> tuple[GPT, Atoms, float]:
    """Teach a GPT runs of tokens, each from the beginning of a molecule."""
    aigc.start(seed=seed)
    lines, tokenizer = learned()
    tokens = tokenizer.encode(END + END.join(lines) + END)
    runs = Windows(tokens, NET["context"] + 1)
    starts = (tokens[: len(runs)] == tokenizer.end_token(END)).nonzero()[:, 0]
    model = GPT(tokenizer, optimizer="muon", **NET)
    began = time.process_time()
    aigc.fit(
        model,
        Part(runs, starts),
        steps=steps,
        batch_size=32,
        cooldown=0.5,
        ema=ema,
        seed=seed,
    )
    return model, tokenizer, time.process_time() - began


def measure(method: str, seed: int) -> dict[str, dict]:
    """Judge what one method writes; of the GPT every way of writing."""
    if method == "grammar":
        return {method: judged([*random_molecules(N, 1_000 + seed)], 0.0, 0.0)}
    return by_ways(learned_gpt(seed), seed, WAYS)


def by_ways(
    taught: tuple[GPT, Atoms, float], seed: int, ways: dict[str, dict]
) -> dict[str, dict]:
    """Judge what a GPT of ``learned_gpt`` writes in every way."""
    model, tokenizer, took = taught
    rows = [tokenizer.encode(END + one + END) for one in held_out()]
    runs = torch.full((len(rows), max(map(len, rows))), -1)
    for run, row in zip(runs, rows, strict=True):
        run[: len(row)] = row
    nats = model.nats_per_token(runs)
    found = {}
    for way, options in ways.items():
        began = time.process_time()
        made = written(model, tokenizer, seed, **options)
        writing = time.process_time() - began
        found[way] = judged(made, took, writing) | {"nats_per_token": nats}
        print(way, {k: round(v, 4) for k, v in found[way].items()}, flush=True)
    return found


def written(
    model: GPT,
    tokenizer: Atoms,
    seed: int,
    *,
    n: int = N,
    keeps: bool = False,
    **sampling,
) -> list[str]:
    """Let the GPT write ``n`` strings; what does not end is cut at ``ROOM``."""
    end, found = tokenizer.end_token(END), []
    for part in range(0, n, 1_000):
        rows = model.generate(
            torch.full((min(1_000, n - part), 1), end),
            ROOM,
            seed=1_000 * seed + part,
            stop_token=end,
            constraint=Valences(tokenizer, ROOM) if keeps else None,
            **sampling,
        )
        found += [tokenizer.decode(row[1:]).partition(END)[0] for row in rows]
    return found


def summarised(runs: dict[str, list[dict]]) -> list[dict]:
    """Return a row for each way of writing, over its seeds."""
    rows = []
    for answers in runs.values():
        for way in answers[0]:
            row = {"method": way, **summary([answer[way] for answer in answers])}
            hits = sum(round(a[way]["valid"] * N) for a in answers)
            row["valid_interval"] = proportion_interval(hits, N * len(answers))
            rows.append(row)
    return rows


FACTS = {
    "data": "molecules: 150,000 of MOSES train, compared with 2,000 of its test part",
    "n": N,
    "metric": "valid: RDKit reads it; unique among the valid; new: not among the "
    "150,000, by canonical SMILES; useful: new and different, of all strings; "
    "distance: mean over weight, log P, QED, rings of Wasserstein distance / "
    "standard deviation; new_scaffolds: not among those of 30,000 learned ones",
    "seeds": list(SEEDS),
}


def main() -> None:
    rows = summarised(in_turns("molecules", ["GPT", "grammar"], SEEDS, measure))
    record("molecules", rows, **FACTS, net=NET, steps=STEPS)


if __name__ == "__main__":
    main()
