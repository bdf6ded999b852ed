"""What a reference in a chapter points at: its text and its address in the book."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from . import chapter
from .extension import numbers

LABEL = re.compile(r"^\(([\w.-]+)\)=$")
HEADING = re.compile(r"^(#{1,6}) +(.+?) *$")
FENCE = re.compile(r"^ *(`{3,}|:{3,})(?:\{([\w:-]+)\})?(.*)$")
EQUATION = re.compile(r"\$\$ *\(([\w.:-]+)\) *$")
NAME = re.compile(r"^ *:(?:name|label): *(\S+)", re.MULTILINE)
CAPTIONED = ("mermaid", "result-figure", "latent-plane", "figure")


@dataclass(frozen=True)
class Target:
    """Something with a label: what a link to it says, and its address."""

    text: str
    address: str
    number: str = ""


def repository(root: Path = chapter.ROOT) -> str:
    """Return the repository's address, which only `_config.yml` states."""
    return config(root)["repository"]["url"]


def site(root: Path = chapter.ROOT) -> str:
    """Return where the book is published, which only `_config.yml` states."""
    return config(root)["html"]["baseurl"]


def config(root: Path) -> dict:
    """Return the book's configuration."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))


def page(source: Path) -> str:
    """Return the address of a chapter's page."""
    place = source.relative_to(source.parents[2]).with_suffix(".html").as_posix()
    return site() + place


def anchor(label: str) -> str:
    """Return the id that docutils makes of a label."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")


@cache
def all_targets(root: Path = chapter.ROOT) -> dict[str, Target]:
    """Return every label of every chapter that is written as a notebook."""
    found: dict[str, Target] = {}
    for source in chapter.sources(root=root):
        found |= targets(source)
    return found


def targets(source: Path) -> dict[str, Target]:
    """Return the labels of one chapter, numbered as the book numbers them."""
    found: dict[str, Target] = {}
    title, address = "", page(source)
    number = numbers.number(source.name.split("_")[0])
    sections = figures = equations = 0
    pending, closing = [], ""

    def enter(label, text, own="", at=""):
        found[label] = Target(text, f"{address}#{anchor(at or label)}", own)

    for cell in chapter.read(source).cells:
        if cell.cell_type == "code":
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            if figure.get("caption"):
                figures += 1
            if figure.get("name"):
                own = f"{number}.{figures}"
                enter(figure["name"], f"图 {own}", own)
            continue
        lines = cell.source.splitlines()
        for i, line in enumerate(lines):
            fence = FENCE.match(line)
            if closing:
                closing = "" if fence and fence[1].startswith(closing) else closing
                continue
            if fence:
                closing, name = fence[1], fence[2]
                end = next(
                    (
                        j
                        for j in range(i + 1, len(lines))
                        if lines[j].startswith(closing)
                    ),
                    len(lines),
                )
                body = "\n".join(lines[i + 1 : end])
                label = NAME.search(body)
                if name in CAPTIONED and caption_of(name, body):
                    figures += 1
                    if label:
                        own = f"{number}.{figures}"
                        enter(label[1], f"图 {own}", own)
                elif name == "exercise-start" and label:
                    own = f"{number}.{label[1].rsplit('-', 1)[-1]}"
                    enter(label[1], f"练习 {own}", own)
            elif named := LABEL.match(line):
                pending.append(named[1])
            elif heading := HEADING.match(line):
                text = heading[2]
                level, own = len(heading[1]), ""
                if level == 2 and text not in numbers.UNNUMBERED:
                    sections += 1
                    own = f"{number}.{sections}"
                title = text if level == 1 else title
                said = f"第 {number} 章 {text}" if level == 1 else f"{own} {text}"
                for label in pending:
                    enter(
                        label, said.strip(), own or str(number) if level == 1 else own
                    )
                pending = []
            elif line.strip():
                if equation := EQUATION.search(line):
                    equations += 1
                    own = f"{number}.{equations}"
                    text = numbers.EQUATION.format(number=own)
                    enter(equation[1], text, own, f"equation-{equation[1]}")
                for label in pending:
                    enter(label, title)
                pending = []
    return found


def caption_of(name: str, body: str) -> str:
    """Return the caption that a directive's body gives its figure."""
    if name == "mermaid":
        given = re.search(r"^ *:caption: *(.+)$", body, flags=re.MULTILINE)
        return given[1] if given else ""
    return re.sub(r"^ *:[\w-]+:.*$", "", body, flags=re.MULTILINE).strip()
