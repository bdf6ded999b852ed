"""Checkers for chapter 25, a writer of product copy."""

import math
import random
from collections import Counter, defaultdict

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from ..data import load
from ..data.made.product_copy import check_copy
from ..metrics.text import distinct, nats_by_pairs
from ..models.transformer.lora import LoRALinear
from ._result import checker, require


@checker("提示只读不学，答案和结尾都学，补位不算")
def masked_example(answer):
    """`answer(prompt, reply, end, length)`: (inputs, targets) for one pair."""
    prompt, reply, end = [5, 6, 7], [1, 2], 9
    found = answer(list(prompt), list(reply), end, 8)
    require(
        isinstance(found, tuple) and len(found) == 2,
        "应当返回两样：(inputs, targets)",
    )
    inputs, targets = (torch.as_tensor(part).tolist() for part in found)
    require(
        len(inputs) == len(targets) == 8,
        f"两样都应当长 8，现在是 {len(inputs)} 和 {len(targets)}",
    )
    require(inputs[:5] == [5, 6, 7, 1, 2], "inputs 应当先是提示，再是答案")
    right = [-100, -100, 1, 2, 9]
    require(
        targets[:5] != [5, 6, 7, 1, 2],
        "每个位置要猜的是**下一个**词元：targets 要错开一位",
    )
    require(
        targets[:2] != [6, 7],
        "提示也在学：模型会去背属性怎么排，把 targets 里的提示换成 -100",
    )
    require(
        targets[2:3] != [-100],
        "提示的最后一个位置要猜答案的第一个词元，这个不能遮",
    )
    require(targets[4:5] == [9], "答案之后要学会结束：targets 里应有 end")
    require(targets[:5] == right, f"targets 开头应为 {right}")
    require(
        targets[5:] == [-100] * 3,
        "补位也在学：模型会学会没完没了地写 end，后面应当都是 -100",
    )
    require(inputs[5:] == [end] * 3, f"inputs 后面应当用 end={end} 补满")
    full = answer([5, 6, 7], [1, 2], 9, 5)  # just room enough
    require(
        [torch.as_tensor(part).tolist() for part in full]
        == [[5, 6, 7, 1, 2], [-100, -100, 1, 2, 9]],
        "length 正好等于提示加答案时，inputs 不用补，结尾仍然要学",
    )


@checker("合并以后的权重与两条路相加的结果相同")
def merged_weight(answer):
    """`answer(weight, a, b, alpha)`: the one matrix of W x + alpha / r B A x."""
    torch.manual_seed(0)
    for rows, columns, rank, alpha in ((4, 6, 2, 8.0), (5, 3, 1, 3.0)):
        weight = torch.randn(rows, columns, dtype=torch.float64)
        a = torch.randn(rank, columns, dtype=torch.float64)
        b = torch.randn(rows, rank, dtype=torch.float64)
        kept = weight.clone()
        found = answer(weight, a, b, alpha)
        require(isinstance(found, Tensor), "应当返回张量")
        require(
            found.shape == weight.shape,
            f"形状应为 {tuple(weight.shape)}，现在是 {tuple(found.shape)}",
        )
        require(torch.equal(weight, kept), "不要改动传进来的 weight")
        change = b @ a
        require(
            not torch.allclose(found, alpha / rank * change), "忘了加上原来的 weight"
        )
        require(
            rank * alpha == rank or not torch.allclose(found, weight + change),
            "忘了乘 alpha / r",
        )
        require(
            rank == 1 or not torch.allclose(found, weight + alpha * change),
            "缩放是 alpha / r，r 是 a 的行数",
        )
        require(torch.allclose(found, weight + alpha / rank * change), "数值不对")


@checker("与数值积分一致：难度越分散，多抽越不合算")
def still_wrong(answer):
    """`answer(a, b, n)`: expected share wrong n times in a row, rates ~ Beta(a, b).

    Compared with the mean of x^n over the density of the Beta distribution.
    """
    for a, b, n in ((1.0, 1.0, 3), (2.0, 6.0, 4), (3.5, 2.0, 1), (0.5, 1.5, 6)):
        found = float(answer(a, b, n))
        beta = torch.distributions.Beta(
            torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
        )
        x = torch.linspace(0, 1, 200_001, dtype=torch.float64)
        x = (x[1:] + x[:-1]) / 2
        density = beta.log_prob(x).exp()
        right = float((x**n * density).sum() / density.sum())
        mean = a / (a + b)
        require(
            n == 1 or not math.isclose(found, mean**n, rel_tol=1e-4),
            "这是平均错误率的 n 次方：假定了每题一样难",
        )
        require(
            not math.isclose(found, 1 - right, rel_tol=1e-4)
            or math.isclose(right, 0.5, rel_tol=1e-2),
            "这是至少对一次的，要的是全错的",
        )
        require(
            math.isclose(found, right, rel_tol=2e-3),
            f"a={a}、b={b}、n={n} 时应为 {right:.4f}，现在是 {found:.4f}",
        )


