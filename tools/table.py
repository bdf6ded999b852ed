"""Print what running each chapter took, and what its checked cells print differently.

    python -m tools.table EXECUTED.ipynb ...

The twins hold what checked cells print in the smoke profile; it holds in every profile.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import nbformat

from aigc_lib import console

from . import chapter

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


def differences(
    executed: list[Path], twins: Path = chapter.ROOT / "tests" / "notebooks" / "twins"
) -> Iterator[str]:
    """Name each line of a checked cell that is not what the chapter's twin says."""
    for path in executed:
        twin = twins / path.name
        if not twin.exists():
            continue
        expected = printed(twin)
        for number, (source, lines) in enumerate(printed(path).items(), start=1):
            if source not in expected:
                yield f"{path.stem}: checked cell {number} is not in its twin"
                continue
            for said, wanted in zip_longest(lines, expected[source]):
                if said != wanted:
                    yield (
                        f"{path.stem}: checked cell {number} says {said!r}, "
                        f"and in its twin {wanted!r}"
                    )


def printed(notebook: Path) -> dict[str, list[str]]:
    """Map the code of each checked cell to the lines that it printed."""
    cells = chapter.code_cells(nbformat.read(notebook, as_version=4))
    return {
        cell.source: chapter.said(cell).splitlines()
        for cell in cells
        if chapter.CHECKED in chapter.tags(cell)
    }


def main() -> None:
    console.forgive()
    parser = argparse.ArgumentParser(
        prog="python -m tools.table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("executed", nargs="*", type=Path, metavar="EXECUTED.ipynb")
    executed = parser.parse_args().executed
    for path in executed:
        try:
            table([path])
        except (OSError, ValueError, KeyError, TypeError) as error:
            parser.error(f"{path} is no notebook that tools.run executed ({error!r})")
    print(table(executed))
    if found := list(differences(executed)):
        print("\n".join(["", "Checked cells hold in every profile:", *found]))


if __name__ == "__main__":
    main()
