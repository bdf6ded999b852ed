"""Write measured figures into results/, with everything that they depend on.

A benchmark may be interrupted: ``kept`` remembers each finished run until ``record``
has written them all.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch

from aigc_lib import __version__
from aigc_lib.files import replacing

ROOT = Path(__file__).parent.parent
TRAINED = ROOT / "_build" / "bench" / "trained"


def seeds(n: int) -> range:
    """Return the seeds 0 to n - 1, or fewer if the variable ``SEEDS`` says so."""
    return range(min(n, int(os.environ.get("SEEDS", n))))


def kept(name: str, key: str, measure: Callable[[], dict]) -> dict:
    """Return ``measure()``, or what an interrupted run at this commit got for ``key``.

    ``name`` is the benchmark's; the answer must be JSON.
    """
    state, found = state_of_code(), answers(name)
    if key in found:
        print(f"{key}: kept from the interrupted run", flush=True)
    else:
        found[key] = measure()
        path = _unfinished(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            content = {"commit": state, "answers": found}
            temporary.write_text(json.dumps(content), "utf-8")
    return found[key]


def answers(name: str) -> dict[str, dict]:
    """Return what an interrupted run of ``name`` got at this commit, by key."""
    path = _unfinished(name)
    if path.exists():
        before = json.loads(path.read_text("utf-8"))
        if before["commit"] == state_of_code():
            return before["answers"]
    return {}


def in_turns(
    benchmark: str,
    names: Iterable[str],
    seeds: Iterable[int],
    measure: Callable[[str, int], dict],
) -> dict[str, list[dict]]:
    """Return what ``measure(name, seed)`` says, a list over the seeds for each name.

    The names take turns, so that a slow hour of the machine hits all of them.
    """
    runs = {name: [] for name in names}
    for seed in seeds:
        for name, answers in runs.items():
            key = f"{name} {seed}"
            answer = kept(benchmark, key, partial(measure, name, seed))
            figures = {k: v for k, v in answer.items() if isinstance(v, int | float)}
            print(key, figures, flush=True)
            answers.append(answer)
    return runs


def checkpoint(name: str) -> Path:
    """Return where `fit` keeps the training run ``name`` for every benchmark.

    Two benchmarks that judge the same training share it. Runs of other commits go.
    """
    folder = TRAINED / state_of_code().replace(" ", "-")
    if not folder.exists():
        shutil.rmtree(TRAINED, ignore_errors=True)
        folder.mkdir(parents=True)
    return folder / f"{name}.pt"


def _unfinished(name: str) -> Path:
    return ROOT / "_build" / "bench" / f"{name}.json"


def state_of_code() -> str:
    """Name the commit and whatever was changed since, results apart."""
    changes = git("diff", "HEAD", "--", ".", ":!results") or ""
    digest = hashlib.sha256(changes.encode()).hexdigest()[:12] if changes else "clean"
    return f"{commit()} {digest}"


def commit() -> str | None:
    """Name the commit of this checkout."""
    return git("rev-parse", "--short=12", "HEAD")


def is_dirty() -> bool:
    """Whether anything was changed since the commit.

    The results themselves do not count: one run of `make bench` writes several.
    """
    return bool(git("status", "--porcelain", "--", ".", ":!results"))


def record(name: str, rows: list | dict, **context) -> Path:
    """Replace results/NAME.json by ``rows``, ``context`` and the circumstances.

    ``context`` says how the rows were measured: data, split, n, metric, seeds, seconds.

    Raises:
        ValueError: a figure is NaN or infinite.
    """
    content = {
        "rows": rows,
        **context,
        "hardware": hardware(),
        "versions": {
            "aigc_lib": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "system": platform.system(),
        },
        "commit": commit(),
        "dirty": is_dirty(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", *sys.orig_argv[1:]]),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path = ROOT / "results" / f"{name}.json"
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", "utf-8")
    _unfinished(name).unlink(missing_ok=True)
    print(f"wrote results/{name}.json", flush=True)
    return path


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Summarise runs that differ by their seed: median, least and greatest by key."""
    row = {}
    for key in runs[0]:
        values = [run[key] for run in runs]
        row[key] = statistics.median(values)
        row |= {f"{key}_min": min(values), f"{key}_max": max(values)}
    return row


def under(way: str, figures: dict[str, float]) -> dict[str, float]:
    """Return the figures whose names begin with "``way``: ", named without it."""
    start = f"{way}: "
    return {
        name.removeprefix(start): value
        for name, value in figures.items()
        if name.startswith(start)
    }


def hardware() -> str:
    """Name processor, cores, threads in use, and the GPU where there is one."""
    cores, threads = os.cpu_count(), torch.get_num_threads()
    parts = [f"{processor()} ({platform.machine()})", f"{cores} cores"]
    parts.append(f"{threads} thread{'s' * (threads > 1)}")
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)


def processor() -> str:
    """Name the processor; Linux alone does not tell `platform`."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown processor"


def git(*arguments: str) -> str | None:
    """Return what git says about this checkout, None where it is no checkout."""
    command = ["git", "-C", ROOT, *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None