@checker("说完一个不该说的词之前，正好被拦下")
def blocked(answer):
    """`answer(text, phrases)`: the characters that would complete a phrase now."""
    cases = (
        ("这把酒", ["酒红", "墨绿"], {"红"}),
        ("这把酒红", ["酒红", "墨绿"], set()),
        ("", ["酒红", "双"], {"双"}),
        ("墨", ["墨绿", "双"], {"绿", "双"}),
        ("防水防", ["防水防晒", "防晒", "水"], {"晒", "水"}),
    )
    for text, phrases, right in cases:
        found = answer(text, list(phrases))
        require(isinstance(found, set | frozenset | list | tuple), "应当返回一个集合")
        found = set(found)
        require(
            all(isinstance(char, str) and len(char) == 1 for char in found),
            "集合里应当是单个的字",
        )
        spared = {p[-1] for p in phrases}
        require(
            found != spared or found == right,
            "不是见到末字就拦：只有前面已经写了这个词的其余部分，才拦",
        )
        missed = "、".join(sorted(right - found))
        require(not right - found, f"写到“{text}”时漏拦了 {missed}")
        extra = "、".join(sorted(found - right))
        require(not found - right, f"写到“{text}”时多拦了 {extra}")


@checker("与库里的损失相同，参考模型一起动时它不动")
def preference_loss(answer):
    """`answer(policy, reference, beta)`: pairs (N, 2) of log probabilities."""
    policy = torch.tensor([[-10.0, -12.0], [-8.0, -7.0]], dtype=torch.float64)
    reference = torch.tensor([[-11.0, -11.5], [-9.0, -6.0]], dtype=torch.float64)
    for beta in (0.1, 1.0):
        found = answer(policy.clone(), reference.clone(), beta)
        require(isinstance(found, Tensor), "应当返回张量")
        require(found.shape == (), "应当是一个数：对各对取平均")
        gain = policy - reference
        margin = gain[:, 0] - gain[:, 1]
        right = -logsigmoid(beta * margin).mean()
        plain = -logsigmoid(beta * (policy[:, 0] - policy[:, 1])).mean()
        require(
            not torch.isclose(found, plain), "没有减去参考模型：它会忘掉原来会的东西"
        )
        require(
            not torch.isclose(found, -logsigmoid(-beta * margin).mean()),
            "好坏反了：第 0 列是好的",
        )
        require(not torch.isclose(found, -right), "符号反了：损失是负的对数概率")
        require(torch.isclose(found, right), f"beta={beta} 时应为 {right:.4f}")
    far = answer(torch.tensor([[-900.0, 0.0]]), torch.zeros(1, 2), 1.0)
    require(bool(torch.isfinite(far)), "相差太大时溢出了：用 logsigmoid")


@checker("两个都对：秩到这里，LoRA 就不省了")
def break_even(answer):
    """`answer`: the smallest ranks at which LoRA learns no fewer weights than W has.

    For a layer of 96 in and 96 out, and for one of 96 in and 384 out. Counted here on
    layers of the library, rank after rank.
    """
    require(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "要两个整数：(96×96 的, 96×384 的)",
    )
    for given, (wide, out) in zip(answer, ((96, 96), (96, 384)), strict=True):
        require(type(given) is int, "秩是整数")
        layer, rank = nn.Linear(wide, out, bias=False), 1
        while lora_weights(layer, rank) < layer.weight.numel():
            rank += 1
        require(
            given != wide or rank == wide,
            f"{wide}×{out}：满秩是 {wide}，可是不用到满秩就已经不省了",
        )
        require(
            given == rank,
            f"{wide}×{out}：秩 {given} 要学 {lora_weights(layer, given):,} 个，"
            f"原来的矩阵有 {layer.weight.numel():,} 个"
            if 0 < given < 1_000
            else "秩应当在 1 和矩阵的边长之间",
        )


def lora_weights(layer: nn.Linear, rank: int) -> int:
    """Return how many weights a LoRA of ``rank`` beside ``layer`` learns."""
    lora = LoRALinear(layer, rank=rank, alpha=rank)
    return sum(p.numel() for p in lora.parameters() if p.requires_grad)


