"""Data sets of texts, and the readers of those that come as files."""

from __future__ import annotations

import csv
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .catalog import Card, unknown
from .download import CorruptFile


class Record(NamedTuple):
    """One text, its class where there are classes, and what is known about it."""

    text: str
    label: str | None
    facts: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Texts:
    """One split of a data set of texts.

    ``facts[i]`` tells what is known about ``texts[i]``: the author of a poem, the
    attributes that a line of copy may speak of. ``y`` (N,) int64 indexes ``classes``,
    and is None where the set has no classes. ``stands_for`` names the set that this
    one replaces, if it is a stand-in.
    """

    texts: tuple[str, ...] = field(repr=False)
    facts: tuple[dict[str, Any], ...] = field(repr=False)
    y: Tensor | None = field(repr=False)
    name: str
    split: str
    card: Card = field(repr=False)
    stands_for: str | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """What the labels mean."""
        return self.card.classes

    @property
    def is_standin(self) -> bool:
        """Whether this is not the data set that was asked for."""
        return self.stands_for is not None

    def where(self, **facts: Any) -> Texts:
        """Return the texts of which all these facts hold.

        Raises:
            ValueError: no text of this set has such a fact.
        """
        for name in facts:
            known = {key for known in self.facts for key in known}
            if name not in known:
                raise unknown("fact", name, sorted(known))
        chosen = [
            i
            for i, known in enumerate(self.facts)
            if all(known.get(name) == value for name, value in facts.items())
        ]
        return self[chosen]

    def joined(self, separator: str = "\n") -> str:
        """Return all texts as one, each one but the last followed by ``separator``."""
        return separator.join(self.texts)

    def __getitem__(self, chosen: int | slice | Iterable[int]) -> str | Texts:
        """Return one text, or several as a data set.

        Raises:
            ValueError: a mask, whose booleans would pass for the numbers 0 and 1.
        """
        if isinstance(chosen, int):
            return self.texts[chosen]
        numbers = range(len(self))[chosen] if isinstance(chosen, slice) else chosen
        numbers = torch.as_tensor(list(numbers))
        if numbers.dtype == torch.bool:
            raise ValueError(
                f"chosen is a mask of {len(numbers)}: give numbers, such as "
                "torch.as_tensor(mask).nonzero().flatten()"
            )
        indices = numbers.tolist()
        return replace(
            self,
            texts=tuple(self.texts[i] for i in indices),
            facts=tuple(self.facts[i] for i in indices),
            y=None if self.y is None else self.y[indices],
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        role = f", standing in for {self.stands_for}" if self.is_standin else ""
        return (
            f"{self.name}/{self.split}: {len(self):,} texts, "
            f"{sum(map(len, self.texts)):,} characters{classes}{role}"
        )


def collect(card: Card, split: str, records: Iterable[Record]) -> Texts:
    """Make a split of its records, and check them against the card.

    Raises:
        CorruptFile: another number of texts, or a class that the card does not have.
    """
    records = list(records)
    if len(records) != card.splits[split]:
        raise CorruptFile(
            f"{card.name}/{split} has {len(records):,} texts, "
            f"its card says {card.splits[split]:,}"
        )
    y = None
    if card.classes:
        number = {name: i for i, name in enumerate(card.classes)}
        labels = [record.label for record in records]
        if foreign := set(labels) - number.keys():
            raise CorruptFile(f"{card.name}/{split} has classes {sorted(foreign)}")
        y = torch.tensor([number[label] for label in labels])
    texts = tuple(record.text for record in records)
    facts = tuple(record.facts for record in records)
    return Texts(texts, facts, y, card.name, split, card)


# ---- readers: (card, split, paths) -> records ---------------------------------------


def read_whole(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Cut one text file: nine tenths of its characters for training, the rest to test.

    That is where nanoGPT cuts it, so that losses can be compared.
    """
    text = paths[0].read_text(encoding="utf-8")
    cut = int(0.9 * len(text))
    yield Record(text[:cut] if split == "train" else text[cut:], None, {})


VERSE = re.compile(r"[\u3400-\u9fff\U00020000-\U000323af，。？！；：、]+")
FORMS = {(5, 4): "五言绝句", (5, 8): "五言律诗", (7, 4): "七言绝句", (7, 8): "七言律诗"}


def read_poems(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read poems, one JSON object a line; every twentieth goes to the test split.

    Left out are poems with anything but Chinese characters and the common marks
    (editors' notes in brackets, signs for lost characters, foreign letters),
    fragments of fewer than 20 characters, and texts that came before.

    Raises:
        CorruptFile: not a whole xz file, or a line that is no poem.
    """
    seen: set[str] = set()
    for path in paths:
        try:
            lines = lzma.decompress(path.read_bytes()).decode().splitlines()
            poems = [json.loads(line) for line in lines]
        except (lzma.LZMAError, EOFError, ValueError) as error:
            raise CorruptFile(f"{path} is no xz file of poems: {error}") from None
        for poem in poems:
            text = "".join(poem["paragraphs"])
            if len(text) < 20 or text in seen or not VERSE.fullmatch(text):
                continue
            seen.add(text)
            if (len(seen) % 20 == 0) == (split == "test"):
                title = poem["title"] if "title" in poem else poem["rhythmic"]
                form = form_of(text) if "title" in poem else "词"  # ci have tunes
                facts = {"title": title, "author": poem["author"], "form": form}
                yield Record(text, form, facts)


def form_of(text: str) -> str:
    """Tell the form of a shi poem by its lines: how many, and of how many characters.

    A count cannot tell regulated verse (律诗) from old verse (古诗) of eight lines.
    """
    lengths = [len(line) for line in re.split("[，。？！；：、]", text) if line]
    regular = len(set(lengths)) == 1
    return FORMS.get((lengths[0], len(lengths)), "其他") if regular else "其他"


def read_questions(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read a CSV table with the columns text and category."""
    with paths[0].open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            text = " ".join(row["text"].split())
            yield Record(text, row["category"], {"intent": row["category"]})


def read_dialogues(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read CrossWOZ, one record per utterance: who says it, with which dialogue acts.

    Acts are (act, domain, slot, value). Utterances with the same fact ``dialogue``
    make a dialogue, in this order.

    Raises:
        CorruptFile: not a whole zip file of dialogues.
    """
    try:
        with zipfile.ZipFile(paths[0]) as archive:
            dialogues = json.loads(archive.read(paths[0].stem))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        raise CorruptFile(f"{paths[0]} is no zip file of dialogues: {error}") from None
    for name, dialogue in dialogues.items():
        for message in dialogue["messages"]:
            role = {"usr": "user", "sys": "system"}[message["role"]]
            acts = [tuple(act) for act in message["dialog_act"]]
            facts = {"dialogue": name, "role": role, "acts": acts}
            yield Record(message["content"], role, facts)
