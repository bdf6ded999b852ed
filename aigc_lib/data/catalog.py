"""What data sets there are: one card per set, read from ``cards/NAME.json``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from ..arguments import unknown


@dataclass(frozen=True)
class File:
    """One original file of a data set.

    ``path`` is relative to a data folder and laid out as torchvision lays it out, so
    that a folder of torchvision's serves as well. ``split`` is None where the file
    holds all splits.
    """

    path: str
    bytes: int
    sha256: str
    split: str | None = None


@dataclass(frozen=True)
class Card:
    """The facts about one data set.

    ``shape`` is that of one sample, ``splits`` maps a split to its number of samples,
    ``kind`` says what it holds, as models do by ``modality``; ``reader`` names the
    function that reads it, "module:function" below ``aigc_lib.data``; ``parameters``
    are those of a formula. A set without ``files`` is made on the spot and always at
    hand. Texts have the shape () and are counted in ``unit``, a Chinese measure word;
    that of tables is the number of columns, and ``parameters`` name the target.
    ``requires`` is a package that brings the data, ``chapters`` are those that load it;
    copies may be passed on where it is ``redistributable``.
    The card of the reader's own files is made when they are read: it has no ``reader``,
    and ``left_out`` says which files are not used and why.
    """

    name: str
    title: str
    kind: str
    reader: str
    shape: tuple[int, ...]
    splits: dict[str, int]
    classes: tuple[str, ...]
    summary: str
    licence: str
    source: str
    citation: str
    biases: tuple[str, ...]
    mirrors: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    parameters: dict = field(default_factory=dict)
    unit: str = "张"
    requires: str = ""
    chapters: tuple[str, ...] = ()
    redistributable: bool = True
    left_out: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """What all files take."""
        return sum(file.bytes for file in self.files)

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read ``NAME.json``."""
        facts = json.loads(path.read_text(encoding="utf-8"))
        for key in ("shape", "classes", "biases", "mirrors", "chapters"):
            facts[key] = tuple(facts.get(key, ()))
        facts["files"] = tuple(File(**file) for file in facts.get("files", ()))
        return cls(name=path.stem, **facts)

    def files_of(self, split: str | None = None) -> tuple[File, ...]:
        """The files that hold ``split``; without it, all."""
        return tuple(f for f in self.files if split is None or f.split in (None, split))

    def markdown(self) -> str:
        """The card as a page for readers."""
        splits = "，".join(f"{name} {n:,}" for name, n in self.splits.items())
        shape = "×".join(map(str, self.shape)) or f"文本，单位：{self.unit}"
        if self.kind == "tables":
            shape = f"{shape} 列，单位：{self.unit}"
        rows = {
            "加载": f'`aigc.data.load("{self.name if self.reader else self.source}")`',
            "样本": f"{shape}；{splits}",
            "类别": _named(self.classes),
            "参数": "，".join(f"{k} = {v}" for k, v in self.parameters.items()),
            "需要": f"`pip install {self.requires}`" if self.requires else "",
            "章节": "、".join(self.chapters),
            "许可": self.licence,
            "转发": "" if self.redistributable else "不转发：离线包里没有它",
            "来源": self.source if "://" in self.source else f"`{self.source}`",
            "引用": self.citation,
        }
        lines = [f"# {self.title}", "", self.summary, ""]
        lines += ["| 项目 | 内容 |", "|---|---|"]
        lines += [f"| {key} | {value} |" for key, value in rows.items() if value]
        lines += ["", "## 偏差与局限", "", *(f"- {bias}" for bias in self.biases)]
        if self.files:
            lines += ["", "## 文件", "", "| 路径 | 字节 | sha256 |", "|---|---|---|"]
            lines += [f"| {f.path} | {f.bytes:,} | `{f.sha256}` |" for f in self.files]
            if self.mirrors:
                lines += ["", "依次从这些地址下载：", ""]
                lines += [f"- <{mirror}>" for mirror in self.mirrors]
            else:
                lines += ["", "没有下载地址：请自行把文件放进 `AIGC_DATA_DIR`。"]
        if self.left_out:
            lines += ["", "## 没有读入的", "", *(f"- {some}" for some in self.left_out)]
        return "\n".join(lines) + "\n"

    def _repr_markdown_(self) -> str:
        """What a notebook shows; an output must not add headings to its page."""
        return re.sub(r"^#+ (.*)$", r"**\1**", self.markdown(), flags=re.MULTILINE)


def _named(classes: tuple[str, ...], most: int = 100) -> str:
    """Write names one after the other; of very many only the first."""
    if len(classes) <= most:
        return "、".join(classes)
    return f"{'、'.join(classes[:20])} 等 {len(classes):,} 个"


CATALOG: dict[str, Card] = {
    path.stem: Card.read(path)
    for path in sorted(Path(__file__).with_name("cards").glob("*.json"))
}


def lookup(name: str) -> Card:
    """Return the card of data set ``name``.

    Raises:
        ValueError: no such data set; the message proposes the nearest name.
    """
    if name not in CATALOG:
        raise ValueError(
            f"{unknown('name', name, CATALOG)}; or give the path of files of your own"
        )
    return CATALOG[name]
