"""Run every twin, and the library's tests, in other arithmetic than the writer's.

    python -m tools.portable [--chapter '04 05'] [--jobs 2]
    python -m tools.portable --changed

What a checked cell prints must hold on any machine. The report names each cell that
prints something else, and the way of computing in which it does.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import jupytext
import nbformat

from aigc_lib import console
from aigc_lib.runtime import has_bf16, pick_device

from . import chapter, sync
from .run import PLAIN, ChapterFailed, execute, settle_environment

BUILT = chapter.ROOT / "_build" / "portable"
ONEDNN, GPUS = "ONEDNN_MAX_CPU_ISA", "CUDA_VISIBLE_DEVICES"
TWO = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
FREE = dict.fromkeys(PLAIN) | {GPUS: os.environ.get(GPUS)}
# Together they hold every value: vector units from none to all that there are, one
# thread and two, bfloat16 where the processor has it and not.
WAYS = {
    "plain": PLAIN,
    "scalar": PLAIN | TWO | {"ATEN_CPU_CAPABILITY": "default", ONEDNN: "SSE41"},
    "wide": FREE | {"AIGC_BF16": "0", "OMP_NUM_THREADS": "1", ONEDNN: "AVX512_CORE"},
    "native": FREE | TWO,
}
QUICK = ("scalar", "native")  # the farthest from what `make test` has just compared


def differences(source: Path, way: str) -> list[str]:
    """Run the twin of ``source`` in the arithmetic ``way``; say where it differs."""
    if drift := sync.drift(source):
        return [*drift, "run: make sync"]
    settle_environment(**WAYS[way])
    twin = nbformat.read(sync.twin_path(source), as_version=4)
    blank = sync.blank_twin(source)
    try:
        done = execute(blank, "smoke", f"{source.stem}-{way}")
    except ChapterFailed as error:
        return [f"{way}: {error}"]
    chapter.write(done, BUILT / way / f"{source.stem}.ipynb")
    sync.fill(blank, done)
    pairs = zip(chapter.code_cells(twin), chapter.code_cells(blank), strict=True)
    return [
        f"{way}, cell {number}:\n{indented(chapter.said(new))}\n  in the twin:\n"
        + indented(chapter.said(old))
        for number, (old, new) in enumerate(pairs, start=1)
        if chapter.said(old) != chapter.said(new)
    ]


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def library_differs(way: str) -> list[str]:
    """Run the library's tests in the arithmetic ``way`` and return what failed."""
    settle_environment(**WAYS[way])
    command = [sys.executable, "-m", "pytest", "-rf", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/lib"],
        cwd=chapter.ROOT,
        capture_output=True,
        text=True,
        errors="replace",
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return [f"{way}: {line}" for line in failed or [done.stdout] if done.returncode]


def changed() -> list[Path]:
    """List the chapters whose code is not that of the branch's base.

    On the main branch that is what was there before a push, where ``BEFORE_PUSH`` names
    it, or the commit before.
    """
    here = git("rev-parse", "HEAD")
    base = git("merge-base", "HEAD", "origin/main") or git("merge-base", "HEAD", "main")
    if base in (None, here):
        before = os.environ.get("BEFORE_PUSH")  # zeros if the branch was not there
        base = before and git("merge-base", "HEAD", before)
        base = base or git("rev-parse", "HEAD~1")
    if base is None:
        print("  no earlier commit to compare with: nothing is known to have changed")
        return []
    return [
        source for source in chapter.sources() if code(source, base) != code(source)
    ]


def code(source: Path, commit: str | None = None) -> list[str] | None:
    """Return the code of ``source`` as it is, or as it was; None before it was."""
    if commit is None:
        notebook = chapter.read(source)
    else:
        name = source.relative_to(chapter.ROOT).as_posix()
        text = git("show", f"{commit}:{name}")
        if text is None:
            return None
        notebook = jupytext.reads(text, fmt="md:myst")
    return [cell.source for cell in chapter.code_cells(notebook)]


def git(*arguments: str) -> str | None:
    """Return what git says about this checkout, None where it fails."""
    command = ["git", "-C", str(chapter.ROOT), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    return answer.stdout.strip() if answer.returncode == 0 else None


def main() -> None:
    console.forgive()
    parser = argparse.ArgumentParser(prog="python -m tools.portable")
    parser.add_argument("--chapter", default="", help="only these, without the library")
    parser.add_argument(
        "--changed", action="store_true", help="only where code changed"
    )
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    sources = changed() if args.changed else chapter.sources(args.chapter)
    ways = QUICK if args.changed else tuple(WAYS)
    if not has_bf16(pick_device()):
        print(
            "  this processor has no bfloat16: nothing is said about that", flush=True
        )
    with ProcessPoolExecutor(args.jobs) as pool:
        tasks = {}
        for way in ways:
            if not args.changed and not args.chapter:
                tasks["library", way] = pool.submit(library_differs, way)
            for source in sources:
                tasks[source.stem, way] = pool.submit(differences, source, way)
        broken = 0
        for (name, way), task in tasks.items():
            found = task.result()
            broken += bool(found)
            result = "DIFFERS" if found else "the same"
            print("\n".join([f"  {name}, {way}: {result}", *found]), flush=True)
    raise SystemExit(f"{broken} of {len(tasks)} runs differ" if broken else 0)


if __name__ == "__main__":
    main()
