"""Inspection: detectors that know normal pictures only, on made cloth and on bsdata.

Pictures are grey, 32 px. *Cloth*: 5 seeds; 500 normal pictures to learn from, 100 to
choose with, 240 to judge, half of them with a scratch, hole, stain or slip of known
place. *bsdata*: the 14 places on the spindle in 5 groups, each judged once; of the
other places two are to choose with, and nothing but normal patches is learned.

Every choice (components of PCA, descriptor of patches, noise of the flow) is made on
normal pictures of the validation part, half of which got a piece of another normal
picture: no real defect is needed. AnoGAN's score is the paper's; all others, and
AnoGAN's map, are blurred maps, of which the highest 2% count.

*Generated defects*: a network that marks pixels learns pasted defects alone. And on the
same groups of places a classifier gets all normals and 10 real pittings; or besides a
pasted defect for each normal, or 400 drawn by a conditional VAE that learned the 10; or
the pasted ones alone.
"""

from __future__ import annotations

import os
import time
from functools import cache, partial

import numpy as np
import torch

import aigc_lib as aigc
from aigc_lib.data.made.textures import KINDS, make, paste_defects
from aigc_lib.data.samples import Images
from aigc_lib.data.surfaces import folds, surfaces
from aigc_lib.metrics.inspection import aupro, false_alarms, image_auroc
from aigc_lib.metrics.intervals import student_gain
from aigc_lib.models import DCGAN, VAE, ConditionalVAE, FlowMatching, PictureClassifier
from aigc_lib.models import inspection as detect
from aigc_lib.models.gan.inspection import GANEncoder, search
from benchmarks.record import kept, record, seeds

STEPS = int(os.environ.get("STEPS", 250))  # of the GAN; the others in proportion
SEARCH, FEW, MADE = 40, 10, 400
SHARES, STARTS = (0.9, 0.95, 0.99, 0.999), (0.3, 0.5, 0.7)
SIMPLE, PCA, MEMORY = "brightness and contrast", "PCA of pixels", "kNN of patches"
ANOGAN, FAST, AUTO, FLOW = "AnoGAN", "f-AnoGAN", "VAE", "flow"
MARKER = "trained on pasted defects"
WAYS = (SIMPLE, PCA, MEMORY, ANOGAN, FAST, AUTO, FLOW, MARKER)
GAN = "GAN"
LEARNERS = (GAN, FAST, PCA, MEMORY, MARKER, AUTO, FLOW)
REAL, PASTED, DRAWN, NONE = ARMS = (
    "real defects only",
    "real and pasted",
    "real and drawn by a VAE",
    "pasted only",
)


def cloth(seed: int) -> dict:
    """The parts of one seed of cloth."""
    whole = make(600, seed=1_000 + seed)
    test = make(240, defects=0.5, seed=2_000 + seed)
    return {
        "train": whole.x[:500],
        "validation": whole.x[500:],
        "test": test.x,
        "defect": (test.y > 0).numpy(),
        "masks": test.masks.numpy(),
        "kinds": test.y.numpy(),
    }


@cache
def patches(size: int):
    return surfaces(size)


def bsdata(number: int, size: int = 32) -> dict:
    """The parts of one group of places."""
    data = patches(size)
    groups = folds(data.place, 5)
    test = groups[number]
    held = np.unique(data.place[groups[(number + 1) % 5]])[:2]
    validation = np.isin(data.place, held)
    train = ~test & ~validation
    return {
        "train": data.x[train & ~data.defect],
        "pitting": data.x[train & data.defect],
        "validation": data.x[validation & ~data.defect],
        "test": data.x[test],
        "defect": data.defect[test],
        "masks": None,
        "kinds": None,
    }


SETS = {"cloth": cloth, "bsdata": bsdata}


