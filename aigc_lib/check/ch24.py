"""Checkers for chapter 24, music."""

import itertools
import math
from collections import Counter

import numpy as np
import torch

from ..codecs.score import ScoreCode
from ..codecs.sound import SAMPLE_RATE
from ..data.made.songs import song
from ..metrics.music import Likeness
from ._result import checker, require


@checker("两种都对：格子在写第一个音之前就定了")
def slots(answer):
    """`answer`: {"folk": slots of four bars of 6/8, "chorale": of four of 4/4}."""
    code = ScoreCode()
    right = {
        "folk": len(code.form("folk", "6/8", 4)),
        "chorale": len(code.form("chorale", "4/4", 4)),
    }
    require(
        isinstance(answer, dict) and set(answer) == set(right),
        "应当是一个字典，键是 'folk' 和 'chorale'",
    )
    for genre, count in right.items():
        said = answer[genre]
        require(said not in (None, ...), f"{genre} 还空着")
        hints = {
            count - 5: "开头的五格条件没有数进去",
            count - 4 * (2 if genre == "folk" else 4): "每拍前面还有一格 bar 或 beat",
        }
        require(said not in hints, f"{genre}：{hints.get(said)}")
        require(said == count, f"{genre}：{said} 不对，一小节一小节地数")


@checker("与库里的一致：移调不算不同，节奏算")
def copied(answer):
    """`answer(a, b)`: how many notes the longest run has that two melodies share."""
    rng = np.random.default_rng(0)
    plain = [(0, 2, 60), (2, 2, 62), (4, 4, 64), (8, 2, 65), (10, 2, 67)]
    higher = [(s, n, p + 7) for s, n, p in plain]
    slower = [(2 * s, 2 * n, p) for s, n, p in plain]
    other = [(0, 2, 60), (2, 2, 71), (4, 4, 53)]
    cases = [
        (plain, plain, "与自己比，应当是全部的音数"),
        (plain, higher, "移调之后还是同一支：比音程，不比音高"),
        (plain, slower, "慢一倍不是同一支：还要比起点之差"),
        (plain, other, "一步也不同时是 0"),
        (
            plain,
            other[:1] + [(s + 4, n, p) for s, n, p in plain[1:4]],
            "中间的一段也算",
        ),
        (plain[:3], [(0, 2, 40), (2, 2, 42), (9, 1, 41)], "一步相同是 2 个音"),
    ]
    for _ in range(20):
        a, b = (
            [(2 * i, 2, int(p)) for i, p in enumerate(rng.integers(60, 63, 12))]
            for _ in range(2)
        )
        cases.append((a, b, "随机的两支"))
    for a, b, hint in cases:
        moves = [
            [(n[2] - m[2], n[0] - m[0]) for m, n in itertools.pairwise(x)]
            for x in (a, b)
        ]
        found = answer([*a], [*b])
        right = _common(*moves)
        require(found == right, f"{hint}：{a} 与 {b} 应当是 {right}，你给出 {found}")


def _common(a, b):
    best = 0
    for i in range(len(a)):
        for j in range(len(b)):
            n = 0
            while i + n < len(a) and j + n < len(b) and a[i + n] == b[j + n]:
                n += 1
            best = max(best, n)
    return best + 1 if best else 0


def evidence():
    """Return what share of a test song is copied where keys came before the split."""
    tunes, rng = [song(i) for i in range(12)], np.random.default_rng(0)
    moved = [tune.transposed(k) for tune in tunes for k in range(-5, 7)]
    order = rng.permutation(len(moved))
    cut = len(moved) * 9 // 10
    return _share([moved[i] for i in order[:cut]], [moved[i] for i in order[cut:]])


def _share(train, test):
    likeness = Likeness(train)
    return float(np.mean([likeness.copied(p).notes / len(p.voices[0]) for p in test]))


@checker("测试曲子不再抄自己的移调")
def prepared(answer, line=None):
    """`answer(tunes, rng)`: split first, then transpose the training tunes."""
    require(line is not None, "还要说出应在哪一行之前划分：prepared(prepared, line=…)")
    tunes = [song(i) for i in range(20)]
    found = answer(list(tunes), np.random.default_rng(1))
    require(isinstance(found, tuple) and len(found) == 2, "应当返回两样：train, test")
    train, test = found
    require(len(test) == 2, f"测试应当有 20 支的十分之一，现在有 {len(test)} 支")
    require(all(piece in tunes for piece in test), "测试的曲子应当原样，不移调")
    require(len(train) == 18 * 12, f"训练应当有 18 × 12 支，现在 {len(train)} 支")
    keys = Counter(piece.title for piece in train)
    require(
        not {piece.title for piece in test} & set(keys),
        "测试曲子的移调还在训练集里",
    )
    require(set(keys.values()) == {12}, "训练的每支应当有十二个调")
    other, _ = answer(list(tunes), np.random.default_rng(2))
    require(
        {p.title for p in other} != set(keys), "划分应当由 rng 决定，换一个种子要变"
    )
    require(line == 2, f"不是第 {line} 行：哪一行让一支曲子变成了十二支？")


