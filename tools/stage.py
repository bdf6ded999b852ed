"""Lay out the book for Sphinx: pages, configuration and executed chapters.

    python -m tools.stage _build/executed/cpu _build/stage/cpu

A file is written only where its content changed, so that Sphinx reads no page twice.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from . import chapter

# Terms, outline, results and JavaScript stay where they are: `_ext` finds them there.
BOOK = (
    *("_config.yml", "_toc.yml", "intro.md", "references.bib"),
    *("_ext", "_static", "chapters"),
)


def plain_files(root: Path) -> Iterator[Path]:
    """Yield the book's files that need no running."""
    for top in map(root.joinpath, BOOK):
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and not left_out(path):
                yield path


def left_out(path: Path) -> bool:
    """Tell what is no plain page: notebooks, in either form, and Python's leftovers."""
    if path.suffix == ".md":
        return chapter.is_notebook(path)
    return path.suffix == ".ipynb" or "__pycache__" in path.parts


def page(notebook: NotebookNode) -> str:
    """Return ``notebook`` for readers: without the cell that papermill put in."""
    notebook.cells = [
        cell
        for cell in notebook.cells
        if "injected-parameters" not in chapter.tags(cell)
    ]
    return nbformat.writes(notebook)


def stage(executed: Path, target: Path, root: Path = chapter.ROOT) -> None:
    """Make ``target`` hold the book as it is now and nothing else.

    A chapter without an executed copy is laid out unexecuted.
    """
    wanted = {}
    for path in plain_files(root):
        wanted[target / path.relative_to(root)] = path.read_bytes()
    for source in chapter.sources(root=root):
        place = source.relative_to(root / "chapters").with_suffix(".ipynb")
        ready = executed / place
        notebook = (
            nbformat.read(ready, as_version=4)
            if ready.exists()
            else chapter.read(source)
        )
        wanted[target / "chapters" / place] = page(notebook).encode()
    for path in list(target.rglob("*")):
        if path.is_file() and path not in wanted:
            path.unlink()
    for path, content in wanted.items():
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.stage")
    parser.add_argument("executed", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    stage(args.executed, args.target)


if __name__ == "__main__":
    main()
