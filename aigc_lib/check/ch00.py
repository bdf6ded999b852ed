"""Checkers for chapter 00: sums that do not depend on order, equal bits, labels."""

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
