"""The reader's form of a chapter: plain Markdown and code, with room for answers.

Colab and JupyterLab show Markdown and know no roles and directives. Here citations
become names with links, references links to the published page, tables and diagrams
what they show, exercises headings with an empty cell to answer in, solutions folded.
"""

import base64
import copy
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from aigc_lib.check.quiz import read as read_quiz

from . import chapter, works
from .extension import (
    cells,
    clone,
    diagrams,
    flowchart,
    glossary,
    numbers,
    results,
    resulttable,
)
from .labels import (
    EQUATION,
    FENCE,
    HEADING,
    LABEL,
    Target,
    all_targets,
    caption_of,
    page,
    repository,
    site,
    targets,
)

ROOT = chapter.ROOT
# A role, or code in which nothing is one.
INLINE = re.compile(
    r"\{(?P<role>[\w:.-]+)\}(?P<tick>`+)(?P<body>.+?)(?P=tick)(?!`)"
    r"|(?P<code>`+)(?!`).+?(?<!`)(?P=code)(?!`)",
    re.DOTALL,
)
TITLED = re.compile(r"(?P<text>.*?)\s*<(?P<target>[^<>]+)>", re.DOTALL)
OPTION = re.compile(r"^ *:([\w-]+): *(.*)$")
CALL = r"aigc\.check\.(?:ch{number}\.\w+|quiz)\([^`\n]*\)"
NOTES = {
    "note": "注",
    "tip": "提示",
    "hint": "提示",
    "important": "要点",
    "warning": "当心",
    "caution": "当心",
    "attention": "当心",
    "danger": "危险",
    "seealso": "另见",
}


class Unreadable(ValueError):
    """The source has what this form cannot say; the message names it and the place."""


