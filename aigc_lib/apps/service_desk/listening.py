"""Spoken digits, and yes or no, as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from ... import runtime
from ...codecs.sound import SAMPLE_RATE
from ...data import find, load
from ...data.own.folder import LeftOut
from ...data.own.sounds import decoded
from ...models.recogniser import SoundClassifier
from ...train import fit
from ..refused import Refused
from .speech import Unavailable, espeak

LENGTH = 6_400  # samples of one word
MOST_SECONDS = 15.0
FRAME = 160  # samples, 20 ms
STEPS = 300
SAID = {"yes": ("yes", "yes please", "yeah"), "no": ("no", "no thanks", "nope")}
VARIANTS = ("", "+m1", "+m2", "+m3", "+m4", "+m5", "+f1", "+f2", "+f3", "+f4", "+f5")
ACCENTS = ("en-us", "en-gb-x-rp", "en-gb-scotland", "en-029")


class Heard(NamedTuple):
    """What was understood, and the probability of its least certain word."""

    text: str
    sure: float


def pieces(x: Tensor) -> list[Tensor]:
    """Cut one sound (T,) where it is silent: words, each (``LENGTH``,), in order.

    Loud is what lies well above the quietest tenth and near enough to the loudest
    frame. Gaps below 100 ms are bridged, what is shorter than 80 ms is no word.
    """
    frames = x[: len(x) // FRAME * FRAME].view(-1, FRAME)
    if not len(frames):
        return []
    level = 20 * frames.square().mean(1).sqrt().clamp(min=1e-5).log10()  # dB
    floor, top = level.quantile(0.1).item(), level.max().item()
    loud = (level > max(floor + 8, top - 32)).tolist()
    spans: list[list[int]] = []
    for i, on in enumerate(loud):
        if on and spans and i - spans[-1][1] <= 5:
            spans[-1][1] = i + 1
        elif on:
            spans.append([i, i + 1])
    found = []
    for begin, end in spans:
        if end - begin < 4:
            continue
        word = x[max(0, begin - 2) * FRAME : (end + 2) * FRAME][:LENGTH]
        found.append(torch.nn.functional.pad(word, (0, LENGTH - len(word))))
    return found


def read_wav(wav: bytes) -> Tensor:
    """Decode a WAV file of any rate: (T,) at 8 kHz.

    Raises:
        Refused: none, damaged, too long; the message is in Chinese.
    """
    try:
        x, seconds = decoded(wav, round((MOST_SECONDS + 1) * SAMPLE_RATE))
    except LeftOut as reason:
        raise Refused(f"听不了这段录音：{reason.chinese}") from None
    if seconds > MOST_SECONDS:
        raise Refused(f"录音有 {seconds:.0f} 秒：最多 {MOST_SECONDS:.0f} 秒")
    return x


class Listener:
    """Two small recognisers: of the ten digits in English, and of yes and no.

    The digits are learned from real voices (``fsdd``). For yes and no there is no free
    set at hand: synthetic voices speak them, which real ones may not resemble.
    """

    def __init__(self, digits: SoundClassifier, yes_no: SoundClassifier | None = None):
        self.digits, self.yes_no = digits, yes_no

    @classmethod
    def at(
        cls,
        folder: Path | str,
        *,
        say: Callable[[str], None] = print,
        steps: int = STEPS,
    ) -> Self:
        """Load the recognisers in ``folder``; what is missing is trained, once.

        Raises:
            Unavailable: no recogniser there, and nothing to train the digits with.
            ValueError: a file that is there, but no recogniser.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "digits.safetensors"
        if not path.exists():
            if find("fsdd") is None:
                raise Unavailable("the recordings fsdd are not on this machine")
            say(f"training to hear digits, once, about a minute: {path}")
            train_digits(steps=steps).save(path)
        digits = SoundClassifier.load(path).to(runtime.pick_device())
        path, yes_no = folder / "yes_no.safetensors", None
        if not path.exists():
            try:
                x, y, _ = synthetic_yes_no()
                train_words(x, y, ("no", "yes"), steps=steps // 2).save(path)
            except Unavailable:
                say("without espeakng-loader nobody says yes or no: digits only")
        if path.exists():
            yes_no = SoundClassifier.load(path).to(runtime.pick_device())
        return cls(digits, yes_no)

    def heard(self, wav: bytes, expect: str = "digits") -> Heard:
        """Understand a WAV file: "digits", one after the other, or "yes_no".

        Raises:
            Refused: no such file, too long, silent, or more than one word where one
                was expected.
            ValueError: another ``expect``.
            Unavailable: no recogniser of yes and no.
        """
        if expect not in ("digits", "yes_no"):
            raise ValueError(f"expect={expect!r}: choose digits or yes_no")
        words = pieces(read_wav(wav))
        if not words:
            raise Refused("没有听到声音：请再说一遍，离话筒近一些")
        model = self.digits
        if expect == "yes_no":
            if self.yes_no is None:
                raise Unavailable("no recogniser of yes and no on this machine")
            model, words = self.yes_no, [max(words, key=lambda w: w.square().sum())]
        found = model.predict(torch.stack(words))
        text = "".join(word for word, _ in found)
        return Heard(text, min(sure for _, sure in found))


def train_words(
    x: Tensor, y: Tensor, classes: tuple[str, ...], *, steps: int, seed: int = 0
) -> SoundClassifier:
    """Train a recogniser on sounds (N, LENGTH) and their classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SoundClassifier(classes)
    fit(model, TensorDataset(x, y), steps=steps, seed=seed, cooldown=1.0)
    return model


def train_digits(*, steps: int = STEPS, seed: int = 0) -> SoundClassifier:
    """Train on all six speakers, their train part."""
    data = load("fsdd")
    x = torch.stack([trimmed(sound) for sound in data.x])
    return train_words(x, data.y, data.classes, steps=steps, seed=seed)


def trimmed(x: Tensor) -> Tensor:
    """Cut a recording of one word as ``pieces`` would: the longest piece, (LENGTH,)."""
    found = pieces(x)
    return max(found, key=lambda one: (one != 0).sum()) if found else x[:LENGTH]


def synthetic_yes_no() -> tuple[Tensor, Tensor, Tensor]:
    """Let eSpeak NG say yes and no: x (N, LENGTH), y (N,), and the number of the voice.

    44 voices, accents with variants; each word in three ways, at two speeds.

    Raises:
        Unavailable: it is not there.
    """
    sounds, labels, voices = [], [], []
    names = [accent + variant for accent in ACCENTS for variant in VARIANTS]
    for number, voice in enumerate(names):
        for label, word in enumerate(("no", "yes")):
            for i, text in enumerate(SAID[word]):
                wav = espeak(text, "en", voice=voice, rate=130 + 30 * i)
                sounds.append(trimmed(read_wav(wav)))
                labels.append(label)
                voices.append(number)
    return torch.stack(sounds), torch.tensor(labels), torch.tensor(voices)
