"""What chapter 21 asks of a small project: which model, which settings, what came back.

A shop wants pictures that stand in for photographs in the drafts of its pages. Its
archive holds 600 photographs of each kind of clothing (Fashion-MNIST), of sandals only
60. Models are chosen by the last 5,000 photographs of the training split, which nothing
learns from; the test split is looked at once, by what was chosen.

- choice: a conditional GAN, a conditional VAE and a flow, ``SECONDS`` of training each;
- feedback: 300 photographs of sandals come back; as many more steps with and without.

Five seeds for choice and feedback, with 95% intervals of Student's t. ``SEEDS=1
SECONDS=3 STEPS=40`` is a quick try.
"""

from __future__ import annotations

import copy
import os
import statistics
import time
from functools import partial

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.metrics.feature_net import pretrained
from aigc_lib.metrics.images import features, frechet_distance, precision_recall
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.metrics.memorisation import copying
from aigc_lib.models import ConditionalGAN, ConditionalVAE, FlowMatching
from benchmarks.record import in_turns, record, seeds, summary

SECONDS, STEPS = (
    int(os.environ.get(k, v)) for k, v in [("SECONDS", 40), ("STEPS", 400)]
)
SEEDS, CLASSES, RARE = seeds(5), 10, 5
JUDGED = 2_500
REQUEST = 8  # pictures
RETURNED, AGAIN = 300, STEPS // 2
Pictures = tuple[Tensor, Tensor]  # uint8 (N, 1, 28, 28), labels (N,)


def archive(seed: int, rare: int = 60) -> Pictures:
    """600 photographs of a kind from the first 50,000; ``rare`` of the sandals."""
    data = aigc.data.load("fashion_mnist")
    order = torch.randperm(50_000, generator=torch.Generator().manual_seed(seed))
    y = data.y[order]
    counts = [rare if c == RARE else 600 for c in range(CLASSES)]
    rows = torch.cat([order[y == c][:n] for c, n in enumerate(counts)])
    return data.x[rows], data.y[rows]


def held_out(split: str, n: int) -> Pictures:
    """The last ``n`` of the training split to choose by, or the first of the test."""
    if split == "test":
        data = aigc.data.load("fashion_mnist", split="test")
        return data.x[:n], data.y[:n]
    data = aigc.data.load("fashion_mnist")
    return data.x[-n:], data.y[-n:]


@torch.inference_mode()
def agreement(x: Tensor, labels: Tensor) -> float:
    """The share of pictures in which the judge sees the kind that was asked for."""
    guessed = pretrained(torch.device("cpu")).head(features(x)).argmax(1)
    return (guessed == labels).double().mean().item()


def judged(draw, seen: Pictures, held: Pictures) -> dict[str, float]:
    """The figures of the card, for as many pictures of the same kinds as held out."""
    x, y = held
    made = draw(len(y), labels=y, seed=1).cpu()
    real, fake, own = features(x), features(made), features(seen[0])
    regions = precision_recall(real, fake, k=5)
    others = features(held_out("validation", 2 * JUDGED)[0][:JUDGED])
    return {
        "agreement": agreement(made, y),
        "agreement_rare": agreement(made[y == RARE], y[y == RARE]),
        "fd": frechet_distance(real, fake),
        **{name: regions[name] for name in ("precision", "recall", "coverage")},
        "suspects": copying(own, others, fake)["suspects"],
    }


# ---- which model ---------------------------------------------------------------------

MODELS = {
    "conditional GAN": ConditionalGAN,
    "conditional VAE": partial(ConditionalVAE, hidden=256),
    "flow": partial(FlowMatching, classes=CLASSES),
}
WAYS = {  # to draw from a trained one
    "conditional GAN": {"": {}},
    "conditional VAE": {"": {}},
    "flow": {
        "": {},
        ", guidance 2": {"guidance": 2.0},
        ", guidance 2, 3 steps": {"guidance": 2.0, "steps": 3},
    },
}


