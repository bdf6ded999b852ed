"""Checkers for chapter 25, a writer of product copy."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

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


@checker("各题的难度不同时，独立重抽也赶不上平均错误率的 n 次方")
def still_wrong(answer):
    """`answer(rates, n)`: expected share still wrong after n tries for each prompt."""
    cases = (([0.6, 0.4], 2, 0.26), ([0.9, 0.1, 0.2], 3, (0.729 + 0.001 + 0.008) / 3))
    for rates, n, right in cases:
        found = float(answer(torch.tensor(rates, dtype=torch.float64), n))
        mean = sum(rates) / len(rates)
        require(
            abs(found - mean**n) > 1e-9 or abs(found - right) < 1e-9,
            "先平均再取 n 次方，等于假定每题一样难；应当先取 n 次方再平均",
        )
        require(abs(found - right * len(rates)) > 1e-9, "要的是平均，不是和")
        require(abs(found - (1 - right)) > 1e-9, "这是至少对一次的，要的是全错的")
        require(abs(found - right) < 1e-9, f"rates={rates}、n={n} 时应为 {right:.4f}")


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