def detectors(parts: dict, seed: int, ways: tuple[str, ...] = LEARNERS):
    """Train ``ways``; return by way what makes maps, or a GAN; seconds; choices."""
    x, clock, made = parts["train"], {}, {}
    half = len(parts["validation"]) // 2
    spoilt, _ = paste_defects(parts["validation"][:half], seed=seed)
    chosen_on = torch.cat([spoilt, parts["validation"][half:]])
    wrong = np.arange(len(chosen_on)) < half
    picked = {}

    def best(options, maps_of):
        found = {
            option: image_auroc(scored(maps_of(option)(chosen_on)), wrong)
            for option in options
        }
        return max(found, key=found.get)

    def timed(name, build):
        began = time.perf_counter()
        answer = build()
        clock[name] = time.perf_counter() - began
        return answer

    def pca():
        picked["share"] = best(SHARES, lambda share: detect.PixelPCA(x, share).maps)
        return detect.PixelPCA(x, picked["share"]).maps

    def trained(model, steps, batch_size=32):
        aigc.start(seed=seed)
        aigc.fit(model, x, steps=scaled(steps), seed=seed, batch_size=batch_size)
        return model

    def memory():
        build = partial(detect.PatchMemory, x, seed=seed)
        picked["descriptor"] = best(
            detect.DESCRIPTORS, lambda name: build(descriptor=name).maps
        )
        return build(descriptor=picked["descriptor"]).maps

    def marker():
        made = [paste_defects(x, seed=10 * seed + k) for k in range(4)]
        clean = torch.zeros_like(x[:, 0], dtype=torch.bool)
        data = Images(
            torch.cat([x, *(pictures for pictures, _ in made)]),
            torch.cat([clean, *(masks for _, masks in made)]),
        )
        aigc.start(seed=seed)
        model = detect.DefectMarker(x.shape[-1])
        aigc.fit(model, data, steps=scaled(250), seed=seed, batch_size=32)
        return model.maps

    def vae():
        model = trained(VAE(image_size=32, latent_dim=32, hidden=256), 250)
        return lambda new: detect.difference(
            detect.as_floats(new),
            detect.rebuilt_by_vae(model, detect.as_floats(new)),
        )

    def flow():
        model = trained(FlowMatching(image_size=32, width=16), 120)

        def maps_of(start, draws=1):
            back = partial(detect.rebuilt_by_flow, model, start=start, draws=draws)
            return lambda new: detect.difference(
                detect.as_floats(new), back(detect.as_floats(new))
            )

        picked["start"] = best(STARTS, maps_of)
        return maps_of(picked["start"], draws=3)

    builders = {
        GAN: lambda: trained(DCGAN(image_size=32, latent_dim=64), 250, 64),
        FAST: lambda: trained(GANEncoder(made[GAN]), 150),
        PCA: pca,
        MEMORY: memory,
        MARKER: marker,
        AUTO: vae,
        FLOW: flow,
    }
    for way in ways:
        made[way] = timed(way, builders[way])
    return made, clock, picked


def scaled(steps: int) -> int:
    return max(4, round(steps * STEPS / 250))


def scored(maps: np.ndarray) -> np.ndarray:
    return detect.picture_scores(detect.smoothed(maps))


def simple(normals: torch.Tensor, x: torch.Tensor) -> np.ndarray:
    """How unusual mean and deviation of the grey are (Mahalanobis)."""

    def two(pictures):
        flat = pictures.flatten(1).double()
        return torch.stack([flat.mean(1), flat.std(1)], 1).numpy()

    known = two(normals)
    away = two(x) - known.mean(0)
    return np.einsum("ni,ij,nj->n", away, np.linalg.inv(np.cov(known.T)), away)


def judged(scores, maps, parts) -> dict:
    """The figures of one detector."""
    defect = parts["defect"]
    row = {
        "auroc": image_auroc(scores, defect),
        "alarms": false_alarms(scores, defect),
    }
    if maps is not None and parts["masks"] is not None:
        row["aupro"] = aupro(detect.smoothed(maps), parts["masks"])
    if parts["kinds"] is not None:
        for k, kind in enumerate(KINDS[1:], 1):
            some = (parts["kinds"] == k) | ~defect
            row[kind] = image_auroc(scores[some], defect[some])
    return row


def inspect(name: str, seed: int) -> dict:
    """Judge every detector on one seed or group of places."""
    parts = SETS[name](seed)
    maps, clock, picked = detectors(parts, seed)
    gan, encoder = maps.pop(GAN), maps.pop(FAST)
    test = parts["test"]
    floats = detect.as_floats(test)
    rows = {SIMPLE: judged(simple(parts["train"], test), None, parts)}
    for way, maps_of in maps.items():
        began = time.perf_counter()
        found = maps_of(test)
        rows[way] = judged(scored(found), found, parts)
        rows[way]["test_seconds"] = time.perf_counter() - began
        rows[way]["train_seconds"] = clock[way]
    looks = {
        ANOGAN: lambda: search(gan, floats, steps=SEARCH, seed=seed),
        FAST: lambda: encoder.find(floats),
    }
    for way, look in looks.items():
        began = time.perf_counter()
        found = look()
        residual = detect.difference(floats, found.pictures)
        rows[way] = judged(found.scores(), residual, parts)
        rows[way]["map_auroc"] = image_auroc(scored(residual), parts["defect"])
        rows[way]["test_seconds"] = time.perf_counter() - began
        rows[way]["train_seconds"] = clock[GAN] + clock.get(way, 0.0)
    n, bad = len(test), int(parts["defect"].sum())
    return {"ways": rows, "picked": picked, "n": n, "defects": bad,
            "learned": len(parts["train"])}  # fmt: skip


