"""The clothes that the image platform starts with: are they what was asked for?

The trained model of ``aigc_lib.pipeline.pictures`` draws all ten classes; a classifier
that learned from real photographs says what it sees. How well that one does on real
photographs that nobody learned from stands beside it. Guidance is chosen by the
validation photographs: the least distance among those that obey as often as a shop
asks. Everything is judged once by the test photographs. Copies are looked for by the
distances of ``metrics.memorisation``, and by ``copies``: is a picture near to one
training photograph, and much less near to the next ones? The drawn pictures that are
nearest to one are shown above it. ``PICTURES=100`` is a quick try.
"""

from __future__ import annotations

import json
import math
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.codecs.recipe import png
from aigc_lib.files import replacing
from aigc_lib.metrics.intervals import proportion_interval
from aigc_lib.metrics.memorisation import nearest_distances
from aigc_lib.metrics.pictures import quality
from aigc_lib.models import edits
from aigc_lib.pipeline.pictures import folder, obtain
from benchmarks.record import ROOT, kept, record

PICTURES = int(os.environ.get("PICTURES", 1_000))
CHOOSING, STEPS, CLASSES = 300, 20, 10
ASKED = 0.7  # what a shop asks for: the share of pictures that are of the class
GUIDANCE = (1.0, 1.5, 2.0, 3.0, 4.0)
NEXT = 20  # photographs that the nearest one is compared with
PLANTED = 300  # copies that are made on purpose


def share(hits: Tensor) -> dict[str, float]:
    low, high = proportion_interval(int(hits.sum()), len(hits))
    return {"share": hits.double().mean().item(), "from": low, "to": high}


def load(split: str) -> aigc.data.Dataset:
    return aigc.data.load("clothing", split=split)


def balanced(right: Tensor, labels: Tensor) -> float:
    """The mean over classes of the share that is right."""
    each = [right[labels == k].double().mean() for k in range(CLASSES)]
    return torch.stack(each).mean().item()


