"""Which files there are, what is left out, and who goes to the test."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ...arguments import unknown
from ..catalog import Card

MOST_FILES = 100_000
MOST_HEADER = 100_000  # characters of a table that its header is looked for in
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLITS |= dict.fromkeys(("val", "valid", "validation", "dev"), "validation")
NAMED = 3  # files that a message names
T = TypeVar("T")

LICENCE = "你自己的文件：归谁所有、可以怎样用，由你负责"
BY_NAME = "按文件名的散列值分成训练与测试，约九比一；文件名不变，就总在同一边。"
BY_FOLDER = "训练与测试照子文件夹或文件的名字分开。"


class LeftOut(ValueError):
    """Why one file is not used: in English for messages, in Chinese for the card."""

    def __init__(self, reason: str, chinese: str):
        super().__init__(reason)
        self.reason, self.chinese = reason, chinese


class Found(NamedTuple):
    """A file, its class, its path within the folder, its split where that is given."""

    path: Path
    label: str
    shown: str
    split: str = ""


@dataclass
class Files:
    """The files at ``name``, and what was left out so far, with the reasons."""

    name: str
    root: Path
    found: list[Found] = field(default_factory=list)
    left_out: list[tuple[str, LeftOut]] = field(default_factory=list)

    @classmethod
    def at(cls, name: str | os.PathLike) -> Files:
        """List the plain files below a folder, by name; or the one file.

        The class of a file is the sub-folder of ``name`` that it lies in, else "".
        Sub-folders that are all named as splits, one for training, are the splits, and
        the classes are within them; so are files, where there are no sub-folders.

        Raises:
            ValueError: nothing there, nothing in it, or more than ``MOST_FILES``.
        """
        name = os.fspath(name)
        root = Path(os.path.realpath(os.path.expanduser(name)))
        files = cls(name, root)
        if root.is_file():
            files.found.append(Found(root, "", readable(root.name)))
            return files
        if not root.is_dir():
            there = os.path.exists(os.path.expanduser(name))  # no path leads to a pipe
            what = "is neither a file nor a folder" if there else "is not there"
            raise ValueError(
                f"name={name!r} {what}: give the path of a folder or a file, or the "
                "name of a data set"
            )
        files._list()
        if not files.found and not files.left_out:
            raise ValueError(f"name={name!r}: this folder is empty")
        files._divide()
        return files

    def _divide(self) -> None:
        """Take sub-folders or files for splits, where all are named as such."""
        named = [file for file in self.found if file.label] or self.found
        splits = [SPLITS.get((f.label or f.path.stem).lower()) for f in named]
        if "train" not in splits or None in splits or len(set(splits)) == 1:
            return
        for file in self.found:
            if file not in named:
                reason = LeftOut("beside the folders of the splits", "不在任何一部分里")
                self.leave_out(file.shown, reason)
        self.found = [
            file._replace(split=split, label="".join(map(readable, within[1:-1][:1])))
            for file, split in zip(named, splits, strict=True)
            if (within := file.path.relative_to(self.root).parts)
        ]

    def _list(self) -> None:
        for folder, folders, names in os.walk(self.root, onerror=self._unreadable):
            folders.sort()
            for name in sorted([*names, *folders]):
                path = Path(folder, name)
                within = path.relative_to(self.root)
                try:
                    if check_plain(path) == "folder":
                        continue
                except LeftOut as reason:
                    if name in folders:
                        folders.remove(name)
                    self.leave_out(readable(str(within)), reason)
                    continue
                if len(self.found) == MOST_FILES:
                    raise ValueError(
                        f"name={self.name!r} holds more than {MOST_FILES:,} files: "
                        "give a smaller folder"
                    )
                label = readable(within.parts[0]) if len(within.parts) > 1 else ""
                self.found.append(Found(path, label, readable(str(within))))

    def _unreadable(self, error: OSError) -> None:
        within = os.path.relpath(error.filename, self.root)
        self.leave_out(readable(within), cannot_open(error))

    def keep(self, endings: Sequence[str]) -> None:
        """Leave out the files of other endings."""
        kept = []
        for file in self.found:
            if file.path.suffix.lower() in endings:
                kept.append(file)
            else:
                ending = readable(file.path.suffix) or "no ending"
                reason = f"{ending} is none of {', '.join(endings)}"
                self.leave_out(file.shown, LeftOut(reason, f"类型不符（{ending}）"))
        self.found = kept

    def leave_out(self, shown: str, reason: LeftOut) -> None:
        """Note that something is not used, and why."""
        self.left_out.append((shown, reason))

    def each(
        self, read: Callable[[Found, bytes], T], *, most: int, of: str
    ) -> Iterator[tuple[Found, T]]:
        """Yield every file with what ``read`` makes of it and of its content.

        A file that cannot be read, or of which ``read`` says so, is left out. ``of``
        names what the files hold.

        Raises:
            ValueError: more than ``most`` bytes in all.
        """
        left = most
        for file in self.found:
            try:
                raw = content(file.path, most)
                if len(raw) > left:
                    raise ValueError(
                        f"name={self.name!r} holds more than {most / 2**20:.0f} MiB "
                        f"of {of}: give a part of it"
                    )
                left -= len(raw)
                made = read(file, raw)
            except LeftOut as reason:
                self.leave_out(file.shown, reason)
            else:
                yield file, made

    def nothing(self) -> ValueError:
        """The error for a folder of which nothing can be used: the first reasons."""
        seen = [(name, why.reason) for name, why in self.left_out]
        first = "; ".join(f"{name}: {why}" for name, why in seen[:NAMED])
        more = f"; and {len(seen) - NAMED:,} more" if len(seen) > NAMED else ""
        return ValueError(f"name={self.name!r}: no file can be used ({first}{more})")

    def enough(self, samples: Sequence[Any], unit: str) -> None:
        """Refuse fewer than two samples.

        Raises:
            ValueError: none, with the first reasons; or one.
        """
        if not samples:
            raise self.nothing()
        if len(samples) == 1:
            raise ValueError(
                f"name={self.name!r} holds one {unit} only: a model learns what many "
                "have in common, give a folder of them"
            )

    def classes(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Return the classes by name; files beside sub-folders are of the folder's."""
        return tuple(sorted({self.class_of(label) for label in labels}))

    def class_of(self, label: str) -> str:
        """The class of a file: its sub-folder, or the folder where it is in none."""
        return label or self.title

    @property
    def title(self) -> str:
        """The last part of the path."""
        return readable(self.root.name) or str(self.root)

    def card(self, **facts: Any) -> Card:
        """Make the card of what was read; ``facts`` are those of the kind."""
        return Card(
            **{"name": self.title, "title": self.title, "reader": "", "citation": ""}
            | {"licence": LICENCE, "source": readable(str(self.root))}
            | {"left_out": self._reasons()}
            | facts
        )

    def _reasons(self) -> tuple[str, ...]:
        """What was left out, one line a reason, with the first names."""
        names: dict[str, list[str]] = {}
        for name, why in self.left_out:
            names.setdefault(why.chinese, []).append(name)
        return tuple(
            f"{why}：{len(some):,} 个，{'如 ' if len(some) > NAMED else ''}"
            f"{'、'.join(some[:NAMED])}"
            for why, some in names.items()
        )


