"""The contract of a chapter, one rule per function.

    python -m tools.check [--chapter 04]

A rule yields a sentence for each place where the chapter breaks it.
"""

import argparse
import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

import nbformat
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from aigc_lib import console
from aigc_lib.check.quiz import read as read_quiz

from . import chapter, sync
from .chapter import CHECKED, tags
from .labels import CAPTIONED, caption_of
from .new import UNWRITTEN

MAX_LINES, MAX_COLUMNS, MAX_MEDIAN = 25, 88, 10
ENDING = ["文档勘误", "练习", "小结", "参考文献"]
EXERCISES, FEWEST_KINDS = 7, 4
KINDS = ("预测", "实现", "诊断", "推导", "开放")
TITLE = re.compile(rf"(?P<stars>★{{1,3}}) (?P<kind>{'|'.join(KINDS)})：\S.*")
# What fetches from the network or installs; aigc.data is the one that may.
FORBIDDEN_IMPORTS = {
    *("aiohttp", "ftplib", "gdown", "http", "httpx", "huggingface_hub", "pip"),
    *("requests", "socket", "subprocess", "urllib", "urllib3", "wget"),
}
FORBIDDEN_NAMES = {"download_url", "from_pretrained", "load_dataset", "urlopen"}
ALLOWED_COMMAND = re.compile(r"(python|\{sys\.executable\}) -m aigc_lib( |$)")
# A chapter named in the text, followed by a link or by the note that it is not written.
LINK = re.compile(r"\{(ref|numref|doc)\}`[^`]+`|\[[^\]\n]+\]\([^)\n]+\)")
NAMED = re.compile(r"第 *(?P<number>\d+) *章(?P<after>‹link›|（尚未写成）)?")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
FIGURE = re.compile(
    rf"^(?P<fence>`{{3,}})\{{(?P<name>{'|'.join(CAPTIONED)})\}}(?P<argument>.*)\n"
    r"(?P<body>(?s:.*?))^(?P=fence) *$",
    re.MULTILINE,
)
REFUSED = re.compile(r"^(未通过|还没有写完).*", re.MULTILINE)  # what a Result says
ERROR = re.compile(r"(?<![A-Za-z\d])E\d{3}(?!\d)")
DENIED = re.compile(r"^(?!通过).*\bFalse\b", re.MULTILINE)  # a Result says 通过
# Marks of an output that another machine or another day would print differently.
FLEETING = {
    "a float with more than 4 decimals": re.compile(r"\d\.\d{5,}|\de-\d"),
    "a memory address": re.compile(r"0x[0-9a-f]{6,}"),
    "a path of this machine": re.compile(r"(?<![\w.])/(home|root|tmp|Users|var)/"),
}


@dataclass
class Chapter:
    """A source with the parsed forms that the rules look at."""

    source: Path
    root: Path = chapter.ROOT

    @cached_property
    def notebook(self) -> NotebookNode:
        return chapter.read(self.source)

    @cached_property
    def twin(self) -> NotebookNode:
        return nbformat.read(sync.twin_path(self.source), as_version=4)

    @cached_property
    def code(self) -> list[NotebookNode]:
        return chapter.code_cells(self.notebook)

    @cached_property
    def exercises(self) -> list[chapter.Exercise]:
        return chapter.exercises(self.notebook)

    @cached_property
    def text(self) -> str:
        return "\n".join(
            c.source for c in self.notebook.cells if c.cell_type == "markdown"
        )

    @property
    def number(self) -> str:
        return self.source.name[:2]


RULES: list[Callable[[Chapter], Iterator[str]]] = []


def rule(function: Callable[[Chapter], Iterator[str]]) -> Callable:
    """Enter ``function`` into the contract."""
    RULES.append(function)
    return function


def where(number: int, cell: NotebookNode) -> str:
    """Name a code cell by its number and first line."""
    first = cell.source.strip().splitlines()[0] if cell.source.strip() else "empty"
    return f"code cell {number} ({first[:50]})"


def tree(cell: NotebookNode) -> ast.Module:
    """Parse a cell, with magics and shell lines turned into calls of get_ipython()."""
    return ast.parse(TransformerManager().transform_cell(cell.source))


@rule
def opens_with_title_and_goals(it: Chapter) -> Iterator[str]:
    cells = it.notebook.cells
    first = next((i for i, c in enumerate(cells) if c.cell_type == "code"), len(cells))
    text = "\n".join(cell.source for cell in cells[:first])
    if not re.match(r"(\(\S+\)=\n)?# ", text):
        yield "the first line is no title (# ...)"
    if "学习目标" not in text:
        yield "no 学习目标 before the first code cell"


