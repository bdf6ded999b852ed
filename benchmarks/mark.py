"""Is the invisible mark found again, and is it ever found where there is none?

Photographs of clothes and emoji that no threshold was chosen by, enlarged to 128
pixels as they leave the platform, each with a random number. They are saved as JPEG,
resized, cut, changed in light, blurred; then the mark is looked for. Beside it the
classical opponent, at the same strength: each bit in the parity of middle coefficients
of 8 x 8 blocks (quantisation index modulation, Chen & Wornell 2001), many blocks a bit.
It is told in what way each picture was changed, and undoes resizing and cutting
exactly; ours is not. False alarms are counted on pictures without a mark, changed too.
``PICTURES=20`` is a quick try.
"""

from __future__ import annotations

import io
import math
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.codecs import mark
from aigc_lib.metrics.intervals import proportion_interval
from benchmarks.record import kept, record

PICTURES = int(os.environ.get("PICTURES", 372))
UNMARKED = 10 * PICTURES
Attack = Callable[[Tensor, np.random.Generator], tuple[Tensor, tuple]]


def image_of(x: Tensor) -> Image.Image:
    return Image.fromarray(x.permute(1, 2, 0).numpy())


def tensor_of(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def jpeg(quality: int, x: Tensor, source: np.random.Generator) -> tuple[Tensor, tuple]:
    file = io.BytesIO()
    image_of(x).save(file, "JPEG", quality=quality)
    return tensor_of(Image.open(file)), ()


def resize(factor: float, x: Tensor, source) -> tuple[Tensor, tuple]:
    side = round(factor * x.shape[-1])
    return tensor_of(image_of(x).resize((side, side), Image.Resampling.LANCZOS)), ()


def cut(share: float, x: Tensor, source) -> tuple[Tensor, tuple]:
    side = math.ceil(x.shape[-1] * share**0.5)
    top, left = source.integers(0, x.shape[-1] - side + 1, 2)
    return x[:, top : top + side, left : left + side].contiguous(), (top, left)


def brighter(factor: float, x: Tensor, source) -> tuple[Tensor, tuple]:
    return (x * factor).round().clamp(0, 255).to(torch.uint8), ()


def blurred(radius: float, x: Tensor, source) -> tuple[Tensor, tuple]:
    return tensor_of(image_of(x).filter(ImageFilter.GaussianBlur(radius))), ()


def cut_and_jpeg(x: Tensor, source) -> tuple[Tensor, tuple]:
    part, place = cut(0.8, x, source)
    return jpeg(75, part, source)[0], place


ATTACKS: dict[str, Attack] = {
    "as it is": lambda x, source: (x, ()),
    "JPEG 95": partial(jpeg, 95),
    "JPEG 75": partial(jpeg, 75),
    "JPEG 50": partial(jpeg, 50),
    "half size": partial(resize, 0.5),
    "3/4 size": partial(resize, 0.75),
    "twice the size": partial(resize, 2.0),
    "cut to 90%": partial(cut, 0.9),
    "cut to 70%": partial(cut, 0.7),
    "cut to 80%, JPEG 75": cut_and_jpeg,
    "20% darker": partial(brighter, 0.8),
    "blurred, 1 pixel": partial(blurred, 1.0),
}


# ---- the opponent: parity of block coefficients --------------------------------------

PLACES = [(1, 2), (2, 1), (2, 2), (1, 3), (3, 1)]  # of 8 x 8: middle frequencies


def cosines(size: int = 8) -> Tensor:
    """The orthonormal discrete cosine transform as a matrix (8, 8)."""
    k = torch.arange(size, dtype=torch.float64)
    waves = torch.cos(math.pi / size * (k[None] + 0.5) * k[:, None])
    waves *= math.sqrt(2 / size)
    waves[0] /= math.sqrt(2)
    return waves


def blocks(grey: Tensor) -> Tensor:
    """(128, 128) -> coefficients (256, 8, 8) of its blocks."""
    parts = grey.unfold(0, 8, 8).unfold(1, 8, 8).reshape(-1, 8, 8)
    return cosines() @ parts @ cosines().T


def joined(coefficients: Tensor) -> Tensor:
    parts = cosines().T @ coefficients @ cosines()
    return parts.view(16, 16, 8, 8).transpose(1, 2).reshape(128, 128)


def places_of_bits() -> Tensor:
    """Which bit each coefficient carries: (256, len(PLACES)), at random."""
    count = 256 * len(PLACES)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    return (order % mark.BITS).view(256, len(PLACES))


def light(x: Tensor) -> Tensor:
    weights = torch.tensor(mark.LIGHT, dtype=torch.float64)
    return (x.double() * weights[:, None, None]).sum(0)


def parity_embed(x: Tensor, bits: Tensor, step: float) -> Tensor:
    """Move each coefficient to the nearest multiple of ``step`` of its bit's parity."""
    grey = light(x)
    found = blocks(grey)
    rows, columns = zip(*PLACES, strict=True)
    values = found[:, rows, columns]
    wanted = bits[places_of_bits()].double()
    nearest = 2 * ((values / step - wanted) / 2).round() + wanted
    found[:, rows, columns] = step * nearest
    return (x + (joined(found) - grey)).round().clamp(0, 255).to(torch.uint8)


def parity_find(x: Tensor, step: float) -> Tensor:
    """Read the bits by a vote: the nearer an even multiple, the more a 0."""
    rows, columns = zip(*PLACES, strict=True)
    values = blocks(light(x))[:, rows, columns] / step
    even = torch.cos(math.pi * values)  # 1 at even multiples, -1 at odd ones
    votes = torch.zeros(mark.BITS, dtype=torch.float64)
    votes.index_add_(0, places_of_bits().flatten(), even.flatten())
    return (votes < 0).long()


def undone(x: Tensor, place: tuple) -> Tensor:
    """What the opponent is given: the size and the place that the picture had."""
    if place:
        whole = torch.full((3, 128, 128), 128, dtype=torch.uint8)
        top, left = place
        whole[:, top : top + x.shape[1], left : left + x.shape[2]] = x
        return whole
    return x if x.shape[-1] == 128 else tensor_of(image_of(x).resize((128, 128)))


def step_for(x: Tensor, numbers: Tensor, error: float) -> float:
    """The step at which the opponent changes pictures as much as ours does."""
    low, high = 1.0, 200.0
    for _ in range(12):
        step = (low + high) / 2
        changes = [
            (parity_embed(a, mark.bits_of(int(k)), step).double() - a).square().mean()
            for a, k in zip(x[:40], numbers, strict=False)
        ]
        low, high = (step, high) if torch.stack(changes).mean() < error else (low, step)
    return low


# ---- measuring -----------------------------------------------------------------------


def share(hits: list[bool]) -> dict[str, float]:
    low, high = proportion_interval(sum(hits), len(hits))
    return {"share": sum(hits) / len(hits), "from": low, "to": high}


def found_again(name: str) -> dict:
    """Mark the test pictures of one data set, change them, look for the mark."""
    x = mark.delivered(aigc.data.load(name, split="test").x[:PICTURES])
    source = np.random.default_rng(0)
    numbers = torch.from_numpy(source.integers(0, mark.NUMBERS, len(x)))
    began = time.perf_counter()
    ours = mark.embed(x, numbers)
    embedding = (time.perf_counter() - began) / len(x)
    errors = (ours.double() - x).square().mean((1, 2, 3))
    psnr = 10 * torch.log10(255**2 / errors)
    step = step_for(x, numbers, errors.mean().item())
    bits = [mark.bits_of(int(k)) for k in numbers]
    theirs = [parity_embed(a, b, step) for a, b in zip(x, bits, strict=True)]
    rows, looking = [], 0.0
    for attack, change in ATTACKS.items():
        source, right, parity = np.random.default_rng(1), [], []
        for k in range(len(x)):
            changed, place = change(ours[k], source)
            began = time.perf_counter()
            found = mark.find(changed)
            looking += time.perf_counter() - began
            right.append(found.sure and found.number == int(numbers[k]))
            changed, place = change(theirs[k], np.random.default_rng(k))
            read = parity_find(undone(changed, place), step)
            parity.append(bool((read == bits[k]).all()))
        row = {"change": attack, "pictures": name} | share(right)
        row |= {f"parity_{key}": value for key, value in share(parity).items()}
        rows.append(row)
        print(name, attack, row["share"], row["parity_share"], flush=True)
    count = len(x) * len(ATTACKS)
    return {
        "rows": rows,
        "psnr": psnr.mean().item(),
        "psnr_least": psnr.min().item(),
        "parity_step": step,
        "seconds_embed": embedding,
        "seconds_find": looking / count,
    }


def false_alarms() -> dict:
    """Look for a mark where there is none: real pictures, as they are and changed."""
    sets = [
        aigc.data.load("clothing").x,
        aigc.data.load("openmoji").x,
        aigc.data.load("fashion_mnist", split="test").x.repeat(1, 3, 1, 1),
    ]
    source, alarms, scores = np.random.default_rng(2), [], []
    names = ["as it is", "JPEG 50", "half size", "cut to 70%"]
    for number in range(UNMARKED):
        pictures = sets[number % 3]
        x = mark.delivered(pictures[source.integers(len(pictures))])
        found = mark.find(ATTACKS[names[number // 3 % 4]](x, source)[0])
        alarms.append(found.sure)
        scores.append(found.score)
    return share(alarms) | {"n": len(alarms), "score_greatest": max(scores)}


def main() -> None:
    runs = {
        name: kept("mark", name, partial(found_again, name))
        for name in ("clothing", "openmoji")
    }
    alarms = kept("mark", "unmarked", false_alarms)
    print(alarms)
    record(
        "mark",
        [row for run in runs.values() for row in run["rows"]],
        unmarked=alarms,
        pictures={
            name: {key: value for key, value in run.items() if key != "rows"}
            for name, run in runs.items()
        },
        data="clothing and openmoji, test; false alarms on train, and on fashion_mnist",
        n=f"at most {PICTURES} pictures of each, one random number each",
        metric="share whose number is found and found sure, Wilson's 95% interval",
        strength=mark.STRENGTH,
        sure=mark.SURE,
        bits={"number": mark.ID_BITS, "check": mark.CHECK_BITS},
        opponent="parity of 5 coefficients of 8 x 8 blocks, at the same mean square "
        "error; told the place and the size",
        seeds=[0],
    )


if __name__ == "__main__":
    main()
