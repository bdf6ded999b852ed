"""Checkers for chapter 00: sums, equal bits, labels, float32, seeds."""

import re
from fractions import Fraction
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import torch

from ._result import checker, require


@checker("任何次序都给出同一个和，而且是最接近真值的那个浮点数")
def order_free_sum(answer):
    """Demands f(list of floats) -> the exact sum, rounded once, in any order."""
    # The second row defeats one level of compensation (Neumaier; sum() since 3.12).
    for row in ([1e16, 1.0, -1e16], [1e100, 1e50, 1.0, -1e50, -1e100]):
        for values in permutations(row):
            got = answer(list(values))
            require(got == 1, f"{list(values)} 的和应当是 1.0，你的函数给出 {got}")
    got = answer([0.1] * 10)
    require(got == 1, f"十个 0.1 的和，舍入一次应当是 1.0，你的函数给出 {got!r}")
    values = np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(-100, 100)
    exact = float(sum(map(Fraction, values.tolist())))
    for ordered in (values, values[::-1]):
        got = answer(ordered.tolist())
        require(got == exact, "数量级相差很大的 200 个数，和与精确值不一致")


def _bit_pairs():
    """(a, b, same, hint): what `same_bits` must tell apart."""
    x = torch.tensor([[1.0, -2.5], [3.0, 0.0]])
    nan = torch.full((3,), float("nan"))
    close = torch.tensor([1.0]), torch.tensor([1.0 + 2**-23])
    return [
        (x, x.clone(), True, "同一个张量的副本应当算相同"),
        (x, x + 1, False, "数值不同的两个张量应当算不同"),
        (*close, False, "两个相邻的 float32 只差最后一位，allclose 分不出，你要分出来"),
        (x, x.flatten(), False, "形状不同（即使能广播）应当算不同"),
        (x, x.double(), False, "类型不同（float32 与 float64）应当算不同"),
        (nan, nan.clone(), True, "NaN 不等于自己，但它的比特等于自己的比特"),
        (torch.zeros(1), -torch.zeros(1), False, "0.0 == -0.0，但符号位不同"),
        (x.T, x.T.contiguous(), True, "转置后的副本比特相同，不应受内存布局影响"),
    ]


@checker("分得出最后一位、符号位、NaN、类型和形状")
def same_bits(answer):
    """Demands f(a, b) -> True where shape, dtype and every bit agree."""
    for a, b, same, hint in _bit_pairs():
        require(bool(answer(a, b)) is same, hint)


LABELS = [("digits", "train", 64, 0), ("mnist", "test", 2500, 7)]


@checker("读者看得出：哪个数据集、哪一份、多少个、哪个种子、是不是替身")
def label(answer):
    """Demands f(data, n, seed) -> str that names set, split, n, seed and stand-in."""
    for name, split, n, seed in LABELS:
        data = SimpleNamespace(name=name, split=split, is_standin=False)
        text = answer(data, n, seed)
        require(isinstance(text, str), f"应当返回字符串，而不是 {type(text).__name__}")
        for word in (name, split):
            require(word in text, f"标签里没有 {word}：{text!r}")
        numbers = re.findall(r"\d+", re.sub(r"(?<=\d)[,_](?=\d)", "", text))
        for number in (n, seed):
            require(str(number) in numbers, f"标签里没有数字 {number}：{text!r}")
        require("stand-in" not in text, "真实数据不要标成 stand-in")
        data.is_standin = True
        text = answer(data, n, seed)
        require("stand-in" in text, "data.is_standin 为真时，标签里要写上 stand-in")


@checker("与 nextafter 一致，2 的幂两旁也对")
def spacing(answer):
    """Demands f(x) -> distance from x > 0 to the next float32 above it."""
    values = np.random.default_rng(0).uniform(1, 10, 40) * 10.0 ** np.arange(-20, 20)
    powers = 2.0 ** np.arange(-40, 41, 8)
    below = np.nextafter(powers.astype(np.float32), np.float32(0))
    for x in np.concatenate([values, powers, below]).astype(np.float32):
        got, right = float(answer(float(x))), float(np.spacing(x))
        where = f"x = {float(x):.9g} 时"
        require(got != right / 2**29, f"{where}给的是 float64 的间隔")
        require(got != right / 2, f"{where}小了一半：有效数字的末位是 2 的 −23 次方")
        require(
            got != 2 * right,
            f"{where}大了一倍：x 写成 m·2^e，m 在 1 与 2 之间（2 的幂两旁尤其要小心）",
        )
        require(got == right, f"{where}应当是 {right:.6g}，你给出 {got:.6g}")


