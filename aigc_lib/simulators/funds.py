"""Made-up funds: what a day's risk ledger says of them, and how a person reports it.

No such fund exists. It is for asking whether a text keeps to the numbers of a table.
"""

from __future__ import annotations

from random import Random

from ..arguments import whole

FORMATS = {
    "净值": ".4f",
    "当日收益": "+.2%",
    "在险价值": ".2%",
    "越限天数": "d",
    "上限": "d",
}
FAMILIES = (
    "霁川",
    "澄野",
    "砺山",
    "岚渡",
    "栖禾",
    "曜川",
    "沐石",
    "远汐",
    "青梧",
    "鹿岭",
)
STYLES = ("稳健", "成长", "价值", "均衡")
ALERT = "须上报"
PARTS = (
    ("净值{净值}", "净值报{净值}", "最新净值为{净值}"),
    ("当日收益{当日收益}", "当日收益录得{当日收益}"),
    ("在险价值{在险价值}", "在险价值估为{在险价值}", "在险价值在{在险价值}"),
    ("越限天数{越限天数}，上限{上限}", "越限天数累计{越限天数}，上限为{上限}"),
)
QUIET = ("没有超出上限", "在允许的范围之内")
LOUD = (f"已超出上限，{ALERT}", f"超出了上限，按规定{ALERT}")


def funds(n: int, seed: int = 0) -> list[tuple[str, dict[str, float]]]:
    """Draw ``n`` funds of a day, (name, numbers); the same seed gives the same.

    Numbers are net value, return of the day, value at risk, days beyond it in a year
    and how many of them are allowed.

    Raises:
        ValueError: ``n`` < 1 or a negative seed.
    """
    n, random = whole("n", n, 1), Random(whole("seed", seed, 0))
    found = []
    for _ in range(n):
        name = random.choice(FAMILIES) + random.choice(STYLES)
        risk = round(random.uniform(0.005, 0.04), 4)
        numbers = {
            "净值": round(random.uniform(0.7, 2.5), 4),
            "当日收益": round(random.gauss(0, risk / 2.3), 4),
            "在险价值": risk,
            "越限天数": random.randint(0, 9),
            "上限": random.randint(3, 6),
        }
        found.append((name, numbers))
    return found


def alerts(numbers: dict[str, float]) -> bool:
    """The rule: more days beyond the value at risk than are allowed."""
    return numbers["越限天数"] > numbers["上限"]


def template(name: str, numbers: dict[str, float], random: Random) -> str:
    """Write a report with "{row/column}" for each number, and the rule's verdict."""
    parts = [random.choice(ways) for ways in PARTS]
    first = parts[:3]
    random.shuffle(first)
    verdict = random.choice(LOUD if alerts(numbers) else QUIET)
    text = f"{name}{first[0]}，{first[1]}。{first[2]}；{parts[3]}，{verdict}。"
    for column in FORMATS:
        text = text.replace(f"{{{column}}}", f"{{{name}/{column}}}")
    return text
