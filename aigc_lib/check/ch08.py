"""Checkers for chapter 08, speech and audio."""

import math

import torch
from torch.nn.functional import cross_entropy

from ..codecs.sound import SAMPLE_RATE
from ..codecs.spectrum import HOP, N_FFT, griffin_lim, spectrogram
from ..data import load
from ._result import checker, require


@checker("与实测的信噪比相差不到 0.3 dB")
def even_snr(answer):
    """`answer(amplitude, levels)`: dB of a sine in ``levels`` even cells of [-1, 1].

    The closed form, compared with sines that are coded and measured here.
    """
    t = torch.arange(100_000, dtype=torch.float64)
    for amplitude, levels in ((1.0, 256), (0.3, 256), (1.0, 1_024), (0.05, 4_096)):
        x = amplitude * torch.sin(math.sqrt(2) / 7 * t)
        again = 2 * ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) - 1
        right = 10 * math.log10(x.square().mean() / (again - x).square().mean())
        found = float(answer(amplitude, levels))

        def off(by, found=found, right=right):
            return abs(found - right - by) < 0.3

        require(
            not off(10 * math.log10(2)), "多了 3 dB：正弦的功率是振幅平方的**一半**"
        )
        require(
            not off(-10 * math.log10(4)),
            "少了 6 dB：格宽是 2 / (levels - 1)，误差在正负**半格**之内",
        )
        require(
            not off(10 * math.log10(4)),
            "多了 6 dB：[-1, 1] 的宽是 2，格宽是 2 / (levels - 1)",
        )
        require(
            not off(-10 * math.log10(12)),
            "误差在一格里是均匀的，方差是格宽平方的十二分之一",
        )
        require(
            off(0),
            f"amplitude={amplitude}、levels={levels} 时实测 {right:.1f} dB，"
            f"现在是 {found:.1f}",
        )


@checker("看得够远，一个不漏，层数最少")
def dilations(answer):
    """`answer(width, wanted)`: the dilations of the fewest causal layers of ``width``.

    One output must see each of the last ``wanted`` inputs. What it sees is counted
    here, layer by layer; n layers of width w see w^n inputs at most.
    """
    for width, wanted in ((2, 16), (2, 1_000), (3, 27), (3, 100), (4, 64), (2, 1)):
        found = answer(width, wanted)
        require(
            isinstance(found, list | tuple) and all(type(d) is int for d in found),
            "应当返回整数的列表，一层一个",
        )
        require(min(found, default=1) >= 1, "空洞至少是 1")
        seen = {0}
        for dilation in found:
            seen = {past + k * dilation for past in seen for k in range(width)}
        missing = sorted(set(range(wanted)) - seen)
        case = f"width={width}、wanted={wanted}"
        require(
            not missing or max(seen) < wanted - 1,
            f"{case}：够得着 {max(seen)} 以前，可是中间漏了 {missing[:3]}",
        )
        require(not missing, f"{case}：只看得到 {max(seen)} 以前，还不够远")
        fewest = next(n for n in range(20) if width**n >= wanted)
        require(len(found) <= fewest, f"{case}：用了 {len(found)} 层，{fewest} 层就够")


