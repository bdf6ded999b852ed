"""CLIP on emoji and their Chinese texts, and on scenes whose sentences are twisted.

Emoji: a text is a name with all its keywords. Which of the held-out emoji does it
belong to, and which text to an emoji? Stems, which variants such as a man and a woman
running share, are on one side of the split, and intervals draw stems. Opponents get
the same emoji and texts to learn from: the pictures that look like those of the learned
emoji with the most similar texts; and ridge regression, in closed form, from colours
and edges to a bag of characters. How many neighbours, how stiff a ridge, was chosen on
the validation part with the learning part alone, as was the recipe of CLIP; then all
learn from both and are tested once.

Scenes: which of two sentences fits the picture, the right one or the same with colours,
or sides, exchanged? A bag cannot know. Batches "with twins" hold, beside each scene,
the scene that its twisted sentence describes.
"""

from __future__ import annotations

import os
import time
from functools import cache, partial
from zlib import crc32

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.codecs.tokenizers import UNKNOWN, Characters
from aigc_lib.data.augment import reframed, relit
from aigc_lib.data.captions import Captioned, Twinned, words_of_emoji
from aigc_lib.data.made.scenes import (
    COLOURS,
    WORDINGS,
    Thing,
    describe,
    draw,
    scenes,
)
from aigc_lib.data.samples import Images
from aigc_lib.metrics.intervals import paired_gain
from aigc_lib.metrics.pictures import looks
from aigc_lib.metrics.retrieval import (
    mean_over,
    mean_reciprocal_rank,
    places,
    recall_at,
)
from aigc_lib.models.transformer.clip import CLIP
from benchmarks.emoji import all_names, column, real, stems
from benchmarks.record import checkpoint, kept, record, seeds

SEEDS, STEPS = seeds(3), int(os.environ.get("STEPS", 300))
PARTS = 6  # of the stems: one to validate, one to test
NEIGHBOURS = (1, 2, 3, 5, 10, 20)
STIFF = (1.0, 10.0, 100.0, 300.0, 1_000.0, 3_000.0)
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


def characters(k: int, longest: int = 1) -> set[str]:
    """The runs of up to so many characters in the words of an emoji."""
    found = set()
    for word in text_of(k).split():
        for n in range(1, longest + 1):
            found |= {word[i : i + n] for i in range(len(word) - n + 1)}
    return found


@cache
def colours_and_edges() -> Tensor:
    """What the opponents see of all pictures, in equal shares: (N, 320)."""
    return torch.cat([v / v.std() for v in looks(real())], 1)


def bags(numbers: Tensor, learned: Tensor, longest: int) -> Tensor:
    """Which runs that learned texts have each text has, of length 1: (N, V)."""
    own = sorted(set().union(*(characters(k, longest) for k in learned.tolist())))
    place = {run: i for i, run in enumerate(own)}
    found = torch.zeros(len(numbers), len(own))
    for i, k in enumerate(numbers.tolist()):
        for run in characters(k, longest) & place.keys():
            found[i, place[run]] = 1
    return torch.nn.functional.normalize(found, dim=1)


def by_ridge(learned: Tensor, asked: Tensor, stiff: float) -> Tensor:
    """Guess a bag of characters from each picture: scores (texts, pictures)."""
    x, y = colours_and_edges(), bags(learned, learned, 1)
    x, mean = x - x[learned].mean(0), y.mean(0)
    square = x[learned].T @ x[learned] + stiff * torch.eye(x.shape[1])
    guess = x[asked] @ torch.linalg.solve(square, x[learned].T @ (y - mean))
    return bags(asked, learned, 1) @ torch.nn.functional.normalize(guess, dim=1).T


def by_words(learned: Tensor, asked: Tensor, neighbours: int) -> Tensor:
    """Look like the learned emoji with the most similar texts: (texts, pictures)."""
    like = bags(asked, learned, 2) @ bags(learned, learned, 2).T
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


READING = {
    "CLIP": {},
    "CLIP, bag only": {"depth": 0},
    "CLIP, Transformer only": {"runs": 0},
}