@rule
def is_laid_out_as_jupyterlab_saves_it(it: Chapter) -> Iterator[str]:
    if it.source.read_text(encoding="utf-8") != chapter.tidied(it.source):
        yield "saving it in JupyterLab would change other lines too: run make sync"


@rule
def starts_with_parameters_imports_and_run_card(it: Chapter) -> Iterator[str]:
    marked = [i for i, cell in enumerate(it.code) if "parameters" in tags(cell)]
    if marked != [0]:
        yield "the first code cell, and no other, must be tagged `parameters`"
    elif ast.unparse(tree(it.code[0])) != "profile = None":
        yield "the `parameters` cell must read `profile = None`"
    importing = [
        i
        for i, cell in enumerate(it.code)
        if any(isinstance(n, ast.Import | ast.ImportFrom) for n in ast.walk(tree(cell)))
    ]
    if importing != [1]:
        found = ", ".join(str(i + 1) for i in importing) or "none"
        yield f"the second code cell must hold all imports; found them in: {found}"
    starts = [
        i for i, cell in enumerate(it.code) if "aigc.start(profile" in cell.source
    ]
    if starts != [2]:
        yield "the third code cell must be the run card: run = aigc.start(profile), run"
    elif not isinstance(tree(it.code[2]).body[-1], ast.Expr):
        yield "the run card must be the last expression of its cell"


@rule
def cells_are_short(it: Chapter) -> Iterator[str]:
    lengths = []
    for number, cell in enumerate(it.code, start=1):
        lines = cell.source.splitlines()
        lengths.append(len(lines))
        if not any(line.strip() for line in lines):
            yield f"{where(number, cell)} is empty"
        if len(lines) > MAX_LINES:
            yield f"{where(number, cell)}: {len(lines)} lines; at most {MAX_LINES}"
        for line in lines:
            if len(line) > MAX_COLUMNS:
                yield f"{where(number, cell)}: more than {MAX_COLUMNS} columns: {line}"
    if lengths and median(lengths) > MAX_MEDIAN:
        yield f"the median cell has {median(lengths)} lines; aim at 6, <= {MAX_MEDIAN}"


@rule
def checks_its_outputs(it: Chapter) -> Iterator[str]:
    checked = sum(CHECKED in tags(cell) for cell in it.code)
    if checked < 3:
        yield f"{checked} cells tagged {CHECKED}; at least 3"


@rule
def checks_nothing_that_depends_on_the_data_at_hand(it: Chapter) -> Iterator[str]:
    for number, cell in enumerate(it.code, start=1):
        if CHECKED in tags(cell) and "standin=" in cell.source:
            yield f"{where(number, cell)}: a checked cell must not load a stand-in"


@rule
def says_what_its_figures_show(it: Chapter) -> Iterator[str]:
    for number, cell in enumerate(it.code, start=1):
        said = cell.metadata.get("mystnb", {})
        caption = said.get("figure", {}).get("caption", "")
        alt = said.get("image", {}).get("alt", "")
        if caption or alt or draws(tree(cell)):
            yield from unsaid(where(number, cell), caption, alt)
    for figure in FIGURE.finditer(it.text):
        alt = re.search(r"^ *:alt: *(.+)$", figure["body"], flags=re.MULTILINE)
        caption = caption_of(figure["name"], figure["body"])
        place = f"{{{figure['name']}}}{figure['argument']}"
        yield from unsaid(place, caption, alt[1] if alt else "")


def draws(node: ast.AST) -> bool:
    """Tell whether running ``node`` draws; what a definition holds does not run."""
    match node:
        case ast.FunctionDef() | ast.ClassDef() | ast.Lambda():
            return False
        case ast.Call(
            func=ast.Name(id="SVG")
            | ast.Attribute(attr="plot")
            | ast.Attribute(value=ast.Name(id="plots") | ast.Attribute(attr="plots"))
        ):
            return True
    return any(map(draws, ast.iter_child_nodes(node)))


def unsaid(place: str, caption: str, alt: str) -> Iterator[str]:
    """Name what a figure lacks of a caption and a text alternative in Chinese."""
    for what, text in {"caption": caption, "text alternative (alt)": alt}.items():
        if not CHINESE.search(text):
            yield f"the figure of {place} has no Chinese {what}"


