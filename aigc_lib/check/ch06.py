"""Checkers for chapter 06, Transformers and language models."""

import math

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from ..data import Characters, load, prompted
from ..metrics.text import nats_by_pairs
from ..models.transformer.gpt import GPT
from ..nets.attention import Block, rotated, rotations
from ..train import fit
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


MODELS = ("一层、因果", "两层、因果", "两层、前后都看", "一层、因果、旋转位置")


def moved_by_order() -> list[bool]:
    """Whether the last place of each of ``MODELS`` changes when the past is shuffled.

    Layers of random weights, and all places before the last turned round.
    """
    length, size = 8, 8
    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(0)
        x = torch.randn(1, length, 2 * size)
        blocks = [Block(2 * size, heads=2) for _ in range(2)]
    other = torch.cat([x[:, :-1].flip(1), x[:, -1:]], 1)
    everything = torch.ones(1, length, dtype=torch.bool)
    found = []
    for depth, seen, turns in (
        (1, None, None),
        (2, None, None),
        (2, everything, None),
        (1, None, rotations(length, size)),
    ):
        last = []
        for read in (x, other):
            with torch.no_grad():
                for block in blocks[:depth]:
                    read = block(read, turns, seen=seen)
            last.append(read[:, -1])
        found.append(not torch.allclose(*last, atol=1e-5))
    return found


@checker("四种都猜对了")
def order_matters(answer):
    """`answer`: four booleans, does the last output change when the past is shuffled.

    Compared with four small networks of random weights, which are run here.
    """
    require(
        isinstance(answer, tuple | list) and len(answer) == len(MODELS),
        f"要四个 True 或 False，依次是：{'；'.join(MODELS)}",
    )
    hints = (
        "一层注意力只是加权平均：前面的词元换个次序，最后一个位置看见的还是那几个",
        "第二层看到的不是原来的词元，而是第一层的输出：因果掩码之下，"
        "第 t 个输出看过前 t 个，次序一换，前面各位置看过的就换了",
        "前后都看的时候，每个位置看见的都是同一批，没有谁先谁后：叠几层也一样",
        "旋转以后，份量随距离变：同一个词元离得近还是远，答案不同",
    )
    for name, mine, right, hint in zip(
        MODELS, answer, moved_by_order(), hints, strict=True
    ):
        require(isinstance(mine, bool), f"{name}：写 True 或 False")
        require(mine == right, f"{name}：猜错了。{hint}")


def broken_step(q, k, v, memory, turns):
    """One token at a time with a mistake in it: what exercise 06-7 asks to diagnose."""
    here = turns[:, : q.shape[1]]
    q, k = rotated(q, here), rotated(k, here)
    if memory is not None:
        k = torch.cat([memory[0], k], dim=1)
        v = torch.cat([memory[1], v], dim=1)
    scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
    return scores.softmax(-1) @ v, (k, v)


def step_errors(step) -> list[float]:
    """Largest error of ``step`` at each of six places, against all places at once."""
    source = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 2, 6, 8, generator=source)  # (B, T, d) each
    turns = rotations(6, 8)
    right = scaled_dot_product_attention(
        rotated(q, turns), rotated(k, turns), v, is_causal=True
    )
    memory, errors = None, []
    for t in range(6):
        given = (x[:, t : t + 1].clone() for x in (q, k, v))
        found, memory = step(*given, memory, turns)
        of_shape(found, (2, 1, 8))
        errors.append((found - right[:, t : t + 1]).abs().max().item())
    return errors