@checker("再加 1 也不变了")
def stuck_at(answer):
    """Demands the first float32 count n with n + 1 == n, found here by doubling."""
    require(
        isinstance(answer, int | float) and not isinstance(answer, bool),
        f"应当是一个数，而不是 {type(answer).__name__}",
    )
    one, count = np.float32(1), np.float32(1)
    while count + one != count:  # counting passes every power of two on its way
        count = np.float32(2) * count
    require(answer <= 2**53 / 2, "这是 float64 的界限；float32 只有 24 位有效数字")
    require(answer != 2**23, "2 的 23 次方以后仍数得动：算上省掉的第一位，共有 24 位")
    require(
        answer >= count,
        f"从 {answer:,.0f} 再加 1，得 {float(np.float32(answer) + one):,.0f}，还数得动",
    )
    require(answer == count, "到不了那里：更早就停住了")


@checker("第 1 行的权重归种子管了，全局的随机状态没有动")
def late_seed(answer, line=None):
    """Demands f(seed) -> (4, 3), and the line of the fault, `line`=1."""
    require(
        line in (1, 2, 3, 4), "还要说出是哪一行：late_seed(repaired, line=…)，1 到 4"
    )
    with torch.random.fork_rng(devices=[]):
        found = []
        for disturbance, seed in ((1, 0), (2, 0), (1, 1)):
            torch.manual_seed(disturbance)  # what others draw must not matter
            before = torch.random.get_rng_state()
            found.append(answer(seed))
            require(isinstance(found[-1], torch.Tensor), "应当返回张量")
            shape = tuple(found[-1].shape)
            require(shape == (4, 3), f"形状应为 (4, 3)，现在是 {shape}")
            require(
                torch.equal(before, torch.random.get_rng_state()),
                "全局的随机状态被改动了：用 torch.random.fork_rng 借用，或自己的生成器",
            )
    require(torch.equal(*found[:2]), "种子相同，输出却不同：还有一处归全局生成器管")
    require(not torch.equal(found[0], found[2]), "换了种子，输出应当不同")
    rank = torch.linalg.matrix_rank(found[0] - found[0].mean(0))
    require(rank == 2, "输出应当是随机的输入乘随机的权重，再加偏置")
    # Rows of x W + b less their mean span the plane of W, whatever x and b are; columns
    # span what x and 1 do, whatever W and b are. Other weights tilt the plane, other
    # inputs add columns.
    first, _, other = found
    plane = torch.cat([y - y.mean(0) for y in (first, other)])  # (8, 3)
    tilted = torch.linalg.matrix_rank(plane, rtol=1e-4) == 3
    require(tilted, "换了种子，权重却没有换")
    columns = torch.cat([torch.ones(4, 1), first, other], dim=1)  # (4, 7)
    moved = torch.linalg.matrix_rank(columns, rtol=1e-4) == 4
    require(moved, "换了种子，输入却没有换")
    require(line == 1, f"第 {line} 行没有问题：单独运行它两次，得到的东西相同")


class Single:
    """A float32 that adds, subtracts and compares; each sum is rounded and counted."""

    __array_ufunc__ = None  # NumPy's numbers leave the sum to this class

    def __init__(self, value, rounded: list):
        self._value, self._rounded = np.float32(value), rounded

    def _made(self, value):
        self._rounded.append(value)
        return Single(value, self._rounded)

    def __add__(self, other):
        return self._made(self._value + _single(other))

    def __sub__(self, other):
        return self._made(self._value - _single(other))

    def __rsub__(self, other):
        return self._made(_single(other) - self._value)

    __radd__ = __add__

    def __neg__(self):
        return Single(-self._value, self._rounded)

    def __abs__(self):
        return Single(abs(self._value), self._rounded)

    def __lt__(self, other):
        return bool(self._value < _single(other))

    def __le__(self, other):
        return bool(self._value <= _single(other))

    def __repr__(self):
        return f"{self._value:.9g}"


def _single(number):
    return number._value if isinstance(number, Single) else np.float32(number)


@checker()
def careful_sum(answer):
    """`answer(values)`: the sum of numbers that only know float32, in few additions.

    Score: how many spacings of float32 it is off, mean of 20 rows. Floor: 0.35.
    """
    floor, each, size = 0.35, 5, 500
    source, scores, left_to_right = np.random.default_rng(0), [], []
    for _ in range(20):
        row = np.exp(2 * source.normal(size=size)).astype(np.float32)
        exact, asked = float(sum(map(Fraction, row.tolist()))), []
        found = answer([Single(value, asked) for value in row])
        require(isinstance(found, Single), "应当返回由这些数加减出来的那个和")
        require(
            len(asked) <= each * size,
            f"{size} 个数用了 {len(asked):,} 次加减，每个数至多 {each} 次",
        )
        for total, kept in ((found._value, scores), (plain(row), left_to_right)):
            kept.append(abs(float(total) - exact) / np.spacing(np.float32(exact)))
    mine, plainly = np.mean(scores), np.mean(left_to_right)
    said = f"得分 {mine:.2f} 格，底线 {floor}，从左加到右 {plainly:.2f}，书里的解 0.25"
    require(mine <= floor, f"{said}。每加一次，被舍掉的那一点能不能算出来、留着？")
    return said


def plain(row):
    """Add from left to right in float32."""
    total = np.float32(0)
    for value in row:
        total = total + value
    return total
