"""WAV files of any rate and number format, as sounds of one length."""

from __future__ import annotations

import io
import math
import statistics

import numpy as np
import torch
from scipy.io import wavfile
from scipy.signal import resample_poly

from ...codecs.sound import SAMPLE_RATE
from ..dataset import Dataset
from .folder import BY_FOLDER, BY_NAME, Files, Found, LeftOut, content, divided

SECONDS = 1.0  # at most, where nobody asks for a length
MOST_SECONDS = 60.0
MOST_BYTES = 256 * 2**20  # of one file
MOST_MEMORY = 4 * 2**30  # of all that is kept, in bytes
RATES = (1_000, 768_000)  # Hz
LOUDEST = 8.0  # of floats, where 1 is full: what is above was written as whole numbers
MOST_DOWN = 50_000  # how many samples become one, in lowest terms


def read(files: Files, split: str, *, seconds: float | None = None) -> Dataset:
    """Read WAV files as sounds (N, T) float32 in [-1, 1] at ``SAMPLE_RATE``.

    Channels are averaged. What is longer than ``seconds`` is cut at the end, what is
    shorter is followed by silence; without it the length is that of the middle one of
    the files, at most ``SECONDS``.

    Raises:
        ValueError: ``seconds`` out of range, or no two sounds.
    """
    asked = SECONDS if seconds is None else seconds
    if isinstance(asked, str) or not 0.01 <= asked <= MOST_SECONDS:
        raise ValueError(f"seconds={seconds}: give 0.01 to {MOST_SECONDS:.0f}")
    most = round(asked * SAMPLE_RATE)
    if 4 * most * len(files.found) > MOST_MEMORY:
        raise ValueError(
            f"seconds={most / SAMPLE_RATE}: {len(files.found):,} sounds of this length "
            f"take more than {MOST_MEMORY / 2**30:.0f} GiB; choose fewer"
        )
    kept: list[Found] = []
    sounds: list[torch.Tensor] = []
    lengths: list[float] = []  # seconds of the whole files
    for file in files.found:
        try:
            sound, length = decoded(content(file.path, MOST_BYTES), most)
        except LeftOut as reason:
            files.leave_out(file.shown, reason)
            continue
        kept.append(file)
        sounds.append(sound)
        lengths.append(length)
    files.enough(kept, "sound")
    if seconds is None:
        most = min(most, round(statistics.median(lengths) * SAMPLE_RATE))
    x = torch.zeros(len(sounds), most)
    for row, sound in zip(x, sounds, strict=True):
        row[: len(sound)] = sound[:most]

    names, given = [f.path.name for f in kept], [f.split for f in kept]
    numbers, splits = divided(split, names, given)
    how = BY_FOLDER if any(given) else BY_NAME
    classes = files.classes(file.label for file in kept)
    y = torch.tensor([classes.index(files.class_of(file.label)) for file in kept])
    cut = sum(length * SAMPLE_RATE > most + 1 for length in lengths)
    card = files.card(
        kind="sounds",
        shape=(most,),
        splits=splits,
        classes=classes,
        unit="条",
        summary=f"从 `{files.title}` 读入的录音，声道取平均，每秒 {SAMPLE_RATE:,} 个"
        f"样本，每条 {most / SAMPLE_RATE:.2f} 秒。{how}",
        biases=(
            f"高于 {SAMPLE_RATE // 2:,} Hz 的部分听不到。",
            f"{cut:,} 条更长，只留开头；更短的后面补静音。",
        ),
    )
    return Dataset(x[numbers], y[numbers], card.name, split, card)


def decoded(raw: bytes, most: int) -> tuple[torch.Tensor, float]:
    """Return the first ``most`` samples of a WAV file, and the seconds of the whole.

    Raises:
        LeftOut: no WAV file, cut short, of another encoding, or not finite.
    """
    try:
        rate, x = wavfile.read(io.BytesIO(essential(raw)))
    except LeftOut:
        raise
    except Exception as error:  # a damaged header makes scipy fail in many ways
        raise LeftOut(f"damaged ({error})", "损坏或不完整") from None
    if not len(x):
        raise LeftOut("holds no sound", "没有声音")
    if not RATES[0] <= rate <= RATES[1]:
        raise LeftOut(f"has {rate:,} samples a second", "采样率不合理")
    length = len(x) / rate
    x = x[: math.ceil(most * rate / SAMPLE_RATE) + rate // 100]  # a little to fade on
    if x.dtype == np.uint8:
        x = (x.astype(np.float32) - 128) / 128
    elif x.dtype.kind == "i":
        x = x.astype(np.float32) / (np.iinfo(x.dtype).max + 1)
    if not np.isfinite(x).all():
        raise LeftOut("holds values that are not finite", "含有无穷大或非数")
    if x.dtype.kind == "f" and np.abs(x).max() > LOUDEST:
        reason = (
            f"holds values up to {np.abs(x).max():.4g}, divide them to be in [-1, 1]"
        )
        raise LeftOut(reason, "数值远超出 [-1, 1]")
    x = x.reshape(len(x), -1).mean(1)
    common = math.gcd(rate, SAMPLE_RATE)
    if rate // common > MOST_DOWN:  # the filter would have twenty times as many taps
        raise LeftOut(f"has {rate:,} samples a second", "采样率不合理")
    x = resample_poly(x, SAMPLE_RATE // common, rate // common)
    return torch.from_numpy(x.astype(np.float32))[:most].clamp(-1, 1), length


def essential(raw: bytes) -> bytes:
    """Return a WAV file with nothing but the chunks that count: "fmt " and "data".

    Raises:
        LeftOut: it is none, lacks one of them, or ends before a chunk does.
    """
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise LeftOut("no WAV file, whatever its name says", "内容不是 WAV 录音")
    chunks, at = {}, 12
    while at + 8 <= len(raw) and len(chunks) < 2:
        name, size = raw[at : at + 4], int.from_bytes(raw[at + 4 : at + 8], "little")
        if at + 8 + size > len(raw):
            raise LeftOut("cut short", "损坏或不完整")
        if name in (b"fmt ", b"data"):
            chunks[name] = raw[at : at + 8 + size]
        at += 8 + size + size % 2
    if len(chunks) < 2:
        raise LeftOut("cut short", "损坏或不完整")
    body = b"WAVE" + chunks[b"fmt "] + chunks[b"data"]
    return b"RIFF" + len(body).to_bytes(4, "little") + body