class Reader:
    """Renders one chapter; remembers the works it cites and its place in the book."""

    def __init__(self, source: Path, root: Path = ROOT):
        self.source, self.root = source, root
        self.number = source.name.split("_")[0]
        self.page = page(source)
        self.targets = all_targets(root) | targets(source)
        self.cited: set[str] = set()
        self.sections = self.figures = 0

    # --- cells ---

    def notebook(self, complete: NotebookNode) -> NotebookNode:
        """Return the reader's form of the chapter's complete twin."""
        self.cells: list[NotebookNode] = []
        self.solution: list[str] | None = None
        self.exercise: chapter.Exercise | None = None
        exercises = {e.label: e for e in chapter.exercises(complete)}
        for cell in complete.cells:
            if cell.cell_type == "code":
                self.code(cell)
                continue
            end = 0
            for mark in chapter.MARK.finditer(cell.source + "\n"):
                self.text(cell.source[end : mark.start()])
                self.mark(*mark.groups(), exercises)
                end = mark.end()
            self.text(cell.source[end:])
        made = copy.deepcopy(complete)
        made.cells = self.cells
        self.greet(made)
        chapter.name_cells(made)
        made.metadata["aigc"] = {"written": digest(made)}
        return made

    def greet(self, made: NotebookNode) -> None:
        """Say under the title where the page is and how the exercises work."""
        head, newline, rest = made.cells[0].source.partition("\n")
        note = (
            f"> 网页版：[{self.page}]({self.page})。练习的答案写在题目下面的空格里，"
            "去掉行首的 `#` 就能检查；解答折叠着，做完再看。"
        )
        made.cells[0].source = f"{head}\n\n{note}\n{newline}{rest}".rstrip("\n")

    def code(self, cell: NotebookNode) -> None:
        """Take a code cell as it is; inside a solution, as part of its text."""
        if self.solution is not None:
            self.solution.append(f"```python\n{cell.source.rstrip()}\n```")
            for output in cell.outputs:
                printed = output.get("text") or output.data["text/plain"]
                self.solution.append(f"```text\n{printed.rstrip()}\n```")
            return
        cell = copy.deepcopy(cell)
        cell.execution_count = None
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = None
        mystnb = cell.metadata.get("mystnb", {})
        if "hide-input" in chapter.tags(cell):
            cell.metadata["jupyter"] = {"source_hidden": True}
            cell.metadata["cellView"] = "form"  # Colab folds it, all but the title
            alt = mystnb.get("image", {}).get("alt", "")
            title = f"{cells.DRAWING}：{alt}".removesuffix("：")
            cell.source = f"# @title {title}\n{cell.source}"
        self.cells.append(cell)
        figure = mystnb.get("figure", {})
        if figure.get("caption"):
            self.cells.append(new_markdown_cell(self.captioned(figure["caption"])))

    def text(self, source: str) -> None:
        """Render a piece of Markdown where it belongs."""
        rendered = self.markdown(source).strip("\n")
        if not rendered.strip():
            return
        if self.solution is not None:
            self.solution.append(rendered)
        else:
            self.cells.append(new_markdown_cell(rendered))

    def mark(self, kind, state, argument, options, exercises) -> None:
        """Open or close an exercise or a solution."""
        if (kind, state) == ("exercise", "start"):
            label = chapter.LABEL.search(options)
            self.exercise = exercises[label[1] if label else ""]
            number = self.targets[self.exercise.label].number
            title = self.markdown(argument.strip())
            self.cells.append(new_markdown_cell(f"### 练习 {number}　{title}"))
        elif (kind, state) == ("exercise", "end"):
            self.text(self.own_score(self.exercise))
            self.cells.append(new_code_cell(self.answer(self.exercise)))
        elif state == "start":
            self.solution = []
        else:
            inner, self.solution = "\n\n".join(self.solution or []), None
            self.cells.append(new_markdown_cell(folded("解答", inner)))

    def own_score(self, exercise: chapter.Exercise) -> str:
        """Say what the checker of an open exercise said of the book's own solution."""
        try:
            told, _ = results.lookup(self.root / "results", "open_exercises:rows")
        except results.MissingResult:
            return ""
        row = told.get(exercise.label)
        if row is None or row["solution"] != exercise.stamp:
            return ""
        return f"书里的解在 `cpu` 档交上去，检查器说：{row['verdict']}。"

    def answer(self, exercise: chapter.Exercise) -> str:
        """Return an empty answer: the calls that check it, not yet active."""
        call = re.compile(CALL.format(number=self.number))
        calls = call.findall(exercise.task) or [
            found
            for cell in exercise.solution or ()
            for found in call.findall(cell.source)
        ]
        lines = [f"# {line}" for line in dict.fromkeys(calls)]
        return "\n".join(["# 你的答案", "", *lines]).rstrip()

    # --- Markdown ---

    def markdown(self, source: str) -> str:
        """Render MyST as Markdown: directives first, then what stands in the lines."""
        out, prose = [], []

        def flush():
            if prose:
                out.append(self.inline("\n".join(prose)))
                prose.clear()

        lines = source.split("\n")
        i = 0
        while i < len(lines):
            fence = FENCE.match(lines[i])
            if not fence:
                if not LABEL.match(lines[i]) and not lines[i].startswith("% "):
                    prose.append(self.numbered(lines[i]))
                i += 1
                continue
            flush()
            end = closing(lines, i, fence[1])
            if fence[2]:
                body = lines[i + 1 : end]
                out.append(self.directive(fence[2], fence[3].strip(), body))
            else:
                out.append("\n".join(lines[i : end + 1]))
            i = end + 1
        flush()
        return "\n".join(out)

    def numbered(self, line: str) -> str:
        """Give a heading the number that it has in the book."""
        heading = HEADING.match(line)
        if not heading or len(heading[1]) > 2 or heading[2] in numbers.UNNUMBERED:
            return line
        chapter = numbers.number(self.number)
        if len(heading[1]) == 1:
            return f"# 第 {chapter} 章　{heading[2]}"
        self.sections += 1
        return f"## {chapter}.{self.sections}　{heading[2]}"

    def inline(self, text: str) -> str:
        def role(match):
            if match["code"]:
                return match[0]
            return self.role(match["role"], match["body"])

        def equation(line):
            if found := EQUATION.search(line):
                tag = self.targets[found[1]].number
                return line[: found.start()] + rf"\tag{{{tag}}}$$"
            return line

        text = INLINE.sub(role, re.sub(r" +(?=\{cite:p\})", "", text))
        return "\n".join(map(equation, text.split("\n")))

    def role(self, name: str, body: str) -> str:
        """Render a role.

        Raises:
            Unreadable: the role, or what it points at, is not known.
        """
        body = body.replace(r"\|", "|")  # as the cells of a table must write it
        try:
            match name:
                case "cite:p" | "cite" | "cite:t":
                    self.cited |= set(map(str.strip, body.split(",")))
                    return works.cite(body, name == "cite:t")
                case "ref" | "numref" | "eq" | "doc":
                    return self.reference(name, body)
                case "term":
                    titled = TITLED.fullmatch(body)
                    shown, name = titled.groups() if titled else (body, body)
                    return self.term(shown, name)
                case "result":
                    target, _, spec = body.partition("|")
                    value, _ = results.lookup(self.root / "results", target.strip())
                    return results.written(value, spec.strip())
                case "gain":
                    target, _, spec = body.partition("|")
                    folder = self.root / "results"
                    return results.gained(folder, target.strip(), spec.strip())[0]
                case "math":
                    return f"${body}$"
        except (LookupError, ValueError) as problem:
            raise Unreadable(
                f"{self.source.name}: {name} {body!r}: {problem}"
            ) from None
        raise Unreadable(f"{self.source.name}: no reader's form of the role {name!r}")

    def reference(self, name: str, body: str) -> str:
        titled = TITLED.fullmatch(body)
        shown, label = titled.groups() if titled else ("", body)
        if name == "doc":
            place = (self.source.parent / label).resolve().with_suffix(".md")
            target = Target(shown or label, page(place))
        else:
            target = self.targets[label]
        if name == "numref" and "%s" in shown:
            shown = shown.replace("%s", target.number)
        return f"[{shown or target.text}]({target.address})"

    def term(self, shown: str, name: str) -> str:
        known = yaml.safe_load((self.root / "terms.yml").read_text(encoding="utf-8"))
        for term in known:
            if name in (term["zh"], term["en"], term.get("abbr")):
                address = f"{site()}chapters/appendix/c_glossary.html"
                return f"[{shown}]({address}#{glossary.anchor(term)})"
        raise Unreadable(f"{self.source.name}: terms.yml has no {name!r}")

    # --- directives ---

    def directive(self, name: str, argument: str, lines: list[str]) -> str:
        """Render a directive.

        Raises:
            Unreadable: there is no reader's form of it.
        """
        options = {}
        while lines and (option := OPTION.match(lines[0])):
            options[option[1]] = option[2]
            lines = lines[1:]
        body = "\n".join(lines).strip("\n")
        form: Callable | None = getattr(self, f"on_{name.replace('-', '_')}", None)
        if name in NOTES:
            return quoted(argument or NOTES[name], self.markdown(body))
        if form is None:
            raise Unreadable(f"{self.source.name}: no reader's form of {{{name}}}")
        return form(argument, options, body)

    def on_admonition(self, title, options, body):
        return quoted(self.inline(title), self.markdown(body))

    def on_dropdown(self, title, options, body):
        return folded(title, self.markdown(body))

    def on_math(self, argument, options, body):
        tag = ""
        if label := options.get("label"):
            tag = rf"\tag{{{self.targets[label].number}}}"
        return f"$$\n{body}{tag}\n$$"

    def on_mermaid(self, argument, options, body):
        body = diagrams.content(options, body)
        svg = flowchart.draw(body, options["alt"]).encode()
        picture = embedded(options["alt"], svg, "image/svg+xml")
        return f"{picture}\n\n{self.caption(options, '')}".rstrip()

    def on_latent_plane(self, name, options, body):
        path = self.root / "_static" / "demos" / f"{name}.png"
        picture = embedded(options["alt"], path.read_bytes())
        live = f"[在书页上拖动圆点]({self.page})"
        return f"{picture}\n\n{self.caption(options, body)}\n\n{live}"

    def on_result_figure(self, name, options, body):
        path = self.root / "results" / name
        if not path.exists():
            return ""
        kind = "image/svg+xml" if path.suffix == ".svg" else "image/png"
        picture = embedded(options["alt"], path.read_bytes(), kind)
        return f"{picture}\n\n{self.caption(options, body)}"

    def on_result_sound(self, name, options, body):
        path = self.root / "results" / name
        return results.player(path, options["label"]) if path.exists() else ""

    def caption(self, options, body):
        text = options.get("caption", "") or body
        return self.captioned(text) if caption_of("figure", text) else ""

    def captioned(self, text):
        self.figures += 1
        number = f"{numbers.number(self.number)}.{self.figures}"
        return f"**图 {number}**　{self.markdown(text).strip()}"

    def on_result_table(self, name, options, body):
        try:
            rows, record = results.lookup(self.root / "results", f"{name}:rows")
        except results.MissingResult:
            return f"> 这张表还没有数：`make bench ONLY={name}`。"
        columns = [
            resulttable.column(line) for line in body.split("\n") if line.strip()
        ]
        rows = list(rows.values()) if isinstance(rows, dict) else rows
        cells = [[resulttable.cell(row, *c[:2]) for c in columns] for row in rows]
        lines = [[heading for *_, heading in columns], ["---"] * len(columns), *cells]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{table}\n\n{resulttable.facts(record)}"

    def on_quiz(self, number, options, body):
        path = self.root / "aigc_lib" / "check" / "quiz" / f"ch{number}.json"
        out = []
        questions = read_quiz(path)
        for k, question in enumerate(questions, start=1):
            choices = [
                f"- {i}　{self.inline(c)}" for i, c in enumerate(question["choices"])
            ]
            right = self.inline(question["choices"][question["answer"]])
            why = self.inline(question["why"])
            answer = folded("看答案", f"{question['answer']}　{right}\n\n{why}")
            asked = f"**{k}.** {self.inline(question['question'])}"
            out += [asked, "\n".join(choices), answer]
        call = f'aigc.check.quiz("{number}", [{", ".join(["..."] * len(questions))}])'
        out.append(f"写下每题选项的编号，运行 `{call}`。")
        return "\n\n".join(out)

    def on_bibliography(self, argument, options, body):
        return works.listed(self.cited)

    def on_clone(self, argument, options, body):
        return f"```bash\n{clone.commands(repository(self.root), body)}\n```"

    def on_concept_map(self, argument, options, body):
        outline = yaml.safe_load((self.root / "outline.yml").read_text("utf-8"))
        written = {
            s.name.split("_")[0]: page(s) for s in chapter.sources(root=self.root)
        }
        out = []
        for part in outline["parts"]:
            out.append(f"**{part['title']}**\n")
            for one in part["chapters"]:
                name = f"{one['label']} {one['title']}"
                here = written.get(str(one["label"]))
                name = f"[{name}]({here})" if here else f"{name}（尚未写成）"
                out.append(f"- {name}：{'、'.join(one['topics'])}")
            out.append("")
        return "\n".join(out)

    def on_keywords(self, argument, options, body):
        outline = yaml.safe_load((self.root / "outline.yml").read_text("utf-8"))
        return "、".join(keyword["word"] for keyword in outline["keywords"])


