"""Which of two sentences fits a made scene: the right one, or one twisted?

The twisted sentence has the colours or the sides of two things exchanged, or another
colour. A bag of single characters cannot know of the exchanges: its sentences have the
same characters. It learns from scenes and sentences as they come, or from batches
"with twins", which hold beside each scene the scene that a twisted sentence describes;
so does CLIP with its Transformer. Nothing is chosen by the scenes that judge.
"""

from __future__ import annotations

import os
import time
from functools import cache
from zlib import crc32

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.codecs.tokenizers import Characters
from aigc_lib.data.captions import Twinned
from aigc_lib.data.made.scenes import COLOURS, WORDINGS, Thing, describe, draw, scenes
from aigc_lib.data.samples import Images
from aigc_lib.metrics.retrieval import mean_over
from aigc_lib.models.transformer.clip import CLIP
from benchmarks.record import in_turns, record, seeds

Pair = tuple[Thing, Thing]
WAYS = {
    "bag": ({"depth": 0, "runs": 1}, False),
    "Transformer": ({}, False),
    "bag, with twins": ({"depth": 0, "runs": 1}, True),
    "Transformer, with twins": ({}, True),
}
STEPS = int(os.environ.get("STEPS", 200))
SEEDS = seeds(3)
LONGEST = 64  # characters of a sentence
TWISTS = ("colours exchanged", "sides exchanged", "another colour")


def twisted(things: Pair, how: str) -> Pair:
    """Exchange the colours or the places of two things, or repaint the first."""
    a, b = things
    if how == "colours exchanged":
        return a._replace(colour=b.colour), b._replace(colour=a.colour)
    if how == "sides exchanged":
        return a._replace(place=b.place), b._replace(place=a.place)
    free = [colour for colour in COLOURS if colour not in (a.colour, b.colour)]
    return a._replace(colour=free[0]), b


def told(things: list[Pair], model: CLIP, seed: int) -> Images:
    """Draw scenes, each with a sentence in one of all wordings."""
    x = torch.stack([draw(pair, seed=seed + k) for k, pair in enumerate(things)])
    lot = torch.randint(
        WORDINGS, (len(things),), generator=torch.Generator().manual_seed(seed)
    )
    texts = [describe(p, k) for p, k in zip(things, lot.tolist(), strict=True)]
    return Images(x, pad(model.encode(texts), LONGEST))


def pad(tokens: Tensor, length: int) -> Tensor:
    return torch.nn.functional.pad(tokens, (0, length - tokens.shape[1]), value=-1)


def several(n: int, seed: int, *, held_out: bool = False) -> list[Pair]:
    """Draw the things of ``n`` scenes of two things that differ in colour and shape.

    A third of the pairs of colours with pairs of shapes is held out: neither these
    scenes nor their twins are learned.
    """
    found, more = [], 0
    while len(found) < n:
        for a, *b in scenes(2 * n, 1_000 * seed + more).things:
            if b and a.colour != b[0].colour and a.shape != b[0].shape:
                key = sorted([a.colour, b[0].colour]) + sorted([a.shape, b[0].shape])
                if (crc32(" ".join(key).encode()) % 3 == 0) == held_out:
                    found.append((a, *b))
        more += 1
    return found[:n]


@cache
def alphabet_of_scenes() -> str:
    """All characters of all sentences."""
    return "".join(sorted(set("".join(scenes(2_000, 0).texts))))


def reader_of_scenes(way: str, seed: int) -> CLIP:
    options, twins = WAYS[way]
    torch.manual_seed(seed)
    model = CLIP(Characters(alphabet_of_scenes()), width=16, size=128, **options)
    things = several(3_000, 100 + seed)
    data = told(things, model, seed)
    if twins:
        others = [[twisted(t, how) for t in things] for how in TWISTS[:2]]
        data = Twinned(data, *(told(each, model, seed) for each in others))
    aigc.fit(model, data, steps=STEPS, seed=seed, ema=0.98)
    return model


def told_apart(way: str, seed: int, n: int = 500) -> dict:
    """How often the right sentence scores higher than each twisted one, 0 or 1 each."""
    begun = time.process_time()
    model = reader_of_scenes(way, seed)
    seconds, things = time.process_time() - begun, several(n, 9, held_out=True)
    x = torch.stack([draw(t, seed=k) for k, t in enumerate(things)])
    points = model.encode_images(x)

    def scores(texts: list[str]) -> Tensor:
        return (model.encode_texts(texts) * points).sum(1)

    wordings = [k % WORDINGS for k in range(n)]
    right = scores(list(map(describe, things, wordings)))
    answers: dict = {"seconds": seconds}
    for how in TWISTS:
        wrong = scores(
            [
                describe(twisted(t, how), w)
                for t, w in zip(things, wordings, strict=True)
            ]
        )
        equal = (right - wrong).abs() < 1e-5  # the same characters in another order
        answers[how] = torch.where(equal, 0.5, (right > wrong).float()).tolist()
    return answers


def row(way: str, answers: list[dict]) -> dict:
    made = {"way": way, "seeds": len(answers)}
    made["seconds"] = sum(a["seconds"] for a in answers) / len(answers)
    for how in TWISTS:
        hits, name = torch.tensor([answer[how] for answer in answers]), how.split()[0]
        made[name], made[f"{name}_from"], made[f"{name}_to"] = mean_over(hits)
        made[f"{name}_by_seed"] = hits.mean(1).tolist()
    return made


def main() -> None:
    found = in_turns("clip_scenes", WAYS, SEEDS, told_apart)
    record(
        "clip_scenes",
        [row(way, answers) for way, answers in found.items()],
        data="made scenes of two things that differ in colour and shape",
        split="3,000 scenes a seed to learn from, 500 to judge by, of "
        "other pairs of colours with pairs of shapes",
        n="500 scenes",
        metric="share of scenes whose right sentence scores higher than the twisted "
        "one, equal scores count half; 95% interval of the bootstrap over scenes",
        steps=STEPS,
        seeds=list(SEEDS),
        gpu="not measured yet",
    )


if __name__ == "__main__":
    main()
