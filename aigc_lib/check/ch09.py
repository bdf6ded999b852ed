"""Checkers of chapter 09."""

import torch
from torch.nn.functional import cross_entropy

from ._result import checker, choices, require

FAULTS = ("塌成一点", "错开一行", "长度没有归一")
RUNS = {"A": "错开一行", "B": "长度没有归一", "C": "塌成一点"}


def same(found, wanted, tolerance=1e-4):
    return torch.allclose(found.double(), wanted.double(), atol=tolerance)


@checker("孪生句只让自己的图为难")
def with_twins(answer):
    """`answer(logits, twins)`: both ways, one more wrong text for each picture.

    Source: NegCLIP of Yuksekgonul et al. 2023, with the negatives of own texts alone.
    """
    torch.manual_seed(0)
    logits, twins = 3 * torch.randn(5, 5), 3 * torch.randn(5)
    right = torch.arange(5)
    texts = cross_entropy(logits, right)  # of each text, which picture
    wide = torch.cat([logits.T, twins[:, None]], 1)
    wanted = (texts + cross_entropy(wide, right)) / 2
    found = torch.as_tensor(answer(logits.clone(), twins.clone()))
    require(found.shape == (), f"应当返回一个数，现在的形状是 {tuple(found.shape)}")
    plain = (texts + cross_entropy(logits.T, right)) / 2
    require(not same(found, plain), "孪生句没有进分母：给它一个很高的分，损失也不变")
    wrong_way = torch.cat([logits, twins[:, None]], 1)
    wrong_way = (cross_entropy(wrong_way, right) + cross_entropy(logits.T, right)) / 2
    require(
        not same(found, wrong_way),
        "方向反了：孪生的是句子，多出来的错误答案归“图找句子”那一半",
    )
    shared = torch.cat([logits.T, twins.expand(5, 5)], 1)
    shared = (texts + cross_entropy(shared, right)) / 2
    require(not same(found, shared), "每张图只多一个错误答案：它自己的孪生句")
    only = cross_entropy(wide, right)
    require(not same(found, only), "少了“句子找图”那一半")
    require(not same(found, 2 * wanted), "两半取平均，不是相加")
    require(same(found, wanted), "数值不对：多一列，正确答案的位置不变")


@checker("损失最低；差一个只与图有关的数也可以")
def best_score(answer):
    """`answer(joint)`: scores (N, M) that minimise InfoNCE, picture to text.

    Judged on (N, M) tables by what remains of the loss in closed form for a batch of
    2: the wrong text is drawn from the marginal, so that of two texts the right one is
    the likelier by p(y|x) / p(y).
    """
    torch.manual_seed(0)
    joint = torch.rand(4, 3, dtype=torch.float64) + 0.05
    joint = joint / joint.sum()
    both = joint.sum(1, keepdim=True), joint.sum(0, keepdim=True)

    def loss(score):
        """Expected nats: pair (x, y) from the joint, the other text from p(y)."""
        gap = score[:, None, :] - score[:, :, None]  # other - right
        nats = torch.log1p(gap.exp())  # (N, right, other)
        return (joint[:, :, None] * both[1][0] * nats).sum()

    wanted = (joint / both[0] / both[1]).log()
    found = torch.as_tensor(answer(joint.clone()), dtype=torch.float64)
    require(found.shape == joint.shape, f"形状应与 joint 相同：{tuple(joint.shape)}")
    require(bool(found.isfinite().all()), "有 nan 或 inf")

    def shifted(score):
        return score - score.mean(1, keepdim=True)  # what depends on x is free

    require(
        not same(shifted(found), shifted(joint.log())),
        "这是 log p(x, y)：常见的句子对谁都得高分。错误答案也按 p(y) 抽来，要除掉它",
    )
    require(
        not same(shifted(found), shifted(wanted.exp())),
        "分数放进 softmax 之前要取对数",
    )
    more = loss(found) - loss(wanted)
    require(
        same(shifted(found), shifted(wanted)),
        f"期望损失比最低的高 {more:.4f} nat",
    )


def three_runs(seed=0):
    """Return logits (6, 6) of texts and pictures for each of RUNS, made to be read."""
    source = torch.Generator().manual_seed(seed)
    points = torch.randn(6, 16, generator=source)
    points = points / points.norm(dim=1, keepdim=True)
    near = points + 0.15 * torch.randn(6, 16, generator=source)
    near = near / near.norm(dim=1, keepdim=True)
    one = points[:1] + 0.02 * torch.randn(6, 16, generator=source)
    one = one / one.norm(dim=1, keepdim=True)
    plain = points.abs()  # as behind a ReLU
    long = plain + 0.05 * torch.rand(6, 16, generator=source)
    long[2] *= 6
    return {
        "A": near.roll(1, 0) @ points.T,
        "B": long @ plain.T,
        "C": one @ one.T,
    }


@checker("看整张表，不只看对角线")
def read_tables(answer):
    """`{"A": …, "B": …, "C": …}`: which of FAULTS made each table of three_runs."""
    choices(answer, dict.fromkeys(RUNS, FAULTS))
    tables = three_runs()
    spread = tables["C"].max() - tables["C"].min()
    require(
        answer["C"] == RUNS["C"],
        f"C：全表最大与最小只差 {spread:.2f}，谁和谁都一样近",
    )
    best = tables["A"].argmax(1).tolist()
    require(answer["A"] == RUNS["A"], f"A：每行都有一个高分，它们依次在第 {best} 列")
    require(answer["B"] == RUNS["B"], "B：有一行处处最高，别的行都输给它")
