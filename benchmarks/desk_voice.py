"""Spoken digits: how well they are heard, and how well spoken ones are understood.

*Heard*: the recogniser leaves out one speaker of fsdd after the other; beside it the
official split, which shares the speakers, nearest neighbours over the same
spectrograms, and yes and no by synthetic voices, eleven of the 44 left out. *Spoken*:
order numbers of eleven digits are put together from one recording of each digit by a
speaker whom the listener never heard: as recorded; by Griffin-Lim from their log-mel
spectrograms; by our WaveNet, a vocoder trained on other recordings of all six; and by
eSpeak NG, digit by digit. The recogniser that learned from the other five speakers
writes down what it hears. Its sizes were tried on one speaker, george: to vary the
spectrograms in training (other throats, other rooms, gaps) gained nothing in so few
steps. ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from random import Random

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.apps.service_desk.listening import (
    LENGTH,
    STEPS,
    pieces,
    read_wav,
    synthetic_yes_no,
    train_words,
    trimmed,
)
from aigc_lib.apps.service_desk.speech import espeak, joined
from aigc_lib.codecs.spectrum import griffin_lim, log_mel, mel_to_spectrogram
from aigc_lib.metrics.intervals import proportion_interval
from aigc_lib.models import WaveNet
from aigc_lib.models.recogniser import BANDS, RANGE, SoundClassifier
from benchmarks.record import checkpoint, kept, record

HEARING = int(os.environ.get("STEPS", STEPS))
SPEAKING = int(os.environ.get("STEPS", 300))  # steps of the vocoder
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
VOCODER = {"depth": 8, "stacks": 1, "skip_channels": 64}  # as in chapter 08
CUT = 1_200  # samples of a training piece
NUMBERS, DIGITS = 60, 11


def recordings() -> tuple[Tensor, Tensor, Tensor]:
    """All of fsdd: x (6, 200, LENGTH), digits and whether of the test, (6, 200)."""
    parts = [aigc.data.load("fsdd", split=split) for split in ("train", "test")]
    x = torch.cat([part.x.view(6, -1, part.x.shape[1]) for part in parts], 1)
    y = torch.cat([part.y.view(6, -1) for part in parts], 1)
    tested = torch.arange(x.shape[1]) >= parts[0].x.shape[0] // 6
    x = torch.stack([trimmed(one) for one in x.flatten(0, 1)]).view(6, -1, LENGTH)
    return x, y, tested.expand(6, -1)


def share(hits: Tensor) -> dict:
    """Return a share of hits (N,) with Wilson's interval."""
    low, high = proportion_interval(int(hits.sum()), len(hits))
    return {
        "accuracy": hits.double().mean().item(),
        "accuracy_min": low,
        "accuracy_max": high,
    }


def nearest(train: Tensor, y: Tensor, test: Tensor) -> Tensor:
    """The class of the nearest training spectrogram, the same that the net is given."""

    def seen(x: Tensor) -> Tensor:
        mel = log_mel(x, bands=BANDS)
        mel = (mel - mel.amax((1, 2), keepdim=True)).clamp(min=-RANGE)
        return mel[:, :, ::2].flatten(1)

    return y[torch.cdist(seen(test), seen(train)).argmin(1)]


def left_out(s: int) -> dict:
    """Learn from five speakers, hear the sixth."""
    x, y, _ = recordings()
    others = [i for i in range(6) if i != s]
    train, labels = x[others].flatten(0, 1), y[others].flatten()
    model = train_words(train, labels, tuple("0123456789"), steps=HEARING)
    model.save(_path(s))
    return {
        "net": (model.logits(x[s]).argmax(1) == y[s]).tolist(),
        "nearest": (nearest(train, labels, x[s]) == y[s]).tolist(),
    }


def official() -> dict:
    """Learn from the official train part, hear its test part."""
    x, y, tested = recordings()
    model = train_words(x[~tested], y[~tested], tuple("0123456789"), steps=HEARING)
    return {"net": (model.logits(x[tested]).argmax(1) == y[tested]).tolist()}


def _path(speaker: int) -> Path:
    return checkpoint(f"desk_voice_{speaker}").with_suffix(".safetensors")


