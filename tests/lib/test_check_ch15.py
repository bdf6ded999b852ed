"""Checkers of chapter 15: right answers pass, each likely mistake gets its hint."""

import numpy as np
import pytest
from checker_tests import make_tests

from aigc_lib.check import ch15
from aigc_lib.codecs.levels import SokobanLevel, turned
from aigc_lib.data.made.levels import backwards
from aigc_lib.metrics.intervals import proportion_interval
from aigc_lib.metrics.levels import grids_of
from aigc_lib.simulators.sokoban import Sokoban, bits, solve

FOUR = {"甲": "有解", "乙": "无解", "丙": "有解", "丁": "无解"}
FOUR = {
    name: "有解" if solve(SokobanLevel.read(text)).solved else "无解"
    for name, text in ch15.FOUR.items()
}


def dead(level, walls=False, corners=False):
    game = Sokoban(level)
    found = {divmod(k, level.width) for k in bits(game.floor & ~game.alive)}
    if walls:
        found.add((0, 0))
    if corners:
        found = set(sorted(found)[1:])
    return found


def too_many(level):
    return dead(level) | {divmod(next(bits(Sokoban(level).goals)), level.width)}


def is_new(rows, known, ways=8):
    grid = grids_of([rows])
    turns = (turned(grid, way)[0] for way in range(ways))
    return not any(tuple("".join(map(chr, r)) for r in g) in known for g in turns)


def shares(levels, limit, give_up=True):
    answers = [solve(level, limit).answer for level in levels]
    n = len(levels)
    lost = answers.count("gave up") / n
    solved = answers.count("solved") / n
    if not give_up:
        return {"有解": solved, "无解": 1 - solved, "放弃": 0.0}
    return {"有解": solved, "无解": 1 - solved - lost, "放弃": lost}


def hardest(seed, n=8):
    texts = backwards(n, 100 + seed)
    return max(texts, key=lambda t: len(solve(SokobanLevel.read(t)).pushes))


CASES = [
    ("four_levels", FOUR, None),
    *(
        ("four_levels", FOUR | {name: "无解" if v == "有解" else "有解"}, f"{name}不是")
        for name, v in FOUR.items()
    ),
    ("dead_squares", dead, None),
    ("dead_squares", lambda level: dead(level, walls=True), "只数地面"),
    ("dead_squares", lambda level: dead(level, corners=True), "漏了"),
    ("dead_squares", too_many, "不是死格"),
    ("dead_squares", lambda level: len(level.rows), "应当返回一个集合"),
    ("is_new", is_new, None),
    ("is_new", lambda rows, known: rows not in known, "应当算不新"),
    ("is_new", lambda rows, known: is_new(rows, known, 4), "镜像"),
    ("is_new", lambda rows, known: False, "应当算新"),
    ("widest_gap", lambda jump: 2 * jump - 1, None),
    ("widest_gap", lambda jump: 2 * jump, "少算还是多算"),
    ("widest_gap", lambda jump: jump, "枚举到的最宽"),
    ("rule_of_three", lambda n, level: 1 - (1 - level) ** (1 / n), None),
    ("rule_of_three", lambda n, level: 0.0, "不等于不会发生"),
    ("rule_of_three", lambda n, level: 3 / n, "应当是"),
    (
        "rule_of_three",
        lambda n, level: proportion_interval(0, n, level=level)[1],
        "Wilson",
    ),
    ("late_lips", {"晚": 40, "等": 48}, None),
    ("late_lips", {"晚": 5, "等": 48}, "一帧 8 毫秒"),
    ("late_lips", {"晚": 40, "等": 32}, "一半在后面"),
    ("late_lips", {"晚": 40, "等": 72}, "正中"),
    ("late_lips", {"晚": 40}, "键是"),
    ("hard_level", hardest, None),
    ("hard_level", lambda seed: hardest(0), "几乎一样"),
    ("hard_level", lambda seed: ch15.FOUR["甲"], "几乎一样"),
    ("hard_level", lambda seed: ch15.FOUR["乙"], "无解"),
    ("hard_level", lambda seed: "#####\n#@ .#\n#####", "不合形式"),
    ("hard_level", lambda seed: seed, "一关的文字"),
    ("hard_level", lambda seed: hardest(seed, 21), "问了求解器 21 次"),
]

test_hint, test_nothing_raises = make_tests(ch15, CASES)


def test_easy_levels_do_not_reach_the_floor():
    def easy(seed):
        return min(
            backwards(6, 100 + seed),
            key=lambda t: len(solve(SokobanLevel.read(t)).pushes),
        )

    result = ch15.hard_level(easy)
    assert not result
    assert "底线" in result.message


def test_the_faulty_line_and_the_repair_both_count():
    assert ch15.three_answers(shares, line=3)
    assert "不是第 1 行" in ch15.three_answers(shares, line=1).message
    broken = ch15.three_answers(lambda a, b: shares(a, b, give_up=False), line=3)
    assert not broken
    assert "应当是" in broken.message
    assert not ch15.three_answers(shares)
    levels, limit = ch15.gave_up_levels()
    found = shares(levels, limit)
    assert min(found.values()) > 0  # all three answers occur
    assert sum(found.values()) == pytest.approx(1)
    assert np.isclose(shares(levels, 5_000)["放弃"], 0)