def broken_example(prompt, reply, end, length):
    """Make one example, with a mistake in it: what exercise 25-7 asks to diagnose."""
    row = [*prompt, *reply, end]
    row += [end] * (length + 1 - len(row))
    inputs, targets = row[:-1], row[1:]
    targets = [-100 if token == end else token for token in targets]
    targets[: len(prompt) - 1] = [-100] * (len(prompt) - 1)
    return inputs, targets


def lengths_written(example, room: int = 100) -> list[int]:
    """Lengths of 20 lines by a model that counts pairs of what ``example`` has learned.

    It reads 200 lines of product copy in the form of ``example``, counts which target
    follows which input where something is learned, and writes up to ``room``
    characters or until the end.
    """
    texts = load("product_copy", split="test").texts[:200]
    follows = defaultdict(Counter)
    for text in texts:
        reply = [ord(char) for char in text]
        made = example([1, 2], reply, 0, len(text) + 10)
        inputs, targets = (torch.as_tensor(part).tolist() for part in made)
        for before, wanted in zip(inputs, targets, strict=True):
            if wanted != -100:
                follows[before][wanted] += 1
    draw, lengths = random.Random(0), []
    for _ in range(20):
        written = [2]
        while written[-1] != 0 and len(written) <= room:
            counts = follows[written[-1]] or follows[2]
            written += draw.choices([*counts], counts.values())
        lengths.append(len(written) - 1 - (written[-1] == 0))
    return lengths


@checker("找对了行，改过以后提示不学，补位不学，结尾要学")
def mended_example(answer):
    """`answer`: (number of the faulty line of ``broken_example``, the repaired one).

    The repaired function passes ``masked_example``, and a counting model that learns
    from it stops before the room is used up.
    """
    require(
        isinstance(answer, tuple) and len(answer) == 2 and callable(answer[1]),
        "要两样：(出错的行号, 改好的函数)",
    )
    line, example = answer
    sound = {
        1: "第 1 行没有错：答案后面应当有一个结尾",
        2: "第 2 行没有错：补到一样长；用 end 补也可以，只要补的不学",
        3: "第 3 行没有错：输入和目标错开一位",
        5: "第 5 行没有错：提示的最后一个位置要猜答案的第一个词元",
        6: "第 6 行只是返回",
    }
    require(line == 4, sound.get(line, "行号从 1 数到 6"))
    result = masked_example(example)
    require(result, result.message)
    require(max(lengths_written(example)) < 100, "写出来的还是停不下来")


# ---- the open exercise ---------------------------------------------------------------

LEARN, ASKED, FLUENT = 1_700, 200, 1.05


@checker()
def open_copy(answer):
    """`answer(lines, facts)`: a line for each of ``facts``, true and not all alike.

    1,700 lines with their facts to learn from, 200 sets of attributes that none of
    them has. Every line must be true by the library's judge, and in the mean no more
    than 5% more surprising to a model of pairs than what people's rules wrote for
    these facts. The score is distinct-2; the floor is that of one fixed template.
    """
    data = load("product_copy", split="test")
    lines, held = data[:LEARN], data[LEARN : LEARN + ASKED]
    with torch.random.fork_rng([]):
        found = answer(lines, [dict(facts) for facts in held.facts])
    require(
        isinstance(found, list) and len(found) == ASKED,
        f"应当返回 {ASKED} 行文案的列表，一组属性一行",
    )
    require(all(isinstance(line, str) for line in found), "每一行应当是字符串")
    for line, facts in zip(found, held.facts, strict=True):
        verdict = check_copy(line, facts)
        wrong = [value for _, value in verdict.missing + verdict.invented]
        require(verdict.true, f"有一行与属性不符（{'、'.join(wrong)}）：{line}")
    size = len(set("".join(data.texts))) + 1
    mine, theirs = (
        nats_by_pairs(lines.texts, texts, size=size) for texts in (found, held.texts)
    )
    require(
        mine <= FLUENT * theirs,
        f"不像话：每字 {mine:.2f} nat，真文案是 {theirs:.2f}，至多多 5%",
    )
    score, floor = distinct(found, 2), distinct(map(filled, held.facts), 2)
    require(score > floor, f"distinct-2 是 {score:.1%}，一副模板是 {floor:.1%}")
    return f"distinct-2 {score:.1%}，底线 {floor:.1%}；每字 {mine:.2f} nat"


def filled(facts: dict) -> str:
    """Fill the chapter's template with ``facts``."""
    occasion = facts.get("场景") or facts.get("人群")
    return (
        f"{facts.get('颜色', '')}{facts.get('材质', '')}{facts['品类']}，"
        f"{'，'.join(facts['卖点'])}，适合{occasion}。"
    )
