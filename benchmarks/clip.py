"""CLIP on emoji and their Chinese texts, against opponents in closed form.

A text is a name with all its keywords. Which of the held-out emoji does it
belong to, and which text to an emoji? Stems, which variants such as a man and a woman
running share, are on one side of the split, and intervals draw stems. Opponents get
the same emoji and texts to learn from: the pictures that look like those of the learned
emoji with the most similar texts; and ridge regression, in closed form, from colours
and edges to a bag of characters and pairs. How many neighbours, how stiff a ridge, was
chosen on the validation part with the learning part alone, as was the recipe of CLIP;
then all learn from both and are tested once.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from functools import cache, partial
from itertools import pairwise
from zlib import crc32

import torch
from torch import Tensor
from torch.nn.functional import normalize

import aigc_lib as aigc
from aigc_lib.codecs.tokenizers import UNKNOWN, Characters
from aigc_lib.data.augment import reframed, relit
from aigc_lib.data.captions import Captioned, words_of_emoji
from aigc_lib.metrics.pictures import gist
from aigc_lib.metrics.retrieval import (
    mean_over,
    mean_reciprocal_rank,
    places,
    recall_at,
)
from aigc_lib.models.transformer.clip import CLIP
from benchmarks.emoji import all_names, column, real, stems
from benchmarks.record import checkpoint, kept, record, seeds

SEEDS, STEPS = seeds(3), int(os.environ.get("STEPS", 40))
PARTS = 6  # of the stems: one to validate, one to test
NEIGHBOURS = (1, 2, 3, 5, 10, 20)
STIFF = (100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0)
DIRECTIONS = ("text to picture", "picture to text")


# ---- emoji ---------------------------------------------------------------------------


@cache
def part() -> dict[str, Tensor]:
    """The numbers of the emoji of each part, by a hash of their stems."""
    names = [column("name_en")[k] for k in range(len(all_names()))]
    first = {}
    for name, number in zip(names, stems().tolist(), strict=True):
        first.setdefault(number, name)
    lot = {number: crc32(name.encode()) % PARTS for number, name in first.items()}
    lots = torch.tensor([lot[number] for number in stems().tolist()])
    found = {"validation": lots == 0, "test": lots == 1, "train": lots > 1}
    found["both"] = lots != 1
    return {name: mask.nonzero()[:, 0] for name, mask in found.items()}


@cache
def words() -> list[tuple[str, ...]]:
    known = words_of_emoji()
    return [known[name] for name in all_names()]


def text_of(k: int) -> str:
    """The name of an emoji and all its keywords."""
    return " ".join([all_names()[k], *words()[k]])


def characters(k: int) -> set[str]:
    """The characters in the words of an emoji, and the pairs of neighbours."""
    found = set()
    for word in text_of(k).split():
        found |= {*word, *map("".join, pairwise(word))}
    return found


@cache
def colours_and_edges() -> Tensor:
    """What the opponents see of all pictures, in equal shares: (N, 1088)."""
    return torch.cat([v / v.std() for v in gist(real())], 1)


def bags(numbers: Tensor, learned: Tensor) -> Tensor:
    """Which runs of learned texts each text has, the rare ones weightier: (N, V).

    Rows have length 1; weights are log(texts / texts with the run), Spärck Jones 1972.
    """
    counts = Counter(run for k in learned.tolist() for run in characters(k))
    place = {run: i for i, run in enumerate(sorted(counts))}
    found = torch.zeros(len(numbers), len(place))
    for i, k in enumerate(numbers.tolist()):
        for run in characters(k) & place.keys():
            found[i, place[run]] = math.log(len(learned) / counts[run])
    return normalize(found, dim=1)


def by_ridge(learned: Tensor, asked: Tensor, stiff: float) -> Tensor:
    """Guess a bag of characters and pairs from each picture: (texts, pictures)."""
    x, y = colours_and_edges(), bags(learned, learned)
    x, mean = x - x[learned].mean(0), y.mean(0)
    square = x[learned].T @ x[learned] + stiff * torch.eye(x.shape[1])
    guess = x[asked] @ torch.linalg.solve(square, x[learned].T @ (y - mean))
    return bags(asked, learned) @ normalize(guess, dim=1).T


def by_words(learned: Tensor, asked: Tensor, neighbours: int) -> Tensor:
    """Look like the learned emoji with the most similar texts: (texts, pictures)."""
    like = bags(asked, learned) @ bags(learned, learned).T
    weight, near = like.topk(neighbours)
    weight = weight / weight.sum(1, keepdim=True).clamp_min(1e-9)
    x = colours_and_edges()
    expected = (x[learned][near] * weight[..., None]).sum(1)
    return -torch.cdist(expected, x[asked])


class Looked(Captioned):
    """The same, but a text is any number of the words and the name, all a third."""

    def text(self, k: int) -> str:
        own = [self.names[k], *self.words[k]]
        if torch.rand(()) < 1 / 3:
            return " ".join(own)
        count = int(torch.randint(1, len(own) + 1, ()))
        return " ".join(own[i] for i in torch.randperm(len(own))[:count].tolist())


def otherwise(x: Tensor) -> Tensor:
    """Photograph pictures from a little elsewhere, in another light."""
    return relit(reframed(x, 0.15, 10.0, 0.08), 0.15)


SIZES = {"width": 16, "size": 512, "depth": 1}
READING = {
    "CLIP": {},
    "CLIP, not trained": {},  # only begun in closed form
    "CLIP, begun by lot": {},
    "CLIP, bag only": {"depth": 0},
}
BY_LOT = "CLIP, begun by lot"
LONGER = 3  # times as many steps for who begins with nothing


def trained(learned: Tensor, way: str, seed: int) -> CLIP:
    numbers = learned.tolist()
    alphabet = sorted(set("".join(map(text_of, numbers))))
    torch.manual_seed(seed)
    model = CLIP(Characters(UNKNOWN + "".join(alphabet)), **SIZES | READING[way])
    if way != BY_LOT:
        model.begin(real()[learned], [text_of(k) for k in numbers])
    if way == "CLIP, not trained":
        return model
    data = Looked(
        real()[learned],
        [all_names()[k] for k in numbers],
        [words()[k] for k in numbers],
        model.encode,
        change=otherwise,
        groups=stems()[learned],
    )
    file = checkpoint(f"clip {way} of {len(learned)}, seed {seed}")
    steps = STEPS * LONGER if way == BY_LOT else STEPS
    aigc.fit(model, data, steps=steps, seed=seed, ema=0.98, checkpoint=file)
    return model


def by_clip(learned: Tensor, asked: Tensor, way: str, seed: int) -> Tensor:
    model = trained(learned, way, seed)
    return model.score([text_of(k) for k in asked.tolist()], real()[asked])


def found(scores: Tensor) -> dict:
    """The places of the right answers, both ways."""
    both = {DIRECTIONS[0]: places(scores), DIRECTIONS[1]: places(scores.T)}
    return {way: place.tolist() for way, place in both.items()}


def chosen(make, options: tuple) -> dict:
    """Choose by recall@10 of text to picture, validation part against learning part."""
    tries = {}
    for option in options:
        scores = make(part()["train"], part()["validation"], option)
        tries[str(option)] = (places(scores) <= 10).double().mean().item()
    best = max(options, key=lambda option: tries[str(option)])
    return {"tries": tries, "best": best}


def tested(way: str, seed: int) -> dict:
    """One training of CLIP on all that may be learned, tested once."""
    begun = time.process_time()
    scores = by_clip(part()["both"], part()["test"], way, seed)
    return found(scores) | {"seconds": time.process_time() - begun}


def row(name: str, answers: list[dict]) -> dict:
    """Figures of one way to find; ``answers`` hold places, one for each seed."""
    groups, made = stems()[part()["test"]], {"way": name, "seeds": len(answers)}
    for direction in DIRECTIONS:
        place = torch.tensor([answer[direction] for answer in answers])
        side = direction.split()[0]
        for k in (1, 10):
            made[f"{side}_recall_{k}"], low, high = recall_at(k, place, groups)
        made |= {f"{side}_from": low, f"{side}_to": high}
        made[f"{side}_reciprocal_rank"] = mean_reciprocal_rank(place, groups).mean
        made[f"{side}_by_seed"] = (place <= 10).double().mean(1).tolist()
    made["seconds"] = sum(a.get("seconds", 0) for a in answers) / len(answers)
    return made


def gain(new: list[dict], old: list[dict]) -> dict:
    """How much more often one way has the right picture among the first ten."""
    shares = []
    for answers in (new, old):
        place = torch.tensor([answer[DIRECTIONS[0]] for answer in answers])
        shares.append((place <= 10).double().mean(0))
    found = mean_over(shares[0] - shares[1], stems()[part()["test"]])
    return {"gain": found.mean, "from": found.low, "to": found.high}


def compared(n: int = 100) -> tuple[Tensor, list[str]]:
    """At most ``n`` held-out emoji of different stems: (N, 3, 32, 32), their texts."""
    first = dict.fromkeys(stems()[part()["test"]].tolist())
    where = [(stems()[part()["test"]] == stem).nonzero()[0, 0] for stem in first]
    numbers = part()["test"][torch.stack(where)[:n]]
    x = real()[numbers].float() / 127.5 - 1
    return x, [text_of(k) for k in numbers.tolist()]


def fooled(seed: int, other: int, size: float = 4 / 255, n: int = 100) -> dict:
    """How often a foreign text scores higher than the own one, after small changes.

    ``size`` is the greatest change of a pixel, of brightness in [0, 1]; a foreign text
    is that of the next of ``n`` emoji of different stems.
    """
    x, texts = compared(n)
    models = {
        "own": trained(part()["both"], "CLIP", seed),
        "other": trained(part()["both"], "CLIP", other),
    }
    foreign = models["own"].encode_texts(texts[1:] + texts[:1])

    def preferred(model: CLIP, x: Tensor) -> float:
        scores = model.score(texts, x)  # (texts, pictures)
        return (scores.roll(-1, 0).diag() > scores.diag()).double().mean().item()

    source = torch.Generator().manual_seed(seed)
    noise = 2 * size * torch.randn(x.shape, generator=source).sign()
    changed = attacked(models["own"], x, foreign, 2 * size)
    return {
        "clean": preferred(models["own"], x),
        "noise": preferred(models["own"], (x + noise).clamp(-1, 1)),
        "attack": preferred(models["own"], changed),
        "transfer": preferred(models["other"], changed),
        "pictures": len(x),
        "size": size,
    }


def attacked(
    model: CLIP, x: Tensor, wanted: Tensor, size: float, steps: int = 10
) -> Tensor:
    """Change pictures (N, 3, S, S) by at most ``size`` towards points (N, D).

    Pictures are in [-1, 1].

    Source: projected gradient steps of the sign, Madry et al. 2018, section 2.1.
    """
    changed = x.clone()
    with model.averaged():
        net = model.pictures.eval()
        for _ in range(steps):
            changed.requires_grad_()
            (slope,) = torch.autograd.grad((net(changed) * wanted).sum(), changed)
            step = changed.detach() + size / 4 * slope.sign()
            changed = x + (step - x).clamp(-size, size)
            changed = changed.clamp(-1, 1)
    return changed


# ---- all together --------------------------------------------------------------------


def main() -> None:
    learned, asked, parts = part()["both"], part()["test"], partial(kept, "clip")
    choices = {
        "ridge": parts("ridge", partial(chosen, by_ridge, STIFF)),
        "similar texts": parts("similar texts", partial(chosen, by_words, NEIGHBOURS)),
    }
    answers = {
        "similar texts": [
            found(by_words(learned, asked, choices["similar texts"]["best"]))
        ],
        "ridge": [found(by_ridge(learned, asked, choices["ridge"]["best"]))],
    }
    for way in READING:
        answers[way] = []
        for seed in SEEDS:
            answers[way].append(parts(f"{way} {seed}", partial(tested, way, seed)))
            hit = torch.tensor(answers[way][-1][DIRECTIONS[0]]) <= 10
            print(way, seed, hit.double().mean().item(), flush=True)
    rows = [row(way, found) for way, found in answers.items()]
    chance = [min(1.0, k / len(asked)) for k in (1, 10)]
    attacks = [
        parts(f"attack {s}", partial(fooled, s, (s + 1) % len(SEEDS))) for s in SEEDS
    ]
    mean = {key: sum(a[key] for a in attacks) / len(attacks) for key in attacks[0]}
    record(
        "clip",
        rows,
        held_out=len(asked),
        chance={"recall_1": chance[0], "recall_10": chance[1]},
        gains={
            f"CLIP over {other}": gain(answers["CLIP"], answers[other])
            for other in answers
            if other != "CLIP"
        },
        choices=choices,
        attacks={"mean": mean, "by_seed": attacks},
        data="openmoji, names and keywords in Chinese",
        split=f"{len(learned)} emoji to learn from, {len(part()['validation'])} "
        f"of them to choose by; {len(asked)} held out, stem by stem",
        n=f"{len(asked)} texts and emoji",
        metric="recall@k among the held-out, 95% interval of the bootstrap over stems",
        steps=f"{STEPS}; begun by lot {LONGER * STEPS}",
        seeds=list(SEEDS),
        gpu="not measured yet",
    )


if __name__ == "__main__":
    main()
