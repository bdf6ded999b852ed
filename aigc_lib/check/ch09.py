"""Checkers of chapter 09."""

import torch
from torch.nn.functional import cross_entropy

from ..data.made.films import moving_shapes
from ..metrics.films import frame_error
from ..models.frames import copy_last, linear_motion
from ..models.vae.quantised import nearest
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


# ---- pictures from words

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


# ---- films

GUESSES = ("平均", "更可能的", "抽一个")
TIMES = ("一样", "两倍", "四倍")


@checker()
def two_futures(answer):
    """`{"误差最小": …, "抽一个比平均": …, "像真帧": (…)}` for chances 0.8 and 0.2.

    Compared with 100,000 futures of two pixels, one of which is lit.
    """
    require(isinstance(answer, dict), "应当是一个字典，三个键见题目")
    real = answer.get("像真帧")
    if real is not None and real is not ...:
        listed = isinstance(real, tuple | list | set) and set(real) <= set(GUESSES)
        require(listed, f"像真帧：写成一组词，从 {'、'.join(GUESSES)} 里选")
    words = {"误差最小": GUESSES, "抽一个比平均": TIMES}
    rest = {k: v for k, v in answer.items() if k != "像真帧"}
    choices(rest, words)
    require(real is not None and real is not ..., "像真帧：还空着")
    source = torch.Generator().manual_seed(0)
    left, drawn = (torch.rand(2, 100_000, generator=source) < 0.8).float()
    frames = {
        "平均": torch.full_like(left, 0.8),
        "更可能的": torch.ones_like(left),
        "抽一个": drawn,
    }  # light of the left pixel; the right one has the rest
    error = {name: 2 * (x - left).square().mean() for name, x in frames.items()}
    said = "，".join(f"{name} {value:.2f}" for name, value in error.items())
    least = min(error, key=error.get)
    require(
        answer["误差最小"] == least,
        f"误差最小的猜错了。十万次的平均误差：{said}",
    )
    ratio = (error["抽一个"] / error["平均"]).item()
    truth = TIMES[min(range(3), key=lambda k: abs((1, 2, 4)[k] - ratio))]
    require(
        answer["抽一个比平均"] == truth,
        f"倍数猜错了：{said}，比值 {ratio:.2f}。抽出的一个与真的一个相互独立",
    )
    whole = {name for name, x in frames.items() if bool(((x == 0) | (x == 1)).all())}
    require(
        set(real) == whole,
        "真的一帧里恰好一个像素全亮：哪几种猜法画出来也是这样？",
    )
    return f"十万次的平均误差：{said}"


@checker("平移、变暗、加噪声，都量对了")
def displacement(answer):
    """`answer(a, b)`: how far b (S, S) went from a, (right, down), cyclic."""
    source = torch.Generator().manual_seed(0)
    size = 24
    ground = torch.rand(size, size, generator=source)
    for right, down in [(3, 0), (0, 5), (-4, 2), (7, -9), (0, 0), (-11, -1)]:
        moved = ground.roll((down, right), (0, 1))
        found = answer(ground.clone(), moved.clone())
        two = isinstance(found, tuple | list) and len(found) == 2
        require(two, "应当返回两个数：(向右, 向下)")
        found = tuple(int(v) for v in found)
        require(
            found != (down, right) or right == down,
            f"次序反了：先向右，再向下。真的是 {(right, down)}，你给出 {found}",
        )
        require(
            found != (-right, -down) or (right, down) == (0, 0),
            f"方向反了：从 a 到 b 是 {(right, down)}，你给出 {found}",
        )
        wrapped = (right % size, down % size)
        require(
            found != wrapped or found == (right, down),
            f"{found} 绕了一圈：超过半幅的要减去 {size}，真的是 {(right, down)}",
        )
        require(found == (right, down), f"真的是 {(right, down)}，你给出 {found}")
        noise = 0.05 * torch.randn(size, size, generator=source)
        darker = answer(ground.clone(), 0.4 * moved + 0.3 + noise)
        require(
            tuple(int(v) for v in darker) == (right, down),
            "第二张变暗、加了噪声，就量错了：比的应当是相位，不是亮度",
        )
    slope = torch.linspace(0, 3, size)  # a lamp that stands still
    moved = ground.roll((2, 3), (0, 1))
    found = answer(ground + slope, moved + slope)
    require(
        tuple(int(v) for v in found) == (3, 2),
        "画面上有一片不动的强光时量错了：互功率谱要除以它的模，让每个频率一样重",
    )


@checker()
def next_frames(answer):
    """`answer(known)`: 12 frames after (N, 4, 3, 24, 24) of two shapes, in [-1, 1].

    Score: mean squared error over that of copying the last frame.
    """
    floor, films = 0.3, moving_shapes(200, things=2, seed=909)
    x = films.x.float() / 127.5 - 1
    known, true = x[:, :4], x[:, 4:]

    def score(made):
        return (frame_error(made, true).mean() / still).item()

    still = frame_error(copy_last(known, 12), true).mean()
    made = answer(known.clone())
    require(isinstance(made, torch.Tensor), "应当返回张量")
    wanted = tuple(true.shape)
    require(
        tuple(made.shape) == wanted, f"形状应为 {wanted}，现在是 {tuple(made.shape)}"
    )
    require(bool(made.isfinite().all()), "含有 nan 或 inf")
    require(bool((made.abs() <= 1.001).all()), "像素要在 [−1, 1] 里")
    mine, ours = score(made.float()), score(linear_motion(known, 12, walls=True))
    said = f"误差是照抄的 {mine:.2f} 倍，底线 {floor}，书里的解 {ours:.2f}"
    require(mine <= floor, f"{said}。先量出每个形状走多快，再想想墙")
    return said
