"""Checkers of chapter 06: right answers pass, each likely mistake gets its hint."""

import math

import torch
from checker_tests import make_tests

from aigc_lib.check import ch06
from aigc_lib.models import GPT
from aigc_lib.nets.attention import rotated


def mask_right(length, window, more=0):
    ones = torch.ones(length, length, dtype=torch.bool)
    return ones.tril() & ~ones.tril(-window - more)


def min_p_right(logits, share):
    best = logits.max(1, keepdim=True).values
    return logits.masked_fill(logits < best + math.log(share), -torch.inf)


def min_p_by(threshold):
    def answer(logits, share):
        p = logits.softmax(1)
        return logits.masked_fill(p < threshold(p, share), -torch.inf)

    return answer


def min_p_in_place(logits, share):
    logits[logits < logits.max(1, keepdim=True).values + math.log(share)] = -torch.inf
    return logits


def one_right(q, k, v, memory, scale=0.5, swap=False, first=False):
    if memory is not None:
        keys, values = memory
        k, v = (
            torch.cat([k, keys] if first else [keys, k], 1),
            torch.cat([v, values] if first else [values, v], 1),
        )
    weights = (scale * q @ k.transpose(1, 2)).softmax(-1)
    return weights @ v, (v, k) if swap else (k, v)


def one_forgets(q, k, v, memory):
    return one_right(q, k, v, None)


def blank_right(log_probability, before, after, candidates):
    logs = [log_probability(before + c + after) for c in candidates]
    return torch.tensor(logs, dtype=torch.float64).softmax(0)


def blank_plain(log_probability, before, after, candidates):
    logs = [log_probability(before + c + after) for c in candidates]
    chances = torch.tensor(logs, dtype=torch.float64).exp()
    return chances / chances.sum()


def blank_unnormalised(log_probability, before, after, candidates):
    logs = [log_probability(before + c + after) for c in candidates]
    return torch.tensor(logs).exp()


def blank_parts(log_probability, before, after, candidates):
    return torch.stack([torch.tensor(log_probability(before + c)) for c in candidates])


def cached(depth, width, context, rows, bytes_each):
    return 2 * depth * width * context * rows * bytes_each


def step(q, k, v, memory, turns, turn_key=True):
    t = 0 if memory is None else memory[0].shape[1]
    here = turns[:, t : t + 1]
    q, k = rotated(q, here), rotated(k, here) if turn_key else k
    if memory is not None:
        k, v = torch.cat([memory[0], k], 1), torch.cat([memory[1], v], 1)
    return (q @ k.mT / 8**0.5).softmax(-1) @ v, (k, v)


def slope(logits, temperature, power=3):
    p = (logits / temperature).softmax(0)
    return (p * (logits - (p * logits).sum()) ** 2).sum() / temperature**power


def small_gpt(tokenizer, context, **how):
    sizes = {"depth": 1, "heads": 4, "width": 48, "optimizer": "muon"} | how
    return GPT(tokenizer, context=context, learning_rate=2e-2, **sizes)


