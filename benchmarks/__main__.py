"""``python -m benchmarks [name ...]``: measure, and write results/NAME.json.

Run it on an idle machine: every figure is a time, or a quality within a time.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

NAMES = ["metric_floor", "imports", "loop", "ring8", "dcgan", "chapters"]


def main(chosen: list[str]) -> int:
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        print(f"{', '.join(unknown)}: choose from {', '.join(NAMES)}", file=sys.stderr)
        return 2
    root = Path(__file__).parent.parent
    for name in chosen or NAMES:
        print(f"== {name}", flush=True)
        start = time.perf_counter()
        # A process of its own: no benchmark finds the threads or caches of another.
        module = [sys.executable, "-m", f"benchmarks.{name}"]
        code = subprocess.run(module, cwd=root, check=False).returncode
        if code:
            print(f"{name} failed", file=sys.stderr)
            return code
        print(f"== {name}: {time.perf_counter() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
