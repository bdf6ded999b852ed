"""A list of words of bad news, written by hand or one's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ...simulators.opinion import SENTIMENTS

# As a person would write them down who thinks of bad news.
_BY_HAND = (
    "跌|亏|降|减|下滑|下调|不及预期|低于预期|恶化|承压|萎缩|罚|违规|违法|立案|调查|警示"
    "|问询|诉讼|起诉|败诉|投诉|维权|质疑|造假|召回|缺陷|事故|故障|泄露|停产|停工|停售"
    "|停牌|断供|短缺|涨价|延期|推迟|取消|终止|失败|搁浅|落空|违约|逾期|冻结|质押|爆雷"
    "|破产|退市|抛售|裁员|离职|辞职|出走|被查|失联|内斗|退货|滞销|积压|关店|裁撤|撤资"
    "|流失|危机|风险|利空"
)
BAD_WORDS = tuple(_BY_HAND.split("|"))
BAD, OTHER = SENTIMENTS[:2]
MOST_OF_A_WORD = 20
_APART = re.compile(r"[\s|,，、;；]")  # what stands between words


class Words:
    """Says that a headline is bad where it holds one of ``words``.

    The others are all neutral: a list of bad words knows nothing of good news. Nor does
    it know how sure it is.
    """

    def __init__(self, words: Sequence[str] = BAD_WORDS):
        self.words = tuple(words)
        self._any = re.compile("|".join(map(re.escape, self.words)))

    @classmethod
    def at(cls, path: Path) -> Self:
        """Read a list: UTF-8, a word a line; empty lines and those from # on are none.

        Raises:
            OSError: no such file, or one that cannot be read.
            ValueError: not UTF-8, no word in it, or a line that is not one word.
        """
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8: save it as UTF-8") from None
        words = []
        for number, line in enumerate(lines, start=1):
            word = line.strip()
            if not word or word.startswith("#"):
                continue
            if len(word) > MOST_OF_A_WORD or _APART.search(word):
                raise ValueError(
                    f"{path}, line {number}: {word[:40]!r}: write one word a line, of "
                    f"at most {MOST_OF_A_WORD} characters"
                )
            words.append(word)
        if not words:
            raise ValueError(f"{path} holds no word: write one a line")
        return cls(words)

    @property
    def mark(self) -> str:
        """What tells these words from others, in whatever order they stand."""
        told = "\n".join(sorted(set(self.words)))
        return f"words:{hashlib.sha256(told.encode()).hexdigest()[:16]}"

    def hit(self, text: str) -> bool:
        """Whether ``text`` holds one of the words."""
        return self._any.search(text) is not None

    def predict(self, texts: Sequence[str]) -> list[tuple[str, None]]:
        """Return the sentiment of each text, and that nobody knows how sure it is."""
        return [(BAD if self.hit(text) else OTHER, None) for text in texts]
