"""Print what running each chapter took: python -m tools.table EXECUTED.ipynb ..."""

import json
import sys
from pathlib import Path

BUDGET = {"smoke": 15, "cpu": 90, "gpu": 600}  # seconds for one chapter


def table(executed: list[Path]) -> str:
    """Return one line per executed chapter; ``over`` marks what exceeds its budget."""
    lines = [f"{'chapter':<28}{'profile':<9}{'seconds':>8}{'peak MB':>9}"]
    total = 0
    for path in executed:
        run = json.loads(path.read_text(encoding="utf-8"))["metadata"]["aigc"]
        total += run["seconds"]
        line = f"{path.stem:<28}{run['profile']:<9}{run['seconds']:>8.1f}"
        line += f"{run['peak_mb']:>9}"
        if run["seconds"] > BUDGET[run["profile"]]:
            line += f"  over {BUDGET[run['profile']]} s"
        lines.append(line)
    return "\n".join([*lines, f"{'sum':<37}{total:>8.1f}"])


if __name__ == "__main__":
    print(table([Path(name) for name in sys.argv[1:]]))
