"""Run one chapter with papermill, alone in an empty folder.

    python -m tools.run chapters/01_foundations/04_gan.md out.ipynb --profile smoke

Beside the notebook stands ``out.d``, from which Make learns what it depends on.
"""

import argparse
import copy
import os
import re
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from papermill.exceptions import PapermillExecutionError

from aigc_lib import console
from aigc_lib.files import replacing

from . import chapter

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# The arithmetic of twins and of the smoke profile: the same on every x86 processor.
# MKL takes the branch COMPATIBLE on that of any vendor.
PLAIN = {
    "AIGC_BF16": "0",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}
# Python looks for garbage after every few hundred new objects. In the imports of a
# chapter that takes half a second, and there is none.
SELDOM = "--IPKernelApp.exec_lines=__import__('gc').set_threshold(10_000)"
# Run after the last cell, and taken out again. As it ends, Python would search all that
# it holds once more, for a second: what is frozen it leaves alone.
LIST_MODULES = """\
__import__("gc").freeze()
print(*(m for m in __import__("sys").modules if m.split(".")[0] == "aigc_lib"))"""


class ChapterFailed(Exception):
    """A cell raised; ``notebook`` holds what ran until then, where it can be had."""

    def __init__(self, message: str, notebook: NotebookNode | None = None):
        super().__init__(message)
        self.notebook = notebook


def execute(notebook: NotebookNode, profile: str, name: str) -> NotebookNode:
    """Run ``notebook`` in a fresh kernel and note what it took in its metadata.

    Raises:
        ChapterFailed: a cell raised or the kernel died; the message shows where.
    """
    notebook = copy.deepcopy(notebook)
    notebook.cells.append(new_code_cell(LIST_MODULES))
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        empty, output = Path(folder, "empty"), Path(folder, "output.ipynb")
        empty.mkdir()
        began = time.monotonic()
        try:
            done = papermill.execute_notebook(
                notebook,
                str(output),
                parameters={"profile": profile},
                cwd=str(empty),
                request_save_on_cell_execute=False,  # it takes seconds
                progress_bar={"desc": name, "leave": False, "disable": None},
                start_timeout=300,
                extra_arguments=["--IPKernelApp.log_level=CRITICAL", SELDOM],
            )
        except PapermillExecutionError as error:
            until_then = nbformat.read(output, as_version=4)
            until_then.cells.pop()
            raise ChapterFailed(
                f"{name}: cell In[{error.exec_count}] raised\n\n{error.source}\n\n"
                + ANSI.sub("", "\n".join(error.traceback)),
                until_then,
            ) from None
        except DeadKernelError as error:
            raise ChapterFailed(
                f"{name}: the kernel died, as it does when memory runs out\n{error}"
            ) from None
        seconds = time.monotonic() - began
    forget_papermill(done)
    listed = "".join(
        o.text for o in done.cells.pop().outputs if o.get("name") == "stdout"
    )
    done.metadata["aigc"] = {
        "profile": profile,
        "seconds": round(seconds, 1),
        "peak_mb": round(peak_bytes() / 2**20),
        "modules": sorted(listed.split()),
    }
    return done


def peak_bytes() -> int:
    """Return the largest resident size that a finished child process reached.

    Windows keeps no such record: 0.
    """
    try:
        import resource
    except ModuleNotFoundError:
        return 0
    size = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def forget_papermill(notebook: NotebookNode) -> None:
    """Remove paths and times of this one machine from the metadata."""
    for part in (notebook, *notebook.cells):
        part.metadata.pop("papermill", None)
        part.metadata.pop("execution", None)


def settle_environment(**arithmetic: str | None) -> None:
    """Set what the kernels inherit: quiet, one hash seed, data found from anywhere.

    ``arithmetic`` is ``PLAIN`` or other variables of its kind; None takes one away.
    """
    os.environ.update(AIGC_QUIET="1", PYTHONHASHSEED="0")
    os.environ.pop("MPLBACKEND", None)  # a notebook draws into its page
    for name, value in arithmetic.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if data := os.environ.get("AIGC_DATA_DIR"):
        os.environ["AIGC_DATA_DIR"] = str(Path(data).resolve())


