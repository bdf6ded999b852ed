"""Checkers for chapter 09, exercises 4 to 6: codes, their gradients, guidance."""

import torch

from aigc_lib.check._result import checker, choices, require
from aigc_lib.models.vae.quantised import nearest

GRADIENTS = {
    "A": "no straight-through",
    "B": "right",
    "C": "commitment moves the codes",
    "D": "codes replaced after the decoder",
}


@checker("每多一本码本，误差都更小，而且与逐层相减一致")
def residual(answer):
    """`answer(z, books)`: tokens (N, L) int64 and what they stand for (N, D)."""
    source = torch.Generator().manual_seed(0)
    z = torch.randn(200, 3, generator=source)
    books = [0.5**k * torch.randn(8, 3, generator=source) for k in range(3)]
    rest, tokens, total = z, [], torch.zeros_like(z)
    for book in books:
        tokens.append(nearest(rest, book))
        total, rest = total + book[tokens[-1]], rest - book[tokens[-1]]
    tokens = torch.stack(tokens, 1)
    found = answer(z.clone(), [book.clone() for book in books])
    require(
        isinstance(found, tuple) and len(found) == 2, "应当返回两样：词号和它们的和"
    )
    numbers, sums = found
    require(
        isinstance(numbers, torch.Tensor) and isinstance(sums, torch.Tensor),
        "两样都应当是张量",
    )
    require(
        numbers.shape == (200, 3),
        f"词号应是 (200, 3)，现在是 {tuple(numbers.shape)}",
    )
    require(numbers.dtype == torch.long, f"词号应是 int64，现在是 {numbers.dtype}")
    require(sums.shape == z.shape, f"和的形状应与 z 相同，现在是 {tuple(sums.shape)}")
    alone = torch.stack([nearest(z, book) for book in books], 1)
    require(
        not torch.equal(numbers, alone),
        "每本码本都在量 z 本身；第二本起应当量前面剩下的",
    )
    require(torch.equal(numbers[:, 0], tokens[:, 0]), "第一本就选错了：取最近的码")
    require(torch.equal(numbers, tokens), "后面的码本选错了：每次减去的是刚选的码")
    require(not torch.allclose(sums, rest, atol=1e-5), "返回的是剩下的，应当是各码之和")
    require(torch.allclose(sums, total, atol=1e-5), "和不对：把每本码本选出的码加起来")
    one = answer(z.clone(), books[:1])
    require(one[0].shape == (200, 1), "只有一本码本时，词号的形状应是 (N, 1)")


def runs_by_gradient():
    """Return the evidence of four training steps, four numbers each.

    Norms of the gradients of the error at the encoder, of the commitment at the encoder
    and at the codes; and how much the error changes when all codes are moved.
    """
    source = torch.Generator().manual_seed(0)
    x = torch.randn(64, 2, generator=source)
    turn = torch.tensor([[0.9, 0.3], [-0.2, 0.8]])
    codes = torch.tensor([[-0.6, -0.6], [-0.6, 0.6], [0.6, -0.6], [0.6, 0.6]])

    def losses(cause, encoder, codes):
        z = x @ encoder
        chosen = codes[nearest(z, codes)]
        seen = {
            "no straight-through": chosen.detach(),
            "codes replaced after the decoder": z,
        }.get(cause, z + (chosen - z).detach())
        one, other = z, chosen.detach()
        if cause == "commitment moves the codes":
            one, other = chosen, z.detach()
        return (seen - x).square().mean(), (one - other).square().mean()

    def slope(loss, at):
        if not loss.requires_grad:
            return 0.0
        (found,) = torch.autograd.grad(loss, at, retain_graph=True, allow_unused=True)
        return 0.0 if found is None else found.norm().item()

    rows = {}
    for run, cause in GRADIENTS.items():
        encoder = turn.clone().requires_grad_()
        book = codes.clone().requires_grad_()
        error, commitment = losses(cause, encoder, book)
        change = (losses(cause, encoder, codes + 0.01)[0] - error).abs().item()
        found = slope(error, encoder), slope(commitment, encoder)
        rows[run] = (*found, slope(commitment, book), change)
    return rows


@checker("四次训练都认对了")
def gradients(answer):
    """`answer`: a cause for each of the four runs by what their gradients are."""
    choices(answer, dict.fromkeys(GRADIENTS, tuple(GRADIENTS.values())))
    require(
        len(set(answer.values())) == 4, "每个原因只用一次：四行证据互不相同，再比一比"
    )
    why = {
        "A": "误差没有传到编码器，承诺项传到了：断在取码的那一步",
        "B": "误差和承诺都传到编码器，码不靠梯度：这正是应有的样子",
        "C": "承诺项没有传到编码器，却传到了码：detach 放错了一边",
        "D": "误差传到了编码器，却与取不取码无关：解码器看到的不是码",
    }
    for run, cause in GRADIENTS.items():
        require(answer[run] == cause, f"{run}：{why[run]}")


@checker("与 logits 的混合一致，w = 0、1 时各是原来的一边")
def guided(answer):
    """`answer(told, free, w)`: probabilities (B, V) of the next token."""
    source = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(2, 5, 7, generator=source)
    told, free = logits.softmax(-1)
    for w in (0.0, 0.5, 1.0, 3.0):
        right = torch.lerp(logits[1], logits[0], w).softmax(-1)
        found = answer(told.clone(), free.clone(), w)
        require(isinstance(found, torch.Tensor), "应当返回张量")
        require(found.shape == (5, 7), f"形状应是 (5, 7)，现在是 {tuple(found.shape)}")
        mixed = free + w * (told - free)
        require(
            w in (0.0, 1.0) or not torch.allclose(found, mixed, atol=1e-5),
            "这是概率的混合，w 大于 1 时会出负数；混合的是对数概率",
        )
        total = found.sum(-1)
        require(
            torch.allclose(total, torch.ones(5), atol=1e-4),
            f"w = {w:g} 时每行之和不是 1：混合以后还要归一",
        )
        require(torch.allclose(found, right, atol=1e-4), f"w = {w:g} 时数值不对")
