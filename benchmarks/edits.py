"""Do edits do what they promise? Masks, identity, classes, and one round of feedback.

Photographs of clothes that no model learned from are edited by the trained model of
``aigc_lib.pipeline.pictures``; the classifier that learned from real photographs says
what it sees before and after. Each edit has the opponent that costs nothing: a cross
fade for the walk, a flat colour for the painting, another picture of the class for the
change of class. Differences are paired by picture, with 95% intervals of the bootstrap.
``PICTURES=20`` is a quick try.
"""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn.functional import avg_pool2d

import aigc_lib as aigc
from aigc_lib.metrics.intervals import (
    bootstrap_interval,
    paired_gain,
    proportion_interval,
    student_gain,
)
from aigc_lib.models import edits
from aigc_lib.pipeline.pictures import obtain
from benchmarks.clothing import write
from benchmarks.record import kept, record

PICTURES = int(os.environ.get("PICTURES", 100))
STEPS, GUIDANCE, CLASSES = 20, 2.0, 10


def photographs() -> tuple[Tensor, Tensor]:
    """Test photographs that the judge takes for what they are, in [-1, 1]."""
    data, judge = aigc.data.load("clothing", split="test"), obtain("clothing_judge")
    right = judge.classify(data.x) == data.y
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    rows = order[right[order]][:PICTURES]
    return data.x[rows].float() / 127.5 - 1, data.y[rows]


def share(hits: Tensor) -> dict[str, float]:
    low, high = proportion_interval(int(hits.sum()), len(hits))
    return {"share": hits.double().mean().item(), "from": low, "to": high}


def mean(values: Tensor) -> dict[str, float]:
    low, high = bootstrap_interval(values, lambda v: v.mean())
    return {"mean": values.double().mean().item(), "from": low, "to": high}


def gain(new: Tensor, old: Tensor) -> dict[str, float]:
    found = paired_gain(new, old)
    return {"gain": found.mean, "from": found.low, "to": found.high}


