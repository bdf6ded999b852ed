"""Readers of questions on passages, in the form of SQuAD (Rajpurkar et al. 2016)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..catalog import Card
from ..download import CorruptFile
from ..text import Record


def read_passages(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read one record a question: the text asks, the facts know the passage.

    Facts are ``passage``, its ``id``, the ``title`` of its article, and ``answers``,
    different spans of the passage that answer. Where one file holds both splits, every
    other article is for the test, so that they share no article.

    Raises:
        CorruptFile: not a whole gzip file of this form.
    """
    content = _unpacked(paths[0])
    shared = all(file.split is None for file in card.files)
    try:
        for number, article in enumerate(content["data"]):
            if shared and (number % 2 == 1) != (split == "test"):
                continue
            for paragraph in article["paragraphs"]:
                passage = paragraph["context"].strip()
                for asked in paragraph["qas"]:
                    facts = {
                        "passage": passage,
                        "id": str(paragraph["id"]),
                        "title": article["title"],
                        "answers": list(
                            dict.fromkeys(answer["text"] for answer in asked["answers"])
                        ),
                    }
                    yield Record(asked["question"].strip(), None, facts)
    except (KeyError, TypeError) as error:
        raise CorruptFile(
            f"{paths[0]} lacks {error} of questions on passages"
        ) from None


def read_grounded(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read KdConv: one record an utterance, with the triples that it speaks of.

    Facts are ``dialogue`` (its number), ``role`` ("user" asks and speaks first,
    "system"), and ``triples``, (head, relation, tail) of the graph. Every other
    dialogue is for the test.

    Raises:
        CorruptFile: not a whole gzip file of this form.
    """
    try:
        for number, dialogue in enumerate(_unpacked(paths[0])):
            if (number % 2 == 1) != (split == "test"):
                continue
            for place, message in enumerate(dialogue["messages"]):
                triples = [
                    (a["name"], a["attrname"], a["attrvalue"])
                    for a in message.get("attrs", [])
                ]
                role = "system" if place % 2 else "user"
                facts = {"dialogue": number, "role": role, "triples": triples}
                yield Record(message["message"], role, facts)
    except (KeyError, TypeError) as error:
        raise CorruptFile(f"{paths[0]} lacks {error} of dialogues") from None


def _unpacked(path: Path) -> Any:
    try:
        return json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise CorruptFile(f"{path} is no gzip file of JSON: {error}") from None
