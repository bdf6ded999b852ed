"""Answers that are quoted: which sentences, and whether everything has a source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from .knowledge import Entry, sentences
from .retrieval import pairs_of_letters
from .slots import NUMERAL, number_of


@dataclass(frozen=True)
class Source:
    """Where one sentence of an answer comes from: an entry's id, or "order:NUMBER"."""

    entry: str
    title: str
    sentence: str

    def to_json(self) -> dict[str, str]:
        """Return the fields."""
        return asdict(self)


# ---- which sentences ----------------------------------------------------------------

# Words that ask: no sentence that answers has to hold them.
ASKING = re.compile(
    r"多少|多久|多大|多长|多高|什么时候|什么|何时|何处|哪一?[年天]|哪[里儿个些位部本家所支]|"
    r"为什么|为何|為何|怎么样?|怎样|怎樣|如何|谁|誰|哪|几|幾|吗|呢|的|了|是|在|有|请问|請問"
)


def in_common(question: str, passage: Sequence[str]) -> np.ndarray:
    """Say how much of a question each sentence of ``passage`` holds: (S,) in [0, 1].

    The share of its characters, pairs and words, rare ones within the passage counting
    more. A regression on seven kinds of questions and answers besides, fitted on real
    ones, chose no better (``benchmarks/desk_answers.py``).
    """
    asked = set(pairs_of_letters(ASKING.sub(" ", question)))
    bags = [set(pairs_of_letters(sentence)) for sentence in passage]
    n = len(bags)
    rare = {w: np.log(1 + (n + 0.5) / (sum(w in b for b in bags) + 0.5)) for w in asked}
    shared = [sum(rare[w] for w in asked & bag) for bag in bags]
    return np.array(shared) / (sum(rare.values()) or 1.0)


def quoted(question: str, entry: Entry, *, most: int = 3) -> tuple[Source, ...]:
    """Quote an entry: whole if it is short, else its ``most`` likeliest sentences.

    In the order of the entry, word for word.
    """
    text = entry.sentences
    if len(text) > most:
        likeliest = np.argsort(-in_common(question, text), kind="stable")
        text = [text[i] for i in sorted(likeliest[:most])]
    return tuple(Source(entry.id, entry.title, sentence) for sentence in text)


# ---- is everything in the sources? --------------------------------------------------

FIGURE = re.compile(
    rf"\d+(?:[.,:：]\d+)*|(?:{NUMERAL}){{2,}}|{NUMERAL}(?=[个天年月日人次元块米岁折期倍成])"
)
LATIN = re.compile(r"[A-Za-z][A-Za-z0-9-]+")
NAMED = re.compile(r"[《“「『\"]([^》”」』\"]{1,30})[》”」』\"]")
LEAST_SHARED = 0.6  # of the pairs of letters of a sentence
MOST_SENTENCES = 50  # of a suggestion; real ones have a few
NOT = re.compile(
    r"不|没|無|无|未|别|禁止|勿|\b(?:not|no|never|cannot|without)\b|n't", re.IGNORECASE
)


class Claims(NamedTuple):
    """What of a sentence can be checked: figures, names, and how often it says no."""

    figures: frozenset[str]
    names: frozenset[str]
    negations: int


def claims(text: str) -> Claims:
    """Find what of ``text`` must be in its sources.

    Figures in one way of writing, Latin words, words in quotation marks, negations.
    """
    figures = set()
    for found in FIGURE.findall(text):
        if found[0].isdigit():
            figures.add(found.replace(",", "").replace("：", ":").strip(".:"))
        else:
            figures.add(str(number_of(found)))
    names = {name.lower() for name in LATIN.findall(text)}
    names |= {name.lower() for name in NAMED.findall(text)}
    return Claims(frozenset(figures), frozenset(names), len(NOT.findall(text)))


def unsupported(answer: str, sources: Sequence[str]) -> list[str]:
    """Judge an answer: return what it says that ``sources`` do not; [] is faithful.

    A whole sentence of theirs passes (not a part of one: "能用洗碗机" is a part of
    "不能用洗碗机"). Any other is compared with the sentence of theirs that has most of
    its letters: figures and names must be there, it must say no as often, and most of
    its pairs of letters must come from there.
    """
    known = [sentence for source in sources for sentence in sentences(source)]
    bags = [set(pairs_of_letters(sentence)) for sentence in known]
    wrong = []
    for sentence in sentences(answer):
        said = set(pairs_of_letters(sentence))
        if not said or sentence in known:
            continue
        shares = [len(said & bag) / len(said) for bag in bags]
        if not shares or max(shares) < LEAST_SHARED:
            wrong.append(sentence)
            continue
        nearest = known[int(np.argmax(shares))]
        mine, theirs = claims(sentence), claims(nearest)
        if (
            mine.figures - theirs.figures
            or mine.names - theirs.names - _words(nearest)
            or mine.negations != theirs.negations
        ):
            wrong.append(sentence)
    return wrong


def doubts(text: str, suggested: str) -> list[str]:
    """Return what a person who edited ``suggested`` now says, and it does not.

    What `unsupported` finds, but for words that claim nothing, such as a greeting: they
    have neither figures nor names nor negations, and little in common with it.
    """
    known = set(pairs_of_letters(suggested))

    def alike(sentence: str) -> bool:
        said = set(pairs_of_letters(sentence))
        return len(said & known) > len(said) / 2

    return [
        sentence
        for sentence in unsupported(text, sentences(suggested)[:MOST_SENTENCES])
        if any(claims(sentence)) or alike(sentence)
    ]


def _words(text: str) -> set[str]:
    return {word.lower() for word in LATIN.findall(text)}


def told(sources: Sequence[Source], language: str) -> str:
    """Put quoted sentences together, with their titles at the end."""
    gap = " " if language == "en" else ""
    text = gap.join(source.sentence for source in sources)
    titles = list(dict.fromkeys(source.title for source in sources))
    if not titles:
        return text
    if language == "en":
        return f"{text} (Source: {'; '.join(titles)})"
    return f"{text}（来源：{'；'.join(titles)}）"
