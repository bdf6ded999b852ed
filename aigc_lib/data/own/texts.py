"""Texts: files that are a text each, and JSON lines with a text and its class."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..text import Record, Texts, collect
from .folder import BY_FOLDER, BY_NAME, Files, Found, LeftOut, divided

MOST_BYTES = 256 * 2**20  # of all files together
LEAST = 10  # characters of a text that is cut in two
MARKS = {  # a file that begins with one says by it how it is written
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LINES = "按每行文字的散列值分成训练与测试，约九比一；同样的文字总在同一边。"
ONE = "只有一篇：前九成用来训练，后一成用来测试，两者相连，并不独立。"


class Sample(NamedTuple):
    """A text, where it stands, and its split or what decides it."""

    record: Record
    shown: str
    key: str
    split: str


def read(files: Files, split: str) -> Texts:
    """Read .txt files, each one text, and .jsonl files, whose lines are objects.

    Of a line counts the field "text"; "label" is its class, the others are facts. What
    has no label belongs to its sub-folder. Written in UTF-8, in UTF-16 with a mark, or
    else in GB18030. Where there is one text without a class, nine tenths of its
    characters are for training and the rest for the test.

    Raises:
        ValueError: nothing that can be used, more than ``MOST_BYTES`` in all, or one
            text only that is too short to be cut.
    """
    sorted_in = any(file.label for file in files.found)

    def samples_of(file: Found, raw: bytes) -> list[Sample]:
        label = files.class_of(file.label) if sorted_in else None
        return list(_samples(files, file, decoded(raw), label))

    found = files.each(samples_of, most=MOST_BYTES, of="text")
    samples = [sample for _, made in found for sample in made]
    samples = _all_or_none(files, samples)
    lines = any(file.path.suffix.lower() == ".jsonl" for file in files.found)
    how = LINES if lines else BY_NAME
    if len(samples) == 1 and samples[0].record.label is None:
        samples, how = _halves(files, samples[0]), ONE
    elif any(sample.split for sample in samples):
        how = BY_FOLDER
    files.enough(samples, "text")
    keys, given = [s.key for s in samples], [s.split for s in samples]
    numbers, splits = divided(split, keys, given)
    labels = {sample.record.label for sample in samples}
    card = files.card(
        kind="text",
        shape=(),
        splits=splits,
        classes=tuple(sorted(labels - {None})),
        unit="条" if lines else "篇",
        summary=f"从 `{files.title}` 读入的文本。{how}",
        biases=("文字保持原样：没有清理，也没有去重。",),
    )
    return collect(card, split, [samples[i].record for i in numbers])


def _samples(
    files: Files, file: Found, text: str, label: str | None
) -> Iterator[Sample]:
    if file.path.suffix.lower() != ".jsonl":
        if not text.strip():
            raise LeftOut("empty", "空文件")
        record = Record(text, label, {"file": file.shown})
        yield Sample(record, file.shown, file.path.name, file.split)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        shown = f"{file.shown}:{number}"
        try:
            record = parsed(line)
        except LeftOut as reason:
            files.leave_out(shown, reason)
            continue
        if record.label is None:
            record = record._replace(label=label)
        yield Sample(record, shown, record.text, file.split)


def parsed(line: str) -> Record:
    """Read one JSON line.

    Raises:
        LeftOut: no JSON object, or its text or its label is none.
    """
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        raise LeftOut("no JSON", "不是 JSON") from None
    if not isinstance(facts, dict):
        raise LeftOut("no JSON object", "不是 JSON 对象")
    text, label = facts.pop("text", None), facts.pop("label", None)
    if not isinstance(text, str) or not text.strip():
        raise LeftOut('no "text"', "没有 text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LeftOut("half a character (a lone surrogate)", "含有半个字符") from None
    if isinstance(label, bool | int):
        label = json.dumps(label)
    if not isinstance(label, str | None):
        raise LeftOut(
            f'"label" is {json.dumps(label)[:40]}: give a word or a whole number',
            "label 不是词或整数",
        )
    return Record(text, label or None, facts)


def _all_or_none(files: Files, samples: list[Sample]) -> list[Sample]:
    """Leave out what has no class where others have one."""
    if all(sample.record.label is None for sample in samples):
        return samples
    for sample in samples:
        if sample.record.label is None:
            files.leave_out(
                sample.shown, LeftOut("no label, and others have one", "没有 label")
            )
    return [sample for sample in samples if sample.record.label is not None]


def _halves(files: Files, sample: Sample) -> list[Sample]:
    """Cut one text where the reader of whole files does."""
    text = sample.record.text
    if len(text) < LEAST:
        raise ValueError(
            f"name={files.name!r} holds one text of {len(text)} characters only: give "
            f"at least {LEAST}, or several texts"
        )
    at = int(0.9 * len(text))
    return [
        sample._replace(record=sample.record._replace(text=part), split=split)
        for part, split in ((text[:at], "train"), (text[at:], "test"))
    ]


def text_at(path: Path) -> str:
    """Return the text of the file at ``path``, as ``decoded`` does.

    Raises:
        OSError: no such file, or one that cannot be read.
        ValueError: no text; the message names the file.
    """
    try:
        return decoded(path.read_bytes())
    except LeftOut as reason:
        raise ValueError(f"{path}: {reason}") from None


def decoded(raw: bytes) -> str:
    """Return the text of a file, with line breaks as "\\n".

    Raises:
        LeftOut: it is written in none of the ways that are known, or is no text.
    """
    named = [way for mark, way in MARKS.items() if raw.startswith(mark)]
    for way in named or ("utf-8", "gb18030"):
        try:
            text = raw.decode(way)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise LeftOut("no text, whatever its name says", "内容不是文字")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise LeftOut("neither UTF-8 nor GB18030: save it as UTF-8", "编码不是 UTF-8")
