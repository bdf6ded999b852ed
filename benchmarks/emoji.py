"""Emoji by their Chinese names: is what is drawn what the name says?

One picture is drawn for each name, held-out names and as many that were learned. No
network judges: one that tells apart classes of one picture each knows that picture and
orders all others at random. Pictures are compared by where their colours and edges
are (``metrics.pictures.looks``), which was fixed by real emoji alone, before a drawing
was compared: moved and blurred they find themselves, and the nearest emoji of another
stem is of the same kind far more often than by chance.

Two questions. The picture: how often is the right one among the ten of 1,923 that look
most like the drawing? The kind (faces, flags, animals ...): is the nearest real emoji,
those of the asked stem left out, of the kind that was asked for? Guidance is chosen by
learned names that are not judged. One opponent draws nothing: it returns the picture of
the learned name that shares most characters. Another judges the drawings by each
other's names. Stems, which variants such as a man and a woman running share, are never
on both sides of the split.
"""

from __future__ import annotations

import csv
import json
import os
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

import aigc_lib as aigc
from aigc_lib.data.augment import reframed, relit
from aigc_lib.data.catalog import lookup
from aigc_lib.data.readers.images import stem
from aigc_lib.data.store import obtain as files_of
from aigc_lib.metrics.intervals import (
    bootstrap_interval,
    paired_gain,
    proportion_interval,
)
from aigc_lib.metrics.pictures import looks
from aigc_lib.models import edits
from aigc_lib.pipeline.pictures import folder, obtain
from benchmarks.clothing import write
from benchmarks.record import kept, record

NAMES = int(os.environ.get("NAMES", 233))
STEPS, FIRST, ALL = 20, 10, 1_923
GUIDANCE = (1.0, 2.0, 3.0, 5.0)


def all_names() -> tuple[str, ...]:
    return lookup("openmoji").classes


