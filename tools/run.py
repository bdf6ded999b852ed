"""Run one chapter with papermill, alone in an empty folder.

python -m tools.run chapters/01_foundations/04_gan.md out.ipynb --profile smoke
python -m tools.run --table _build/executed/cpu
"""

import argparse
import os
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from . import chapter

ANSI = re.compile(r"\x1b\[[0-9;]*m")


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
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            )
        except PapermillExecutionError as error:
            raise ChapterFailed(
                f"{name}: cell In[{error.exec_count}] raised\n\n{error.source}\n\n"
                + ANSI.sub("", "\n".join(error.traceback)),
                nbformat.read(output, as_version=4),
            ) from None
        except DeadKernelError as error:
            raise ChapterFailed(
                f"{name}: the kernel died, as it does when memory runs out\n{error}"
            ) from None
        seconds = time.monotonic() - began
    forget_papermill(done)
    done.metadata["aigc"] = {
        "profile": profile,
        "seconds": round(seconds, 1),
        "peak_mb": round(peak_bytes() / 2**20),
    }
    return done


def peak_bytes() -> int:
    """Return the largest resident size that a finished child process reached."""
    size = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def forget_papermill(notebook: NotebookNode) -> None:
    """Remove paths and times of this one machine from the metadata."""
    for part in (notebook, *notebook.cells):
        part.metadata.pop("papermill", None)
        part.metadata.pop("execution", None)


def settle_environment(threads: int | None = None) -> None:
    """Set what the kernels inherit: quiet, one hash seed, data found from anywhere."""
    os.environ.update(AIGC_QUIET="1", PYTHONHASHSEED="0")
    os.environ.pop("MPLBACKEND", None)  # a notebook draws into its page
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    if data := os.environ.get("AIGC_DATA_DIR"):
        os.environ["AIGC_DATA_DIR"] = str(Path(data).resolve())


def run(source: Path, target: Path, profile: str) -> None:
    """Execute the chapter ``source`` into ``target``, which changes only on success."""
    name, failed = source.stem, target.with_suffix(".failed.ipynb")
    print(f"  {name}: running ({profile})", flush=True)
    try:
        done = execute(chapter.read(source), profile, name)
    except ChapterFailed as error:
        if error.notebook is None:
            raise SystemExit(str(error)) from None
        chapter.write(error.notebook, failed)
        raise SystemExit(f"{error}\n\nThe notebook up to there: {failed}") from None
    failed.unlink(missing_ok=True)
    chapter.write(done, target)
    cost = done.metadata["aigc"]
    print(f"  {name}: {cost['seconds']} s, {cost['peak_mb']} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.run")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--profile", choices=("smoke", "cpu", "gpu"), required=True)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    settle_environment(args.threads)
    run(args.source, args.target, args.profile)


if __name__ == "__main__":
    main()