def check_plain(path: Path) -> str:
    """Return whether ``path`` is a "file" or a "folder".

    Raises:
        LeftOut: it is hidden, a link, or something else, such as a device.
    """
    if path.name.startswith((".", "__MACOSX")):
        raise LeftOut("hidden", "隐藏的文件")
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise cannot_open(error) from None
    if stat.S_ISLNK(mode):
        raise LeftOut("a link: what it points to may lie elsewhere", "链接")
    if stat.S_ISDIR(mode):
        return "folder"
    if not stat.S_ISREG(mode):
        raise LeftOut("no plain file", "不是普通文件")
    return "file"


def content(path: Path, most: int) -> bytes:
    """Read a file of at most ``most`` bytes.

    Raises:
        LeftOut: it is larger, empty, or cannot be opened.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except OSError as error:
        raise cannot_open(error) from None
    if len(raw) > most:
        raise LeftOut(f"larger than {most / 2**20:.0f} MiB", "太大")
    if not raw:
        raise LeftOut("empty", "空文件")
    return raw


def delimiter(text: str) -> str:
    """Return what divides the cells of a table: the most frequent mark of its header.

    A tab, ";" or ","; those between quotes, as a line break there, are part of a name.
    """
    header = re.sub(r'"[^"]*"', "", text.lstrip("\n")[:MOST_HEADER]).partition("\n")[0]
    mark = max("\t;,", key=header.count)
    return mark if mark in header else ","


def cannot_open(error: OSError) -> LeftOut:
    """The reason why a file that is there is not used."""
    return LeftOut(f"cannot be opened ({error.strerror})", "无法打开")


def readable(name: str) -> str:
    """Return a file's name as text that any console and file can take."""
    return os.fsencode(name).decode("utf-8", "replace")


def for_test(keys: Sequence[str], least: int = 1) -> list[bool]:
    """Tell of each key whether it is for the test: about one in ten, by its hash.

    The same key goes to the same side, whatever the others are; only where the test
    would have fewer than ``least`` different keys, or all, the ``least`` of the
    smallest hashes alone are for the test.
    """
    digests = [_digest(key) for key in keys]
    tenth = b"\x19\x99"  # of 2 ** 16
    different = sorted(set(digests))
    if all(d < tenth for d in digests) or sum(d < tenth for d in different) < least:
        return [digest in different[:least] for digest in digests]
    return [digest < tenth for digest in digests]


def _digest(key: str) -> bytes:
    # macOS takes names apart into letters and accents, others do not
    text = unicodedata.normalize("NFC", key)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def divided(
    split: str, keys: Sequence[str], given: Sequence[str]
) -> tuple[list[int], dict[str, int]]:
    """Return the numbers of the samples of ``split``, and how many each split has.

    Where no splits are ``given``, the keys decide.

    Raises:
        ValueError: no such split, or nothing in it.
    """
    names = list(given)
    if not any(names):
        names = ["test" if is_test else "train" for is_test in for_test(keys)]
    sizes = {name: names.count(name) for name in dict.fromkeys(SPLITS.values())}
    sizes = {name: n for name, n in sizes.items() if n}
    if split not in sizes:
        if split in SPLITS.values() and len(sizes) == 1:
            raise ValueError(
                f"split={split!r}: all samples are the same one; give more"
            )
        raise unknown("split", split, sizes)
    return [i for i, name in enumerate(names) if name == split], sizes
