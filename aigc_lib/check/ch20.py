"""Checkers for chapter 20, product design and content."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..codecs.designs import contrast
from ..data.made.designs import WATCHES, watches
from ..decisions.choices import BlindForm
from ..metrics.designs import DesignJudge
from ..metrics.text import rouge
from ..simulators.shops import check_summary, weeks
from ._result import Unfinished, checker, choices, require

LEARNED, HELD_OUT, DRAFTS, BUDGET, FLOOR = 600, 400, 300, 20_000, 0.85
SHARES = ("几乎没有", "一部分", "几乎全部")
PAIRS, LEFT = 4_000, 0.8


@checker("三样都和量出来的一致")
def mixed_families(answer):
    """`{"合规": …, "新": …, "合风格": …}` of divers' numbers with dress choices.

    Judged by making such designs: below 10% is 几乎没有, above 90% is 几乎全部.
    """
    choices(answer, dict.fromkeys(("合规", "新", "合风格"), SHARES))
    made = watches(2_000, seed=1)
    judge = DesignJudge(WATCHES, made[:1_000], made[1_000:])
    divers, dress = (made[made["family"] == name] for name in ("diver", "dress"))
    n = min(len(divers), len(dress))
    told = judge(
        pd.concat(
            [
                divers[list(WATCHES.numbers)].reset_index(drop=True)[:n],
                dress[list(WATCHES.choices)].reset_index(drop=True)[:n],
            ],
            axis=1,
        )
    )
    shares = {"合规": told.kept, "新": told.new, "合风格": told.in_style}
    hints = {
        "合规": "哪几条规矩同时管着数和选择？点刻度的长短，六点处的月相要多大？",
        "新": "这样的组合，旧作里有没有？",
        "合风格": "离最近的一件旧作，有几样不同？",
    }
    for name, found in shares.items():
        share = found.mean()
        right = SHARES[0] if share < 0.1 else SHARES[2] if share > 0.9 else SHARES[1]
        require(answer[name] == right, f"{name}不是{answer[name]}。{hints[name]}")


@checker("与对比度的定义逐个一致")
def lighter(answer):
    """`answer(luminance, ratio)`: the least luminance of a lighter colour, or inf."""
    for grey in ("#000000", "#303030", "#767676", "#c0c0c0"):
        luminance = (contrast("#ffffff", "#000000") * 0.05) / contrast(
            "#ffffff", grey
        ) - 0.05
        for ratio in (1.5, 3.0, 4.5, 7.0, 21.0):
            needed = ratio * (luminance + 0.05) - 0.05
            found = float(answer(luminance, ratio))
            case = f"底色亮度 {luminance:.3f}、要 {ratio:g} 倍时"
            if needed > 1 + 1e-9:
                require(found == np.inf, f"{case}，白色也不够，应当返回 math.inf")
                continue
            require(found < np.inf, f"{case}是做得到的")
            require(
                abs(found - ratio * luminance) > 1e-6
                or abs(needed - ratio * luminance) < 1e-6,
                "比的不是亮度本身：两边都先加 0.05",
            )
            require(abs(found - needed) < 1e-6, f"{case}，应当是 {needed:.4f}")


@checker("真的放行，假的和并列的都点了出来")
def superlatives(answer):
    """`answer(text, table)`: the false claims (column, row, word) of a text, a list.

    A claim is "COLUMN最高的是ROW" or "最低的是ROW" after it in the same sentence.
    """
    rng = np.random.default_rng(0)
    for _ in range(30):
        rows, columns = ["甲法", "乙法", "丙法"], ["合规率", "新颖率"]
        table = {r: {c: float(rng.integers(1, 6)) / 10 for c in columns} for r in rows}
        text, false = "# 标题\n\n", []
        for column in columns:
            said = {word: str(rng.choice(rows)) for word in ("最高", "最低")}
            text += f"{column}最高的是{said['最高']}：50.0%，最低的是{said['最低']}。"
            values = [table[row][column] for row in rows]
            for word, end in (("最高", max(values)), ("最低", min(values))):
                alone = values.count(end) == 1
                if not (table[said[word]][column] == end and alone):
                    false.append((column, said[word], word))
        found = answer(text, table)
        if found is None or found is ...:
            raise Unfinished
        require(isinstance(found, Sequence), "应当返回一个列表")
        found = [tuple(one) for one in found]
        case_ = f"表 {table}，文 {text.split(chr(10))[-1]}"
        if extra := set(found) - set(false):
            require(False, f"{min(extra)} 是真的，不该点出来。{case_}")
        if missed := set(false) - set(found):
            column, row, word = min(missed)
            values = [table[r][column] for r in rows]
            tie = values.count(table[row][column]) > 1
            hint = "并列的时候没有“最”" if tie else "它不是这一列的头或尾"
            require(False, f"漏了 {(column, row, word)}：{hint}。{case_}")


def nearly_copies(seed=0):
    """Rows that were learned, others held out, and learned ones moved by a hair."""
    rng = np.random.default_rng(seed)
    train, held_out = rng.normal(size=(2, 400, 6))
    return train, held_out, train[:200] + rng.normal(0, 1e-3, (200, 6))


@checker("抄的现了形，真的新作放行")
def too_new(answer, line=None):
    """`answer(made, train, held_out)`: share of new rows; `line` is the wrong line."""
    require(line is not None, "还要说错在哪一行：line=…")
    require(line == 2, f"第 {line} 行没有错。哪一行的结果，不论数据怎样都一样？")
    train, held_out, copies = nearly_copies(1)
    found = answer(copies, train, held_out)
    if found is None or found is ...:
        raise Unfinished
    require(0 <= float(found) <= 1, "应当返回 0 到 1 的比例")
    require(float(found) < 0.02, "挪动一根头发的照抄，仍有一些被当成新的")
    fresh = np.random.default_rng(2).normal(size=(400, 6))
    share = float(answer(10 * fresh, 10 * train, 10 * held_out))  # no fixed limit
    require(0.9 < share < 0.99, f"真的新作应当有九成五上下是新的，这里是 {share:.0%}")


@checker("与负二项分布和抽样都一致")
def drafts(answer):
    """`answer(m, p)`: mean and standard deviation of the drafts until m are useful."""
    rng = np.random.default_rng(0)
    for m, p in ((1, 0.5), (10, 0.3), (10, 0.8), (3, 1.0)):
        found = answer(m, p)
        if found is None or found is ...:
            raise Unfinished
        mean, deviation = map(float, found)
        drawn = m + rng.negative_binomial(m, p, 100_000) if p < 1 else np.full(9, m)
        case = f"m={m}、p={p} 时"
        require(
            abs(mean - drawn.mean()) < 0.01 * drawn.mean(),
            f"{case}平均要 {drawn.mean():.1f} 张，不是 {mean:.1f}。"
            "要一张能用的，平均画几张？",
        )
        require(
            abs(deviation - drawn.std()) < 0.02 * drawn.std() + 1e-9,
            f"{case}标准差是 {drawn.std():.2f}，不是 {deviation:.2f}。"
            "每一张能用的各等各的，方差相加",
        )


@checker("字面很像，处处是假")
def liar(answer):
    """`answer(week)`: a summary with ROUGE-L from 0.8, three false things or more."""
    for week in weeks(20, seed=77):
        text = answer(week)
        if text is None or text is ...:
            raise Unfinished
        require(isinstance(text, str) and text.strip(), "应当返回一段话")
        like = rouge(text, week.summary)["rougeL"]
        false = check_summary(text, week).false
        require(
            len(false) >= 3,
            f"“{text}”只有 {len(false)} 处假（{'；'.join(false) or '无'}），要三处",
        )
        require(like >= 0.8, f"“{text}”的 ROUGE-L 只有 {like:.2f}，改得太多了")


@checker("两个数都和模拟的一致")
def left_hander(answer):
    """`{"打乱": share, "不打乱": share}`: how often the first kind is chosen.

    By somebody who presses left four times in five and does not look.
    """
    require(
        isinstance(answer, dict) and set(answer) == {"打乱", "不打乱"},
        '应当是一个字典，键是 "打乱" 和 "不打乱"',
    )
    picture = "<svg>{}</svg>".format
    form = BlindForm([(picture(k), picture(-k)) for k in range(PAIRS)], seed=5)
    left = np.random.default_rng(0).random(PAIRS) < LEFT
    found = {
        "打乱": np.mean(left == np.array(form.first_left)),
        "不打乱": left.mean(),  # the first kind always stands on the left
    }
    for name, right in found.items():
        said = answer[name]
        if said is None or said is ...:
            raise Unfinished(f"{name} 还空着")
        require(
            abs(float(said) - right) < 0.04,
            f"{name}时不是 {float(said):g}。他的手只认左边，左边站的是谁？",
        )


@checker("过了底线")
def useful_watches(answer):
    """`answer(train, keeps, n)`: `n` watch faces; ``keeps`` may see 20,000 rows.

    Scored by the share of them that are useful against designs nobody has shown.
    """
    columns = WATCHES.columns
    made = watches(LEARNED + HELD_OUT, seed=2_020)[columns]
    train, held_out = made[:LEARNED], made[LEARNED:].reset_index(drop=True)
    seen = 0

    def keeps(frame):
        nonlocal seen
        seen += len(frame)
        require(seen <= BUDGET, f"问了 {seen:,} 张，预算是 {BUDGET:,} 张")
        return WATCHES.keeps(frame)

    found = answer(train.copy(), keeps, DRAFTS)
    if found is None or found is ...:
        raise Unfinished
    require(
        isinstance(found, pd.DataFrame) and len(found) == DRAFTS,
        f"应当返回 {DRAFTS} 行的表",
    )
    require(not found.duplicated(columns).any(), "有两张一模一样")
    told = DesignJudge(WATCHES, train, held_out)(found)
    score = told.useful.mean()
    require(
        score >= FLOOR,
        f"能用的 {score:.0%}，底线 {FLOOR:.0%}（合规 {told.kept.mean():.0%}，"
        f"新 {told.new.mean():.0%}，合风格 {told.in_style.mean():.0%}）",
    )
    return f"能用的 {score:.0%}，底线 {FLOOR:.0%}，问了 {seen:,} 张"