def classifier(
    normals: torch.Tensor, kinds: list[torch.Tensor], seed: int
) -> PictureClassifier:
    """Train on as many defects as normals, kinds in equal parts, flipped both ways."""
    each = len(normals) // len(kinds)
    ill = [kind.repeat(-(-each // len(kind)), 1, 1, 1)[:each] for kind in kinds]
    both = torch.cat([normals, *ill])
    labels = (torch.arange(len(both)) >= len(normals)).long()
    flips = [both, both.flip(2), both.flip(3), both.flip(2, 3)]
    aigc.start(seed=seed)
    model = PictureClassifier(image_size=32, channels=1, classes=2, width=16)
    aigc.fit(
        model,
        Images(torch.cat(flips), labels.repeat(4)),
        steps=scaled(120),
        seed=seed,
    )
    return model


def augmented(number: int) -> dict:
    """Judge classifiers that got real, pasted and drawn defects, on one group."""
    parts = bsdata(number)
    normals = parts["train"]
    generator = torch.Generator().manual_seed(number)
    some = torch.randperm(len(parts["pitting"]), generator=generator)[:FEW]
    real = parts["pitting"][some]
    pasted, _ = paste_defects(normals, seed=number)
    aigc.start(seed=number)
    vae = ConditionalVAE(image_size=32, classes=2, latent_dim=16, hidden=256)
    repeated = real.repeat(len(normals) // FEW, 1, 1, 1)
    both = torch.cat([normals, repeated])
    labels = (torch.arange(len(both)) >= len(normals)).long()
    aigc.fit(vae, Images(both, labels), steps=scaled(200), seed=number)
    drawn = ((vae.sample(MADE, seed=number, labels=1) + 1) * 127.5).round()
    drawn = drawn.clamp(0, 255).to(torch.uint8)
    copies = (drawn.float().flatten(1)[:, None] - real.float().flatten(1)).square()
    apart = copies.mean(2).amin(1).sqrt().mean()
    arms = {
        REAL: [real],
        PASTED: [real, pasted],
        DRAWN: [real, drawn],
        NONE: [pasted],
    }
    answer = {"apart": float(apart)}
    for name, kinds in arms.items():
        model = classifier(normals, kinds, number)
        scores = model.probabilities(parts["test"])[:, 1].numpy()
        answer[name] = judged(scores, None, parts)
    return answer


def told(gain) -> dict:
    return {"gain": gain.mean, "from": gain.low, "to": gain.high}


def classifier_gains(trials: list[dict], found: list[dict]) -> dict[str, dict]:
    """Compare classifiers with real defects alone, and pasted ones with detectors.

    ``trials`` of ``augmented`` and ``found`` of ``inspect``: the same groups of places.
    """
    gains = {}
    for key in ("auroc", "alarms"):
        arms = {way: [t[way][key] for t in trials] for way in ARMS}
        rivals = {o: [run["ways"][o][key] for run in found] for o in (PCA, MEMORY)}
        pairs = [(way, REAL) for way in ARMS if way != REAL]
        pairs += [(way, other) for way in (PASTED, NONE) for other in rivals]
        for way, other in pairs:
            gain = student_gain(arms[way], (arms | rivals)[other])
            gains[f"classifier, {key}, {way} against {other}"] = told(gain)
    return gains


def row_of(name: str, way: str, each: list[dict]) -> dict:
    """The means of a way over its runs, and the ends of its AUROC."""
    row = {"data": name, "way": way, "runs": len(each)}
    row |= {key: float(np.mean([e[key] for e in each])) for key in each[0]}
    return row | {
        "lowest": min(e["auroc"] for e in each),
        "highest": max(e["auroc"] for e in each),
    }


def main() -> None:
    rows, gains, picked = [], {}, {}
    runs = {
        name: [
            kept("inspection", f"{name} {s}", partial(inspect, name, s))
            for s in seeds(5)
        ]
        for name in ("bsdata", "cloth")
    }
    for name, found in runs.items():
        picked[name] = [run["picked"] for run in found]
        for way in WAYS:
            each = [run["ways"][way] for run in found]
            rows.append(row_of(name, way, each))
            print(rows[-1], flush=True)
        for way in WAYS:
            for other in (PCA, MEMORY):
                for key in ("auroc", "alarms", "aupro"):
                    if way == other or key not in found[0]["ways"][way]:
                        continue
                    pairs = ([r["ways"][w][key] for r in found] for w in (way, other))
                    gains[f"{name}, {key}, {way} against {other}"] = told(
                        student_gain(*pairs)
                    )
    trials = [
        kept("inspection", f"defects {k}", partial(augmented, k)) for k in seeds(5)
    ]
    for way in ARMS:
        row = {"data": "bsdata, classifier", "way": way, "runs": len(trials)}
        for key in ("auroc", "alarms"):
            row[key] = float(np.mean([t[way][key] for t in trials]))
        rows.append(row)
        print(row, flush=True)
    gains |= classifier_gains(trials, runs["bsdata"])
    record(
        "inspection",
        rows,
        gains=gains,
        picked=picked,
        sizes={
            name: [{k: r[k] for k in ("n", "defects", "learned")} for r in found]
            for name, found in runs.items()
        },
        apart=float(np.mean([t["apart"] for t in trials])),
        metric="auroc of pictures, aupro of pixels up to 30% false positives, share "
        "of normals stopped at 95% recall; gains: paired over 5 seeds or groups of "
        "places, Student's t, 95%",
        steps={
            "gan": STEPS,
            "search": SEARCH,
            "encoder": 150,
            "vae": 250,
            "flow": 120,
            "marker": 250,
            "classifier": 120,
        },
    )


if __name__ == "__main__":
    main()
