"""Checkers for chapter 06, Transformers and language models."""

import math

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from ._result import checker, require


def of_shape(found, shape):
    """Demand a tensor of that shape."""
    require(isinstance(found, Tensor), "应当返回张量")
    require(
        found.shape == shape, f"形状应为 {tuple(shape)}，现在是 {tuple(found.shape)}"
    )
    return found


@checker("每个位置只看最近的几个，也从不看将来")
def window_mask(answer):
    """`answer(length, window)`: (length, length) bool, True where t may look at s."""
    for length, window in ((6, 3), (4, 1), (3, 5)):
        found = of_shape(answer(length, window), (length, length))
        require(found.dtype == torch.bool, "应当是布尔张量")
        t, s = torch.arange(length)[:, None], torch.arange(length)[None]
        right = (s <= t) & (t - s < window)
        require(found.diagonal().all(), "每个位置总看得见自己")
        require(
            window == 1 or length == 1 or not torch.equal(found, right.T),
            "行列反了：第 t 行是第 t 个位置看得见谁",
        )
        require(not found.triu(1).any(), "看见了将来：s > t 的格子应为 False")
        require(
            window >= length or not torch.equal(found, (s <= t) & (t - s <= window)),
            "多看了一个：连自己在内一共 window 个",
        )
        require(torch.equal(found, right), f"length={length}、window={window} 时不对")


@checker("与逐个比较的结果一致，原来的次序也没有变")
def keep_min_p(answer):
    """`answer(logits, share)`: (B, V); what is below share of the best is -inf."""
    p = torch.tensor([[0.5, 0.3, 0.12, 0.08], [0.05, 0.05, 0.45, 0.45]])
    logits = (p.log() + torch.tensor([[2.0], [-3.0]])).double()
    for share in (0.2, 0.5, 0.95):
        given = logits.clone()
        found = of_shape(answer(given, share), logits.shape)
        require(torch.equal(given, logits), "不要改动传进来的 logits")
        kept = p >= share * p.max(1, keepdim=True).values
        require(not bool(torch.isfinite(found).all()), "被去掉的 logit 应为负无穷")
        require(
            not torch.equal(torch.isfinite(found), p >= share)
            or torch.equal(kept, p >= share),
            "门槛是 share 乘以**最大的**概率，不是 share 本身",
        )
        require(
            not torch.equal(torch.isfinite(found), p >= share * p.max())
            or torch.equal(kept, p >= share * p.max()),
            "每一行有自己的最大值：沿词表那一维取",
        )
        require(torch.equal(torch.isfinite(found), kept), f"share={share} 时留下的不对")
        require(torch.allclose(found[kept], logits[kept]), "留下的 logit 应当原样不动")


@checker("一次一个，与一次算完全部的结果相同")
def attend_one(answer):
    """`answer(q, k, v, memory)`: attend from one token; memory is (keys, values)."""
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 5, 4, dtype=torch.float64)  # (B, T, d) each
    right = scaled_dot_product_attention(q, k, v, is_causal=True)
    unscaled = scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)
    memory = None
    for t in range(5):
        given = [x[:, t : t + 1].clone() for x in (q, k, v)]
        result = answer(*given, memory)
        require(
            isinstance(result, tuple) and len(result) == 2,
            "应当返回两样：(输出, 新的 memory)",
        )
        found, memory = result
        of_shape(found, (2, 1, 4))
        require(
            isinstance(memory, tuple) and len(memory) == 2,
            "memory 应当是一对 (keys, values)",
        )
        for kept in memory:
            require(
                isinstance(kept, Tensor) and kept.shape == (2, t + 1, 4),
                f"读了 {t + 1} 个词元，memory 里应有 {t + 1} 个键、{t + 1} 个值",
            )
        here = right[:, t : t + 1]
        require(
            t == 0 or not torch.allclose(found, unscaled[:, t : t + 1]),
            "忘了除以 √d",
        )
        require(
            torch.allclose(memory[0], k[:, : t + 1])
            and torch.allclose(memory[1], v[:, : t + 1]),
            "memory 里的次序应当是先来的在前，第一项是键，第二项是值",
        )
        require(torch.allclose(found, here), f"第 {t + 1} 个词元的输出不对")


@checker("与一个数一个数地点出来的相同")
def cache_bytes(answer):
    """`answer(depth, width, context, rows, bytes_each)`: size of a KV cache."""
    for sizes in ((12, 768, 1024, 1, 2), (3, 128, 26, 50, 4)):
        found = answer(*sizes)
        right = 2 * math.prod(sizes)
        require(found != right / 2, "只数了一份：键和值各要存一份")
        require(found != right * sizes[1] / 2, "每个词元每层存的是两个向量，不是矩阵")
        require(found != right * sizes[2], "缓存随长度线性增长，不是平方")
        require(found == right, f"depth, width, … = {sizes} 时应为 {right:,} 字节")


@checker("与贝叶斯公式一致，概率再小也不下溢")
def blank_posterior(answer):
    """`answer(log_probability, before, after, candidates)`: (len(candidates),)."""
    chances = {"白日": -4.0, "黄日": -5.0, "红日": -4.5}
    asked = []

    def log_probability(text):
        asked.append(text)
        return chances[text]

    found = of_shape(answer(log_probability, "", "日", "白黄红"), (3,)).double()
    require(set(asked) <= set(chances), f"问了整句以外的文字：{asked}")
    right = torch.tensor([-4.0, -5.0, -4.5], dtype=torch.float64).softmax(0)
    require(
        not torch.allclose(found, right.log().float().double(), atol=1e-4),
        "这是对数概率，还要取指数",
    )
    require(
        not torch.allclose(
            found, torch.tensor([-4.0, -5.0, -4.5]).exp().double(), atol=1e-5
        ),
        "还没有归一化：除以所有候选之和",
    )
    require(torch.allclose(found, right, atol=1e-5), f"应为 {right.numpy().round(3)}")
    far = answer(lambda text: chances[text] - 5000.0, "", "日", "白黄红").double()
    require(bool(torch.isfinite(far).all()), "对数概率很小时得到了 nan：先减去最大的")
    require(torch.allclose(far, right, atol=1e-3), "都减去 5000，结果不应变")
    placed = answer(lambda text: {"a1b": 0.0, "a2b": 1.0}[text], "a", "b", "12")
    require(
        torch.allclose(placed.double(), torch.tensor([0.0, 1.0]).softmax(0).double()),
        "候选应当放在 before 与 after 之间",
    )