@checker("长度不变，看不见未来，次序与 PyTorch 相同")
def causal_conv(answer):
    """`answer(x, kernel, dilation)`: causal dilated convolution, (T,) -> (T,)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, generator=generator)
    kernel = torch.tensor([0.5, -1.0, 2.0])
    for dilation in (1, 4):
        right = torch.zeros(30)
        for t in range(30):
            for k in range(3):
                past = t - (2 - k) * dilation
                right[t] += kernel[k] * x[past] if past >= 0 else 0
        found = answer(x, kernel, dilation)
        require(found.shape == (30,), f"形状应为 (30,)，现在是 {tuple(found.shape)}")
        flipped = torch.zeros(30)
        for t in range(30):
            for k in range(3):
                past = t - k * dilation
                flipped[t] += kernel[k] * x[past] if past >= 0 else 0
        require(
            not torch.allclose(found, flipped, atol=1e-5),
            "核的次序反了：最后一个数乘现在",
        )
        changed = x.clone()
        changed[15:] += 1
        future = answer(changed, kernel, dilation)
        require(
            torch.allclose(found[:15], future[:15], atol=1e-5), "偷看了未来：零补在左边"
        )
        require(
            torch.allclose(found, right, atol=1e-5), f"dilation={dilation} 时数值不对"
        )


@checker("高音、低音和轻声都对")
def pitch_by_lag(answer):
    """`answer(x, sample_rate)`: pitch in Hz by autocorrelation."""
    time = torch.arange(2_000) / 8_000
    for frequency in (100.0, 250.0, 500.0):
        angle = 2 * math.pi * frequency * time
        # the second harmonic is louder than the first: the peak of a spectrum errs
        x = 0.5 * angle.sin() + 0.8 * (2 * angle).sin()
        for volume in (1.0, 0.01):
            found = float(answer(volume * x, 8_000))
            require(
                not math.isclose(found, 2 * frequency, rel_tol=0.03),
                f"{frequency:.0f} Hz 的声音得到了高八度：挪半个周期并不重合",
            )
            require(
                not math.isclose(found, frequency / 2, rel_tol=0.03),
                f"{frequency:.0f} Hz 的声音得到了低八度：挪两个周期也重合，取第一个",
            )
            require(
                math.isclose(found, frequency, rel_tol=0.02),
                f"{frequency:.0f} Hz 的声音得到了 {found:.0f} Hz",
            )
    slow = torch.sin(2 * math.pi * 200 * torch.arange(3_000) / 16_000)
    require(
        math.isclose(float(answer(slow, 16_000)), 200, rel_tol=0.02),
        "请用上 sample_rate",
    )


@checker("错位的方向对，首尾都没有多算")
def next_code_loss(answer):
    """`answer(logits, codes)`: cross-entropy of each next code, in nats."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(256, (3, 20), generator=generator)
    logits = torch.randn(3, 20, 256, generator=generator)
    found = answer(logits, codes)
    require(isinstance(found, torch.Tensor) and found.dim() == 0, "应当返回标量张量")
    copied = cross_entropy(logits.flatten(0, 1), codes.flatten())
    require(not torch.isclose(found, copied), "没有错位：这是在猜刚看过的码")
    back = cross_entropy(logits[:, 1:].flatten(0, 1), codes[:, :-1].flatten())
    require(not torch.isclose(found, back), "挪反了：打分去掉最后一个，码去掉第一个")
    right = cross_entropy(logits[:, :-1].flatten(0, 1), codes[:, 1:].flatten())
    require(not torch.isclose(found, 19 * 3 * right), "应取平均，不是求和")
    require(torch.isclose(found, right), "数值不对")


WINDOWS = (16, 32, 64, 128, 256)  # ms


def told_apart(milliseconds: int, low: float = 400.0, high: float = 425.0) -> bool:
    """Whether a Hann window of so many ms shows two tones as two peaks.

    Two sines of equal strength; between their frequencies the spectrum must fall to
    less than 0.7 of the smaller peak.
    """
    n = SAMPLE_RATE * milliseconds // 1_000
    t = torch.arange(n) / SAMPLE_RATE
    x = sum(torch.sin(2 * math.pi * f * t) for f in (low, high))
    spectrum = torch.fft.rfft(x * torch.hann_window(n), n=2**17).abs()
    at = [round(f * 2**17 / SAMPLE_RATE) for f in (low, high)]
    peaks = spectrum[at]
    return bool(spectrum[at[0] : at[1]].min() < 0.7 * peaks.min())


@checker("每一种窗都猜对了")
def windows(answer):
    """`answer`: those of 16, 32, 64, 128, 256 ms that tell 400 from 425 Hz.

    Compared with what each window shows, measured here.
    """
    require(
        isinstance(answer, set | list | tuple) and set(answer) <= set(WINDOWS),
        f"写一个集合，其中的数取自 {WINDOWS}",
    )
    right = {window for window in WINDOWS if told_apart(window)}
    for window in WINDOWS:
        if window in set(answer) - right:
            require(False, f"{window} ms 分不开：两个峰并成了一个；窗越短，峰越宽")
        require(
            window in answer or window not in right,
            f"{window} ms 分得开：峰已经窄过 25 Hz",
        )


def broken_glide(start, end, seconds):
    """A tone that glides, with a mistake: what exercise 08-7 asks to diagnose."""
    t = torch.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = start + (end - start) * t / seconds
    angle = 2 * math.pi * hertz * t
    return angle.sin()


