"""Run every twin, and the library's tests, in other arithmetic than the writer's.

    python -m tools.portable [--chapter '04 05'] [--jobs 2]
    python -m tools.portable --changed

What a checked cell prints must hold on any machine. The report names each cell that
prints something else, and the way of computing in which it does. A run of everything
also writes results/portable.json; interrupted, it goes on where it was, as long as the
code stays the same.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import jupytext
import nbformat

from aigc_lib import console
from aigc_lib.runtime import has_bf16, pick_device
from benchmarks.record import answers, kept, record

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
PARTS = 8  # of the library's tests: an interrupted run does few of them again


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


def library_differs(part: int, way: str) -> tuple[list[str], dict[str, int]]:
    """Run one of the parts of the library's tests in the arithmetic ``way``.

    Returns what failed, and how many tests passed, failed and were skipped.
    """
    settle_environment(**WAYS[way])
    command = [sys.executable, "-m", "pytest", "-rfE", "-p", "no:cacheprovider"]
    files = sorted((chapter.ROOT / "tests" / "lib").glob("test_*.py"))[part::PARTS]
    done = subprocess.run(
        [*command, *map(str, files)],
        cwd=chapter.ROOT,
        capture_output=True,
        text=True,
        errors="replace",
    )
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    found = [f"{way}: {line}" for line in failed or [done.stdout] if done.returncode]
    return found, counts(lines[-1] if lines else "")


def counts(line: str) -> dict[str, int]:
    """Read the last line of pytest; an error is a test that failed."""
    found = Counter()
    for number, what in re.findall(r"(\d+) (passed|failed|error|skipped)", line):
        found["failed" if what == "error" else what] += int(number)
    return {what: found[what] for what in ("passed", "failed", "skipped")}


def timed(what: Path | int, way: str) -> dict:
    """Run a chapter, or a part of the tests by its number; say what came of it."""
    began, tests = time.monotonic(), {}
    if isinstance(what, Path):
        found = differences(what, way)
    else:
        found, tests = library_differs(what, way)
    seconds = round(time.monotonic() - began, 1)
    return {"found": found, "seconds": seconds, "tests": tests}


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
    whole = not (args.changed or args.chapter)
    sources = changed() if args.changed else chapter.sources(args.chapter)
    bf16 = has_bf16(pick_device())
    if not bf16:
        print(
            "  this processor has no bfloat16: nothing is said about that", flush=True
        )
    runs: dict[str, tuple[Path | int, str]] = {}
    for way in QUICK if args.changed else WAYS:
        for part in range(PARTS if whole else 0):
            runs[f"library {part + 1} of {PARTS}, {way}"] = part, way
        runs |= {f"{source.stem}, {way}": (source, way) for source in sources}
    found = answers("portable") if whole else {}
    for name, answer in found.items():
        report(name, answer)
    with ProcessPoolExecutor(args.jobs) as pool:
        tasks = {
            pool.submit(timed, *run): name
            for name, run in runs.items()
            if name not in found
        }
        for task in as_completed(tasks):
            name, result = tasks[task], task.result
            found[name] = kept("portable", name, result) if whole else result()
            report(name, found[name])
    if whole:
        record(
            "portable",
            [row(way, runs, found) for way in WAYS],
            bf16=bf16,
            ways={way: {k: v for k, v in WAYS[way].items() if v} for way in WAYS},
            metric="what checked cells of the smoke profile print, against the twins; "
            "tests of the library; seconds: of all runs of a way, added up",
        )
    broken = sum(bool(answer["found"]) for answer in found.values())
    raise SystemExit(f"{broken} of {len(found)} runs differ" if broken else 0)


def report(name: str, answer: dict) -> None:
    result = "DIFFERS" if answer["found"] else "the same"
    print("\n".join([f"  {name}: {result}", *answer["found"]]), flush=True)


def row(way: str, runs: dict[str, tuple[Path | int, str]], found: dict) -> dict:
    """Sum up what one way of computing gave: chapters, tests and seconds."""
    names = [name for name, (_, its) in runs.items() if its == way]
    chapters = [name for name in names if isinstance(runs[name][0], Path)]
    differing = [runs[name][0].stem for name in chapters if found[name]["found"]]
    tests = Counter()
    for name in names:
        tests.update(found[name]["tests"])
    return {
        "way": way,
        "chapters": len(chapters),
        "chapters_differ": len(differing),
        "differing": differing,
        **{f"tests_{what}": tests[what] for what in ("passed", "failed", "skipped")},
        "seconds": round(sum(found[name]["seconds"] for name in names), 1),
    }


if __name__ == "__main__":
    main()