def choose(name: str, seed: int) -> dict:
    """Train one model for ``SECONDS``; judge every way to draw from it."""
    seen, held = archive(seed), held_out("validation", JUDGED)
    torch.manual_seed(seed)
    model = MODELS[name]()
    size = sum(p.numel() for p in model.parameters())
    history = aigc.fit(model, seen, seconds=SECONDS, seed=seed)
    found = {}
    for way, options in WAYS[name].items():
        draw = partial(model.sample, **options)
        took = []
        for request in range(12):
            began = time.perf_counter()
            draw(REQUEST, labels=request % CLASSES, seed=request)
            took.append(1e3 * (time.perf_counter() - began))
        found[name + way] = {
            **judged(draw, seen, held),
            "ms": statistics.median(took[2:]),
            "parameters": size,
            "megabytes": 4e-6 * size,
            "steps": history.steps[-1],
        }
    return {"ways": found}


# ---- what came back ------------------------------------------------------------------


def round_of_feedback(_: str, seed: int) -> dict:
    """Train on the archive; then as many steps more with what came back, or not."""
    seen, held = archive(seed), held_out("test", 2 * JUDGED)
    more = archive(seed, rare=60 + RETURNED)
    torch.manual_seed(seed)
    launched, found = ConditionalGAN(), {}
    aigc.fit(launched, seen, steps=STEPS, seed=seed)
    for name, data in (("launch", None), ("without", seen), ("with", more)):
        model = copy.deepcopy(launched)
        if data is not None:
            aigc.fit(model, data, steps=AGAIN, seed=seed + 1)
        made = model.sample(len(held[1]), labels=held[1], seed=1).cpu()
        rare = held[1] == RARE
        real, fake = features(held[0][rare]), features(made[rare])
        found[name] = {
            "rare": agreement(made[rare], held[1][rare]),
            "others": agreement(made[~rare], held[1][~rare]),
            "coverage_rare": precision_recall(real, fake, k=5)["coverage"],
            "fd": frechet_distance(features(held[0]), features(made)),
        }
    return found


def gains(runs: list[dict]) -> dict:
    """Paired by seed, for each two of the three models and each figure."""
    rows = {}
    for new, old in (("with", "without"), ("with", "launch"), ("without", "launch")):
        for figure in runs[0][new]:
            pairs = [[run[name][figure] for run in runs] for name in (new, old)]
            rows[f"{figure} {new} over {old}"] = interval(*pairs)
    return rows


def interval(new: list[float], old: list[float]) -> dict[str, float]:
    if len(new) < 2:
        return {"gain": new[0] - old[0], "from": new[0] - old[0], "to": new[0] - old[0]}
    return dict(zip(("gain", "from", "to"), student_gain(new, old), strict=True))


def main() -> None:
    began = time.perf_counter()
    runs = in_turns("life", MODELS, SEEDS, choose)
    each = {
        way: [run["ways"][way] for run in many]
        for many in runs.values()
        for way in many[0]["ways"]
    }
    rows = {way: {"model": way} | summary(many) for way, many in each.items()}
    gan = each["conditional GAN"]
    for way, many in each.items():
        if way != "conditional GAN":
            for figure in ("agreement", "fd", "coverage"):
                pair = [[r[figure] for r in part] for part in (gan, many)]
                rows[way][f"gan_minus_this_{figure}"] = interval(*pair)

    back = in_turns("life", ["feedback"], SEEDS, round_of_feedback)["feedback"]
    launched = {
        name: {k: statistics.mean(run[name][k] for run in back) for k in back[0][name]}
        for name in back[0]
    }
    print(f"{time.perf_counter() - began:.0f} s")
    record(
        "life",
        rows,
        feedback={"means": launched, "gains": gains(back)},
        data="fashion_mnist",
        split="archive of 600 a kind, 60 of sandals, from the first 50,000; chosen by "
        "2,500 of the last 5,000 of the training split; feedback judged by 5,000 of "
        "the test split",
        n=JUDGED,
        metric="agreement of a judge trained on photographs; FD, precision, recall, "
        "coverage (k=5) on its features; suspects of copying, 1% by chance",
        seconds=SECONDS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