def trained(learned: Tensor, way: str, seed: int) -> CLIP:
    numbers = learned.tolist()
    alphabet = sorted(set("".join(map(text_of, numbers))))
    torch.manual_seed(seed)
    model = CLIP(Characters(UNKNOWN + "".join(alphabet)), **READING[way])
    data = Looked(
        real()[learned],
        [all_names()[k] for k in numbers],
        [words()[k] for k in numbers],
        model.encode,
        change=otherwise,
        groups=stems()[learned],
    )
    file = checkpoint(f"clip {way} of {len(learned)}, seed {seed}")
    aigc.fit(model, data, steps=STEPS, seed=seed, ema=0.98, checkpoint=file)
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
    """What one way finds more than another among the first ten, paired by stem."""
    groups = stems()[part()["test"]].unique(return_inverse=True)[1]
    means = []
    for answers in (new, old):
        place = torch.tensor([answer[DIRECTIONS[0]] for answer in answers])
        hit = (place <= 10).double().mean(0)
        total = torch.zeros(int(groups.max()) + 1, dtype=torch.float64)
        count = total.clone().index_add_(0, groups, torch.ones_like(hit))
        means.append(total.index_add_(0, groups, hit) / count)
    difference = paired_gain(*means)
    return {"gain": difference.mean, "from": difference.low, "to": difference.high}


def fooled(seed: int, other: int, size: float = 4 / 255, n: int = 100) -> dict:
    """How often a foreign text scores higher than the own one, after small changes.

    ``size`` is the greatest change of a pixel, of brightness in [0, 1]; a foreign text
    is that of the next of ``n`` emoji of different stems.
    """
    first = dict.fromkeys(stems()[part()["test"]].tolist())
    where = [(stems()[part()["test"]] == stem).nonzero()[0, 0] for stem in first]
    numbers = part()["test"][torch.stack(where)[:n]]
    x = real()[numbers].float() / 127.5 - 1
    models = {
        "own": trained(part()["both"], "CLIP", seed),
        "other": trained(part()["both"], "CLIP", other),
    }
    texts = [text_of(k) for k in numbers.tolist()]

    def preferred(model: CLIP, x: Tensor) -> float:
        scores = model.score(texts, x)  # (texts, pictures)
        return (scores.roll(-1, 0).diag() > scores.diag()).double().mean().item()

    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    changed = {
        "nothing": x,
        "noise": (x + 2 * size * noise.sign()).clamp(-1, 1),
        "attack": attacked(models["own"], x, texts[1:] + texts[:1], 2 * size),
    }
    return {
        f"{change}, {name}": preferred(model, pictures)
        for change, pictures in changed.items()
        for name, model in models.items()
        if name == "own" or change == "attack"
    } | {"pictures": len(x), "size": size}


def attacked(
    model: CLIP, x: Tensor, texts: list[str], size: float, steps: int = 10
) -> Tensor:
    """Change pictures in [-1, 1] by at most ``size`` towards ``texts``.

    Source: projected gradient steps of the sign, Madry et al. 2018, section 2.1.
    """
    wanted, changed = model.encode_texts(texts), x.clone()
    with model.averaged():
        net = model.pictures.eval()
        for _ in range(steps):
            changed.requires_grad_()
            (slope,) = torch.autograd.grad((net(changed) * wanted).sum(), changed)
            step = changed.detach() + size / 4 * slope.sign()
            changed = x + (step - x).clamp(-size, size)
            changed = changed.clamp(-1, 1)
    return changed


# ---- scenes --------------------------------------------------------------------------

SCENES = {
    "bag": ({"depth": 0}, False),
    "Transformer": ({}, False),
    "bag, with twins": ({"depth": 0}, True),
    "Transformer, with twins": ({}, True),
}
SCENE_STEPS = int(os.environ.get("SCENE_STEPS", 200))
LONGEST = 64  # characters of a sentence
TWISTS = ("colours exchanged", "sides exchanged", "another colour")