@checker("找对了行，改过以后六个位置都与一次算完的相同")
def cached_step(answer):
    """`answer`: (number of the faulty line of ``broken_step``, the repaired function).

    The repaired function is run over six places against attention in one go.
    """
    require(
        isinstance(answer, tuple) and len(answer) == 2 and callable(answer[1]),
        "要两样：(出错的行号, 改好的函数)",
    )
    line, step = answer
    sound = {
        2: "第 2 行没有错：查询和键都要转；看看转的是哪些角度",
        **dict.fromkeys((3, 4, 5), "第 3 到 5 行没有错：先来的在前，新来的接在后面"),
        6: "第 6 行没有错：将来的还没有来，不用遮",
        7: "第 7 行没有错：份量沿着键那一维取 softmax",
    }
    require(line == 1, sound.get(line, "行号从 1 数到 7：函数体的第一行是第 1 行"))
    errors = step_errors(step)
    wrong = [t for t, error in enumerate(errors) if not error < 1e-5]
    require(
        wrong != [1, 2, 3, 4, 5],
        "第二个位置起还是错的：查询和键都应当转第 t 行的角度，t 是 memory 里有几个键",
    )
    require(not wrong, f"这些位置与一次算完的不同（从 0 数）：{wrong}")


@checker("与自动求导的结果一致")
def entropy_slope(answer):
    """`answer(logits, temperature)`: d entropy / d temperature of softmax(l / T).

    Compared with autograd on random logits.
    """
    source = torch.Generator().manual_seed(0)
    for size, heat in ((5, 0.7), (12, 1.0), (3, 2.5)):
        logits = torch.randn(size, generator=source, dtype=torch.float64) * 2
        temperature = torch.tensor(heat, dtype=torch.float64, requires_grad=True)
        entropy = torch.special.entr((logits / temperature).softmax(0)).sum()
        (right,) = torch.autograd.grad(entropy, temperature)
        found = torch.as_tensor(answer(logits.clone(), heat), dtype=torch.float64)
        require(found.shape == (), "要一个数")
        close = torch.isclose(found, right, rtol=1e-6)
        require(close or not torch.isclose(found, -right), "符号反了：温度升高，熵增大")
        for power, hint in (
            (-1, "多除了一次 τ"),
            (1, "少除了一次 τ"),
            (2, "少除了 τ²"),
        ):
            require(close or not torch.isclose(found, right * heat**power), hint)
        require(close, f"τ={heat} 时应为 {right:.6f}，现在是 {found:.6f}")


# ---- the open exercise ---------------------------------------------------------------

BUDGET = {"parameters": 80_000, "steps": 60, "batch_size": 16}
CONTEXT = 48


@checker()
def open_gpt(answer):
    """`answer(tokenizer, context)`: an untrained GPT; trained and judged here.

    60 steps of 16 lines of product copy, at most 80,000 parameters. The floor is a
    model that counts pairs in as many lines; the score is that of 200 lines held out.
    """
    texts = [
        t for t in load("product_copy", split="test").texts if len(t) < CONTEXT - 1
    ]
    test, train = texts[:200], texts[200:]
    tokenizer = Characters.train(["\n", *texts])
    x, x_test = (
        prompted((("\n", t) for t in part), tokenizer, length=CONTEXT)
        for part in (train, test)
    )
    steps, batch_size = BUDGET["steps"], BUDGET["batch_size"]
    floor = nats_by_pairs(train[: steps * batch_size], test, size=len(tokenizer))
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = answer(tokenizer, CONTEXT)
        require(isinstance(model, GPT), "应当返回 aigc.models.GPT，还没有训练的")
        size = sum(p.numel() for p in model.parameters())
        most = BUDGET["parameters"]
        require(size <= most, f"有 {size:,} 个参数，预算是 {most:,} 个")
        require(model.context >= CONTEXT - 1, f"窗口至少要 {CONTEXT - 1} 个词元")
        fit(model, x, steps=steps, batch_size=batch_size, ema=0.9, seed=0)
    score = model.nats_per_token(x_test)
    require(
        score < floor,
        f"{score:.2f} nat，数数的模型是 {floor:.2f} nat："
        "试试别的优化器、学习率、深浅和宽窄",
    )
    return f"{score:.2f} nat，底线 {floor:.2f} nat，{size:,} 个参数"