def pitches(glide, start=400.0, end=450.0, seconds=0.5) -> list[float]:
    """Pitch in Hz of the sound at its beginning, middle and end, over 40 ms each.

    By the crossings of zero, which a sine has twice a cycle.
    """
    x = glide(start, end, seconds)
    n, found = round(0.04 * SAMPLE_RATE), []
    for first in (0, (len(x) - n) // 2, len(x) - n):
        part = x[first : first + n].double()
        up = ((part[:-1] < 0) & (part[1:] >= 0)).nonzero().flatten()
        exact = up + part[up] / (part[up] - part[up + 1])  # between two samples
        cycles = (exact[-1] - exact[0]) / (len(exact) - 1)
        found.append(SAMPLE_RATE / float(cycles))
    return found


@checker("找对了行，改过以后从头到尾的音高都对")
def mended_glide(answer):
    """`answer`: (number of the faulty line of ``broken_glide``, the repaired function).

    The repaired sound's pitch is measured at three places.
    """
    require(
        isinstance(answer, tuple) and len(answer) == 2 and callable(answer[1]),
        "要两样：(出错的行号, 改好的函数)",
    )
    line, glide = answer
    sound = {
        1: "第 1 行没有错：每个样本的时刻，单位秒",
        2: "第 2 行没有错：各时刻**应有**的频率，末尾正好是 end",
        4: "第 4 行没有错：相位的正弦就是声音",
    }
    require(line == 3, sound.get(line, "行号从 1 数到 4：函数体的第一行是第 1 行"))
    for start, end, seconds in ((400.0, 450.0, 0.5), (300.0, 200.0, 1.0)):
        x = glide(start, end, seconds)
        samples = round(seconds * SAMPLE_RATE)
        require(x.shape == (samples,), f"应有 {samples} 个样本，现在是 {len(x)}")
        slope = (end - start) / seconds * 0.02  # the middle of a stretch of 40 ms
        right = (start + slope, (start + end) / 2, end - slope)
        for name, found, wanted in zip(
            ("开头", "中间", "末尾"),
            pitches(glide, start, end, seconds),
            right,
            strict=True,
        ):
            require(
                abs(found - wanted) < 3,
                f"{start:.0f} 滑到 {end:.0f} Hz，{name}应为 {wanted:.0f} Hz，"
                f"现在是 {found:.0f}：相位是频率的累加，不是频率乘时刻",
            )


# ---- the open exercise ---------------------------------------------------------------

CALLS = 30


@checker()
def open_inverse(answer):
    """`answer(magnitude, analyse, synthesise)`: sounds with this spectrogram.

    Ten vowels that are given as magnitudes only, (10, 129, F). ``synthesise`` turns a
    complex spectrum into sounds and ``analyse`` sounds into one; ``analyse`` may be
    called 30 times. The score is the relative error of the spectrogram; the floor is
    what 30 rounds of Griffin and Lim reach.
    """
    magnitude = spectrogram(load("vowels", split="test").x[:10])
    length, window = HOP * (magnitude.shape[2] - 1), torch.hann_window(N_FFT)
    calls = 0

    def analyse(x):
        nonlocal calls
        calls += 1
        require(calls <= CALLS, f"analyse 用了不止 {CALLS} 次")
        return torch.stft(x, N_FFT, HOP, window=window, return_complex=True)

    def synthesise(spectrum):
        return torch.istft(spectrum, N_FFT, HOP, window=window, length=length)

    def error(x):
        return float((spectrogram(x) - magnitude).norm() / magnitude.norm())

    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        found = answer(magnitude.clone(), analyse, synthesise)
    require(
        isinstance(found, torch.Tensor) and found.shape == (10, length),
        f"应当返回 (10, {length}) 的张量",
    )
    score, floor = error(found), error(griffin_lim(magnitude, iterations=CALLS))
    require(
        score < 0.9 * floor,
        f"误差 {score:.3f}；格里芬–林 {CALLS} 遍是 {floor:.3f}，至少要低一成",
    )
    return f"误差 {score:.3f}，格里芬–林 {CALLS} 遍是 {floor:.3f}，用了 {calls} 次"
