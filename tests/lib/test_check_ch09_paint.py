"""Checkers of chapter 09, pictures from text: right answers pass, mistakes are told."""

import torch
from checker_tests import make_tests

from aigc_lib.check import ch09


def residual_right(z, books):
    rest, tokens = z, []
    for book in books:
        tokens.append(torch.cdist(rest, book).argmin(1))
        rest = rest - book[tokens[-1]]
    return torch.stack(tokens, 1), z - rest


def residual_alone(z, books):
    tokens = [torch.cdist(z, book).argmin(1) for book in books]
    total = sum(book[t] for book, t in zip(books, tokens, strict=True))
    return torch.stack(tokens, 1), total


def residual_rest(z, books):
    tokens, total = residual_right(z, books)
    return tokens, z - total


def residual_last(z, books):
    tokens, _ = residual_right(z, books)
    return tokens, books[-1][tokens[:, -1]]


def residual_farthest(z, books):
    tokens = torch.cdist(z, books[0]).argmax(1)
    return tokens[:, None].expand(-1, 3), residual_right(z, books)[1]


def residual_float(z, books):
    tokens, total = residual_right(z, books)
    return tokens.float(), total


def guided_right(told, free, w):
    mixed = told**w * free ** (1 - w)
    return mixed / mixed.sum(-1, keepdim=True)


def guided_mixed(told, free, w):
    return free + w * (told - free)


def guided_unscaled(told, free, w):
    return told**w * free ** (1 - w)


def guided_told(told, free, w):
    return guided_right(told, free, 1 + w)


RIGHT = dict(ch09.GRADIENTS)
SWAPPED = RIGHT | {"A": RIGHT["C"], "C": RIGHT["A"]}
TWICE = RIGHT | {"A": RIGHT["B"]}
OTHER = RIGHT | {"A": RIGHT["D"], "D": RIGHT["A"]}

CASES = [
    ("residual", residual_right, None),
    ("residual", residual_alone, "第二本起"),
    ("residual", residual_rest, "返回的是剩下的"),
    ("residual", residual_last, "和不对"),
    ("residual", residual_farthest, "第一本就选错了"),
    ("residual", residual_float, "int64"),
    ("residual", lambda z, books: residual_right(z, books)[1], "返回两样"),
    ("gradients", RIGHT, None),
    ("gradients", SWAPPED, "断在取码"),
    ("gradients", OTHER, "断在取码"),
    ("gradients", TWICE, "只用一次"),
    ("gradients", {"A": "right"}, "字典"),
    ("guided", guided_right, None),
    ("guided", guided_mixed, "概率的混合"),
    ("guided", guided_unscaled, "之和不是 1"),
    ("guided", guided_told, "w = 0 时数值不对"),
]

test_hint, test_nothing_raises = make_tests(ch09, CASES)


def test_an_unfinished_choice_is_told_so():
    assert not ch09.gradients(RIGHT | {"A": ...}).finished


def test_the_evidence_tells_the_four_runs_apart():
    there = {k: [v > 1e-6 for v in row] for k, row in ch09.runs_by_gradient().items()}
    assert there == {
        "A": [False, True, False, True],
        "B": [True, True, False, True],
        "C": [True, False, True, True],
        "D": [True, True, False, False],
    }
