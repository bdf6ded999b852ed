"""Checkers for chapter 15, games, film and social media."""

from contextlib import contextmanager

import numpy as np

from ..codecs.levels import BadLevel, SokobanLevel, turned
from ..codecs.spectrum import HOP, N_FFT
from ..data.made.levels import backwards
from ..metrics.intervals import proportion_interval
from ..metrics.levels import grids_of
from ..metrics.lips import delay
from ..models.lips import MouthTable
from ..simulators.platform import farthest
from ..simulators.sokoban import Sokoban, bits, solve
from ..simulators.speech import FRAME, speeches
from ._result import Unfinished, checker, choices, require

FOUR = {
    "甲": "######\n#@$ .#\n######",
    "乙": "######\n#@  .#\n#$   #\n######",
    "丙": "#######\n#.$@$.#\n#######",
    "丁": "#######\n#@$$. #\n#    .#\n#######",
}
WORDS = ("有解", "无解")
FLOOR, LIMIT, APART, ASKED = 12, 20_000, 10, 20


@checker("四关都和求解器一致")
def four_levels(answer):
    """`{"甲": "有解" or "无解", …}` for levels of ``FOUR``; the solver judges."""
    choices(answer, dict.fromkeys(FOUR, WORDS))
    hints = {
        "甲": "人在箱子后面，前面是空地。",
        "乙": "箱子要到右上角：它现在贴着哪面墙？离得开吗？",
        "丙": "人夹在两个箱子中间，只会推，不会拉。推左边那个试试。",
        "丁": "两个箱子都贴着上面的墙，离不开第一行。第一行有几个目标？",
    }
    for name, text in FOUR.items():
        right = WORDS[0] if solve(SokobanLevel.read(text)).solved else WORDS[1]
        require(answer[name] == right, f"{name}不是{answer[name]}。{hints[name]}")


@checker("每一关的死格都一致")
def dead_squares(answer):
    """`answer(level)`: floor squares, (row, column), whence no box gets to a goal."""
    for text in (FOUR["乙"], "#######\n#@ $ .#\n#  #  #\n#######", *backwards(2, 1)):
        level = SokobanLevel.read(text)
        game = Sokoban(level)
        right = {divmod(k, level.width) for k in bits(game.floor & ~game.alive)}
        found = answer(level)
        require(isinstance(found, set | frozenset | list | tuple), "应当返回一个集合")
        found = {tuple(int(v) for v in one) for one in found}
        walls = {one for one in found if level.rows[one[0]][one[1]] == "#"}
        require(not walls, f"{min(walls, default=0)} 是墙，只数地面")
        if missed := right - found:
            require(False, f"漏了 {min(missed)}。这一关：\n{text}")
        if extra := found - right:
            where = min(extra)
            require(False, f"{where} 不是死格：推得到某个目标。这一关：\n{text}")


@checker("八个方位都查到了，真的新关放行")
def is_new(answer):
    """`answer(rows, known)`: whether a level is none of ``known``, however turned."""
    known = [tuple(text.split("\n")) for text in backwards(3, 2)]
    for k, rows in enumerate(known):
        for way in range(8):
            grid = turned(grids_of([rows]), way)[0]
            seen = tuple("".join(map(chr, row)) for row in grid)
            what = "镜像" if way >= 4 else f"转了 {90 * way} 度"
            require(not answer(seen, known), f"学过的第 {k + 1} 关{what}，应当算不新")
    for text in backwards(3, 7):
        require(answer(tuple(text.split("\n")), known), "没见过的关，应当算新")


@checker("与枚举一致")
def widest_gap(answer):
    """`answer(jump)`: the widest gap that the rules of ``farthest`` allow."""
    for jump in range(1, 6):
        widest = 0
        for gap in range(3 * jump + 3):
            sky = "\n".join(["-" * (gap + 6)] * (jump + 3))
            if farthest(f"{sky}\n{'X' * 3}{'-' * gap}{'X' * 3}", jump)[0]:
                widest = gap
        found = answer(jump)
        require(
            found != 2 * jump or widest == 2 * jump,
            "升几格、落几格，各跨一列；可是起跳的那一列和落脚的那一列之间，少算还是多算了一列？",
        )
        require(
            float(found) == widest,
            f"跳 {jump} 格高时，枚举到的最宽是 {widest}，不是 {found}",
        )


def gave_up_levels():
    """Levels and a limit at which the solver answers in all three ways."""
    texts = [*backwards(6, 3), FOUR["乙"], "######\n#$ @.#\n######"]
    return [SokobanLevel.read(text) for text in texts], 15


