"""What a sentence names: an order number, a day, an amount; its language; its mood."""

from __future__ import annotations

import re
from datetime import date, timedelta

CHINESE_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")}
CHINESE_DIGITS |= {"〇": 0, "两": 2}
UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
FULL_WIDTH = str.maketrans("０１２３４５６７８９", "0123456789")
NUMERAL = "[零〇一二两三四五六七八九十百千万]"
ORDER = re.compile(r"(?<![A-Za-z\d.])(?:\d[ -]?){8,20}(?![\d.])")
PHONE = re.compile(r"1[3-9]\d{9}")
TAIL = re.compile(
    r"(?:尾号|末四位|后四位|最后四位|ending in|ends in|last four(?: digits)?)"
    r"\s*(?:是|为|：|:|are)?\s*(\d{4})(?!\d)",
    re.IGNORECASE,
)
MONTH_DAY = re.compile(r"(?<!\d)(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]?")
YEAR_MONTH_DAY = re.compile(
    r"(?<!\d)(20\d{2})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})"
)
DAY = re.compile(r"(?<![\d月])(\d{1,2})\s*[日号](?![码楼线])")
AGO = re.compile(
    rf"(\d+|{NUMERAL}+)\s*(天|周|个?星期|个?礼拜|个?月)\s*(?:以前|之前|前)"
)
DAYS = {"今天": 0, "今早": 0, "昨天": 1, "昨晚": 1, "前天": 2, "大前天": 3}
DAYS |= {"today": 0, "yesterday": 1}
LAST_WEEKDAY = re.compile(r"上?(?:周|星期|礼拜)([一二三四五六日天])")
MONTHS = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
ENGLISH_DAY = re.compile(
    rf"\b({'|'.join(MONTHS)})[a-z]*\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b", re.IGNORECASE
)
AMOUNT = re.compile(
    r"[¥￥]\s*(\d{1,9}(?:\.\d{1,2})?)(?!\d)"
    r"|(?<![\d.])(\d{1,9}(?:\.\d{1,2})?)\s*(?:元|块钱|圆|rmb|yuan)"
    r"|(?<![\d.])(\d{1,9})\s*块\s*(\d?)"
    rf"|({NUMERAL}+)\s*(?:元|块钱|块)(?!儿)",
    re.IGNORECASE,
)


def language(text: str) -> str:
    """Tell "zh" or "en": where there is a Chinese character it is Chinese."""
    if re.search(r"[\u3400-\u9fff]", text):
        return "zh"
    return "en" if re.search(r"[a-z]{2}", text, re.IGNORECASE) else "zh"


def number_of(numeral: str) -> int:
    """Read digits, or Chinese numerals below 100 million: 三百二 is 320."""
    if numeral.isdecimal():
        return int(numeral)
    total, section, digit, unit = 0, 0, 0, 1
    for sign in numeral:
        if sign in CHINESE_DIGITS:
            digit = CHINESE_DIGITS[sign]
        elif sign == "万":
            total, section, digit, unit = (section + digit) * 10_000, 0, 0, 10_000
        else:
            unit = UNITS[sign]
            section, digit = section + (digit or 1) * unit, 0
    if digit and numeral[-2:-1] in ("百", "千", "万") and numeral[-2] != "零":
        digit *= unit // 10  # 三百二 stops one word short of 三百二十
    return total + section + digit


def slots(text: str, today: date) -> dict[str, str]:
    """Find what ``text`` names, each in one way of writing.

    "order" and "tail" (its last four) in digits, "date" in ISO form, not after
    ``today``, "amount" in yuan with two decimals. A telephone number is no order.
    """
    text, found = text.translate(FULL_WIDTH), {}
    if named := TAIL.search(text):
        found["tail"] = named[1]
    rest = YEAR_MONTH_DAY.sub(" ", text)  # a day is no order either
    rest = PHONE.sub(" ", re.sub(r"(?<=\d)[ -](?=\d)", "", rest))
    if named := ORDER.search(rest):
        found["order"] = re.sub(r"\D", "", named[0])
    if day := _day(text, today):
        found["date"] = day.isoformat()
    if named := AMOUNT.search(text):
        sign, plain, coins, tenth, words = named.groups()
        if words:
            value = float(number_of(words))
        else:
            value = float(sign or plain or f"{coins}.{tenth or 0}")
        found["amount"] = f"{value:.2f}"
    return found


