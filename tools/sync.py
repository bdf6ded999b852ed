"""Write each chapter's twin: the notebook that Colab opens and nbval checks.

    python -m tools.sync [--chapter 04] [--force] [--jobs 2]
    python -m tools.sync --check

A twin is its source plus one bootstrap cell, run once in the smoke profile. It keeps
the outputs of cells tagged `nbval-check-output` and no others.
"""

import argparse
import copy
import hashlib
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from aigc_lib.files import replacing

from . import chapter
from .run import PLAIN, ChapterFailed, execute, settle_environment

STAMPS = chapter.ROOT / "_build" / "synced"
BOOTSTRAP = """\
# On Colab: fetch the course library; torch, numpy and all else stay as they are.
try:
    import aigc_lib
except ModuleNotFoundError:
    %pip install --quiet --no-deps git+{repository}"""


def repository() -> str:
    """Return the repository's address, which only `_config.yml` states."""
    config = (chapter.ROOT / "_config.yml").read_text(encoding="utf-8")
    return yaml.safe_load(config)["repository"]["url"]


def twin_path(source: Path) -> Path:
    """Return where the twin of ``source`` lies."""
    return source.with_suffix(".ipynb")


def blank_twin(source: Path) -> NotebookNode:
    """Return the twin of ``source`` as it is before it runs."""
    notebook = chapter.read(source)
    first = next(i for i, c in enumerate(notebook.cells) if c.cell_type == "code")
    bootstrap = new_code_cell(BOOTSTRAP.format(repository=repository()))
    notebook.cells.insert(first, bootstrap)
    chapter.name_cells(notebook)
    return notebook


def fill(blank: NotebookNode, done: NotebookNode) -> None:
    """Bring the checked outputs of the run ``done`` into ``blank``, cell by cell.

    Every code cell gets its number: nbval passes a cell without one unseen.
    """
    ran = {cell.id: cell for cell in done.cells}
    for number, cell in enumerate(chapter.code_cells(blank), start=1):
        cell.execution_count = number
        if chapter.CHECKED in chapter.tags(cell):
            cell.outputs = merge_streams(ran[cell.id].outputs)
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join the pieces in which text happened to arrive, as nbval does."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if (
            last
            and output.output_type == last.output_type == "stream"
            and (output.name == last.name)
        ):
            last.text += output.text
        else:
            merged.append(output)
    return merged


def sync(source: Path, force: bool = False) -> str:
    """Bring the twin of ``source`` up to date and say what was done.

    Raises:
        ChapterFailed: the chapter does not run; the twin stays as it was.
    """
    stamp = STAMPS / f"{source.stem}.sha256"
    if not force and stamp.exists() and stamp.read_text() == fingerprint(source):
        return f"  {source.stem}: unchanged"
    blank = blank_twin(source)
    done = execute(copy.deepcopy(blank), "smoke", source.stem)
    fill(blank, done)
    chapter.write(blank, twin_path(source))
    with replacing(stamp) as temporary:
        temporary.write_text(fingerprint(source))
    return f"  {source.stem}: synced, {done.metadata['aigc']['seconds']} s"


def fingerprint(source: Path) -> str:
    """Digest what the twin of ``source`` comes from, and the twin itself."""
    digest = hashlib.sha256(repository().encode())
    for path in (source, twin_path(source), *chapter.library(source)):
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def drift(source: Path) -> list[str]:
    """List where the twin of ``source`` is not what `make sync` would write."""
    if not twin_path(source).exists():
        return [f"{twin_path(source).name} does not exist"]
    twin = nbformat.read(twin_path(source), as_version=4)
    blank = blank_twin(source)
    if [outline(c) for c in twin.cells] != [outline(c) for c in blank.cells]:
        return [f"{twin_path(source).name} is not the notebook of {source.name}"]
    counts = [cell.execution_count for cell in chapter.code_cells(twin)]
    if counts != list(range(1, len(counts) + 1)):
        return [f"{twin_path(source).name} was not executed from top to bottom"]
    return []


def outline(cell: NotebookNode) -> tuple:
    """Return what of ``cell`` comes from the source."""
    return cell.id, cell.cell_type, cell.source, chapter.tags(cell)


def attempt(source: Path, force: bool) -> tuple[bool, str]:
    """Sync in a worker process; report success and what to print."""
    settle_environment(**PLAIN)
    try:
        return True, sync(source, force)
    except ChapterFailed as error:
        return False, str(error)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.sync")
    parser.add_argument("--chapter", default="", help="only names that start so: 04")
    parser.add_argument("--force", action="store_true", help="even if nothing changed")
    parser.add_argument("--check", action="store_true", help="only report drift")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    sources = chapter.sources(args.chapter)
    if args.check:
        problems = [problem for source in sources for problem in drift(source)]
        raise SystemExit("\n".join([*problems, "run: make sync"]) if problems else 0)
    with ProcessPoolExecutor(args.jobs) as pool:
        failed = 0
        for good, message in pool.map(partial(attempt, force=args.force), sources):
            print(message, flush=True)
            failed += not good
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