@checker("三种答案分开了")
def three_answers(answer, line=None):
    """`answer(levels, limit)`: shares of 有解, 无解, 放弃; `line` is the wrong one."""
    require(line in (1, 2, 3), "line 写成出错那一行的号码，1 到 3")
    hint = "看求解器的三种答案：查满了位置还没有结果，是证明了无解，还是不知道？"
    require(line == 3, f"不是第 {line} 行。{hint}")
    levels, limit = gave_up_levels()
    for most in (limit, 5_000):
        answers = [solve(level, most).answer for level in levels]
        right = {
            name: answers.count(word) / len(levels)
            for name, word in (
                ("有解", "solved"),
                ("无解", "unsolvable"),
                ("放弃", "gave up"),
            )
        }
        found = answer(levels, most)
        require(isinstance(found, dict), "应当返回一个字典")
        require(set(found) == set(right), f"键应当是 {'、'.join(right)}")
        for name, share in right.items():
            require(
                abs(float(found[name]) - share) < 1e-9,
                f"查至多 {most} 个位置时，{name}应当是 {share:.3f}，不是 {found[name]}",
            )


@checker("与精确的上限一致")
def rule_of_three(answer):
    """`answer(n, level)`: the greatest rate at which 0 of n happens with 1 - level."""
    for n in (10, 59, 300):
        for level in (0.9, 0.95):
            right = 1 - (1 - level) ** (1 / n)
            found = float(answer(n, level))
            require(found > 0, "一次也没看见，不等于不会发生：上限不是零")
            wilson = proportion_interval(0, n, level=level)[1]
            require(
                abs(found - wilson) > 1e-9 or abs(right - wilson) < 1e-9,
                "这是 Wilson 区间的上端。这里要的是：比率多大时，"
                "n 次全不中的机会正好是 1 - level",
            )
            require(
                abs(found - right) < 1e-6,
                f"n = {n}、{level:.0%} 时应当是 {right:.4f}，不是 {found:.4f}",
            )


@checker("两个数都和量出来的一致")
def late_lips(answer):
    """`{"晚": ms, "等": ms}`: mouths 5 frames later; the wait of 9 averaged ones."""
    require(isinstance(answer, dict), "写成一个字典")
    require(set(answer) == {"晚", "等"}, "键是 '晚' 和 '等'")
    for name, said in answer.items():
        if said is None or said is ...:
            raise Unfinished(f"{name} 还空着")
    said = speeches(3, seconds=1.2, seed=4)
    late = delay(said.mouths.roll(5, 1), said.mouths, FRAME).mean().item()
    require(abs(float(answer["晚"]) - late) < 1, "嘴形晚了 5 帧，一帧 8 毫秒")
    table = MouthTable(said.x, said.mouths, entries=4, smooth=9)
    wait = (table.lookahead * HOP + N_FFT / 2) / 8
    require(
        abs(float(answer["等"]) - table.lookahead * HOP / 8) > 1e-6,
        "平均要等的帧数对了。频谱的窗也有一半在后面：32 毫秒的一半",
    )
    require(
        abs(float(answer["等"]) - wait) < 1,
        "9 帧取平均，当前这一帧在正中，要等后面的几帧？窗还有一半在后面",
    )


@contextmanager
def counted_searches():
    """Collect the limits of all searches that are begun meanwhile."""
    searches, search = [], Sokoban.solve

    def counted(self, limit=50_000):
        searches.append(limit)
        return search(self, limit)

    Sokoban.solve = counted
    try:
        yield searches
    finally:
        Sokoban.solve = search


@checker()
def hard_level(answer):
    """`answer(seed)`: a level of at most 10 x 10 squares, as text; pushes are scored.

    The mean over three seeds of the fewest pushes; what the solver cannot solve within
    ``LIMIT`` positions counts nothing. The three must differ.
    """
    texts, pushes = [], []
    for seed in range(3):
        with counted_searches() as searches:
            text = answer(seed)
        require(
            len(searches) <= ASKED,
            f"种子 {seed} 问了求解器 {len(searches)} 次，预算是 {ASKED} 次",
        )
        require(isinstance(text, str), "应当返回一关的文字，每行一排")
        try:
            level = SokobanLevel.read(text)
        except BadLevel as bad:
            require(False, f"种子 {seed} 的这一关不合形式：{bad}")
        require(max(level.width, level.height) <= 10, "每边至多 10 格")
        require(level.mask("$*").bit_count() <= 4, "至多四个箱子")
        verdict = solve(level, LIMIT)
        require(verdict.answer != "unsolvable", f"种子 {seed} 的这一关无解：\n{text}")
        pushes.append(len(verdict.pushes))
        texts.append(text)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        same = sum(x == y for x, y in zip(texts[a], texts[b], strict=False))
        require(
            max(len(texts[a]), len(texts[b])) - same >= APART,
            f"种子 {a} 和 {b} 的两关几乎一样：要造得出不同的难关",
        )
    score = float(np.mean(pushes))
    require(score >= FLOOR, f"平均最少推 {score:.1f} 次，底线是 {FLOOR} 次")
    return f"平均最少推 {score:.1f} 次，底线 {FLOOR} 次"
