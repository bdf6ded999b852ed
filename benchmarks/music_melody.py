"""Folk melodies in nats per event: our Transformer against a Markov chain.

An event is a note or a rest, its pitch and its length together. Both models are told
key and metre, and give a probability to the whole melody: pickup, notes, end. The chain
is of order 2, in steps above the tonic, with the place in the bar, its interpolation
tuned on the validation tunes; orders 1 and 3 stand beside it. The Transformer learns
the same tunes in twelve keys. ``SECONDS=20`` is a quick try.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

import aigc_lib as aigc
from aigc_lib.codecs.piece import Piece
from aigc_lib.data.pieces import pieces
from aigc_lib.metrics.intervals import bootstrap_interval, paired_gain
from aigc_lib.models import Composer
from aigc_lib.models.markov import MarkovMelody, events_of
from benchmarks.record import in_turns, kept, record, seeds, summary

SECONDS = int(os.environ.get("SECONDS", 200))
LAYOUTS = {"folk": (("soprano",), 1, False)}  # no chords: the chain has none
LENGTH, BATCH, KEYS = 192, 12, range(-5, 7)
NET = {"context": LENGTH, "depth": 4, "heads": 4, "width": 128, "dropout": 0.1}
SEEDS = seeds(3)


def tunes(split: str) -> list[Piece]:
    """Return the melodies of a split, without chords."""
    return [replace(piece, chords=()) for piece in pieces("folk", split)]


def per_event(nats: list[float], held: list[Piece]) -> dict[str, float]:
    """Return all nats over all events, with an interval over the tunes."""
    pairs = np.array([[n, len(events_of(p))] for n, p in zip(nats, held, strict=True)])

    def mean(some: np.ndarray) -> float:
        return float(some[:, 0].sum() / some[:, 1].sum())

    low, high = bootstrap_interval(pairs, mean)
    return {"nats": mean(pairs), "low": low, "high": high}


def measure_chain(order: int) -> dict:
    """Fit and tune one chain; what it says of each test tune."""
    train, validation, test = map(tunes, ("train", "validation", "test"))
    chain = MarkovMelody(train, order=order).tuned(validation)
    nats = [chain.nats(piece) for piece in test]
    held = [chain.nats(piece) for piece in validation]
    return {
        **per_event(nats, test),
        "validation": per_event(held, validation)["nats"],
        "by_tune": nats,
        "trusts": {kind: part.trusts for kind, part in chain.parts.items()},
    }


def measure(name: str, seed: int) -> dict:
    """Train one Transformer; what it says of each test tune."""
    aigc.start(seed=seed)
    model = Composer(LAYOUTS, optimizer="muon", **NET)
    runs = model.code.runs(tunes("train"), length=LENGTH + 1, transpose=KEYS)
    history = aigc.fit(model, runs, seconds=SECONDS, batch_size=BATCH, seed=seed)
    test, validation = tunes("test"), tunes("validation")
    nats = [model.nats(piece) for piece in test]
    held = [model.nats(piece) for piece in validation]
    return {
        **per_event(nats, test),
        "validation": per_event(held, validation)["nats"],
        "by_tune": nats,
        "steps": history.steps[-1],
    }


def main() -> None:
    chains = {
        f"markov-{order}": kept(
            "music_melody", f"markov {order}", lambda order=order: measure_chain(order)
        )
        for order in (1, 2, 3)
    }
    (runs,) = in_turns("music_melody", ["transformer"], SEEDS, measure).values()
    test = tunes("test")
    events = np.array([len(events_of(piece)) for piece in test])
    ours = np.mean([run.pop("by_tune") for run in runs], axis=0) / events
    rows = {}
    for name, chain in chains.items():
        theirs = np.array(chain.pop("by_tune")) / events
        gain = paired_gain(theirs, ours)
        beside = {"gain": gain.mean, "gain_interval": [gain.low, gain.high]}
        rows[name] = chain | beside
    rows["transformer"] = summary(runs)
    record(
        "music_melody",
        rows,
        data="nottingham, tunes with regular bars, melodies alone",
        split="by the first eight intervals",
        n=len(test),
        events=int(events.sum()),
        metric="nats per event; gain: what a tune costs the chain more, for an event",
        interval="95%, bootstrap over the tunes",
        seeds=list(SEEDS),
        seconds=SECONDS,
    )


if __name__ == "__main__":
    main()
