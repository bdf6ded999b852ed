"""What the assistant may say: entries, checked when they come in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from ...data.made.grammar import phrases
from ..refused import Refused

MOST = {"id": 40, "title": 80, "text": 2_000, "intent": 20}  # characters
MOST_QUESTIONS, MOST_OF_A_QUESTION = 50, 200
LANGUAGES = ("zh", "en")
ENDS = re.compile(r"(?<=[。！？；!?])|(?<=[.;])(?=\s|$)|\n")


@dataclass(frozen=True)
class Entry:
    """One thing that is known: a title, a text of whole sentences, ways to ask for it.

    ``intent`` may name what a customer wants who is told this. Only what a person
    ``approved`` is ever quoted.
    """

    id: str
    title: str
    text: str
    language: str = "zh"
    intent: str = ""
    questions: tuple[str, ...] = ()
    approved: bool = True
    updated: str = "2026-11-29"

    @property
    def sentences(self) -> list[str]:
        """The sentences of the text, in order."""
        return sentences(self.text)

    def to_json(self) -> dict[str, Any]:
        """Return what ``checked_entry`` makes the same entry of."""
        return asdict(self) | {"questions": list(self.questions)}


def sentences(text: str) -> list[str]:
    """Cut a text behind the marks that end a sentence, in Chinese or in English."""
    return [part.strip() for part in ENDS.split(text) if part and part.strip()]


# ---- what talks to the machine ------------------------------------------------------

# A sentence of a knowledge base tells the customer something. One of these kinds tells
# a machine what to do, or carries something that no answer needs.
MACHINE = {
    "drops rules": r"(忽略|无视|忘记|忘掉|不要理会|绕过|覆盖|跳过).{0,12}"
    r"(指令|规则|提示|设定|要求|限制|内容|说明|约束|审核|检查)",
    "drops rules, English": r"\b(ignore|disregard|forget|override|bypass|skip)\b"
    r".{0,40}\b(instruction|rule|prompt|above|previous|prior|polic|guideline|check)",
    "changes roles": r"(你现在是|从现在起|从现在开始|扮演|假装你|你的新身份|你不再是|"
    r"作为(一个)?(ai|人工智能|语言模型|助手|机器人)|进入.{0,8}模式|开发者模式)",
    "changes roles, English": r"\b(you are now|act as|pretend (to be|you)|from now on|"
    r"new persona|developer mode|jailbreak|roleplay|as an ai)\b",
    "speaks of the machine": r"(系统提示|提示词|系统消息|系统指令|语言模型|大模型|"
    r"机器人(请|应|必须|要)|助手(请|应|必须|要)|客服助手|ai助手|人工智能(请|应|必须))",
    "speaks of the machine, English": r"(\b(system|developer|hidden) (prompt|message|"
    r"instruction)|\bassistant\b|\bchatbot\b|\blanguage model\b|\bllm\b|\bprompt\b)",
    "orders an answer": r"((回复|回答|输出|打印|复述|重复|"
    r"告诉(用户|顾客|客户|对方))[：:“\"「]|(回复|回答|输出)(用户|顾客|客户|对方|以下))",
    "orders an answer, English": r"\b(reply|respond|answer|output|print|repeat|say|"
    r"tell (the )?(user|customer))\b\s*(with|only|exactly|that|the following|:|\")",
    "markup of a dialogue": r"(<\|?/?(im_|system|assistant|user|endoftext)|\[/?inst\]|"
    r"###\s*(system|instruction|assistant|human)|^(system|assistant|系统|助手)\s*[:：])",
    "code or a link": r"(<script|javascript:|data:text|https?://|www\.|!\[|\{\{|\$\{|"
    r"```|drop\s+table|select\s.+\sfrom|base64|eval\()",
    "asks for secrets": r"((发送|提供|输入|告诉我|泄露|列出|显示).{0,12}(验证码|密码|"
    r"密钥|银行卡号|身份证|数据库|其他(顾客|客户|用户)|所有(订单|顾客|客户|用户)))",
    "asks for secrets, English": r"\b(send|give|reveal|list|show|enter|provide)\b"
    r".{0,30}\b(password|api key|secret|code|database|other customers|"
    r"all (orders|customers))",
}
PATTERNS = {name: re.compile(p, re.IGNORECASE) for name, p in MACHINE.items()}


def plain(text: str) -> str:
    """Fold what only looks different: full width, look-alikes, what is not seen."""
    text = unicodedata.normalize("NFKC", text)
    return "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc", "Co"))


def suspicious(text: str) -> list[str]:
    """Return the sentences that talk to a machine, not to a customer.

    A net with holes: who knows the patterns can write around them. So nothing depends
    on it alone; what it catches waits for a person.
    """
    found = []
    for sentence in sentences(text):
        seen = plain(sentence)
        tight = re.sub(r"[\s*_.\-·|/\\]+", "", seen)  # letters set apart
        if any(p.search(seen) or p.search(tight) for p in PATTERNS.values()):
            found.append(sentence)
    return found


def checked_entry(item: Any) -> Entry:
    """Make an entry of what somebody sent; it waits, unless its sender approved it.

    One that is suspicious waits in any case.

    Raises:
        Refused: it is none; the message says, in Chinese, what to change.
    """
    if not isinstance(item, Mapping):
        raise Refused("不是一条知识：请给出一个对象，至少有 id、title、text")
    known = {f.name for f in fields(Entry)}
    if foreign := sorted(set(map(str, item)) - known):
        raise Refused(f"不认识的字段 {foreign[0][:40]}：请删去")
    texts = {name: _line(name, item.get(name, ""), most) for name, most in MOST.items()}
    for name in ("id", "title", "text"):
        if not texts[name]:
            raise Refused(f"{name} 是空的：请填写")
    if not re.fullmatch(r"[\w-]+", texts["id"]):
        raise Refused(f"id={texts['id']}：只能用字母、数字、下划线和连字符")
    language = item.get("language", "zh")
    if language not in LANGUAGES:
        raise Refused(f"language={str(language)[:20]}：请填 zh 或 en")
    asked = item.get("questions", ())
    if not isinstance(asked, list | tuple) or len(asked) > MOST_QUESTIONS:
        raise Refused(f"questions：请给一个列表，最多 {MOST_QUESTIONS} 句")
    asked = tuple(_line("questions", one, MOST_OF_A_QUESTION) for one in asked)
    approved = item.get("approved", False)
    if not isinstance(approved, bool):
        raise Refused("approved：请填 true 或 false")
    updated = item.get("updated", Entry.updated)
    try:
        updated = date.fromisoformat(updated).isoformat()
    except (TypeError, ValueError):
        raise Refused(
            f"updated={str(updated)[:20]}：请写成 2026-11-29 这样的日期"
        ) from None
    all_words = "\n".join([texts["title"], texts["text"], *asked])
    return Entry(
        **texts,
        language=language,
        questions=tuple(filter(None, asked)),
        approved=approved and not suspicious(all_words),
        updated=updated,
    )


def _line(name: str, value: Any, most: int) -> str:
    if not isinstance(value, str):
        raise Refused(f"{name}：请给一段文字")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused(f"{name}：含有半个字符，请换成正常的文字") from None
    kept = (" " if unicodedata.category(c) == "Cc" else c for c in value)
    value = " ".join("".join(kept).split())
    if len(value) > most:
        raise Refused(f"{name} 有 {len(value)} 个字符：最多 {most} 个")
    return value


# ---- the made-up shop ---------------------------------------------------------------


class Shop(NamedTuple):
    """The shop that does not exist: its knowledge, and what to test it with."""

    name: str
    said: str  # that it does not exist
    entries: tuple[Entry, ...]
    asked: tuple[tuple[str, str], ...]  # (question that no entry lists, id)
    outside: tuple[str, ...]  # what its knowledge does not answer
    orders: tuple[dict[str, str], ...]


@cache
def shop() -> Shop:
    """Read the made-up shop."""
    written = phrases("shop")
    entries, asked = [], []
    for item in written["entries"]:
        kept = {k: v for k, v in item.items() if k != "asked"}
        # four of them look suspicious, such as "回复“TD”": their author approves
        entries.append(replace(checked_entry(kept), approved=True))
        asked += [(question, item["id"]) for question in item["asked"]]
    return Shop(
        written["shop"],
        written["said"],
        tuple(entries),
        tuple(asked),
        tuple(written["outside"]),
        tuple(written["orders"]),
    )
