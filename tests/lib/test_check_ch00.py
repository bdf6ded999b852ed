"""Chapter 00: the checkers tell right from wrong; the environment is as stated."""

import math
import re
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.specifiers import SpecifierSet

from aigc_lib.check import ch00

ROOT = Path(__file__).parents[2]


def bits(a, b):
    same_kind = a.dtype == b.dtype and a.shape == b.shape
    return same_kind and a.numpy().tobytes() == b.numpy().tobytes()


def label(data, n, seed):
    standin = " (stand-in)" if data.is_standin else ""
    return f"{data.name}{standin} {data.split}, n = {n:,}, seed {seed}"


def neumaier(values):
    """One level of compensation, which is what sum() does since Python 3.12."""
    total = lost = 0.0
    for value in values:
        new = total + value
        big, small = (total, value) if abs(total) >= abs(value) else (value, total)
        lost += (big - new) + small
        total = new
    return total + lost


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch00.order_free_sum, math.fsum),
        (ch00.order_free_sum, lambda values: math.fsum(sorted(values))),
        (ch00.same_bits, bits),
        (ch00.label, label),
        (ch00.label, lambda d, n, s: label(d, n, s).replace(",", "")),
        (ch00.spacing, lambda x: 2.0 ** (math.frexp(x)[1] - 24)),
        (ch00.spacing, lambda x: float(np.spacing(np.float32(x)))),
        (ch00.stuck_at, 2**24),
        (ch00.stuck_at, 16_777_216.0),
    ],
)
def test_right_answers_pass(check, answer):
    result = check(answer)
    assert result, result


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (ch00.order_free_sum, sum, "应当是 1.0"),
        (ch00.order_free_sum, lambda v: sum(sorted(v, key=abs)), "1.0"),
        (ch00.order_free_sum, neumaier, "1e.100"),
        (ch00.order_free_sum, lambda v: 1.0, "200"),
        (ch00.same_bits, lambda a, b: True, "数值不同"),
        (ch00.same_bits, lambda a, b: False, "副本"),
        (ch00.same_bits, lambda a, b: bool((a == b).all()), "形状|NaN|RuntimeError"),
        (ch00.same_bits, torch.allclose, "最后一位"),
        (ch00.same_bits, torch.equal, "类型|NaN|RuntimeError"),
        (ch00.label, lambda d, n, s: f"{d.name} {d.split}", "没有"),
        (ch00.label, lambda d, n, s: "digits train 64 0", "stand-in"),
        (ch00.label, lambda d, n, s: f"{d.name} {d.split} {n}0 {s}", "数字 64"),
        (ch00.label, lambda d, n, s: f"{d.name} stand-in {d.split} {n} {s}", "真实"),
        (ch00.label, lambda d, n, s: f"{d.name} {d.split} {n} {s}", "stand-in"),
        (ch00.label, lambda d, n, s: (d.name, n), "字符串"),
        (ch00.spacing, math.ulp, "float64"),
        (ch00.spacing, lambda x: 2.0 ** (math.frexp(x)[1] - 25), "小了一半"),
        (ch00.spacing, lambda x: 2.0 ** (math.ceil(math.log2(x)) - 23), "大了一倍"),
        (ch00.spacing, lambda x: x * 2**-23, "应当是"),
        (ch00.stuck_at, 2**23, "24 位"),
        (ch00.stuck_at, 10_000_000, "还数得动"),
        (ch00.stuck_at, 2**31, "更早"),
        (ch00.stuck_at, 2**53, "float64"),
        (ch00.stuck_at, "never", "一个数"),
    ],
)
def test_wrong_answers_get_a_hint(check, answer, hint):
    result = check(answer)
    assert not result
    assert result.finished
    assert re.search(hint, result.message), result.message


def careless(seed):
    layer = torch.nn.Linear(2, 3)
    source = torch.Generator().manual_seed(seed)
    return layer(torch.randn(4, 2, generator=source)).detach()


def seeded(seed):
    torch.manual_seed(seed)
    return torch.nn.Linear(2, 3)(torch.randn(4, 2)).detach()


def forked(seed):
    with torch.random.fork_rng(devices=[]):
        return seeded(seed)


def one_row(seed):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, generator=source).expand(4, 3)


