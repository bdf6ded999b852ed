"""Checkers of chapter 19: right answers pass, each likely mistake gets its hint."""

from functools import partial

import numpy as np
import torch
from checker_tests import make_tests

from aigc_lib.check import ch19
from aigc_lib.codecs.molecules import signs
from aigc_lib.data import augment
from aigc_lib.metrics import molecules as chemistry
from aigc_lib.metrics.detection import chances
from aigc_lib.metrics.learning import taught

RIGHT = dict(
    zip(ch19.STRINGS, ["有效", "有效", "无效", "无效", "无效", "有效"], strict=True)
)


def closed(smiles, order=True, cut=True):
    depth, rings = 0, set()
    for sign in signs(smiles) if cut else smiles:
        depth += (sign == "(") - (sign == ")")
        if depth < 0 and order:
            return False
        if sign.strip("%").isdigit():
            rings ^= {sign}
    return depth == 0 and not rings


def novelty(made, known, old=True, once=True):
    found = [c for c in map(chemistry.canonical, made) if c]
    found = set(found) if once else found
    before = set(map(chemistry.canonical, known)) if old else set(known)
    return sum(c not in before for c in found) / max(1, len(found))


def too_new(made, known):
    found = {t for t in made if chemistry.parsed(t) is not None}
    return len(found - set(known)) / max(1, len(found))


def auc(p, y, ties=0.5, turned=False):
    ill, healthy = p[y == 1][:, None], p[y == 0][None]
    found = ((ill > healthy) + ties * (ill == healthy)).mean()
    return 1 - found if turned else found


def enough_steps(x, y, kind):
    def change(pictures, labels, generator):
        return augment.shifted(pictures, 1, generator), labels

    net = taught(x, augment.soft(y, 2), change, steps=500)
    moves = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return lambda z: torch.tensor(
        np.mean([chances(net, z.roll(move, (2, 3))) for move in moves], 0)
    )


def too_few_steps(x, y, kind):
    net = taught(x, augment.soft(y, 2), augment.moved, steps=60)
    return lambda z: torch.tensor(chances(net, z))


def value(s, c, share):
    return s * share / (s * share + (1 - c) * (1 - share))


CASES = [
    ("valid", RIGHT, None),
    ("valid", RIGHT | {"FC(F)(F)F": "无效"}, "数一数碳"),
    ("valid", RIGHT | {"c1cccc1": "有效"}, "单双相间"),
    ("valid", {"C1CC1": "有效"}, "键"),
    ("closed", closed, None),
    ("closed", lambda s: closed(s, order=False), "先关后开"),
    ("closed", lambda s: closed(s, cut=False), "应当是"),
    ("closed", lambda s: 1, "True 或 False"),
    ("novelty", novelty, "哪一行"),
    ("distinct", lambda n, K: K * (1 - (1 - 1 / K) ** n), None),
    ("distinct", lambda n, K: K * (1 - 1 / K) ** n, "一次也没有抽到的个数"),
    ("distinct", lambda n, K: K * (1 - (1 - 1 / K) ** n) / n, "不是比例"),
    ("distinct", lambda n, K: min(n, K), "应当是"),
    ("positive_value", value, None),
    ("positive_value", lambda s, c, share: s, "敏感度是"),
    ("positive_value", lambda s, c, share: s * share, "分母"),
    ("auc", auc, None),
    ("auc", lambda p, y: auc(p, y, ties=0), "并列"),
    ("auc", lambda p, y: auc(p, y, turned=True), "反了"),
    ("detector", enough_steps, None),
    ("detector", too_few_steps, "先看最低"),
    ("detector", lambda x, y, kind: lambda z: torch.zeros(len(z)), "底线"),
    ("detector", lambda x, y, kind: lambda z: torch.zeros(len(z), 2), "形状"),
    ("detector", lambda x, y, kind: 3, "返回一个函数"),
]

test_hint, test_nothing_raises = make_tests(ch19, CASES)


def test_novelty_wants_the_line_and_the_molecules():
    assert ch19.novelty(novelty, line=2)
    assert "不是第 3 行" in ch19.novelty(novelty, line=3).message
    for wrong, hint in (
        (too_new, "都是旧的"),
        (partial(novelty, once=False), "只算一个"),
        (partial(novelty, old=False), "两边都要换"),
    ):
        assert hint in ch19.novelty(wrong, line=2).message