@checker("与逐条枚举的一致")
def bridge(answer):
    """`answer(P, start, end, n, t)`: where a chain is at t, both ends being known."""
    rng = np.random.default_rng(0)
    for n, t, start, end in ((2, 1, 0, 1), (4, 1, 2, 0), (5, 3, 1, 1), (3, 2, 0, 2)):
        p = rng.dirichlet(np.ones(3), 3)
        right = np.zeros(3)
        for middle in itertools.product(range(3), repeat=n - 1):
            path = (start, *middle, end)
            right[path[t]] += math.prod(p[i, j] for i, j in itertools.pairwise(path))
        found = np.asarray(answer(p.copy(), start, end, n, t), float)
        require(found.shape == (3,), f"应当返回 3 个概率，形状是 {found.shape}")
        case = f"n={n}、t={t} 时"
        forward = np.linalg.matrix_power(p, t)[start]
        require(
            not np.allclose(found, forward),
            f"{case}这是走一步看一步：终点的那一半没有乘进去",
        )
        require(
            not np.allclose(found, right),
            f"{case}还没有归一：三个数加起来应当是 1",
        )
        right = right / right.sum()
        require(
            np.allclose(found, right),
            f"{case}应当是 {right.round(4)}，你给出 {found.round(4)}",
        )


@checker("与抽样量到的一致")
def useful(answer):
    """`answer(sigma)`: the limit of ESS / N for log-normal weights."""
    rng = np.random.default_rng(0)
    for sigma in (0.3, 0.7, 1.0, 1.3):
        w = np.exp(sigma * rng.standard_normal(2_000_000))
        right = w.sum() ** 2 / (w**2).sum() / len(w)
        found = float(answer(sigma))
        case = f"sigma={sigma} 时"
        require(
            not np.isclose(found, math.exp(-(sigma**2) / 2), rtol=0.02),
            f"{case}指数差一倍：E[w²] 的指数是 2σ²",
        )
        require(
            abs(found - right) < 0.03,
            f"{case}抽样得到 {right:.3f}，你给出 {found:.3f}",
        )


@checker("三层上文都对，没见过的也有概率")
def interpolated(answer):
    """`answer(history, symbol, seen, tau, size)`: the interpolated probability."""
    seen = list("abcabdabcaabcc")
    for history, tau, size in (("ab", 2.0, 4), ("zz", 1.0, 5), ("ca", 0.5, 4)):
        total = 0.0
        for symbol in "abcd":
            right = 1 / size
            for k in range(3):
                context = history[2 - k :]
                after = [
                    seen[i + k]
                    for i in range(len(seen) - k)
                    if "".join(seen[i : i + k]) == context
                ]
                right = (after.count(symbol) + tau * right) / (len(after) + tau)
            found = float(answer(list(history), symbol, list(seen), tau, size))
            total += right
            case = f"上文 {history!r}、符号 {symbol!r} 时"
            require(found > 0, f"{case}概率是 0：短的上文没有混进来")
            require(
                math.isclose(found, right, rel_tol=1e-9),
                f"{case}应当是 {right:.4f}，你给出 {found:.4f}",
            )


@checker("七个峰都在谱里")
def partials(answer):
    """`answer`: the partials up to 1,000 Hz of an FM bell, f = 200 Hz, r = 1.4."""
    t = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    angle = 2 * math.pi * 200 * t
    x = torch.sin(angle + 2 * torch.sin(1.4 * angle))
    power = torch.fft.rfft(x * torch.hann_window(len(x))).abs()
    right = {f for f in range(2, 1_001) if power[f] > 0.01 * power.max() and
             power[f] >= power[f - 1 : f + 2].max()}  # fmt: skip
    said = {round(float(f)) for f in answer}
    require(-80 not in said, "频率是负的一条，听起来与它的绝对值相同：折回来")
    missing, foreign = sorted(right - said), sorted(said - right)
    require(not foreign, f"谱里没有 {foreign[:3]} Hz 的峰")
    require(not missing, f"还少 {len(missing)} 个。差的与和的都要，k 一直数到 4")


SPLIT = range(400), range(400, 440)


def _lengths(seeds):
    return [[note.steps for note in song(seed).voices[0]] for seed in seeds]


def rhythm_nats(p, tunes):
    """Return the mean nats of a length by ``p(past, length)``."""
    nats = [
        -math.log(max(float(p(tune[:i], length)), 1e-12))
        for tune in tunes
        for i, length in enumerate(tune)
    ]
    return sum(nats) / len(nats)


def second_order(train):
    """The floor: lengths by the two before, interpolated."""
    counts = [{}, {}, {}]
    for tune in train:
        for i, length in enumerate(tune):
            for k, count in enumerate(counts):
                count.setdefault(tuple(tune[max(0, i - k) : i]), Counter())[length] += 1

    def p(past, length):
        found = 1 / 16
        for k, count in enumerate(counts):
            own = count.get(tuple(past[max(0, len(past) - k) :]), Counter())
            found = (own[length] + found) / (own.total() + 1)
        return found

    return p


@checker()
def rhythm(answer):
    """`answer(train)`: p(past, length), judged on songs that it has not seen."""
    train, test = map(_lengths, SPLIT)
    p = answer([list(tune) for tune in train])
    require(callable(p), "应当返回一个函数 p(past, length)")
    for past in ([], [4, 4], test[0][:7]):
        total = sum(float(p(list(past), length)) for length in range(1, 17))
        require(
            abs(total - 1) < 1e-6,
            f"past={past} 时，1 到 16 的概率加起来是 {total:.4f}，应当是 1",
        )
    score, floor = rhythm_nats(p, test), rhythm_nats(second_order(train), test)
    require(
        score < floor,
        f"每个长度 {score:.3f} 纳特，底线是二阶链的 {floor:.3f}。隔几小节会重复？",
    )
    return f"每个长度 {score:.3f} 纳特，底线 {floor:.3f}"
