"""Write each chapter's two twins: the one that nbval checks and the one for readers.

    python -m tools.sync [--chapter 04] [--force] [--jobs 2]
    python -m tools.sync --check

The complete twin, in `tests/notebooks/twins`, is the source plus one bootstrap cell,
run once in the smoke profile. It keeps the outputs of cells tagged
`nbval-check-output` and no others. The reader's twin, beside the source, says the same
in plain Markdown, with room for answers: Colab and JupyterLab open this one.
"""

import argparse
import copy
import hashlib
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from aigc_lib import console
from aigc_lib.files import replacing

from . import chapter, reader
from .labels import repository
from .run import (
    PLAIN,
    ChapterFailed,
    code,
    dependencies,
    execute,
    settle_environment,
)

STAMPS = chapter.ROOT / "_build" / "synced"
BOOTSTRAP = """\
# On Colab: fetch the course library; torch, numpy and all else stay as they are.
try:
    import aigc_lib
except ModuleNotFoundError:
    %pip install --quiet --no-deps git+{repository}
    try:
        import aigc_lib
    except ModuleNotFoundError:
        raise SystemExit(
            "aigc_lib could not be installed. Is {repository} reachable? "
            "If not, copy the folder aigc_lib beside this notebook and run again."
        ) from None"""


def twin_path(source: Path) -> Path:
    """Return where the complete twin of ``source`` lies."""
    root = source.parents[2]
    return root / "tests" / "notebooks" / "twins" / f"{source.stem}.ipynb"


def reader_path(source: Path) -> Path:
    """Return where the reader's twin of ``source`` lies."""
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
    """Bring ``source`` and its twins into their form and say what was done.

    Where the code and what it imported of the library are those of the last run,
    nothing runs: new text is put beside the outputs that the twin keeps.

    Raises:
        ChapterFailed: the chapter does not run; the twins stay as they were.
        reader.Unreadable: there is no reader's form of something in the source.
    """
    laid_out = ", source laid out as JupyterLab saves it" * chapter.tidy(source)
    blank = blank_twin(source)
    if not force and is_settled(source):
        before = nbformat.read(twin_path(source), as_version=4)
        fill(blank, before)
        said = "unchanged"
        if nbformat.writes(blank) != nbformat.writes(before):
            chapter.write(blank, twin_path(source))
            said = "new text, no new code"
        return f"  {source.stem}: {said}{laid_out}" + sync_reader(source)
    done = execute(copy.deepcopy(blank), "smoke", source.stem)
    fill(blank, done)
    chapter.write(blank, twin_path(source))
    cost = done.metadata["aigc"]
    settle(source, cost["modules"])
    said = f"  {source.stem}: synced, {cost['seconds']} s{laid_out}"
    return said + sync_reader(source)


def sync_reader(source: Path) -> str:
    """Write the reader's twin where it is not as it should be; say what was done.

    What a reader wrote into it is kept in a copy beside it.
    """
    path, made = reader_path(source), readers_twin(source)
    if not path.exists():
        chapter.write(made, path)
        return ""
    there = nbformat.read(path, as_version=4)
    if nbformat.writes(there) == nbformat.writes(made):
        return ""
    kept = ""
    # The file is compared with what was written into it, not with `made`: an old
    # twin is no reader's work.
    if there.metadata.get("aigc", {}).get("written") != reader.digest(there):
        edited = free_name(path)
        path.rename(edited)
        kept = f"\n  {source.stem}: your edits are kept in {edited.name}"
    chapter.write(made, path)
    return f", reader's twin written{kept}"


def free_name(path: Path) -> Path:
    """Return a name for the copy of an edited twin that no file has."""
    names = (f".edited{n}.ipynb" for n in ["", *(f"-{k}" for k in range(2, 1000))])
    return next(p for name in names if not (p := path.with_suffix(name)).exists())


def readers_twin(source: Path) -> NotebookNode:
    """Return the reader's twin of ``source`` as it should be."""
    complete = nbformat.read(twin_path(source), as_version=4)
    return reader.Reader(source, source.parents[2]).notebook(complete)


def settle(source: Path, modules: Collection[str]) -> None:
    """Note what a run of ``source`` that imported ``modules`` depended on."""
    with replacing(STAMPS / f"{source.stem}.sha256") as temporary:
        noted = " ".join([fingerprint(source, modules), *modules])
        temporary.write_text(noted, "utf-8")


def is_settled(source: Path) -> bool:
    """Tell whether all that ``source`` depended on is as it was at its last run."""
    stamp = STAMPS / f"{source.stem}.sha256"
    if not stamp.exists():
        return False
    noted, *modules = stamp.read_text("utf-8").split()
    return noted == fingerprint(source, modules)


def fingerprint(source: Path, modules: Collection[str]) -> str:
    """Digest what decides the outputs in the twin of ``source``, and these outputs.

    Of the library that is what a run imported: ``modules``, all where none are known.
    """
    digest = hashlib.sha256()
    twin = twin_path(source)
    there = nbformat.read(twin, as_version=4) if twin.exists() else None
    for notebook in filter(None, (blank_twin(source), there)):
        for cell in chapter.code_cells(notebook):
            checked = chapter.CHECKED in chapter.tags(cell)
            digest.update(repr((code(cell), checked, cell.outputs)).encode())
    root = source.parents[2]
    files = chapter.library(source, root)
    if modules:
        files = dependencies(source, modules, root)
    for path in files:
        if path.parent.name != "quiz":  # part of the page alone
            digest.update(path.read_bytes())
    return digest.hexdigest()


def drift(source: Path) -> list[str]:
    """List where the twins of ``source`` are not what `make sync` would write."""
    for path in (twin_path(source), reader_path(source)):
        if not path.exists():
            return [f"{path.relative_to(source.parents[2])} does not exist"]
    twin = nbformat.read(twin_path(source), as_version=4)
    blank = blank_twin(source)
    if [outline(c) for c in twin.cells] != [outline(c) for c in blank.cells]:
        return [f"{twin_path(source).name} is not the notebook of {source.name}"]
    counts = [cell.execution_count for cell in chapter.code_cells(twin)]
    if counts != list(range(1, len(counts) + 1)):
        return [f"{twin_path(source).name} was not executed from top to bottom"]
    there = nbformat.read(reader_path(source), as_version=4)
    if nbformat.writes(there) != nbformat.writes(readers_twin(source)):
        return [
            f"{reader_path(source).name} beside the source is not the reader's twin"
        ]
    return []


def outline(cell: NotebookNode) -> tuple:
    """Return what of ``cell`` comes from the source."""
    return cell.id, cell.cell_type, cell.source, chapter.tags(cell)


def attempt(source: Path, force: bool) -> tuple[bool, str]:
    """Sync in a worker process; report success and what to print."""
    settle_environment(**PLAIN)
    try:
        return True, sync(source, force)
    except (ChapterFailed, reader.Unreadable) as error:
        return False, str(error)


def main() -> None:
    console.forgive()
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
