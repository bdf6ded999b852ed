"""Chapter 00: the checkers tell right from wrong; the environment is as stated."""

import math
import re
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

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
    ],
)
def test_wrong_answers_get_a_hint(check, answer, hint):
    result = check(answer)
    assert not result
    assert result.finished
    assert re.search(hint, result.message), result.message


@pytest.mark.parametrize("check", [ch00.order_free_sum, ch00.same_bits, ch00.label])
def test_unfinished_answers(check):
    assert not check(...).finished
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
