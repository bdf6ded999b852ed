"""Checkers for chapter 08, speech and audio."""

import math

import torch
from torch.nn.functional import cross_entropy

from ..codecs.sound import mu_law_decode, mu_law_encode
from ._result import checker, require


@checker("误差的功率、级数和单位都对")
def mu_law_snr(answer):
    """`answer(x, levels)`: signal-to-noise ratio of the mu-law code, in dB."""
    generator = torch.Generator().manual_seed(0)
    x = 0.3 * torch.randn(4_000, generator=generator).clamp(-3, 3)
    before = x.clone()
    for levels in (256, 32):
        error = mu_law_decode(mu_law_encode(x, levels), levels) - x
        right = 10 * math.log10(x.square().mean() / error.square().mean())
        found = float(answer(x, levels))
        require(torch.equal(x, before), "`x` 被改动了")
        require(not math.isclose(found, -right, rel_tol=1e-3), "符号反了：信号在分子上")
        require(
            not math.isclose(found, 2 * right, rel_tol=1e-3),
            "大了一倍：功率的比取 10 log10，幅度的比才取 20 log10",
        )
        require(
            math.isclose(found, right, rel_tol=1e-3),
            f"levels={levels} 时应为 {right:.1f} dB，现在是 {found:.1f}",
        )


@checker("任何宽度、任何空洞都对")
def receptive_field(answer):
    """`answer(width, dilations)`: how many inputs one output depends on."""
    require(answer(2, [1]) == 2, "宽度 2、一层，应看到 2 个")
    require(answer(2, []) == 1, "一层也没有时，只看到自己")
    require(answer(2, [1, 2, 4, 8]) == 16, "宽度 2、空洞 1、2、4、8，应看到 16 个")
    require(answer(3, [1, 2, 4]) == 15, "宽度 3 的一层往回看 2 × 空洞")
    require(answer(2, [1, 2, 1, 2]) == 7, "重复的空洞也要逐层相加")


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