@cache
def column(name: str) -> list[str]:
    """A column of the list of emoji, in the order of the card."""
    with files_of(lookup("openmoji"))[1].open(encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


@cache
def stems() -> Tensor:
    """The number of each emoji's stem, (ALL,)."""
    found = [stem(name) for name in column("name_en")]
    numbers = {name: k for k, name in enumerate(sorted(set(found)))}
    return torch.tensor([numbers[name] for name in found])


@cache
def kinds() -> Tensor:
    """The number of each emoji's group, (ALL,)."""
    names = sorted(set(column("group")))
    return torch.tensor([names.index(name) for name in column("group")])


@cache
def real() -> Tensor:
    """All emoji, uint8 (ALL, 3, 32, 32), in the order of the card."""
    x = torch.empty(ALL, 3, 32, 32, dtype=torch.uint8)
    for split in ("train", "test"):
        data = aigc.data.load("openmoji", split=split)
        x[data.y] = data.x
    return x


def distances(x: Tensor) -> Tensor:
    """How different pictures look from all emoji, (N, ALL)."""
    parts = zip(looks(x), looks(real()), strict=True)
    scaled = [(mine / theirs.std(), theirs / theirs.std()) for mine, theirs in parts]
    mine, theirs = (torch.cat(side, 1) for side in zip(*scaled, strict=True))
    return torch.cdist(mine, theirs)


def places(x: Tensor, numbers: Tensor) -> Tensor:
    """The place of the right picture among all, 1 for the nearest, (N,)."""
    d = distances(x)
    return (d < d.gather(1, numbers[:, None])).sum(1) + 1


def kind_of_nearest(x: Tensor, numbers: Tensor) -> Tensor:
    """The kind of the nearest emoji of other stems than those of the names, (N,)."""
    same = stems()[numbers][:, None] == stems()[None]
    return kinds()[distances(x).masked_fill(same, torch.inf).argmin(1)]


def among_its_kind(x: Tensor, numbers: Tensor) -> Tensor:
    """The share of the right picture's kind that is nearer than it is, (N,)."""
    same = kinds()[numbers][:, None] == kinds()[None]
    d = distances(x)
    nearer = (d < d.gather(1, numbers[:, None])) & same
    return nearer.sum(1) / (same.sum(1) - 1)


# ---- the pictures --------------------------------------------------------------------


def some(split: str, part: int = 0) -> Tensor:
    """The numbers of names: the first ``NAMES`` of a fixed order, or the next ones."""
    y = aigc.data.load("openmoji", split=split).y
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    return y[order[part * NAMES : (part + 1) * NAMES].sort().values]


def drawn(numbers: Tensor, guidance: float, seed: int) -> Tensor:
    """One picture for each name, as it comes."""
    texts = [all_names()[k] for k in numbers.tolist()]
    request = {"n": len(texts), "seed": seed, "labels": texts}
    request |= {"guidance": guidance, "steps": STEPS}
    (x,) = edits.sample_together(obtain("emoji"), [request])
    return edits.to_uint8(x)


def as_redrawn(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Move, light and blur pictures, and put noise on them, as a model might."""
    x = relit(reframed(x, 0.1, 5.0, 0.06, generator), 0.2, generator)
    soft = avg_pool2d(x, 3, stride=1, padding=1)
    share = torch.rand(len(x), 1, 1, 1, generator=generator)
    noise = torch.randn(x.shape, generator=generator)
    return (torch.lerp(x, soft, share) + 0.1 * share * noise).clamp(-1, 1)


def nearest(numbers: Tensor) -> Tensor:
    """The picture of the learned name that shares most characters with each name."""
    names = all_names()
    learned = aigc.data.load("openmoji").y.tolist()
    known = [set(names[k]) for k in learned]
    found = []
    for k in numbers.tolist():
        mine = set(names[k])
        alike = [len(mine & other) / len(mine | other) for other in known]
        found.append(learned[max(range(len(alike)), key=alike.__getitem__)])
    return real()[found]


# ---- the figures ---------------------------------------------------------------------


def share(hits: Tensor) -> dict[str, float]:
    low, high = proportion_interval(int(hits.sum()), len(hits))
    return {"share": hits.double().mean().item(), "from": low, "to": high}


def by_stem(hits: Tensor, numbers: Tensor) -> dict[str, float]:
    """The same share where each stem counts once, with its bootstrap interval."""
    each: dict[int, list[float]] = {}
    for hit, k in zip(hits.tolist(), stems()[numbers].tolist(), strict=True):
        each.setdefault(k, []).append(float(hit))
    means = torch.tensor([sum(v) / len(v) for v in each.values()])
    low, high = bootstrap_interval(means, lambda v: v.mean())
    return {"stems": len(means), "share": means.mean().item(), "from": low, "to": high}


def row(name: str, x: Tensor, numbers: Tensor) -> dict:
    """All figures of one way to answer names; "hits" are for the differences."""
    place = places(x, numbers)
    hits = {"first": place <= FIRST}
    hits["kind"] = kind_of_nearest(x, numbers) == kinds()[numbers]
    found = {"pictures": name, "names": len(numbers)}
    for what, hit in hits.items():
        shares = share(hit)
        found[what] = shares["share"]
        found[f"{what}_ends"] = shares | {"by_stem": by_stem(hit, numbers)}
    found["median_place"] = place.double().median().item()
    found["among_its_kind"] = among_its_kind(x, numbers).double().mean().item()
    asked = kinds()[numbers]
    found["groups"] = {
        sorted(set(column("group")))[k]: {
            what: share(hit[asked == k]) for what, hit in hits.items()
        }
        for k in asked.unique().tolist()
    }
    return found | {"hits": {what: hit.int().tolist() for what, hit in hits.items()}}


def of_measure() -> dict:
    """What the measure says of real emoji: every one of them."""
    numbers = torch.arange(ALL)
    torch.manual_seed(0)
    place = places(as_redrawn(real().float() / 127.5 - 1), numbers)
    right = kind_of_nearest(real(), numbers) == kinds()
    often = torch.bincount(kinds()).double() / ALL
    return {
        "emoji": ALL,
        "moved_and_blurred_first": share(place == 1),
        "moved_and_blurred_first_ten": share(place <= FIRST),
        "kind": share(right),
        "kind_by_chance": often.square().sum().item(),
        "first_ten_by_chance": FIRST / ALL,
    }


def tried(guidance: float) -> dict:
    """One guidance, by learned names that are not judged."""
    numbers = some("train", part=1)
    x = drawn(numbers, guidance, 1)
    found = {"guidance": guidance} | share(places(x, numbers) <= FIRST)
    found["kind"] = (kind_of_nearest(x, numbers) == kinds()[numbers]).float().mean()
    found["kind"] = found["kind"].item()
    print(found, flush=True)
    return found


def judged(guidance: float) -> dict:
    """All rows, on names that guidance was not chosen by."""
    rows = []
    for split, kind in (("train", "learned"), ("test", "held out")):
        numbers = some(split)
        x = drawn(numbers, guidance, 2)
        source = torch.Generator().manual_seed(1)
        others = numbers[torch.randperm(len(numbers), generator=source)]
        rows.append(row(f"drawn, {kind}", x, numbers))
        rows[-1]["shown"] = sheet(f"emoji_{split}.png", x, numbers)
        rows.append(row(f"drawn, names exchanged, {kind}", x, others))
        if split == "test":  # of learned names it would be the right picture
            rows.append(row("nearest learned name", nearest(numbers), numbers))
        rows.append(row(f"real, {kind}", real()[numbers], numbers))
    return {"rows": rows}


def sheet(name: str, x: Tensor, numbers: Tensor) -> list[str]:
    """Twenty drawings by lot, and below each the emoji that has the name."""
    lot = torch.randperm(len(x), generator=torch.Generator().manual_seed(3))
    lot = lot[:20].sort().values
    names = [all_names()[k] for k in numbers[lot].tolist()]
    sides = [v.view(2, 10, 3, 32, 32) for v in (x[lot], real()[numbers[lot]])]
    pictures = torch.stack(sides, 1).flatten(0, 2)
    large = pictures.repeat_interleave(2, 2).repeat_interleave(2, 3)
    recipe = {"benchmark": "emoji", "names": names, "steps": STEPS, "seed": 2}
    write(name, large, 10, recipe)
    return names


def differences(rows: list[dict]) -> dict:
    """What drawing gains over the opponents, paired by name, on both questions."""
    hits = {row["pictures"]: row["hits"] for row in rows}
    opponents = {
        "learned": {"exchanged": "drawn, names exchanged, learned"},
        "held out": {
            "exchanged": "drawn, names exchanged, held out",
            "nearest name": "nearest learned name",
        },
    }
    found: dict[str, dict] = {}
    for kind, others in opponents.items():
        for short, other in others.items():
            for what, own in hits[f"drawn, {kind}"].items():
                gain = paired_gain(own, hits[other][what])
                each = {"gain": gain.mean, "from": gain.low, "to": gain.high}
                found[f"{kind}, {what}, over {short}"] = each
    return found


def main() -> None:
    parts = partial(kept, "emoji")
    measure = parts("measure", of_measure)
    tries = [parts(f"guidance {g}", partial(tried, g)) for g in GUIDANCE]
    best = max(tries, key=lambda found: found["share"])["guidance"]
    rows = parts("test", partial(judged, best))["rows"]
    gains = differences(rows)
    rows = [{k: v for k, v in row.items() if k != "hits"} for row in rows]
    for each in rows:
        print({k: v for k, v in each.items() if k != "shown"})
    record(
        "emoji",
        rows,
        measure=measure,
        gains=gains,
        tries=tries,
        chosen=best,
        training=json.loads((folder() / "emoji.json").read_text("utf-8")),
        data="openmoji",
        split="1,690 emoji to learn from; 233 names held out, stem by stem",
        n=f"{NAMES} names a row, one picture each",
        metric="looks: colours and edges in 8 x 8 squares; differences paired by name, "
        "95% interval of the bootstrap",
        steps=STEPS,
        seeds=[2],
    )


if __name__ == "__main__":
    main()
