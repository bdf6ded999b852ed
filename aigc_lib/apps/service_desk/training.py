"""What the encoder of the assistant learns from: questions beside their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from ...models.transformer.pairs import PairEncoder
from ...train import fit
from .knowledge import Entry
from .understanding import OUTSIDE, Said

NET = {"ngrams": 2, "buckets": 2**15, "width": 192, "longest": 400}
NET |= {"spread": 0.2, "learning_rate": 4e-3}
STEPS = 150


def pairs_of(
    entries: Sequence[Entry],
    data: Sequence[Said],
    corrections: Sequence[Mapping[str, str]] = (),
) -> tuple[list[str], list[str], list[int]]:
    """Return questions, the texts that answer them, and the numbers of those texts.

    An entry is asked for by its title and by every other of its questions (the rest
    shows afterwards how much evidence is enough); by what customers say whose intent
    it has; and by corrections that name it.
    """
    rows: list[tuple[str, int]] = []
    of_intent: dict[str, list[int]] = {}
    ids = {entry.id: i for i, entry in enumerate(entries)}
    for i, entry in enumerate(entries):
        rows += [(entry.title, i)] * 4 + [
            (text, i) for text in entry.questions[::2]
        ] * 8
        rows += [(sentence, i) for sentence in entry.sentences] * 2
        if entry.intent and entry.language == "zh":
            of_intent.setdefault(entry.intent, []).append(i)
    for one in data:
        if one.intent != OUTSIDE:
            rows += [(one.text, i) for i in of_intent.get(one.intent, ())]
    for one in corrections:
        if one.get("entry") in ids:
            rows += [(one["text"], ids[one["entry"]])] * 16
    answers = [f"{entry.title} {entry.text}" for entry in entries]
    questions = [text for text, _ in rows]
    return questions, [answers[i] for _, i in rows], [i for _, i in rows]


def trained_encoder(
    entries: Sequence[Entry],
    data: Sequence[Said],
    corrections: Sequence[Mapping[str, str]] = (),
    *,
    steps: int = STEPS,
    seed: int = 0,
) -> PairEncoder:
    """Train an encoder on ``pairs_of`` these."""
    questions, answers, group = pairs_of(entries, data, corrections)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = PairEncoder(**NET)
    encoder.rarity([*(e.text for e in entries), *(one.text for one in data)])
    rows = encoder.pairs(questions, answers, group)
    fit(encoder, rows, steps=steps, seed=seed, ema=0.98, cooldown=1.0)
    return encoder
