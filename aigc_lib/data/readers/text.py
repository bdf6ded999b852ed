"""Readers of texts that come as files: whole books, poems, questions, dialogues."""

from __future__ import annotations

import csv
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..catalog import Card
from ..download import CorruptFile
from ..text import Record

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
