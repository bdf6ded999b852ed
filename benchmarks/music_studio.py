"""What composers write, next to what people wrote.

One composer learns folk tunes and made-up songs, one learns chorales, each on one core.
Their pieces are compared with the test pieces of the genre; what two halves of people's
pieces differ in by chance stands beside. Bach's own rate of parallels, and how long a
run people's test tunes share with the training tunes, are the yardsticks for rules and
for copying. What music21 extracts of first voices (its jSymbolic features) is compared
as well; as many training pieces, as long, stand beside, and for folk tunes what a tuned
Markov chain of order 2 writes in the same keys and metres. ``SECONDS=20`` is a quick
try.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

import aigc_lib as aigc
from aigc_lib.apps.music_studio.learn import KEYS, LENGTH, learnable
from aigc_lib.codecs.instruments import to_sound
from aigc_lib.codecs.melody import STEPS
from aigc_lib.codecs.piece import Piece, chord_classes
from aigc_lib.codecs.score import is_strong
from aigc_lib.codecs.scores import to_svg
from aigc_lib.codecs.sound import write_wav
from aigc_lib.data.pieces import pieces
from aigc_lib.files import replacing
from aigc_lib.metrics.intervals import paired_gain
from aigc_lib.metrics.music import (
    Likeness,
    best_key,
    in_key_rate,
    parallels,
    pitch_classes,
    rhythms,
    total_variation,
)
from aigc_lib.models import Composer
from aigc_lib.models.markov import MarkovMelody
from aigc_lib.models.transformer.rules import Wishes
from benchmarks.record import ROOT, checkpoint, kept, record

SECONDS = int(os.environ.get("SECONDS", 400))
BATCH = 12
PIECES = int(os.environ.get("PIECES", 24))
BARS, SHOWN = 8, 4
WARM = 0.9  # the temperature of all that is composed
INTERVALS = "MelodicIntervalHistogramFeature"  # of music21
FIGURES = (  # of music21, a number each; durations at 120 quarters a minute
    "AverageMelodicIntervalFeature",
    "AverageNoteDurationFeature",
    "VariabilityOfNoteDurationFeature",
)
NAME = "music_studio"


def composer(*genres: str) -> Composer:
    """Train a composer, or read what was trained at this commit."""
    aigc.start(seed=0)
    model = Composer(context=LENGTH - 1)
    runs = learnable(model.code, genres=genres, length=LENGTH, keys=KEYS)
    history = aigc.fit(
        model,
        runs,
        seconds=SECONDS,
        batch_size=BATCH,
        checkpoint=checkpoint(f"{NAME}_{genres[0]}"),
        save_every=100,
    )
    print(f"{genres}: {history.steps[-1]} steps on {len(runs)} runs", flush=True)
    return model.eval()


def spread(pieces_: list, statistic: Callable, draws: int = 400) -> list[float]:
    """Return the 95% interval of a statistic of a list of pieces, drawn again."""
    random = np.random.default_rng(0)
    n = len(pieces_)
    found = [
        statistic([pieces_[i] for i in random.integers(0, n, n)]) for _ in range(draws)
    ]
    return np.quantile(found, [0.025, 0.975]).tolist()


def looked_at(made: list[Piece], genre: str) -> dict:
    """Compare pieces with the test pieces of a genre."""
    test, train = pieces(genre, "test"), pieces(genre, "train")
    halves = test[::2], test[1::2]
    likeness = Likeness(train)
    copied = [likeness.copied(piece).notes for piece in made]
    theirs = [
        likeness.copied(piece.cut(0, min(BARS, piece.bars))).notes for piece in test
    ]
    notes, own = pitch_classes(test), rhythms(test)
    in_key = [in_key_rate(piece) for piece in made]
    found = {
        "pieces": len(made),
        "in_key": float(np.mean(in_key)),
        "in_key_interval": spread(in_key, np.mean),
        "in_key_people": float(np.mean([in_key_rate(piece) for piece in test])),
        "key_found": float(np.mean([best_key(p) == p.key for p in made])),
        "key_found_people": float(np.mean([best_key(p) == p.key for p in test])),
        "pitches": total_variation(pitch_classes(made), notes),
        "pitches_interval": spread(
            made, lambda some: total_variation(pitch_classes(some), notes)
        ),
        "pitches_people": total_variation(*map(pitch_classes, halves)),
        "rhythms": total_variation(rhythms(made), own),
        "rhythms_interval": spread(
            made, lambda some: total_variation(rhythms(some), own)
        ),
        "rhythms_people": total_variation(*map(rhythms, halves)),
        "copied": float(np.median(copied)),
        "copied_interval": spread(copied, np.median),
        "copied_most": max(copied),
        "copied_people": float(np.median(theirs)),
        "copied_people_most": max(theirs),
    }
    return found | by_music21(made, train, test)


def extracted(piece: Piece) -> np.ndarray:
    """Return what music21 says of the first voice: ``FIGURES``, then ``INTERVALS``.

    These are the shares of the 128 melodic intervals, whichever their direction.
    """
    from music21 import features, note, stream

    line = stream.Part()
    for sound in piece.voices[0]:
        one = note.Note(sound.pitch, quarterLength=sound.steps / STEPS)
        line.insert(sound.start / STEPS, one)
    data = features.DataInstance(line)
    found = (getattr(features.jSymbolic, name)(data) for name in (*FIGURES, INTERVALS))
    return np.concatenate([one.extract().vector for one in found])


def distances_of(held: list[np.ndarray]) -> dict[str, Callable[[list], float]]:
    """Return how far what music21 extracts of pieces may be from that of the test's.

    "figures": mean distance of the means, in standard deviations of the test pieces;
    "intervals": total variation.
    """
    mean, scale, n = np.mean(held, axis=0), np.std(held, axis=0), len(FIGURES)
    return {
        "figures": lambda rows: float(
            np.mean(np.abs(np.mean(rows, axis=0) - mean)[:n] / scale[:n])
        ),
        "intervals": lambda rows: total_variation(np.mean(rows, axis=0)[n:], mean[n:]),
    }


def begun(some: list[Piece]) -> list[np.ndarray]:
    """Return what music21 extracts of the beginnings of pieces."""
    return [extracted(piece.cut(0, min(BARS, piece.bars))) for piece in some]


def by_music21(made: list[Piece], train: list[Piece], test: list[Piece]) -> dict:
    """Compare what music21 extracts of pieces, and of training pieces, with the test's.

    What the distances are, ``distances_of`` says.
    """
    some = train[:: len(train) // len(made)][: len(made)]
    ours, theirs, found = begun(made), begun(some), {}
    for name, distance in distances_of(begun(test)).items():
        for whose, rows in (("", ours), ("_people", theirs)):
            found[f"music21_{name}{whose}"] = distance(rows)
            found[f"music21_{name}{whose}_interval"] = spread(rows, distance)
    return found


def more_than(ours: list[Piece], theirs: list[Piece], test: list[Piece]) -> dict:
    """Return how much farther than ours theirs are from the test's, to music21.

    Pieces are paired: the same key and metre was asked.
    """
    pairs, found = list(zip(begun(ours), begun(theirs), strict=True)), {}
    for name, distance in distances_of(begun(test)).items():

        def more(some: list, distance: Callable = distance) -> float:
            mine, other = zip(*some, strict=True)
            return distance(other) - distance(mine)

        found[f"music21_{name}_more"] = more(pairs)
        found[f"music21_{name}_more_interval"] = spread(pairs, more)
    return found


def led(made: list[Piece]) -> dict:
    """Count parallels of pieces in four voices."""

    def rate(some: list[Piece]) -> float:
        found = [parallels(piece) for piece in some]
        return 100 * sum(p.count for p in found) / sum(p.changes for p in found)

    return {"parallels": rate(made), "parallels_interval": spread(made, rate)}


def asked_of(genre: str) -> list[Piece]:
    """Return test pieces, whose keys and metres are asked."""
    return (pieces(genre, "test") * PIECES)[:PIECES]


def written(model: Composer, genre: str) -> list[Piece]:
    """Compose in the keys and metres of the test pieces."""
    return [
        model.compose(
            genre,
            metre=p.metre,
            key=p.key,
            bars=BARS,
            seed=i,
            drafts=1,
            temperature=WARM,
        )
        for i, p in enumerate(asked_of(genre))
    ]


def composed(model: Composer, genre: str) -> dict:
    """Look at what a composer writes, and how long it takes."""
    began = time.perf_counter()
    made = written(model, genre)
    seconds = time.perf_counter() - began
    found = looked_at(made, genre) | {"seconds_per_bar": seconds / (PIECES * BARS)}
    return found | (led(made) if genre == "chorale" else {})


def chained(model: Composer) -> dict:
    """Look at what a Markov chain of order 2 writes of folk tunes, beside a composer.

    The chain draws as it learned, without a temperature.
    """
    train, validation, test = (
        pieces("folk", split) for split in ("train", "validation", "test")
    )
    chain = MarkovMelody(train).tuned(validation)
    made = [
        chain.sample(metre=p.metre, key=p.key, bars=BARS, seed=i)
        for i, p in enumerate(asked_of("folk"))
    ]
    return looked_at(made, "folk") | more_than(written(model, "folk"), made, test)


def harmonised(model: Composer, drafts: int, wishes: Wishes) -> dict:
    """Set three voices to the melodies of test chorales."""
    melodies = [p.cut(0, min(BARS, p.bars)) for p in pieces("chorale", "test")[:PIECES]]
    began = time.perf_counter()
    made = [
        model.harmonise(p, seed=i, drafts=drafts, wishes=wishes, temperature=WARM)
        for i, p in enumerate(melodies)
    ]
    seconds = time.perf_counter() - began
    nats = [model.nats(p) / p.bars for p in made]
    return {
        "pieces": len(made),
        "drafts": drafts,
        "nats_per_bar": float(np.mean(nats)),
        "by_piece": nats,
        "example": made[0].cut(0, SHOWN).to_json(),
        "in_key": float(np.mean([in_key_rate(p) for p in made])),
        "seconds_per_bar": seconds / sum(p.bars for p in made),
        **led(made),
    }


def on_strong_beats(model: Composer, wishes: Wishes) -> dict:
    """Measure how often the melody sounds a tone of its chord on strong beats."""
    asked = (pieces("folk", "test") * PIECES)[: PIECES // 2]
    made = [
        model.compose(
            "folk", metre=p.metre, key=p.key, bars=4, seed=i, wishes=wishes, drafts=8
        )
        for i, p in enumerate(asked)
    ]
    return {"share": chord_tones(made), "people": chord_tones(pieces("folk", "test"))}


def chord_tones(some: list[Piece]) -> float:
    """Share of strong beats with a chord on which the first voice sounds its tone."""
    fits = []
    for piece in some:
        for note in piece.voices[0]:
            for at in range(note.start, note.end):
                chord = chord_classes(piece.chord_at(at))
                if chord and is_strong(piece.metre, piece.before + at):
                    fits.append(note.pitch % 12 in chord)
    return float(np.mean(fits))


def moods(model: Composer) -> dict:
    """Measure how many notes a quarter has where a mood is asked."""
    found = {}
    for mood, key in (("lively", "G major"), ("gentle", "G major"),
                      ("tense", "E minor"), ("sad", "E minor")):  # fmt: skip
        made = [
            model.compose("folk", key=key, mood=mood, bars=4, seed=i, drafts=1)
            for i in range(PIECES // 2)
        ]
        found[mood] = [len(p.voices[0]) / (p.length / STEPS) for p in made]
    gain = paired_gain(found["lively"] + found["tense"], found["gentle"] + found["sad"])
    means = {mood: float(np.mean(values)) for mood, values in found.items()}
    beside = {"more": gain.mean, "more_interval": [gain.low, gain.high]}
    return means | beside


def show(piece: Piece) -> None:
    """Write a piece as a picture and as a sound, for the chapter."""
    path = ROOT / "results" / "music_chorale.svg"
    with replacing(path) as temporary:
        temporary.write_text(to_svg(piece, width=800), "utf-8")
    write_wav(path.with_suffix(".wav"), to_sound(piece, "organ"))


def main() -> None:
    folk, four = composer("folk", "pop"), composer("chorale")
    chorales = pieces("chorale", "test")

    def measured(name: str, how: Callable[[], dict]) -> dict:
        answer = kept(NAME, name, how)
        said = {k: v for k, v in answer.items() if k not in ("by_piece", "example")}
        print(name, said, flush=True)
        return answer

    rows = {
        genre: measured(genre, lambda genre=genre, m=model: composed(m, genre))
        for genre, model in (("folk", folk), ("pop", folk), ("chorale", four))
    }
    rows["folk, markov-2"] = measured("folk, markov-2", lambda: chained(folk))
    short = [four.code.snapped(p) for p in chorales]
    rows["bach"] = led(chorales) | {"pieces": len(chorales)}
    rows["bach on our grid"] = led(short) | {
        "pieces": len(short),
        "nats_per_bar": float(np.mean([four.nats(p) / p.bars for p in short])),
    }
    ways = {
        name: measured(name, lambda n=n, w=wishes: harmonised(four, n, w))
        for name, n, wishes in (
            ("harmonised, 1 draft", 1, Wishes()),
            ("harmonised, 24 drafts", 24, Wishes()),
            ("harmonised, 24 drafts, rule", 24, Wishes(no_parallels=True)),
        )
    }
    one, many, ruled = ways.values()
    for better, than in ((many, one), (ruled, many)):
        gain = paired_gain(than["by_piece"], better["by_piece"])
        better["saved"] = gain.mean
        better["saved_interval"] = [gain.low, gain.high]
    show(Piece.from_json(ruled["example"]))
    for name, way in ways.items():
        drop = ("by_piece", "example")
        rows[name] = {key: value for key, value in way.items() if key not in drop}
    rows["moods"] = measured("moods", lambda: moods(folk))
    free, wished = (
        measured(f"tones {w}", lambda w=w: on_strong_beats(folk, w))
        for w in (Wishes(), Wishes(chord_tones=True))
    )
    rows["chord tones"] = {
        "free": free["share"],
        "wished": wished["share"],
        "people": free["people"],
    }
    record(
        NAME,
        rows,
        data="nottingham, music21's chorales, made-up songs",
        split="by the beginnings of the melodies; compared with the test pieces",
        n=PIECES,
        metric="see benchmarks/music_studio.py; nats by the composer itself",
        interval="95%, bootstrap over pieces",
        seconds=SECONDS,
        seeds=[0],
    )


if __name__ == "__main__":
    main()
