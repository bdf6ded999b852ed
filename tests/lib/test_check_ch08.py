"""Checkers of chapter 08: right answers pass, each likely mistake gets its hint."""

import math

import pytest
import torch
from checker_tests import make_tests
from torch.nn.functional import conv1d, cross_entropy, pad

from aigc_lib.check import ch08


def even_snr(amplitude, levels, power=0.5, width=2.0, part=12):
    cell = width / (levels - 1)
    return 10 * math.log10(power * amplitude**2 / (cell**2 / part))


def dilations(width, wanted):
    found, reach = [], 1
    while reach < wanted:
        found.append(reach)
        reach *= width
    return found


def glide(start, end, seconds, rate=8_000):
    t = torch.arange(round(seconds * 8_000)) / rate
    hertz = start + (end - start) * t / seconds
    return (2 * math.pi * (hertz.double() / rate).cumsum(0)).sin()


def fast(magnitude, analyse, synthesise, momentum=0.99, rounds=30):
    angle = 2 * math.pi * torch.rand(magnitude.shape)
    phase, old = torch.polar(torch.ones_like(angle), angle), 0
    for _ in range(rounds):
        new = analyse(synthesise(magnitude * phase))
        moved, old = new + momentum * (new - old), new
        phase = moved / moved.abs().clamp(min=1e-8)
    return synthesise(magnitude * phase)


def causal_conv(x, kernel, dilation):
    padded = pad(x, ((len(kernel) - 1) * dilation, 0))
    return conv1d(padded[None, None], kernel[None, None], dilation=dilation)[0, 0]


def pitch_by_lag(x, sample_rate, lowest=80, highest=600):
    lags = range(math.ceil(sample_rate / highest), sample_rate // lowest + 1)
    likeness = [(x[:-lag] * x[lag:]).sum().item() for lag in lags]
    return sample_rate / lags[likeness.index(max(likeness))]


def next_code_loss(logits, codes):
    return cross_entropy(logits[:, :-1].flatten(0, 1), codes[:, 1:].flatten())


def centred(x, kernel, dilation):
    sides = (len(kernel) - 1) * dilation // 2
    return conv1d(
        pad(x, (sides, sides))[None, None], kernel[None, None], dilation=dilation
    )[0, 0]


def copying(logits, codes):
    return cross_entropy(logits.flatten(0, 1), codes.flatten())


def backwards(logits, codes):
    return cross_entropy(logits[:, 1:].flatten(0, 1), codes[:, :-1].flatten())


CASES = [
    ("causal_conv", causal_conv, None),
    ("pitch_by_lag", pitch_by_lag, None),
    ("next_code_loss", next_code_loss, None),
    ("even_snr", even_snr, None),
    ("even_snr", lambda a, n: even_snr(a, n, power=1), "一半"),
    ("even_snr", lambda a, n: even_snr(a, n, part=3), "半格"),
    ("even_snr", lambda a, n: even_snr(a, n, width=4), "半格"),
    ("even_snr", lambda a, n: even_snr(a, n, width=1), "宽是 2"),
    ("even_snr", lambda a, n: even_snr(a, n, part=1), "十二分之一"),
    ("even_snr", lambda a, n: 6.02 * math.log2(n), "实测"),
    ("dilations", dilations, None),
    ("dilations", lambda w, n: [1] * (n - 1), "就够"),
    ("dilations", lambda w, n: [n], "漏了"),
    ("dilations", lambda w, n: [2**k for k in range(20) if 2**k < n], "就够"),
    ("dilations", lambda w, n: [1], "不够远"),
    ("dilations", lambda w, n: [0.5], "整数"),
    ("dilations", lambda w, n: [0, 1], "至少是 1"),
    ("windows", {128, 256}, None),
    ("windows", [256, 128], None),
    ("windows", {64, 128, 256}, "64 ms 分不开"),
    ("windows", {256}, "128 ms 分得开"),
    ("windows", {100}, "取自"),
    ("mended_glide", (3, glide), None),
    ("mended_glide", (2, glide), "应有"),
    ("mended_glide", (1, glide), "时刻"),
    ("mended_glide", (7, glide), "1 数到 4"),
    ("mended_glide", (3, ch08.broken_glide), "累加"),
    ("mended_glide", (3, lambda s, e, t: glide(s, e, t)[:9]), "样本"),
    ("mended_glide", glide, "两样"),
    ("open_inverse", fast, None),
    ("open_inverse", lambda *a: fast(*a, momentum=0), "低一成"),
    ("open_inverse", lambda *a: fast(*a, rounds=31), "不止 30"),
    ("open_inverse", lambda m, a, b: m, "张量"),
    ("causal_conv", centred, "偷看"),
    ("causal_conv", lambda x, k, d: causal_conv(x, k.flip(0), d), "次序反了"),
    ("causal_conv", lambda x, k, d: causal_conv(x, k, 1), "dilation=4"),
    ("causal_conv", lambda x, k, d: causal_conv(x, k, d)[2:], "形状"),
    ("pitch_by_lag", lambda x, r: 2 * pitch_by_lag(x, r), "高八度"),
    ("pitch_by_lag", lambda x, r: pitch_by_lag(x, r) / 2, "低八度"),
    ("pitch_by_lag", lambda x, r: 440, "得到了 440"),
    ("pitch_by_lag", lambda x, r: pitch_by_lag(x, 8_000), "sample_rate"),
    ("next_code_loss", copying, "没有错位"),
    ("next_code_loss", backwards, "挪反了"),
    ("next_code_loss", lambda a, c: 57 * next_code_loss(a, c), "求和"),
    ("next_code_loss", lambda a, c: next_code_loss(2 * a, c), "数值"),
]

test_hint, test_nothing_raises = make_tests(ch08, CASES)


@pytest.mark.parametrize("start", [200.0, 440.0])
def test_the_pitch_of_a_steady_tone(start):
    found = ch08.pitches(ch08.broken_glide, start, start, 0.5)
    assert found == pytest.approx([start] * 3, rel=1e-3)


def test_the_broken_glide_ends_too_high():
    first, _, last = ch08.pitches(ch08.broken_glide)
    assert first < 410
    assert last > 490  # 500 at the very end, where 450 was meant