CASES = [
    ("order_matters", (False, True, False, True), None),
    ("order_matters", [False, True, False, True], None),
    ("order_matters", (True, True, False, True), "加权平均"),
    ("order_matters", (False, False, False, True), "第二层"),
    ("order_matters", (False, True, True, True), "同一批"),
    ("order_matters", (False, True, False, False), "距离"),
    ("order_matters", (False, True, False), "四个"),
    ("order_matters", (0, 1, 0, 1), "True 或 False"),
    ("cached_step", (1, step), None),
    ("cached_step", (6, step), "不用遮"),
    ("cached_step", (4, step), "接在后面"),
    ("cached_step", (9, step), "1 数到 7"),
    ("cached_step", (1, ch06.broken_step), "第二个位置起"),
    ("cached_step", (2, step), "哪些角度"),
    ("cached_step", (1, lambda *a: step(*a, turn_key=False)), "都应当"),
    ("cached_step", step, "两样"),
    ("entropy_slope", slope, None),
    ("entropy_slope", lambda x, t: -slope(x, t), "符号"),
    ("entropy_slope", lambda x, t: slope(x, t, 2), "少除了一次"),
    ("entropy_slope", lambda x, t: slope(x, t, 1), "少除了 τ²"),
    ("entropy_slope", lambda x, t: slope(x, t, 4), "多除了"),
    ("entropy_slope", lambda x, t: x / t, "一个数"),
    ("open_gpt", small_gpt, None),
    (
        "open_gpt",
        lambda t, c: GPT(t, context=c, depth=1, heads=4, width=48),
        "数数的模型",
    ),
    ("open_gpt", lambda t, c: small_gpt(t, c, width=64), "预算"),
    ("open_gpt", lambda t, c: small_gpt(t, 12), "窗口"),
    ("open_gpt", lambda t, c: torch.nn.Linear(2, 2), "还没有训练"),
    ("window_mask", mask_right, None),
    ("window_mask", lambda n, w: mask_right(n, w).T, "行列反了"),
    ("window_mask", lambda n, w: mask_right(n, w, 1), "多看了一个"),
    ("window_mask", lambda n, w: torch.ones(n, n, dtype=torch.bool), "将来"),
    ("window_mask", lambda n, w: mask_right(n, w).float(), "布尔"),
    ("window_mask", lambda n, w: mask_right(n, w)[None], "形状"),
    ("window_mask", lambda n, w: ~mask_right(n, w), "自己"),
    ("window_mask", lambda n, w: mask_right(n, n), "不对"),
    ("keep_min_p", min_p_right, None),
    ("keep_min_p", min_p_by(lambda p, s: s * p.max(1, keepdim=True).values), None),
    ("keep_min_p", min_p_by(lambda p, s: s), "最大的"),
    ("keep_min_p", min_p_by(lambda p, s: s * p.max()), "每一行"),
    ("keep_min_p", lambda x, s: min_p_right(x, s).softmax(1), "负无穷"),
    ("keep_min_p", lambda x, s: 2 * min_p_right(x, s), "原样"),
    ("keep_min_p", lambda x, s: min_p_right(x, 0.9), "留下的"),
    ("keep_min_p", min_p_in_place, "改动"),
    ("keep_min_p", lambda x, s: min_p_right(x, s)[0], "形状"),
    ("attend_one", one_right, None),
    ("attend_one", lambda *a: one_right(*a, scale=1.0), "√d"),
    ("attend_one", lambda *a: one_right(*a, swap=True), "次序"),
    ("attend_one", lambda *a: one_right(*a, first=True), "次序"),
    ("attend_one", one_forgets, "应有 2 个键"),
    ("attend_one", lambda *a: one_right(*a)[0], "两样"),
    ("attend_one", lambda *a: (2 * one_right(*a)[0], one_right(*a)[1]), "输出不对"),
    ("attend_one", lambda *a: (one_right(*a)[0][:, 0], None), "形状"),
    ("attend_one", lambda *a: (one_right(*a)[0], [None, None]), "一对"),
    ("cache_bytes", cached, None),
    ("cache_bytes", lambda *a: cached(*a) // 2, "各要存"),
    ("cache_bytes", lambda d, w, c, r, b: d * w * w * c * r * b, "不是矩阵"),
    ("cache_bytes", lambda d, w, c, r, b: cached(d, w, c, r, b) * c, "平方"),
    ("cache_bytes", lambda d, w, c, r, b: cached(d, w, c, 1, b), "字节"),
    ("blank_posterior", blank_right, None),
    ("blank_posterior", blank_plain, "减去最大"),
    ("blank_posterior", blank_unnormalised, "归一化"),
    ("blank_posterior", blank_parts, "KeyError"),
    ("blank_posterior", lambda *a: blank_right(*a).log(), "取指数"),
    ("blank_posterior", lambda *a: blank_right(*a).flip(0), "应为"),
    ("blank_posterior", lambda *a: blank_right(*a).tolist(), "张量"),
    ("blank_posterior", lambda *a: blank_right(*a)[None], "形状"),
    ("blank_posterior", lambda f, a, b, c: blank_right(f, b, a, c), "KeyError"),
]


test_hint, test_nothing_raises = make_tests(ch06, CASES)


def test_the_broken_step_is_right_at_the_first_place_only():
    errors = ch06.step_errors(ch06.broken_step)
    assert errors[0] < 1e-6
    assert min(errors[1:]) > 1e-3


def test_checking_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    assert ch06.order_matters((False, True, False, True))
    assert ch06.open_gpt(small_gpt)
    assert torch.equal(torch.get_rng_state(), before)