def twisted(things: tuple[Thing, Thing], how: str) -> tuple[Thing, Thing]:
    """Exchange the colours or the places of two things, or repaint the first."""
    a, b = things
    if how == "colours exchanged":
        return a._replace(colour=b.colour), b._replace(colour=a.colour)
    if how == "sides exchanged":
        return a._replace(place=b.place), b._replace(place=a.place)
    free = [colour for colour in COLOURS if colour not in (a.colour, b.colour)]
    return a._replace(colour=free[0]), b


def told(things: list[tuple[Thing, Thing]], model: CLIP, seed: int) -> Images:
    """Draw scenes, each with a sentence in one of all wordings."""
    x = torch.stack([draw(pair, seed=seed + k) for k, pair in enumerate(things)])
    lot = torch.randint(
        WORDINGS, (len(things),), generator=torch.Generator().manual_seed(seed)
    )
    texts = [describe(p, k) for p, k in zip(things, lot.tolist(), strict=True)]
    return Images(x, pad(model.encode(texts), LONGEST))


def pad(tokens: Tensor, length: int) -> Tensor:
    return torch.nn.functional.pad(tokens, (0, length - tokens.shape[1]), value=-1)


def several(n: int, seed: int) -> list[tuple[Thing, Thing]]:
    """Draw the things of ``n`` scenes of two things that differ in colour and shape."""
    found, more = [], 0
    while len(found) < n:
        for things in scenes(2 * n, 1_000 * seed + more).things:
            a, *b = things
            if b and a.colour != b[0].colour and a.shape != b[0].shape:
                found.append(things)
        more += 1
    return found[:n]


@cache
def alphabet_of_scenes() -> str:
    """All characters of all sentences."""
    return "".join(sorted(set("".join(scenes(2_000, 0).texts))))


def reader_of_scenes(way: str, seed: int) -> CLIP:
    options, twins = SCENES[way]
    torch.manual_seed(seed)
    model = CLIP(Characters(alphabet_of_scenes()), width=16, size=128, **options)
    things = several(3_000, 100 + seed)
    data = told(things, model, seed)
    if twins:
        others = [[twisted(t, how) for t in things] for how in TWISTS[:2]]
        data = Twinned(data, *(told(each, model, seed) for each in others))
    file = checkpoint(f"scenes {way}, seed {seed}")
    aigc.fit(model, data, steps=SCENE_STEPS, seed=seed, ema=0.98, checkpoint=file)
    return model


def told_apart(way: str, seed: int, n: int = 500) -> dict:
    """How often the right sentence scores higher than each twisted one, 0 or 1 each."""
    begun = time.process_time()
    model = reader_of_scenes(way, seed)
    seconds, things = time.process_time() - begun, several(n, 9)
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


def scene_row(way: str, answers: list[dict]) -> dict:
    made = {"way": way, "seeds": len(answers)}
    made["seconds"] = sum(a["seconds"] for a in answers) / len(answers)
    for how in TWISTS:
        hits, name = torch.tensor([answer[how] for answer in answers]), how.split()[0]
        made[name], made[f"{name}_from"], made[f"{name}_to"] = mean_over(hits)
        made[f"{name}_by_seed"] = hits.mean(1).tolist()
    return made


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
    scenes_found = {
        way: [parts(f"scenes {way} {s}", partial(told_apart, way, s)) for s in SEEDS]
        for way in SCENES
    }
    attacks = [
        parts(f"attack {s}", partial(fooled, s, (s + 1) % len(SEEDS))) for s in SEEDS
    ]
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
        attacks=[
            *attacks,
            {k: sum(a[k] for a in attacks) / len(attacks) for k in attacks[0]}
            | {"mean": True},
        ],
        scenes=[scene_row(way, found) for way, found in scenes_found.items()],
        data="openmoji, names and keywords in Chinese; made scenes of two things",
        split=f"{len(learned)} emoji to learn from, {len(part()['validation'])} "
        f"of them to choose by; {len(asked)} held out, stem by stem",
        n=f"{len(asked)} texts and emoji; 500 scenes",
        metric="recall@k among the held-out, 95% interval of the bootstrap over stems",
        steps={"emoji": STEPS, "scenes": SCENE_STEPS},
        seeds=list(SEEDS),
        gpu="not measured yet",
    )


if __name__ == "__main__":
    main()
