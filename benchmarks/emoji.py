"""Emoji by their Chinese names: does a name that was never drawn lead to its picture?

One picture is drawn for each name, held-out names and as many that were learned. A
judge that knows all 1,923 emoji, and learned to tell them apart from moved, blurred and
noisy copies, ranks all names for each drawn picture: how often is the right one among
the first ten? Guidance is chosen by learned names alone. The opponent draws nothing:
it returns the picture of the learned name that shares most characters. Stems, which
variants such as a man and a woman running share, are never on both sides.
"""

from __future__ import annotations

import csv
import json
import os
from functools import partial

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.data.catalog import lookup
from aigc_lib.data.readers.images import stem
from aigc_lib.data.store import obtain as files_of
from aigc_lib.metrics.intervals import bootstrap_interval, proportion_interval
from aigc_lib.models import edits
from aigc_lib.pipeline.pictures import as_redrawn, folder, obtain
from benchmarks.clothing import write
from benchmarks.record import kept, record

NAMES = int(os.environ.get("NAMES", 233))
STEPS, FIRST, ALL = 20, 10, 1_923
GUIDANCE = (1.0, 2.0, 3.0, 5.0)


def named(split: str, seed: int = 0) -> tuple[Tensor, list[int]]:
    """Pictures of some names and the numbers of those names."""
    data = aigc.data.load("openmoji", split=split)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    rows = order[:NAMES].sort().values
    return data.x[rows], data.y[rows].tolist()


def all_names() -> tuple[str, ...]:
    return lookup("openmoji").classes


def drawn(numbers: list[int], guidance: float, seed: int) -> Tensor:
    """One picture for each name, as it comes."""
    texts = [all_names()[k] for k in numbers]
    request = {"n": len(texts), "seed": seed, "labels": texts}
    request |= {"guidance": guidance, "steps": STEPS}
    (x,) = edits.sample_together(obtain("emoji"), [request])
    return edits.to_uint8(x)


def ranks(x: Tensor, numbers: list[int], among: list[int] | None = None) -> Tensor:
    """The place of the right name, 1 for the first, among all or among some."""
    scores = obtain("emoji_judge").probabilities(x)
    own = scores[torch.arange(len(x)), torch.tensor(numbers)]
    rivals = scores if among is None else scores[:, among]
    return (rivals > own[:, None]).sum(1) + 1


def share(hits: Tensor) -> dict[str, float]:
    low, high = proportion_interval(int(hits.sum()), len(hits))
    return {"share": hits.double().mean().item(), "from": low, "to": high}


def stems() -> list[str]:
    """The stem of each name, in the order of the card."""
    card = lookup("openmoji")
    with files_of(card)[1].open(encoding="utf-8", newline="") as file:
        return [stem(row["name_en"]) for row in csv.DictReader(file)]


def groups() -> list[str]:
    """The group of each name, in the order of the card."""
    card = lookup("openmoji")
    with files_of(card)[1].open(encoding="utf-8", newline="") as file:
        return [row["group"] for row in csv.DictReader(file)]


def by_stem(hits: Tensor, numbers: list[int]) -> dict[str, float]:
    """The same share where each stem counts once, with its bootstrap interval."""
    of = stems()
    each: dict[str, list[float]] = {}
    for hit, k in zip(hits.tolist(), numbers, strict=True):
        each.setdefault(of[k], []).append(float(hit))
    means = torch.tensor([sum(v) / len(v) for v in each.values()])
    low, high = bootstrap_interval(means, lambda v: v.mean())
    found = {"stems": len(means), "stem_share": means.mean().item()}
    return found | {"stem_from": low, "stem_to": high}


def row(name: str, x: Tensor, numbers: list[int]) -> dict:
    """All figures of one way to answer names."""
    found = ranks(x, numbers)
    hits = found <= FIRST
    within = ranks(x, numbers, numbers) <= FIRST
    of = groups()
    kinds = sorted({of[k] for k in numbers})
    figures = {"pictures": name, "names": len(numbers)} | share(hits)
    figures["first"] = (found == 1).double().mean().item()
    figures["median_rank"] = found.double().median().item()
    figures["among_these"] = within.double().mean().item()
    figures["among_these_by_chance"] = FIRST / len(numbers)
    figures["groups"] = {
        kind: share(hits[torch.tensor([of[k] == kind for k in numbers])])
        for kind in kinds
    }
    return figures | by_stem(hits, numbers)


def nearest(numbers: list[int]) -> Tensor:
    """The picture of the learned name that shares most characters with each name."""
    data, names = aigc.data.load("openmoji"), all_names()
    known = [set(names[k]) for k in data.y.tolist()]
    found = []
    for k in numbers:
        mine = set(names[k])
        alike = [len(mine & other) / len(mine | other) for other in known]
        found.append(data.x[max(range(len(alike)), key=alike.__getitem__)])
    return torch.stack(found)


def tried(guidance: float) -> dict:
    """One guidance, by learned names."""
    _, numbers = named("train", seed=1)
    hits = ranks(drawn(numbers, guidance, 1), numbers) <= FIRST
    found = {"guidance": guidance} | share(hits)
    print(found, flush=True)
    return found


def judged(guidance: float) -> list[dict]:
    """All rows, on names that guidance was not chosen by."""
    rows = []
    for split in ("train", "test"):
        real, numbers = named(split)
        kind = "learned" if split == "train" else "held out"
        torch.manual_seed(0)
        again = as_redrawn(real.float() / 127.5 - 1)
        x = drawn(numbers, guidance, 2)
        rows.append(row(f"drawn, {kind}", x, numbers))
        rows.append(row(f"real, moved and blurred, {kind}", again, numbers))
        if split == "test":
            rows.append(row("nearest learned name", nearest(numbers), numbers))
            some = torch.randperm(len(x), generator=torch.Generator().manual_seed(3))
            some = some[:20].sort().values
            names = [all_names()[numbers[k]] for k in some.tolist()]
            recipe = {"benchmark": "emoji", "names": names, "steps": STEPS, "seed": 2}
            both = torch.cat([x[some].view(2, 10, 3, 32, 32)], 0)
            below = real[some].view(2, 10, 3, 32, 32)
            sheet = torch.stack([both, below], 1).flatten(0, 2)
            large = sheet.repeat_interleave(2, 2).repeat_interleave(2, 3)
            write("emoji_sheet.png", large, 10, recipe)
            rows[-3]["shown"] = names
        for each in rows:
            print({k: v for k, v in each.items() if k not in ("groups", "shown")})
    return rows


def main() -> None:
    tries = [kept("emoji", f"guidance {g}", partial(tried, g)) for g in GUIDANCE]
    best = max(tries, key=lambda found: found["share"])["guidance"]
    rows = kept("emoji", "test", lambda: {"rows": judged(best)})["rows"]
    record(
        "emoji",
        rows,
        tries=tries,
        chosen=best,
        by_chance=FIRST / ALL,
        training={
            name: json.loads((folder() / f"{name}.json").read_text())
            for name in ("emoji", "emoji_judge")
        },
        data="openmoji",
        split="1,690 emoji to learn from; 233 names held out, stem by stem",
        n=f"{NAMES} names a row, one picture each",
        metric="share of pictures for which the judge ranks the right name among the "
        "first 10 of 1,923, Wilson's 95% interval",
        steps=STEPS,
        seeds=[2],
    )


if __name__ == "__main__":
    main()
