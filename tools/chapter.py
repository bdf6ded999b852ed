"""A chapter's files: the source that people write and the notebook it stands for."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from aigc_lib.files import replacing

ROOT = Path(__file__).resolve().parents[1]
CHECKED = "nbval-check-output"  # nbval's own tag: the output of this cell is compared
# The four marks around an exercise and its solution: name, argument, options.
MARK = re.compile(
    r"^```+\{(exercise|solution)-(start|end)\}(.*)\n((?::.*\n)*)```+ *\n?", re.MULTILINE
)
# What JupyterLab writes into the head of a source; versions stay out of it.
KERNEL = {
    "display_name": "Python 3 (ipykernel)",
    "language": "python",
    "name": "python3",
}
LEXER = "ipython3"
HEAD = {
    "jupytext": {
        "text_representation": {"extension": ".md", "format_name": "myst"},
        "notebook_metadata_filter": ",".join(
            f"-jupytext.text_representation.{key}_version"
            for key in ("format", "jupytext")
        ),
    },
    "kernelspec": KERNEL,
}
LABEL = re.compile(r":label: *(\S+)")


def sources(chapter: str = "", root: Path = ROOT) -> list[Path]:
    """List the chapters whose file name starts with ``chapter``, in reading order.

    Several stand apart: "04 05". Without any, all are listed.
    """
    found = sorted(p for p in root.glob("chapters/*/*.md") if is_notebook(p))
    wanted = tuple(chapter.split())
    for start in wanted:
        if not any(p.name.startswith(start) for p in found):
            names = ", ".join(p.stem for p in found)
            raise SystemExit(f"CHAPTER={start}: no such chapter; there are {names}")
    return [p for p in found if p.name.startswith(wanted or "")]


def library(source: Path, root: Path = ROOT) -> list[Path]:
    """List the library files on which ``source`` can depend.

    The checkers and quizzes of other chapters are the only ones that cannot matter.
    """
    own = f"ch{source.name[:2]}"
    return sorted(
        path
        for path in root.glob("aigc_lib/**/*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not (
            path.parent.name in ("check", "quiz")
            and path.name[:2] == "ch"
            and path.stem != own
        )
    )


def is_notebook(page: Path) -> bool:
    """Tell a notebook written as text from a plain page: only the first is run."""
    return page.read_text(encoding="utf-8").startswith("---\njupytext:")


def read(source: Path) -> NotebookNode:
    """Return the notebook of ``source``; the same text gives the same bytes."""
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": KERNEL | {"display_name": "Python 3"},
            "language_info": {"name": "python"},
        }
    )
    name_cells(notebook)
    return notebook


def tidied(source: Path) -> str:
    """Return the text of ``source`` as JupyterLab saves it through Jupytext.

    A source in this form changes by the lines that were edited and no others.
    """
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict(HEAD)
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": LEXER}
    return jupytext.writes(notebook, fmt="md:myst")


def tidy(source: Path) -> bool:
    """Bring ``source`` into that form and tell whether it was in another."""
    text = tidied(source)
    if text == source.read_text(encoding="utf-8"):
        return False
    with replacing(source) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return True


def name_cells(notebook: NotebookNode) -> None:
    """Give each cell an id made from its text, so that an edit changes no other id."""
    seen = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type} {cell.source}".encode()).hexdigest()
        seen[digest] += 1
        cell.id = f"{digest[:8]}-{seen[digest]}" if seen[digest] > 1 else digest[:8]


def write(notebook: NotebookNode, path: Path) -> None:
    """Write ``notebook`` to ``path``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of ``cell``."""
    return cell.metadata.get("tags", [])


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def said(cell: NotebookNode) -> str:
    """Return the text that ``cell`` put out, be it printed or shown."""
    return "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    )


@dataclass
class Exercise:
    """An exercise of a chapter: what it asks and the code cells of its solution."""

    label: str
    title: str
    task: str = ""
    solution: list[NotebookNode] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a score decides, for which there is no best answer."""
        return "开放：" in self.title

    @property
    def stamp(self) -> str:
        """What tells a solution from an older one: a digest of its code."""
        text = "\n".join(cell.source for cell in self.solution or ())
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """List the exercises of ``notebook`` in their order."""
    found: dict[str, Exercise] = {}
    inside, kind = None, ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if inside and kind == "solution":
                inside.solution.append(cell)
            elif inside:
                inside.task += cell.source + "\n"
            continue
        end = 0
        for mark in [*MARK.finditer(cell.source + "\n"), None]:
            if inside and kind == "exercise":
                inside.task += cell.source[end : mark.start() if mark else None]
            if mark is None:
                break
            end = mark.end()
            kind, state, argument, options = mark.groups()
            if state == "end":
                inside = None
            elif kind == "exercise":
                label = LABEL.search(options)
                inside = Exercise(label[1] if label else "", argument.strip())
                found[inside.label] = inside
            else:
                solved = argument.strip()
                inside = found.get(solved, Exercise(solved, ""))
                inside.solution = []
    return list(found.values())