def colours(x: Tensor) -> Tensor:
    """Where the colours are, coarsely: (N, 3, S, S) -> (N, 3, 8, 8)."""
    return avg_pool2d(x, x.shape[-1] // 8)


def apart(a: Tensor, b: Tensor) -> Tensor:
    """Distance of coarse colours, in levels of 255, (N,)."""
    return (colours(a) - colours(b)).abs().mean((1, 2, 3)) * 127.5


def detail(x: Tensor) -> Tensor:
    """How much fine structure there is: the mean step from pixel to pixel, (N,)."""
    down, across = x.diff(dim=2).abs(), x.diff(dim=3).abs()
    return (down.mean((1, 2, 3)) + across.mean((1, 2, 3))) * 127.5


# ---- one edit each -------------------------------------------------------------------


def inverted() -> dict:
    """Back to the noise and forth again: how far from the picture that it was?"""
    model, (x, y) = obtain("clothing"), photographs()
    coded = model.pictured(model.coded(x))
    again = edits.drawn_from(model, edits.noise_of(model, x, y), y)
    error, least = ((v - x).abs().mean((1, 2, 3)) * 127.5 for v in (again, coded))
    return {"levels": mean(error), "levels_of_codes_alone": mean(least)}


def painted() -> dict:
    """A square in the middle third is drawn anew."""
    model, judge, (x, y) = obtain("clothing"), obtain("clothing_judge"), photographs()
    source = np.random.default_rng(0)
    known = torch.ones(len(x), 1, 64, 64, dtype=torch.bool)
    for each in known:
        top, left = source.integers(16, 25, 2)
        each[:, top : top + 24, left : left + 24] = False
    made = edits.paint(model, x, known, y, seed=0, guidance=GUIDANCE, steps=STEPS)
    middle = (x * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
    flat = torch.where(known, x, middle)
    before, after = edits.to_uint8(x), edits.to_uint8(made)
    same = (before == after) | ~known
    kept_class = {
        name: judge.classify(v) == y for name, v in (("made", made), ("flat", flat))
    }
    recipe = {"benchmark": "edits", "edit": "paint", "steps": STEPS, "seed": 0}
    rows = torch.cat(
        [edits.to_uint8(v[:10]) for v in (x, torch.where(known, x, 1), made)]
    )
    write("edits_paint.png", rows, 10, recipe)
    return {
        "outside_unchanged": share(same.flatten(1).all(1)),
        "class_kept": share(kept_class["made"]),
        "class_kept_flat": share(kept_class["flat"]),
        "more_than_flat": gain(
            kept_class["made"].double(), kept_class["flat"].double()
        ),
        "seam": mean(seam(made, known)),
        "seam_of_photograph": mean(seam(x, known)),
        "seam_flat": mean(seam(flat, known)),
    }


def seam(x: Tensor, known: Tensor) -> Tensor:
    """The mean step across the edge of the mask, in levels of 255, (N,)."""
    edge = (known[:, :, :, 1:] != known[:, :, :, :-1]).double()
    steps = x.diff(dim=3).abs().mean(1, keepdim=True) * 127.5
    return (steps * edge).sum((1, 2, 3)) / edge.sum((1, 2, 3))


def varied(strength: float) -> dict:
    """Relatives of each photograph."""
    model, judge, (x, y) = obtain("clothing"), obtain("clothing_judge"), photographs()
    made = torch.cat(
        [
            edits.vary(
                model, a[None], strength, 1, b, seed=k, guidance=GUIDANCE, steps=STEPS
            )
            for k, (a, b) in enumerate(zip(x, y.tolist(), strict=True))
        ]
    )
    other = x.roll(1, 0)
    found = {"edit": "vary", "strength": strength}
    found |= {"class_kept": share(judge.classify(made) == y)}
    found |= {"colours_apart": mean(apart(made, x))}
    found["nearer_than_another_picture"] = gain(apart(other, x), apart(made, x))
    return found


def changed(strength: float) -> dict:
    """Each photograph becomes one of the next class that it is not."""
    model, judge, (x, y) = obtain("clothing"), obtain("clothing_judge"), photographs()
    new = (y + 1 + torch.arange(len(y)) % (CLASSES - 1)) % CLASSES
    made = edits.change_class(model, x, y, new, strength, guidance=3.0, steps=STEPS)
    request = {"n": len(x), "seed": 0, "labels": new, "guidance": 3.0, "steps": STEPS}
    (fresh,) = edits.sample_together(model, [request])
    if strength == 0.8:
        recipe = {"benchmark": "edits", "edit": "change", "strength": strength}
        rows = torch.cat([edits.to_uint8(v[:10]) for v in (x, made)])
        write("edits_change.png", rows, 10, recipe)
    found = {"edit": "change", "strength": strength}
    found |= {"class_changed": share(judge.classify(made) == new)}
    found |= {"colours_apart": mean(apart(made, x))}
    found["nearer_than_a_fresh_one"] = gain(apart(fresh, x), apart(made, x))
    return found


def walked() -> dict:
    """Half way between two photographs: a picture, or two that shine through?"""
    model, judge, (x, y) = obtain("clothing"), obtain("clothing_judge"), photographs()
    n = len(x) // 2 if len(x) >= 40 else len(x) - 1
    ways = [
        edits.walk(
            model, x[k : k + 1], x[k + 1 : k + 2], 5, (y[k].item(), y[k + 1].item())
        )
        for k in range(n)
    ]
    ways = torch.stack(ways)  # (n, 5, 3, 64, 64)
    half, faded = ways[:, 2], (x[:n] + x[1 : n + 1]) / 2
    ends = (detail(x[:n]) + detail(x[1 : n + 1])) / 2
    sure = [judge.probabilities(v).max(1).values for v in (half, faded)]
    exact = (ways[:, 0] == x[:n]).flatten(1).all(1)
    recipe = {"benchmark": "edits", "edit": "walk"}
    write("edits_walk.png", edits.to_uint8(ways[:4].flatten(0, 1)), 5, recipe)
    return {
        "ends_exact": share(exact),
        "detail_half_way": mean(detail(half) / ends),
        "detail_faded": mean(detail(faded) / ends),
        "judge_sure_half_way": mean(sure[0]),
        "judge_sure_faded": mean(sure[1]),
        "surer_than_faded": gain(sure[0], sure[1]),
    }


def moved() -> dict:
    """A direction from dark clothes to bright ones, tried on photographs not in it."""
    model, (x, y) = obtain("clothing"), photographs()
    train = aigc.data.load("clothing", split="validation")
    centre = train.x[:, :, 20:44, 20:44].float().mean((1, 2, 3))
    order = centre.argsort()
    dark, bright = order[:32], order[-32:]
    sides = [train.x[rows].float() / 127.5 - 1 for rows in (bright, dark)]
    way = edits.direction(model, *sides, (train.y[bright], train.y[dark]))

    def brightness(v: Tensor) -> Tensor:
        return v[:, :, 20:44, 20:44].mean((1, 2, 3)) * 127.5

    judge, found = obtain("clothing_judge"), {}
    for name, amount in {"minus_one": -1.0, "half": 0.5, "one": 1.0}.items():
        made = edits.move(model, x, way, amount, y)
        found[name] = {
            "brighter_by": mean(brightness(made) - brightness(x)),
            "class_kept": share(judge.classify(made) == y),
        }
    return found


# ---- one round of feedback -----------------------------------------------------------


def liked(x: Tensor, source: np.random.Generator) -> np.ndarray:
    """Thumbs of a simulated customer: warm colours, and one in ten by mistake."""
    warm = (x[:, 0] - x[:, 2])[:, 16:48, 16:48].mean((1, 2)).numpy() > 0.05
    return warm ^ (source.random(len(x)) < 0.1)


def fed_back(seed: int) -> dict:
    """240 thumbs train a ranking; then the best of four is shown instead of any."""
    model, judge = obtain("clothing"), obtain("clothing_judge")
    source = np.random.default_rng(seed)

    def fresh(n: int, first: int) -> Tensor:
        request = {"n": n, "seed": first, "guidance": GUIDANCE, "steps": 10}
        request["labels"] = torch.arange(n) // 4 % CLASSES
        return edits.sample_together(model, [request])[0]

    seen = fresh(240, 10 * seed + 1)
    ranking = LogisticRegression(C=0.1, max_iter=2_000)
    ranking.fit(judge.features(seen).numpy(), liked(seen, source))
    new = fresh(400, 10 * seed + 2)
    scores = ranking.predict_proba(judge.features(new).numpy())[:, 1].reshape(100, 4)
    thumbs = liked(new, source).reshape(100, 4)
    best = thumbs[np.arange(100), scores.argmax(1)]
    any_of = thumbs[:, 0]
    return {"ranked": best.mean().item(), "any": any_of.mean().item()}


def main() -> None:
    parts = partial(kept, "edits")
    rows = [parts(f"vary {s}", partial(varied, s)) for s in (0.3, 0.5, 0.7)]
    rows += [parts(f"change {s}", partial(changed, s)) for s in (0.6, 0.8, 0.95)]
    rounds = [parts(f"feedback {seed}", partial(fed_back, seed)) for seed in range(5)]
    found = student_gain([r["ranked"] for r in rounds], [r["any"] for r in rounds])
    record(
        "edits",
        rows,
        inverted=parts("inverted", inverted),
        painted=parts("painted", painted),
        walked=parts("walked", walked),
        moved=parts("moved", moved),
        feedback={
            "rounds": rounds,
            "gain": found.mean,
            "from": found.low,
            "to": found.high,
            "ranked": sum(r["ranked"] for r in rounds) / 5,
            "any": sum(r["any"] for r in rounds) / 5,
        },
        data="clothing, test photographs that the judge takes for what they are",
        n=PICTURES,
        metric="shares with Wilson's 95% interval; means and paired differences with "
        "that of the bootstrap; five rounds of feedback with Student's t",
        steps=STEPS,
        guidance=GUIDANCE,
        seeds=[0, 1, 2, 3, 4],
    )


if __name__ == "__main__":
    main()