@rule
def names_errors_among_the_errata_alone(it: Chapter) -> Iterator[str]:
    section = ""
    for cell in it.notebook.cells:
        for line in cell.source.splitlines():
            if cell.cell_type == "markdown" and line.startswith("## "):
                section = line[3:].strip()
            elif section != ENDING[0]:
                for error in ERROR.findall(line):
                    yield f"{error} stands under {section!r}; it belongs in {ENDING[0]}"


@rule
def ends_with_the_four_sections(it: Chapter) -> Iterator[str]:
    headings = re.findall(r"^## +(.+?) *$", it.text, flags=re.MULTILINE)
    if headings[-4:] != ENDING or any(headings.count(h) != 1 for h in ENDING):
        yield f"must end with ## {' / '.join(ENDING)}; found {headings[-4:]}"


@rule
def stays_offline(it: Chapter) -> Iterator[str]:
    for number, cell in enumerate(it.code, start=1):
        for node in ast.walk(tree(cell)):
            if isinstance(node, ast.Import):
                roots = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots = {(node.module or "").split(".")[0]}
            else:
                roots = set()
            for root in roots & FORBIDDEN_IMPORTS:
                yield f"{where(number, cell)} imports {root}; only aigc.data fetches"
            name = getattr(node, "attr", getattr(node, "id", ""))
            if name in FORBIDDEN_NAMES or name.startswith("fetch_"):
                yield f"{where(number, cell)} uses {name}; only aigc.data fetches"
            command = shell_command(node)
            if command and not ALLOWED_COMMAND.match(command):
                yield f"{where(number, cell)} runs {command!r}"


def shell_command(node: ast.AST) -> str:
    """Return the command behind `!...` or `%pip`, "" for any other node."""
    match node:
        case ast.Call(
            func=ast.Attribute(attr="system" | "getoutput"),
            args=[ast.Constant(value=str(command)), *_],
        ):
            return command.strip()
        case ast.Call(
            func=ast.Attribute(attr="run_line_magic" | "run_cell_magic"),
            args=[ast.Constant(value="pip" | "conda" | "bash" | "sh" as magic), *_],
        ):
            return f"%{magic}"
    return ""


@rule
def shows_the_librarys_own_code(it: Chapter) -> Iterator[str]:
    for number, cell in enumerate(it.code, start=1):
        names = [tag[4:] for tag in tags(cell) if tag.startswith("lib:")]
        for name in names:
            shown = definition(tree(cell), name.rsplit(".", 1)[-1])
            owned = library_definition(it.root, name)
            if owned is None:
                yield f"{where(number, cell)}: the library has no {name}"
            elif shown is None:
                yield f"{where(number, cell)} does not define {name.rsplit('.')[-1]}"
            elif bare(shown) != bare(owned):
                yield f"{where(number, cell)} differs from {name}"


def definition(scope: ast.AST, name: str) -> ast.stmt | None:
    """Find what ``scope`` defines as ``name``: a function, a class or a variable."""
    for node in getattr(scope, "body", []):
        match node:
            case ast.FunctionDef(name=found) | ast.ClassDef(name=found):
                pass
            case ast.Assign(targets=[ast.Name(id=found)]):
                pass
            case ast.AnnAssign(target=ast.Name(id=found)):
                pass
            case _:
                continue
        if found == name:
            return node
    return None


