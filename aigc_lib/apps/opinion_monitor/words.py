"""Lists of words of bad and of good news, written by hand; bad ones or one's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ...codecs.tokenizers import check_several
from ...data.own.texts import text_at
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
# The same for good news, written before a headline of either split was read.
_GOOD_BY_HAND = (
    "增长|增收|增资|增持|上涨|大涨|涨停|上调|走高|走强|反弹|新高|创纪录|翻番|翻倍|突破"
    "|超预期|好于预期|高于预期|超额|预增|盈利|分红|派息|回购|中标|签约|大单|订单饱满|满产"
    "|获批|获奖|获评|入选|认证|领先|首创|攻克|投产|量产|扩产|达产|提前|轮融资|获投|注资"
    "|战略合作|携手|热销|畅销|售罄|抢购|好评|满意|信赖|复苏|回暖|回升|改善|提升|提高|提振"
    "|利好|向好|看好|景气|受益|补贴|扶持|支持|表彰|胜诉|恢复|解决|加薪|涨薪|捐赠|成功|顺利"
)
GOOD_WORDS = tuple(_GOOD_BY_HAND.split("|"))
BAD, NEUTRAL, GOOD = SENTIMENTS
MOST_OF_A_WORD = 20
_APART = re.compile(r"[\s|,，、;；]")  # what stands between words


class Words:
    """Tells bad news by ``words``, of the rest good news by ``GOOD_WORDS``.

    A bad word wins over a good one, so that the good ones change no alarm; what holds
    neither is neutral. Words know nothing of how they stand ("未见增长" is good news to
    them), nor how sure they are.

    Raises:
        ValueError: one string instead of several words, none, or one without letters,
            which would stand in every headline.
    """

    def __init__(self, words: Sequence[str] = BAD_WORDS):
        check_several(words)
        self.words = tuple(words)
        if not self.words or not all(map(str.strip, self.words)):
            raise ValueError(f"words={self.words}: give words, none of them empty")
        self._bad, self._good = map(_any_of, (self.words, GOOD_WORDS))

    @classmethod
    def at(cls, path: Path) -> Self:
        """Read a list of bad words, a word a line, in UTF-8 or GB18030.

        Empty lines and those from # on are none.

        Raises:
            OSError: no such file, or one that cannot be read.
            ValueError: no text, no word in it, or a line that is not one word.
        """
        words = []
        for number, line in enumerate(text_at(path).splitlines(), start=1):
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
        lists = (sorted(set(words)) for words in (self.words, GOOD_WORDS))
        told = "\n\n".join(map("\n".join, lists))
        return f"words:{hashlib.sha256(told.encode()).hexdigest()[:16]}"

    def hit(self, text: str) -> bool:
        """Whether ``text`` holds one of the bad words."""
        return self._bad.search(text) is not None

    def predict(self, texts: Sequence[str]) -> list[tuple[str, None]]:
        """Return the sentiment of each text, and that nobody knows how sure it is."""
        return [(self._sentiment(text), None) for text in texts]

    def _sentiment(self, text: str) -> str:
        if self.hit(text):
            return BAD
        return GOOD if self._good.search(text) else NEUTRAL


def _any_of(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, words)))
