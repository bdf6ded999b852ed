"""Weekly reports of made-up shops, each with its facts and a summary that keeps them.

No such shop exists. Because every number and every claim of a report is known, it can
be counted what a summary gets wrong, which no likeness to a reference tells.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from ..arguments import whole
from ..metrics.ledger import Audit, Ledger

FORMATS = {
    "本周销量": "d",
    "上周销量": "d",
    "目标销量": "d",
    "退货率": ".1%",
    "行业退货率": ".1%",
    "评分": ".1f",
}
TOLD = ("本周销量", "退货率")  # the numbers that a summary must tell
PLACES = (
    "青禾",
    "澄湖",
    "南塘",
    "梧桐",
    "云岭",
    "白鹭",
    "石桥",
    "望江",
    "柳岸",
    "新安",
)
GOODS = ("家居店", "童装店", "数码店", "茶具店", "书店")
REASONS = ("物流慢", "包装破损", "尺码不准", "掉色", "客服回复慢")
TURNS = {1: "上升", -1: "下降", 0: "持平"}
OPENINGS = (
    "本周天气平稳，客流与往常差不多。",
    "店员轮休两天，陈列没有变动。",
    "周末附近有市集，门口热闹了一阵。",
    "月底盘点已经做完，货架重新排过。",
)
SALES = (
    "本周销量{本周销量}件，上周销量{上周销量}件。",
    "上周销量是{上周销量}件，本周销量为{本周销量}件。",
    "店里本周销量{本周销量}件，目标销量{目标销量}件，上周销量{上周销量}件。",
)
RETURNS = (
    "退货率{退货率}，行业退货率{行业退货率}。",
    "行业退货率{行业退货率}，店里退货率{退货率}。",
    "退货率为{退货率}，评分{评分}。",
)
COMPLAINTS = (
    "顾客抱怨最多的是{最多}，其次是{其次}。",
    "投诉里{最多}排在第一，{其次}少一些。",
    "有人提到{其次}，更多的人说{最多}。",
)
REST = ("评分{评分}，变化不大。", "目标销量定在{目标销量}件。", "下周照常营业。")
SUMMARIES = (
    "{店}本周销量{本周销量}件，较上周{动向}；退货率{退货率}，投诉主要是{最多}。",
    "{店}本周销量{本周销量}件，比上周{动向}，退货率{退货率}，顾客多抱怨{最多}。",
)


class Week(NamedTuple):
    """A report, a summary that a person might write, and what is true."""

    name: str
    text: str
    summary: str
    ledger: Ledger
    turn: str  # sales against the week before: 上升, 下降 or 持平
    reason: str  # what most complaints are about


class Checked(NamedTuple):
    """What is wrong with a summary: false statements, and facts that it does not tell.

    ``false`` and ``missing`` are in words, for people.
    """

    audit: Audit
    false: list[str]
    missing: list[str]

    @property
    def faithful(self) -> bool:
        """Whether nothing in it is false."""
        return not self.false

    @property
    def complete(self) -> bool:
        """Whether it tells all that a summary must tell."""
        return not self.missing


def weeks(n: int, seed: int = 0) -> list[Week]:
    """Draw ``n`` weekly reports; the same seed gives the same.

    Raises:
        ValueError: ``n`` < 1 or a negative seed.
    """
    n, random = whole("n", n, 1), Random(whole("seed", seed, 0))
    return [_week(random) for _ in range(n)]


def _week(random: Random) -> Week:
    name = random.choice(PLACES) + random.choice(GOODS)
    before = random.randint(100, 980)
    now = before if random.random() < 0.1 else max(60, before + random.randint(-90, 90))
    numbers = {
        "本周销量": now,
        "上周销量": before,
        "目标销量": 10 * random.randint(10, 98),
        "退货率": random.randint(11, 98) / 1000,
        "行业退货率": random.randint(20, 60) / 1000,
        "评分": random.randint(35, 50) / 10,
    }
    most, next_most = random.sample(REASONS, 2)
    turn = TURNS[(now > before) - (now < before)]
    words = {"店": name, "最多": most, "其次": next_most, "动向": turn}
    middle = [random.choice(p) for p in (SALES, RETURNS, COMPLAINTS)]
    random.shuffle(middle)
    parts = [random.choice(OPENINGS), *middle]
    parts.insert(random.randint(1, 4), random.choice(REST))
    ledger = Ledger.of({name: numbers}, FORMATS)
    cells = {column: text for (_, column), text in ledger.cells.items()}
    text = f"{name}周报。" + "".join(parts).format(**words, **cells)
    summary = random.choice(SUMMARIES).format(**words, **cells)
    return Week(name, text, summary, ledger, turn, most)


def check_summary(summary: str, week: Week) -> Checked:
    """Compare a summary with what is true: numbers, direction, reason, shop.

    A number must be that of the column named before it. A direction of sales must be
    the true one. A reason is false where the summary names only others. Claims in other
    words go unnoticed.

    Raises:
        ValueError: an empty summary.
    """
    if not any(c.isalnum() for c in summary):
        raise ValueError(f"summary={summary[:20]!r} is empty: give a text")
    audit = week.ledger.audit(summary, [(week.name, column) for column in TOLD])
    false = [f"数 {text} 出处不对" for text in audit.misplaced]
    false += [f"数 {text} 没有出处" for text in audit.foreign]
    false += [f"销量没有{t}" for t in TURNS.values() if t in summary and t != week.turn]
    named = [reason for reason in REASONS if reason in summary]
    if named and week.reason not in named:
        false.append(f"最多的投诉不是{named[0]}")
    known = {place + goods for place in PLACES for goods in GOODS}
    false += [f"不是{name}" for name in known if name in summary and name != week.name]
    missing = [column for _, column in audit.missing]
    if week.reason not in named:
        missing.append("最多的投诉")
    return Checked(audit, false, missing)
