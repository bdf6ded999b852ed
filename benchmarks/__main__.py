"""``python -m benchmarks [name ...]``: measure, and write results/NAME.json.

Run it on an idle machine: every figure is a time, or a quality within a time. Without
names it measures what the present commit has not measured yet, so that an interrupted
run goes on. ``SEEDS=1`` takes one seed each, which is quick but gives no interval.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.record import commit, is_dirty

ROOT = Path(__file__).parent.parent
NAMES = [
    "metric_floor",
    "imports",
    "loop",
    "ring8",
    "dcgan",
    "gan_remedies",
    "infogan",
    "style_mixing",
    "flow",
    "image_models",
    "vae_nll",
    "text_classification",
    "chapters",
]


def main(chosen: list[str]) -> int:
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        print(f"{', '.join(unknown)}: choose from {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in chosen or [name for name in NAMES if not is_measured(name)]:
        print(f"== {name}", flush=True)
        start = time.perf_counter()
        # A process of its own: no benchmark finds the threads or caches of another.
        module = [sys.executable, "-m", f"benchmarks.{name}"]
        code = subprocess.run(module, cwd=ROOT, check=False).returncode
        if code:
            print(f"{name} failed", file=sys.stderr)
            return code
        print(f"== {name}: {time.perf_counter() - start:.0f} s", flush=True)
    return 0


def is_measured(name: str) -> bool:
    """Whether results/NAME.json holds figures of the present, unchanged code."""
    path = ROOT / "results" / f"{name}.json"
    if not path.exists() or is_dirty():
        return False
    told = json.loads(path.read_text("utf-8"))
    return not told["dirty"] and told["commit"] == commit()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