def library_definition(root: Path, name: str) -> ast.stmt | None:
    """Find ``aigc_lib.models.vae.VAE.encode`` in the library's source."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        place = root.joinpath(*parts[:cut])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.exists() and (found := follow(path, parts[cut:])):
                return found
    return None


def follow(path: Path, parts: list[str]) -> ast.stmt | None:
    """Find a definition in the module at ``path``, or where a package has it from."""
    node = tree_of = ast.parse(path.read_text(encoding="utf-8"))
    for part in parts:
        node = definition(node, part)
    if node is not None or path.name != "__init__.py":
        return node
    for brought in tree_of.body:
        if (
            isinstance(brought, ast.ImportFrom)
            and brought.level == 1
            and any(alias.name == parts[0] for alias in brought.names)
        ):
            place = path.parent.joinpath(*(brought.module or "").split("."))
            for home in (place.with_suffix(".py"), place / "__init__.py"):
                if home.exists():
                    return follow(home, parts)
    return None


def bare(node: ast.stmt) -> str:
    """Dump the syntax tree of ``node`` without docstrings, annotations, decorators.

    Decorators of the library check arguments; a chapter explains what is computed.
    """
    node = ast.parse(ast.unparse(node)).body[0]
    if isinstance(node, ast.AnnAssign):
        node = ast.Assign(targets=[node.target], value=node.value, lineno=0)
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part):
            part.body = part.body[1:]
        if isinstance(part, ast.FunctionDef):
            part.returns, part.decorator_list = None, []
        if isinstance(part, ast.arg):
            part.annotation = None
    return ast.dump(node)


@rule
def has_exercises_with_solutions(it: Chapter) -> Iterator[str]:
    for exercise in it.exercises:
        label = exercise.label
        if not re.fullmatch(rf"ex-{it.number}-\d+", label):
            yield f"exercise label {label!r}; write ex-{it.number}-1, ..."
        if exercise.solution is None:
            yield f"{label} has no solution"
        elif not any(
            CHECKED in tags(cell) and f"check.ch{it.number}." in cell.source
            for cell in exercise.solution
        ):
            yield (
                f"the solution of {label} has no cell tagged {CHECKED} that calls "
                f"aigc.check.ch{it.number}"
            )
        if f"aigc.check.ch{it.number}." not in exercise.task:
            yield f"the task of {label} names no checker: aigc.check.ch{it.number}.…"


@rule
def has_exercises_of_several_kinds(it: Chapter) -> Iterator[str]:
    if len(it.exercises) < EXERCISES:
        yield f"{len(it.exercises)} exercises; at least {EXERCISES}"
    titles = {e.label: TITLE.fullmatch(e.title) for e in it.exercises}
    for exercise in it.exercises:
        if not titles[exercise.label]:
            yield (
                f"the title of {exercise.label} is {exercise.title!r}; write ★ to ★★★ "
                f"and a kind: ★★ 诊断：…（{'、'.join(KINDS)}）"
            )
    marked = [title for title in titles.values() if title]
    kinds = {title["kind"] for title in marked}
    if len(kinds) < FEWEST_KINDS:
        yield f"exercises of {len(kinds)} kinds; at least {FEWEST_KINDS}"
    if not any(len(title["stars"]) == 3 for title in marked):
        yield "no exercise has ★★★"


@rule
def solves_its_exercises(it: Chapter) -> Iterator[str]:
    there = sync.twin_path(it.source).exists()
    for exercise in chapter.exercises(it.twin) if there else ():
        for cell in exercise.solution or ():
            if found := REFUSED.search(chapter.said(cell)):
                yield f"the solution of {exercise.label} does not pass: {found[0]}"


@rule
def shows_its_own_score(it: Chapter) -> Iterator[str]:
    for exercise in it.exercises:
        ends = [end for cell in exercise.solution or () for end in tree(cell).body[-1:]]
        if exercise.is_open and not any(map(shows_a_result, ends)):
            yield f"the solution of {exercise.label} shows no score: end on its Result"


def shows_a_result(end: ast.stmt) -> bool:
    """Tell whether a statement shows what a checker returned: its name or the call."""
    shown = end.value if isinstance(end, ast.Expr) else None
    match shown:
        case ast.Call(func=ast.Name(id="print"), args=[printed]):
            shown = printed
    match shown:
        case ast.Name():
            return True
        case ast.Call(func=ast.Attribute(value=ast.Attribute(value=module))):
            return ast.unparse(module) in ("aigc.check", "check")
    return False


@rule
def opens_its_exercises_with_the_quiz(it: Chapter) -> Iterator[str]:
    path = it.root / "aigc_lib" / "check" / "quiz" / f"ch{it.number}.json"
    if not path.exists():
        yield f"there is no quiz: {path.relative_to(it.root)}"
    else:
        try:
            read_quiz(path)
        except ValueError as problem:
            yield str(problem)
    before = it.text.partition("\n## 练习")[2].partition("{exercise-start}")[0]
    if not re.search(rf"^```+\{{quiz\}} {it.number} *$", before, flags=re.MULTILINE):
        yield f"under ## 练习, before the first exercise, comes ```{{quiz}} {it.number}"


@rule
def stands_in_the_book(it: Chapter) -> Iterator[str]:
    place = it.source.relative_to(it.root).with_suffix("").as_posix()
    if not re.search(rf"\bfile: *{re.escape(place)}\s", toc(it.root)):
        yield f"_toc.yml has no entry {place}"
    if it.number not in planned(it.root):
        yield f"outline.yml has no chapter {it.number}"


@rule
def has_tested_checkers(it: Chapter) -> Iterator[str]:
    for place in (
        f"aigc_lib/check/ch{it.number}.py",
        f"tests/lib/test_check_ch{it.number}.py",
    ):
        if not (it.root / place).exists():
            yield f"there is no {place}"


@rule
def has_nothing_left_to_write(it: Chapter) -> Iterator[str]:
    for path in (
        it.source,
        it.root / "aigc_lib" / "check" / f"ch{it.number}.py",
        it.root / "aigc_lib" / "check" / "quiz" / f"ch{it.number}.json",
        it.root / "tests" / "lib" / f"test_check_ch{it.number}.py",
    ):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if marks := text.count(UNWRITTEN):
            yield f"{path.relative_to(it.root)} is marked {UNWRITTEN} {marks} times"


@rule
def links_the_chapters_it_names(it: Chapter) -> Iterator[str]:
    written = {source.name[:2] for source in chapter.sources(root=it.root)}
    for named in NAMED.finditer(LINK.sub("‹link›", it.text)):
        number, name = f"{int(named['number']):02}", f"第 {int(named['number'])} 章"
        if number in written - {it.number} and named["after"] != "‹link›":
            yield f"{name} is no link: write {{ref}}`{name} <ch{number}>`"
        elif number not in written and number not in planned(it.root):
            yield f"outline.yml plans no {name}"
        elif number not in written and named["after"] != "（尚未写成）":
            yield f"{name} does not exist: write {name}（尚未写成）"


def toc(root: Path) -> str:
    """Return the table of contents as text."""
    return (root / "_toc.yml").read_text(encoding="utf-8") + "\n"


def planned(root: Path) -> set[str]:
    """Return the labels of all chapters that the outline plans."""
    outline = yaml.safe_load((root / "outline.yml").read_text(encoding="utf-8"))
    return {str(c["label"]) for part in outline["parts"] for c in part["chapters"]}


@rule
def has_its_twin(it: Chapter) -> Iterator[str]:
    yield from sync.drift(it.source)


@rule
def keeps_only_lasting_outputs(it: Chapter) -> Iterator[str]:
    if not sync.twin_path(it.source).exists():
        return
    for number, cell in enumerate(chapter.code_cells(it.twin), start=1):
        checked = CHECKED in tags(cell)
        if checked and not cell.outputs:
            yield f"{where(number, cell)} is tagged {CHECKED} but prints nothing"
        if cell.outputs and not checked:
            yield f"{where(number, cell)} keeps an output that nothing checks"
        for output in cell.outputs:
            if output.get("name") == "stderr" or output.output_type == "error":
                yield f"{where(number, cell)} writes to stderr"
            data = output.get("data", {"text/plain": output.get("text", "")})
            if set(data) != {"text/plain"}:
                yield f"{where(number, cell)}: a checked output must be text"
            for what, pattern in FLEETING.items():
                if found := pattern.search(data.get("text/plain", "")):
                    yield f"{where(number, cell)} prints {what}: {found.group()}"


@rule
def asserts_what_it_denies(it: Chapter) -> Iterator[str]:
    """A False that a fault has put into the twin would be expected from then on."""
    there = sync.twin_path(it.source).exists()
    for number, cell in enumerate(chapter.code_cells(it.twin) if there else (), 1):
        asserted = any(isinstance(node, ast.Assert) for node in ast.walk(tree(cell)))
        if DENIED.search(chapter.said(cell)) and not asserted:
            yield f"{where(number, cell)} prints False: assert what the page claims"


def problems(source: Path, root: Path = chapter.ROOT) -> list[str]:
    """List every place where ``source`` breaks the contract."""
    it = Chapter(source, root)
    return [problem for check in RULES for problem in check(it)]


def main() -> None:
    console.forgive()
    parser = argparse.ArgumentParser(prog="python -m tools.check")
    parser.add_argument("--chapter", default="", help="only names that start so: 04")
    found = {s: problems(s) for s in chapter.sources(parser.parse_args().chapter)}
    for source, sentences in found.items():
        print(f"{source.stem}: {len(sentences)} problems")
        for sentence in sentences:
            print(f"  {sentence}")
    raise SystemExit(any(found.values()))


if __name__ == "__main__":
    main()
