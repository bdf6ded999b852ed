"""Do generated product pictures help a classifier that has few real ones?

Fashion-MNIST, 10, 30 and 100 pictures a class. A small convolutional network learns to
sort them: from the pictures as they are, moved and mirrored, mixed (mixup), or together
with what a conditional GAN draws. That GAN learns from **the same few pictures**. A
second one, which saw all 60,000, is no rival, since nobody with few pictures has it: it
tells how much better pictures could help; it is trained once. Every classifier takes as
many steps with batches of one size. Settings are chosen at 30 a class by pictures of
the training split that are used nowhere else. Five seeds, each with other pictures and
another beginning; the differences are paired by seed, with 95% intervals of Student's
t. ``SEEDS=1 STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

import torch
from scipy.stats import ttest_1samp, ttest_rel
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot, pad

import aigc_lib as aigc
from aigc_lib.metrics.feature_net import FeatureNet
from aigc_lib.metrics.images import features, frechet_distance, precision_recall
from aigc_lib.metrics.memorisation import copying
from benchmarks.record import checkpoint, kept, record, seeds

STEPS, SEEDS = int(os.environ.get("STEPS", 250)), seeds(5)
SIZES, CLASSES, BATCH = (10, 30, 100), 10, 32
POOL, JUDGED = 2_000, 5_000  # pictures drawn; pictures judged by
GAN_STEPS = {"few": STEPS, "all": 5 * STEPS}  # the second with twice the batch
Pictures = tuple[Tensor, Tensor]  # uint8 (N, 1, 28, 28), labels (N,)
Change = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


def few(data: aigc.data.Dataset, n: int, seed: int) -> Pictures:
    """Draw ``n`` pictures a class from the first 50,000."""
    order = torch.randperm(50_000, generator=torch.Generator().manual_seed(seed))
    labels = data.y[order]
    rows = torch.cat([order[labels == c][:n] for c in range(CLASSES)])
    return data.x[rows], data.y[rows]


def scaled(x: Tensor) -> Tensor:
    """uint8 -> [-1, 1]; what is scaled already stays."""
    return x.float() / 127.5 - 1 if x.dtype == torch.uint8 else x


# ---- changes of a batch: images in [-1, 1], targets (B, K) ---------------------------


def as_they_are(x: Tensor, y: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor]:
    return x, y


def moved(pixels: int, mirrored: bool) -> Change:
    """Shift each picture by up to so many pixels, and mirror every other one."""

    def change(x: Tensor, y: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor]:
        if mirrored:
            mirror = torch.rand(len(x), 1, 1, 1, generator=source) < 0.5
            x = torch.where(mirror, x.flip(-1), x)
        size, wide = x.shape[-1], pad(x, [pixels] * 4, value=-1.0)
        start = torch.randint(2 * pixels + 1, (2, len(x), 1), generator=source)
        down, across = start + torch.arange(size)  # (B, S) each
        rows = torch.arange(len(x))[:, None, None]
        return wide[rows, 0, down[:, :, None], across[:, None, :]][:, None], y

    return change


def mixed(alpha: float) -> Change:
    """Lay each picture over another, and its label too (Zhang et al. 2018)."""

    def change(x: Tensor, y: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor]:
        draws = torch._standard_gamma(torch.full((2,), alpha), generator=source)
        share = draws[0] / draws.sum()
        other = torch.randperm(len(x), generator=source)
        return tuple(share * part + (1 - share) * part[other] for part in (x, y))

    return change


# ---- learning ------------------------------------------------------------------------


def taught(
    real: Pictures, change: Change, made: Pictures | None, share: float, seed: int
) -> FeatureNet:
    """Train a classifier; ``share`` of each batch is taken from ``made``."""
    torch.manual_seed(seed)
    source = torch.Generator().manual_seed(seed)
    net = FeatureNet().train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, STEPS)
    counts = [(real, BATCH)]
    if made is not None:
        extra = round(share * BATCH)
        counts = [(real, BATCH - extra), (made, extra)]
    for _ in range(STEPS):
        parts = []
        for (x, y), count in counts:
            rows = torch.randint(len(x), (count,), generator=source)
            parts.append((scaled(x[rows]), one_hot(y[rows], CLASSES).float()))
        x, y = (torch.cat(part) for part in zip(*parts, strict=True))
        x, y = change(x, y, source)
        loss = cross_entropy(net(x), y, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.inference_mode()
def accuracy(net: FeatureNet, x: Tensor, y: Tensor) -> float:
    """The share of pictures that are sorted right."""
    guessed = torch.cat([net(scaled(part)).argmax(1) for part in x.split(1_000)])
    return (guessed == y).double().mean().item()


def drawn(real: Pictures, copies: int, seed: int) -> Pictures:
    """Train a conditional GAN on ``real`` and draw as many pictures of each class.

    With ``copies`` it learns from so many moved copies of each.
    """
    x, y = real
    if copies:
        source = torch.Generator().manual_seed(seed)
        x = scaled(x).repeat(copies, 1, 1, 1)
        x, _ = moved(2, mirrored=False)(x, x, source)
        x, y = ((x + 1) * 127.5).round().to(torch.uint8), y.repeat(copies)
    torch.manual_seed(seed)
    model = aigc.models.ConditionalGAN()
    aigc.fit(model, (x, y), steps=GAN_STEPS["few"], batch_size=BATCH, seed=seed)
    return pool_of(model, seed)


def drawn_of_all() -> Pictures:
    """What a conditional GAN draws that learned from the whole training split."""
    data = aigc.data.load("fashion_mnist")
    torch.manual_seed(0)
    model = aigc.models.ConditionalGAN()
    aigc.fit(
        model,
        (data.x, data.y),
        steps=GAN_STEPS["all"],
        batch_size=2 * BATCH,
        checkpoint=checkpoint("product_pictures_all"),
    )
    return pool_of(model, 0)


def pool_of(model: aigc.models.ConditionalGAN, seed: int) -> Pictures:
    """Draw as many pictures of each class."""
    labels = torch.arange(CLASSES).repeat_interleave(POOL // CLASSES)
    return model.sample(len(labels), seed=seed, labels=labels).cpu(), labels


# ---- choosing, measuring -------------------------------------------------------------

TRIES = {
    "moved": {
        f"{pixels} pixels{', mirrored' * mirrored}": (pixels, mirrored)
        for pixels in (1, 2)
        for mirrored in (False, True)
    },
    "mixup": {f"alpha {alpha}": alpha for alpha in (0.2, 0.5, 1.0)},
    "generated": {
        f"{copies} moved copies, share {share}": (copies, share)
        for copies in (0, 20)
        for share in (0.25, 0.5)
    },
}


def choose(part: str) -> dict:
    """The accuracy of all tries of one part, by pictures that are used nowhere else."""
    data, seed = aigc.data.load("fashion_mnist"), 100
    real, judge = few(data, 30, seed), (data.x[-JUDGED:], data.y[-JUDGED:])
    found, pools = {}, {}
    for name, settings in TRIES[part].items():
        if part == "generated":
            copies, share = settings
            if copies not in pools:
                pools[copies] = drawn(real, copies, seed)
            net = taught(real, as_they_are, pools[copies], share, seed)
        else:
            change = moved(*settings) if part == "moved" else mixed(settings)
            net = taught(real, change, None, 0.0, seed)
        found[name] = accuracy(net, *judge)
        print(f"choosing: {name} {found[name]:.4f}", flush=True)
    return found


def measure(n: int, seed: int, best: dict[str, str], everything: Pictures) -> dict:
    """Accuracies of all recipes with ``n`` pictures a class, and what was drawn."""
    data = aigc.data.load("fashion_mnist")
    test = aigc.data.load("fashion_mnist", split="test")
    real = few(data, n, seed)
    copies, share = TRIES["generated"][best["generated"]]
    began = time.process_time()
    made = drawn(real, copies, seed)
    drawing = time.process_time() - began
    shift = moved(*TRIES["moved"][best["moved"]])
    recipes = {
        "as they are": (as_they_are, None),
        "moved": (shift, None),
        "mixup": (mixed(TRIES["mixup"][best["mixup"]]), None),
        "generated from these few": (as_they_are, made),
        "moved, and generated from these few": (shift, made),
        "moved, and generated from all 60,000": (shift, everything),
    }
    figures = {}
    for name, (change, extra) in recipes.items():
        began = time.process_time()
        net = taught(real, change, extra, share, seed)
        figures[name] = {
            "accuracy": accuracy(net, test.x[:JUDGED], test.y[:JUDGED]),
            "seconds": time.process_time() - began,
        }
        if extra is made:
            figures[name]["seconds"] += drawing
    reference = features(test.x[:POOL])
    quality = {}
    for name, (x, _) in {"few": made, "all": everything}.items():
        rows = features(x)
        found = precision_recall(reference, rows, k=5)
        quality[name] = {
            "fd": frechet_distance(reference, rows),
            "precision": found["precision"],
            "recall": found["recall"],
        }
        if name == "few":  # 0.01 by chance
            found = copying(features(real[0]), reference, rows)
            quality[name]["copies"] = found["suspects"]
    return {"figures": figures, "quality": quality}


def measured(seed: int, best: dict[str, str]) -> dict:
    """One seed: each number of pictures."""
    everything, found = drawn_of_all(), {}
    for n in SIZES:
        found[str(n)] = measure(n, seed, best, everything)
        print(seed, n, found[str(n)]["figures"], flush=True)
    return found


def parts() -> tuple[dict, dict[str, str], list[dict]]:
    """What is kept of each part: all tries, the best of them, an answer a seed."""
    tries = {
        part: kept("product_pictures", f"choose {part}", partial(choose, part))
        for part in TRIES
    }
    best = {part: max(found, key=found.get) for part, found in tries.items()}
    runs = [
        kept("product_pictures", f"seed {seed}", partial(measured, seed, best))
        for seed in SEEDS
    ]
    return tries, best, runs


def interval_of_gain(new: list[float], old: list[float]) -> dict[str, float]:
    """Mean difference with its 95% interval, paired by seed."""
    mean = sum(a - b for a, b in zip(new, old, strict=True)) / len(new)
    low, high = mean, mean
    if len(new) > 1:
        low, high = map(float, ttest_rel(new, old).confidence_interval())
    return {"gain": mean, "from": low, "to": high}


def main() -> None:
    began = time.perf_counter()
    tries, best, runs = parts()
    rows, gains, quality = [], [], []
    for n in SIZES:
        own = [run[str(n)] for run in runs]
        values = {
            name: [run["figures"][name]["accuracy"] for run in own]
            for name in own[0]["figures"]
        }
        for name, each in values.items():
            row = {"recipe": f"{name}, {n}", "method": name, "n_a_class": n}
            row["accuracy"] = sum(each) / len(each)
            if len(each) > 1:
                found = ttest_1samp(each, 0).confidence_interval()
                row["from"], row["to"] = map(float, found)
            row["seconds"] = sum(r["figures"][name]["seconds"] for r in own) / len(own)
            row["seeds"] = each
            rows.append(row)
        for name, against in (
            ("generated from these few", "as they are"),
            ("generated from these few", "moved"),
            ("moved, and generated from these few", "moved"),
            ("moved", "as they are"),
            ("mixup", "as they are"),
            ("moved, and generated from all 60,000", "moved"),
        ):
            entry = {"data": f"Fashion-MNIST, {n} a class", "method": name}
            entry |= {"against": against, "figure": "accuracy"}
            gains.append(entry | interval_of_gain(values[name], values[against]))
            print(entry, {k: round(v, 4) for k, v in list(gains[-1].items())[4:]})
        for seen in ("few", "all"):
            row = {"generator": f"{seen}, {n}", "saw": seen, "n_a_class": n}
            for figure in own[0]["quality"][seen]:
                each = [run["quality"][seen][figure] for run in own]
                row[figure] = sum(each) / len(each)
            quality.append(row)
    took = time.perf_counter() - began
    print(f"{took:.0f} s")
    record(
        "product_pictures",
        rows,
        gains=gains,
        quality=quality,
        data="fashion_mnist",
        split="n pictures a class to learn from; settings by 5,000 others of the "
        "training split; judged by the first 5,000 of the test split",
        n=JUDGED,
        metric="accuracy, mean over seeds, 95% interval of Student's t; gains are "
        "paired by seed",
        settings=best,
        tries=tries,
        steps={"classifier": STEPS, "GAN": GAN_STEPS},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