def one_layer(seed):
    """The weights are the same for every seed; the bias is not."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = torch.nn.Linear(2, 3)
        torch.manual_seed(seed)
        return (layer(torch.randn(4, 2)) + torch.randn(3)).detach()


def one_input(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(4, 2)
        torch.manual_seed(seed)
        return torch.nn.Linear(2, 3)(x).detach()


def two_sources(seed):
    source = torch.Generator().manual_seed(seed)
    weight, x = (torch.randn(2, n, generator=source) for n in (3, 4))
    return x.T @ weight + torch.randn(3, generator=source)


@pytest.mark.parametrize(
    ("answer", "line", "hint"),
    [
        (forked, 1, None),
        (two_sources, 1, None),
        (one_layer, 1, "权重却没有换"),
        (one_input, 1, "输入却没有换"),
        (forked, None, "哪一行"),
        (forked, 3, "第 3 行没有问题"),
        (careless, 1, "改动|归全局"),
        (seeded, 1, "fork_rng"),
        (lambda seed: torch.zeros(4, 3), 1, "换了种子"),
        (lambda seed: torch.zeros(4), 1, "形状"),
        (lambda seed: [seed], 1, "张量"),
        (one_row, 1, "随机的输入"),
    ],
)
def test_late_seed(answer, line, hint):
    before = torch.random.get_rng_state()
    result = ch00.late_seed(answer, line=line)
    assert bool(result) is (hint is None), result
    assert hint is None or re.search(hint, result.message), result.message
    assert hint == "fork_rng" or torch.equal(before, torch.random.get_rng_state())


def kahan(values):
    total = lost = values[0] - values[0]
    for value in values:
        whole = value - lost
        new = total + whole
        lost, total = (new - total) - whole, new
    return total


def by_pairs(values):
    while len(values) > 1:
        values = [sum(values[i : i + 2]) for i in range(0, len(values), 2)]
    return values[0]


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (kahan, None),
        (neumaier, None),  # with 0.0 to begin with: five a number
        (sum, "底线"),
        (lambda values: sum(sorted(values)), "底线"),
        (by_pairs, "底线"),
        (lambda values: sum([*values, *[0] * 2_001], kahan(values)), "至多 5 次"),
        (lambda values: math.fsum(values), "TypeError"),
        (lambda values: 1.0, "加减出来"),
    ],
)
def test_careful_sum(answer, hint):
    result = ch00.careful_sum(answer)
    assert bool(result) is (hint is None), result
    assert hint is None or re.search(hint, result.message), result.message


def test_careful_sum_tells_the_score_of_the_book():
    """The score that stands in the message is what the book's solution reaches."""
    mine, book = re.search(
        r"得分 ([\d.]+) .*书里的解 ([\d.]+)", ch00.careful_sum(kahan).message
    ).groups()
    assert mine == book


def test_a_single_rounds_as_float32_does():
    asked = []
    one, tiny = ch00.Single(1, asked), ch00.Single(2**-25, asked)
    assert repr(one + tiny) == repr(one)
    assert repr(one - tiny) == repr(one)
    assert repr(2**24 + one - 2**24) == "0"
    assert len(asked) == 4
    assert -one < tiny <= tiny < abs(-one)
    assert len(asked) == 4


FUNCTIONS = [
    *(ch00.order_free_sum, ch00.same_bits, ch00.label, ch00.spacing),
    ch00.careful_sum,
]


@pytest.mark.parametrize("check", [*FUNCTIONS, ch00.late_seed, ch00.stuck_at])
def test_open_answers(check):
    assert not check(...).finished
    assert not check(None).finished


@pytest.mark.parametrize("check", FUNCTIONS)
def test_unfinished_answers(check):
    assert not check(lambda *arguments: None).finished


def test_python_3_8_is_out_everywhere():
    """E133: neither this package nor its heaviest dependency runs on Python 3.8."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ours = project["project"]["requires-python"]
    for accepted in (ours, metadata("torch")["Requires-Python"]):
        assert "3.8.20" not in SpecifierSet(accepted)
        assert ".".join(map(str, sys.version_info[:3])) in SpecifierSet(accepted)


def test_the_interpreter_is_no_dependency():
    """E136: nothing that pip is asked for is called python, and every line is a pin."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line.strip() and not line.startswith("#")]
    assert pins
    for pin in pins:
        assert re.match(r"(?!python==)[\w.-]+(\[[\w,]+\])?==\S+", pin), pin