def yes_no() -> dict:
    """Synthetic voices: every fourth is left out."""
    x, y, voice = synthetic_yes_no()
    out = voice % 4 == 3
    model = train_words(x[~out], y[~out], ("no", "yes"), steps=max(1, HEARING // 4))
    return {"net": (model.logits(x[out]).argmax(1) == y[out]).tolist()}


def vocoder(x: Tensor, tested: Tensor) -> tuple[WaveNet, float]:
    """Train the vocoder on pieces of the training recordings."""
    sounds, random = x[~tested], Random(0)
    cuts = []
    for sound in sounds:
        length = int((sound != 0).nonzero().max()) + 1
        for _ in range(2):
            begin = random.randrange(max(1, length - CUT))
            cuts.append(sound[begin : begin + CUT])
    began = time.perf_counter()
    aigc.start(seed=0)
    model = WaveNet(**VOCODER, bands=40)
    aigc.fit(
        model,
        torch.stack(cuts),
        steps=SPEAKING,
        seed=0,
        ema=0.99,
        cooldown=0.5,
        checkpoint=checkpoint("desk_vocoder"),
        save_every=50,
    )
    return model, time.perf_counter() - began


def spoken() -> dict:
    """Say order numbers in four ways, and let the listener write them down."""
    x, y, tested = recordings()
    model, seconds = vocoder(x, tested)
    random = Random(1)
    numbers = [
        "2026" + "".join(random.choice("0123456789") for _ in range(DIGITS - 4))
        for _ in range(NUMBERS)
    ]
    ways: dict[str, list[tuple[str, str]]] = {}
    speaking = 0.0
    for s in range(6):
        listener = SoundClassifier.load(_path(s))
        own = [x[s][tested[s] & (y[s] == d)][0] for d in range(10)]
        sounds = torch.stack(own)
        ends = [int((one != 0).nonzero().max()) + 1 for one in own]
        sounds = sounds[:, : max(ends) // 64 * 64]
        mel = log_mel(sounds)
        began = time.perf_counter()
        made = model.sample(
            10, seed=s, mel=mel, length=sounds.shape[1], temperature=0.7
        )
        speaking += time.perf_counter() - began
        again = griffin_lim(mel_to_spectrogram(mel))
        synthetic = [read_wav(espeak(str(d), "en")) for d in range(10)]
        for way, digits in (
            ("as recorded", list(sounds)),
            ("Griffin-Lim", [_loud(one) for one in again]),
            ("WaveNet", [_loud(one) for one in made]),
            ("eSpeak NG", [trimmed(one) for one in synthetic]),
        ):
            if way == "eSpeak NG":
                ends = [int((one != 0).nonzero().max()) + 1 for one in digits]
            digits = [one[:end] for one, end in zip(digits, ends, strict=True)]
            for number in numbers[s * NUMBERS // 6 : (s + 1) * NUMBERS // 6]:
                sound = joined([digits[int(d)] for d in number], gap=0.25)
                words = pieces(sound)
                text = "".join(w for w, _ in listener.predict(torch.stack(words)))
                ways.setdefault(way, []).append((number, text))
    rows = []
    for way, pairs in ways.items():
        right = torch.tensor([a == b for a, b in pairs])
        cut = torch.tensor([len(a) == len(b) for a, b in pairs])
        digit = [
            x == y
            for a, b in pairs
            if len(a) == len(b)
            for x, y in zip(a, b, strict=True)
        ]
        row = {"part": "spoken", "data": way, "n": len(pairs)} | share(right)
        row["cut_right"] = cut.double().mean().item()
        row["digits_right"] = sum(digit) / max(1, len(digit))
        rows.append(row)
    nats = model.nats_per_sample(x[tested][:, :CUT][:60])
    context = {
        "vocoder_seconds_of_the_last_run": seconds,
        "vocoder_nats": nats,
        "speaking_seconds_for_ten_digits": speaking / 6,
    }
    return {"rows": rows, "context": context}


def _loud(x: Tensor) -> Tensor:
    """Bring a sound (T,) to a peak of 0.9."""
    return 0.9 * x / x.abs().max().clamp(min=1e-6)


def main() -> None:
    def run(key: str, measure) -> dict:
        return kept("desk_voice", f"{key} {HEARING} {SPEAKING}", measure)

    folds = [run(name, partial(left_out, s)) for s, name in enumerate(SPEAKERS)]
    every = {
        name: found["net"] for name, found in zip(SPEAKERS, folds, strict=True)
    } | {
        f"a new speaker, {way}": [hit for found in folds for hit in found[way]]
        for way in ("net", "nearest")
    }
    every["the official split"] = run("official", official)["net"]
    every["yes and no, new synthetic voices"] = run("yes no", yes_no)["net"]
    rows = [
        {"part": "heard", "data": name, "n": len(hits)} | share(torch.tensor(hits))
        for name, hits in every.items()
    ]
    found = run("spoken", spoken)
    rows += found["rows"]
    for row in rows:
        print(row, flush=True)
    record(
        "desk_voice",
        rows,
        data="fsdd, 6 speakers x 200 recordings; synthetic voices of eSpeak NG",
        metric="accuracy with Wilson's 95% interval; spoken: whole order numbers of "
        f"{DIGITS} digits that were written down without an error",
        steps=HEARING,
        vocoder_steps=SPEAKING,
        details=found["context"],
        seeds=[0],
    )


if __name__ == "__main__":
    main()