def dependencies(
    source: Path, modules: Collection[str], root: Path = chapter.ROOT
) -> list[Path]:
    """List the library files behind a run of ``source`` that imported ``modules``.

    A package's data, such as weights and cards, come with it. A quiz is part of the
    page alone. A cell that starts a process may have run anything.
    """
    files = [p for p in chapter.library(source, root) if p.parent.name != "quiz"]
    if any(
        line.lstrip().startswith("!")
        for cell in chapter.code_cells(chapter.read(source))
        for line in cell.source.splitlines()
    ):
        return files
    stems = {root.joinpath(*name.split(".")) for name in modules}
    code = stems | {stem / "__init__" for stem in stems}
    return [
        path
        for path in files
        if (path.with_suffix("") if path.suffix == ".py" else package(path)) in code
    ]


def package(data: Path) -> Path:
    """Return the ``__init__`` of the package in which the file ``data`` lies."""
    folder = data.parent
    while not (folder / "__init__.py").exists():
        folder = folder.parent
    return folder / "__init__"


def write_depfile(source: Path, target: Path, modules: Collection[str]) -> None:
    """Tell Make, in ``target``'s .d file, on which parts of the library it depends.

    Each part is a target too, so that Make bears its removal.
    """
    found = dependencies(source, modules)
    names = [path.relative_to(chapter.ROOT).as_posix() for path in found]
    lines = [f"{target}: {' '.join(names)}", *(f"{name}:" for name in names)]
    with replacing(target.with_suffix(".d")) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def with_outputs(notebook: NotebookNode, done: NotebookNode) -> bool:
    """Give ``notebook`` the outputs of ``done`` if their code is the same.

    Returns whether it is; otherwise ``notebook`` stays as it was.
    """
    cells, ran = chapter.code_cells(notebook), chapter.code_cells(done)
    ran = [cell for cell in ran if "injected-parameters" not in chapter.tags(cell)]
    if [code(cell) for cell in cells] != [code(cell) for cell in ran]:
        return False
    for cell, answered in zip(cells, ran, strict=True):
        cell.outputs, cell.execution_count = answered.outputs, answered.execution_count
    notebook.metadata["aigc"] = done.metadata["aigc"]
    return True


def code(cell: NotebookNode) -> tuple[str, bool]:
    """Return what of ``cell`` decides its outputs."""
    return cell.source, "parameters" in chapter.tags(cell)


def run(source: Path, target: Path, profile: str, if_code_changed: bool) -> None:
    """Execute the chapter ``source`` into ``target``, which changes only on success."""
    name, failed = source.stem, target.with_suffix(".failed.ipynb")
    notebook = chapter.read(source)
    if if_code_changed and with_outputs(notebook, nbformat.read(target, as_version=4)):
        chapter.write(notebook, target)
        print(f"  {name}: new text, no new code", flush=True)
        return
    print(f"  {name}: running ({profile})", flush=True)
    try:
        done = execute(notebook, profile, name)
    except ChapterFailed as error:
        if error.notebook is None:
            raise SystemExit(str(error)) from None
        chapter.write(error.notebook, failed)
        raise SystemExit(f"{error}\n\nThe notebook up to there: {failed}") from None
    failed.unlink(missing_ok=True)
    cost = done.metadata["aigc"]
    write_depfile(source, target, cost["modules"])
    chapter.write(done, target)
    print(f"  {name}: {cost['seconds']} s, {cost['peak_mb']} MB", flush=True)


def main() -> None:
    console.forgive()
    parser = argparse.ArgumentParser(prog="python -m tools.run")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--profile", choices=("smoke", "cpu", "gpu"), required=True)
    parser.add_argument("--threads", help="for each chapter; smoke has one")
    parser.add_argument(
        "--if-code-changed",
        action="store_true",
        help="if only the text did, put it beside the outputs that are there",
    )
    args = parser.parse_args()
    if args.profile == "smoke":
        settle_environment(**PLAIN)
    elif args.threads:
        settle_environment(OMP_NUM_THREADS=args.threads)
    else:
        settle_environment()
    run(args.source, args.target, args.profile, args.if_code_changed)


if __name__ == "__main__":
    main()
