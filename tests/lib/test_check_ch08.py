"""Checkers of chapter 08: right answers pass, each likely mistake gets its hint."""

import math

from checker_tests import make_tests
from torch.nn.functional import conv1d, cross_entropy, pad

from aigc_lib.check import ch08
from aigc_lib.codecs.sound import mu_law_decode, mu_law_encode


def mu_law_snr(x, levels):
    again = mu_law_decode(mu_law_encode(x, levels), levels)
    return 10 * math.log10(x.square().mean() / (again - x).square().mean())


def receptive_field(width, dilations):
    return 1 + (width - 1) * sum(dilations)


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
    ("mu_law_snr", mu_law_snr, None),
    ("receptive_field", receptive_field, None),
    ("causal_conv", causal_conv, None),
    ("pitch_by_lag", pitch_by_lag, None),
    ("next_code_loss", next_code_loss, None),
    ("mu_law_snr", lambda x, n: -mu_law_snr(x, n), "符号反了"),
    ("mu_law_snr", lambda x, n: 2 * mu_law_snr(x, n), "20 log10"),
    ("mu_law_snr", lambda x, n: mu_law_snr(x, 256), "levels=32"),
    ("receptive_field", lambda w, d: sum(d), "应看到 2 个"),
    ("receptive_field", lambda w, d: 1 + sum(d), "宽度 3"),
    ("receptive_field", lambda w, d: 1 + (w - 1) * sum(set(d)), "重复"),
    ("receptive_field", lambda w, d: 2 ** len(d), "宽度 3"),
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