def closing(lines: list[str], start: int, fence: str) -> int:
    """Return the line that closes the fence opened at ``start``."""
    depth = 0
    for i in range(start + 1, len(lines)):
        found = FENCE.match(lines[i])
        if found and found[1].startswith(fence[0]) and found[2] and len(found[1]) >= 3:
            depth += found[1] == fence
        elif found and not found[3].strip() and found[1].startswith(fence):
            if depth == 0:
                return i
            depth -= 1
    return len(lines)


def quoted(title: str, body: str) -> str:
    """Return a block quote with a title."""
    lines = [f"**{title}**", "", *body.strip("\n").split("\n")]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def folded(title: str, body: str) -> str:
    """Return what a reader unfolds; Markdown inside needs the empty lines."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def embedded(alt: str, content: bytes, kind: str = "image/png") -> str:
    """Return a picture that needs no file and no network."""
    data = base64.b64encode(content).decode()
    alt = re.sub(r"([\[\]\\])", r"\\\1", alt)
    return f"![{alt}](data:{kind};base64,{data})"


def digest(notebook: NotebookNode) -> str:
    """Digest what a reader can change: the cells and their outputs."""
    sha = hashlib.sha256()
    for cell in notebook.cells:
        sha.update(f"{cell.cell_type}\0{cell.source}\0".encode())
        for output in cell.get("outputs", ()):
            sha.update(str(output.get("text") or output.get("data")).encode())
    return sha.hexdigest()
