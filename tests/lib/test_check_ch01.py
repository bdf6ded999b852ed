"""Chapter 01: the checkers tell right answers from wrong, broken and unfinished."""

import math
from collections import Counter
from itertools import product

import pytest

from aigc_lib.check import ch01

ARROWS = {arrow for arrow, why_not in ch01.ARROWS.items() if not why_not}


def temperature(counts, t):
    logits = {symbol: math.log(n) / t for symbol, n in counts.items()}
    top = max(logits.values())
    weights = {symbol: math.exp(x - top) for symbol, x in logits.items()}
    return {symbol: w / sum(weights.values()) for symbol, w in weights.items()}


def naive_temperature(counts, t):
    weights = {symbol: n ** (1 / t) for symbol, n in counts.items()}
    return {symbol: w / sum(weights.values()) for symbol, w in weights.items()}


def longest_copy(sample, sources):
    """Try every pair of places."""
    best = 0
    for source in sources:
        for i, j in product(range(len(sample)), range(len(source))):
            n = 0
            while sample[i + n : i + n + 1] == source[j + n : j + n + 1] != sample[:0]:
                n += 1
            best = max(best, n)
    return best


def share_in_common(sample, sources):
    return max((len(set(sample) & set(source)) for source in sources), default=0)


def add_one(lines, alphabet):
    counts = Counter("".join(lines))
    return lambda _, symbol: (counts[symbol] + 1) / (counts.total() + len(alphabet))


def never_seen(lines, alphabet):
    counts = Counter("".join(lines))
    return lambda _, symbol: counts[symbol] / counts.total()


def too_much(lines, alphabet):
    p = add_one(lines, alphabet)
    return lambda context, symbol: 2 * p(context, symbol)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch01.long_run, lambda a, b: b / (1 - a + b)),
        (ch01.output, (67, 16)),
        (ch01.output, [66.7, 15.97]),
        (ch01.learn_text, ch01._backed_off),
        (ch01.attribution, ch01.MADE_BY),
        (ch01.concept_map, ARROWS),
        (ch01.concept_map, sorted(ARROWS)),
        (ch01.families, ch01.FAMILIES),
        (ch01.families, {name: list(row) for name, row in ch01.FAMILIES.items()}),
        (ch01.temperature, temperature),
        (ch01.longest_copy, longest_copy),
    ],
)
def test_right_answers_pass(check, answer):
    result = check(answer)
    assert result, result


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (ch01.attribution, {**ch01.MADE_BY, "GPT-3": "DeepMind"}, "再查：GPT-3"),
        (ch01.attribution, {**ch01.MADE_BY, "GAN": "Google"}, "对了 7 项"),
        (ch01.attribution, {**ch01.MADE_BY, "GAN": "谷歌"}, "没有机构"),
        (ch01.attribution, {**ch01.MADE_BY, "BERT": "Google"}, "没有这一项"),
        (ch01.attribution, list(ch01.MADE_BY), "应当是字典"),
        (ch01.concept_map, ARROWS | {"text model -> waveform"}, "波形"),
        (ch01.concept_map, ARROWS | {"VAE -> discriminator"}, "没有对手"),
        (ch01.concept_map, ARROWS - {"noise -> generator"}, "还少 1 个"),
        (ch01.concept_map, ARROWS | {"GAN -> text"}, "没有这个箭头"),
        (ch01.families, {**ch01.FAMILIES, "VAE": ("exact", "one", False)}, "似然"),
        (ch01.families, {**ch01.FAMILIES, "flow": ("exact", "one", True)}, "判别器"),
        (ch01.families, {**ch01.FAMILIES, "GAN": ("none", "one")}, "三格"),
        (ch01.families, {**ch01.FAMILIES, "GAN": 1}, "TypeError"),
        (ch01.temperature, naive_temperature, "OverflowError"),
        (ch01.temperature, lambda c, t: temperature(c, 1 / t), "t = 0.5"),
        (ch01.temperature, lambda c, t: list(temperature(c, t).values()), "字典"),
        (ch01.temperature, lambda c, t: dict.fromkeys(c, 1 / 3), "t = 1"),
        (ch01.longest_copy, share_in_common, "应当是"),
        (
            ch01.longest_copy,
            lambda s, sources: longest_copy(s, ["".join(sources)]),
            "是 1",
        ),
        (ch01.longest_copy, lambda s, sources: len(s), "应当是 3"),
        (ch01.long_run, lambda a, b: (1 - a) / (1 - a + b), "辅音"),
        (ch01.long_run, lambda a, b: (a + b) / 2, "平均"),
        (ch01.long_run, lambda a, b: b, "应当是"),
        (ch01.output, (40, 19), "四成"),
        (ch01.output, (67, 19), "19%"),
        (ch01.output, (67, -16), "正数"),
        (ch01.output, (60, 16), "第一个数"),
        (ch01.output, (67, 12), "第二个数"),
        (ch01.output, 67, "两个数"),
        (ch01.learn_text, add_one, "底线"),
        (ch01.learn_text, never_seen, "不等于不可能"),
        (ch01.learn_text, too_much, "加起来"),
        (ch01.learn_text, lambda lines, alphabet: 0.5, "一个函数"),
    ],
)
def test_wrong_answers_get_a_hint(check, answer, hint):
    result = check(answer)
    assert not result
    assert result.finished
    assert hint in result.message


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (ch01.attribution, ..., "换成你的答案"),
        (ch01.attribution, {**ch01.MADE_BY, "VAE": ...}, "还差 VAE"),
        (ch01.families, {}, "还差 autoregressive"),
        (ch01.temperature, lambda c, t: None, "没有返回值"),
        (ch01.longest_copy, lambda s, sources: ..., "没有返回值"),
        (ch01.long_run, lambda a, b: None, "没有返回值"),
        (ch01.learn_text, lambda lines, alphabet: None, "没有返回值"),
        (ch01.output, None, "换成你的答案"),
    ],
)
def test_unfinished_answers_say_so(check, answer, hint):
    result = check(answer)
    assert not result
    assert not result.finished
    assert hint in result.message


def test_each_institution_is_asked_once():
    assert len(set(ch01.MADE_BY.values())) == len(ch01.MADE_BY) == 8


def test_only_one_family_needs_a_discriminator():
    needy = [name for name, (*_, needs) in ch01.FAMILIES.items() if needs]
    assert needy == ["GAN"]
