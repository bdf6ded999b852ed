"""Checkers for chapter 09, films."""

import torch

from aigc_lib.check._result import checker, choices, require
from aigc_lib.data.made.films import moving_shapes
from aigc_lib.metrics.films import frame_error
from aigc_lib.models.frames import copy_last, linear_motion

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