def drawn(guidance: float, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw n pictures, equally many of each class, as they come: uint8 and labels."""
    labels = torch.arange(CLASSES).repeat(n // CLASSES)
    request = {"n": n, "seed": seed, "labels": labels}
    request |= {"guidance": guidance, "steps": STEPS}
    (x,) = edits.sample_together(obtain("clothing"), [request])
    return edits.to_uint8(x), labels


def of_judge() -> dict:
    """How well the judge does on real photographs."""
    judge, found = obtain("clothing_judge"), {}
    for split in ("train", "validation", "test"):
        data = load(split)
        right = judge.classify(data.x) == data.y
        found[split] = share(right) | {"balanced": balanced(right, data.y)}
    return found


def tried(guidance: float) -> dict:
    """What one guidance gives, by the validation photographs."""
    judge, (x, labels) = obtain("clothing_judge"), drawn(guidance, CHOOSING, 1)
    real = {split: judge.features(load(split).x) for split in ("train", "validation")}
    found = {"guidance": guidance} | share(judge.classify(x) == labels)
    found |= quality(real["train"], real["validation"], judge.features(x))
    print(found, flush=True)
    return found


def judged(guidance: float) -> dict:
    """The final figures, by the test photographs, with new noise."""
    judge, (train, test) = obtain("clothing_judge"), map(load, ("train", "test"))
    began = time.perf_counter()
    x, labels = drawn(guidance, PICTURES, 2)
    seconds = (time.perf_counter() - began) / PICTURES
    seen = judge.classify(x)
    right = seen == labels
    found = share(right) | {"seconds_a_picture": seconds}
    found["classes"] = {
        name: share(right[labels == k]) for k, name in enumerate(train.classes)
    }
    of_train, of_test, of_drawn = (judge.features(v) for v in (train.x, test.x, x))
    found |= {"quality": quality(of_train, of_test, of_drawn)}
    # pixels, mirror images too: a copy in pixels would be a copy in any features
    both = torch.cat([train.x, train.x.flip(-1)]).float().flatten(1) / 255
    near = nearest_distances(x.float().flatten(1) / 255, both)
    chance = nearest_distances(test.x.float().flatten(1) / 255, both)
    nearer = int((near < chance.min()).sum())
    found["pixels"] = {
        "nearest": near.min().item(),
        "nearest_of_test": chance.min().item(),
        "median": near.median().item(),
        "median_of_test": chance.median().item(),
        "copies": nearer,
        "chance": as_many(nearer, len(x), len(test.x)),
    }
    found["copies"] = copies(x, test.x, planted(train.x), train.x)
    sheets(x, near, both)
    return found


def copies(x: Tensor, test: Tensor, known: Tensor, photographs: Tensor) -> dict:
    """Which of the drawn pictures ``x`` are copies of one of the ``photographs``?

    Those that are ``alone`` with it more than any ``test`` photograph, which nobody
    learned from, is with its own; ``chance`` is that of ``as_many``. ``found`` is the
    share that the same line finds of ``known``, copies on purpose.
    """
    near, of_test, of_known = (alone(some, photographs) for some in (x, test, known))
    line = of_test.min()
    n = int((near < line).sum())
    return {
        "n": n,
        "chance": as_many(n, len(x), len(test)),
        "line": line.item(),
        "least": near.min().item(),
        "found": share(of_known < line),
        "greatest_known": of_known.max().item(),
    }


def alone(x: Tensor, photographs: Tensor) -> Tensor:
    """How much nearer the nearest photograph lies than the next ones: (N,) in [0, 1].

    Pictures are (N, 3, S, S) uint8. Distances are those of pixels, to a photograph or
    its mirror image; the least is divided by the mean of the ``NEXT``. A copy gets 0, a
    plain or blurred picture, which is near to many photographs alike, nearly 1.

    Source: Carlini et al. 2023, who compare a distance with others in this way.
    """
    every = (x, photographs, photographs.flip(-1))
    x, straight, mirrored = (some.float().flatten(1) / 255 for some in every)
    far = torch.minimum(torch.cdist(x, straight), torch.cdist(x, mirrored))
    near = far.topk(NEXT + 1, largest=False).values
    return near[:, 0] / near[:, 1:].mean(1)


def as_many(k: int, m: int, n: int) -> float:
    """The chance that the k least of m + n numbers alike are all among the m."""
    return math.prod((m - i) / (m + n - i) for i in range(k))


def planted(photographs: Tensor) -> Tensor:
    """Copies on purpose, every second one mirrored: what comes out of the codes.

    A flow that had learned its photographs by heart would draw just these.
    """
    some = torch.randperm(len(photographs), generator=torch.Generator().manual_seed(3))
    some = photographs[some[:PLANTED]]
    some[::2] = some[::2].flip(-1)
    coder = obtain("clothing").autoencoder
    return edits.to_uint8(coder.decode(coder.encode(some)))


def sheet(pictures: Tensor, columns: int) -> Image.Image:
    """Put uint8 pictures (N, 3, S, S) side by side."""
    rows = [torch.cat([*part], 2) for part in pictures.split(columns)]
    return Image.fromarray(torch.cat(rows, 1).permute(1, 2, 0).numpy())


def write(name: str, pictures: Tensor, columns: int, recipe: dict) -> None:
    """Write a sheet into results/, as a PNG that says how it was made."""
    image = sheet(pictures, columns)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    with replacing(Path(ROOT, "results", name)) as temporary:
        temporary.write_bytes(png(pixels, recipe))


def sheets(x: Tensor, near: Tensor, both: Tensor) -> None:
    """The first forty as they come; the ten nearest to a photograph, above it."""
    recipe = {"benchmark": "clothing", "seed": 2, "steps": STEPS}
    write("clothing_sheet.png", x[:40], 10, recipe)  # a column a class
    rows = near.argsort()[:10]
    own = torch.cdist(x[rows].float().flatten(1) / 255, both).argmin(1)
    photographs = (both[own] * 255).round().to(torch.uint8).view_as(x[rows])
    write("clothing_nearest.png", torch.cat([x[rows], photographs]), 10, recipe)


def of_codes() -> dict:
    """How much of a photograph the codes keep, on test photographs."""
    coder = obtain("clothing").autoencoder
    x = load("test").x
    again = edits.to_uint8(coder.decode(coder.encode(x)))
    error = (again.double() - x.double()).square().mean((1, 2, 3))
    psnr = 10 * torch.log10(255**2 / error)
    numbers = torch.tensor(coder.code_shape).prod().item()
    return {"psnr": psnr.mean().item(), "numbers": numbers, "of": x[0].numel()}


def pace() -> list[dict]:
    """Pictures a second when 1, 4 or 16 are drawn together."""
    model, rows = obtain("clothing"), []
    for n in (1, 4, 16):
        model.sample(n, seed=0, labels=0, guidance=2.0, steps=STEPS)  # warm
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < 6:
            model.sample(n, seed=count, labels=0, guidance=2.0, steps=STEPS)
            count += 1
        rate = n * count / (time.perf_counter() - began)
        rows.append({"together": n, "pictures_a_second": rate})
    return rows


def main() -> None:
    parts = partial(kept, "clothing")
    judge = parts("judge", of_judge)
    rows = [parts(f"guidance {g}", partial(tried, g)) for g in GUIDANCE]
    # the least distance among those that obey as often as asked, beyond doubt
    obey = [row for row in rows if row["from"] >= ASKED]
    best = min(obey or rows, key=lambda row: row["fd"])["guidance"]
    final = parts("test", partial(judged, best))
    record(
        "clothing",
        rows,
        judge=judge,
        drawn=final,
        chosen=best,
        asked=ASKED,
        codes=parts("codes", of_codes),
        pace=parts("pace", pace),
        training={
            name: json.loads((folder() / f"{name}.json").read_text("utf-8"))
            for name in ("clothing", "clothing_judge")
        },
        data="clothing",
        split="3,068 photographs to learn from, guidance by 341, judged by 372",
        n=f"{CHOOSING} drawn a guidance, {PICTURES} for the final figures",
        metric="share of drawn pictures that the judge takes for the class asked for, "
        "Wilson's 95% interval; Fréchet distance on the judge's features (128)",
        steps=STEPS,
        seeds=[1, 2],
    )


if __name__ == "__main__":
    main()