def _day(text: str, today: date) -> date | None:
    try:
        if named := YEAR_MONTH_DAY.search(text):
            return date(*map(int, named.groups()))
        month_day = MONTH_DAY.search(text)
        english = ENGLISH_DAY.search(text)
        if month_day or english:
            if month_day:
                month, day = map(int, month_day.groups())
            else:
                month = MONTHS.index(english[1].lower()[:3]) + 1
                day = int(english[2])
            found = date(today.year, month, day)
            return found if found <= today else date(today.year - 1, month, day)
        if named := DAY.search(text):
            found = today.replace(day=int(named[1]))
            if found > today:
                before = today.replace(day=1) - timedelta(days=1)
                found = before.replace(day=int(named[1]))
            return found
    except ValueError:  # the 31st of February
        return None
    for name in sorted(DAYS, key=len, reverse=True):
        if name in text.lower():
            return today - timedelta(days=DAYS[name])
    if named := AGO.search(text):
        n = number_of(named[1])
        days = 1 if "天" in named[2] else 30 if "月" in named[2] else 7
        return today - timedelta(days=n * days) if n * days < 3_000 else None
    if named := LAST_WEEKDAY.search(text):
        wanted = "一二三四五六日".index(named[1].replace("天", "日"))
        gap = (today.weekday() - wanted) % 7 or 7
        if named[0].startswith("上"):  # of the week before this one
            gap = today.weekday() + 7 - wanted
        return today - timedelta(days=gap)
    return None


# ---- who must not be left to a machine ----------------------------------------------

WANTS_PERSON = re.compile(
    r"(转|找|接|换|要|叫).{0,3}人工|人工(客服|服务|坐席)|真人|活人|不(想|要)(跟|和)?"
    r"(你|机器人?|机器)(说|聊|谈)|\b(human|real person|an agent|agent please|talk to "
    r"(someone|somebody|a person)|representative|operator)\b|^agent$",
    re.IGNORECASE,
)
ANGRY = re.compile(
    r"投诉|举报|曝光|12315|消协|工商局|律师|起诉|法院|报警|骗子|骗人|骗钱|欺骗|坑人|"
    r"黑店|无良|无耻|不要脸|垃圾(店|客服|商家|公司|服务|平台|质量|东西|货)|太垃圾|"
    r"什么(破|烂|垃圾|鬼)|破(店|玩意|平台|公司)|烂(透|货|店|公司|到家)|气死|气炸|"
    r"火大|忍无可忍|受够了|受不了你|恶心|(去|该)死|他妈|妈的|tmd|傻[逼x子]|滚蛋?|"
    r"差劲|太差了|差评|耍我|玩我|糊弄|敷衍|推卸|踢皮球|没人(管|理)|等了(一|半)个?"
    r"(月|年)|再不.{1,8}(就|我)|(第|都)(三|四|五|3|4|5)(次|遍)了",
    re.IGNORECASE,
)
ANGRY_ENGLISH = re.compile(
    r"\b(complain\w*|scam\w*|fraud\w*|ridiculous|unacceptable|disgust\w*|furious|"
    r"terrible|worst|horrible|useless|liars?|lawyer|sue|rip-?off|fed up|sick of|"
    r"damn|shit|fuck\w*|pathetic|outrageous|never again|third time)\b",
    re.IGNORECASE,
)


def wants_person(text: str) -> bool:
    """Whether the customer asks for a person, in so many words."""
    return bool(WANTS_PERSON.search(text))


def angry(text: str) -> bool:
    """Whether words of anger or of complaint are there, or two marks of it."""
    loud = re.search(r"[!！]{2,}|[?？]{3,}|[!！][?？]|[?？][!！]", text)
    letters = re.sub(r"[^A-Za-z]", "", text)
    shouted = len(letters) >= 12 and letters.isupper()
    return bool(ANGRY.search(text) or ANGRY_ENGLISH.search(text) or loud or shouted)
