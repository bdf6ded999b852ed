"""What Windows does otherwise, found by reading the code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("aigc_lib", "benchmarks", "datasets", "tools")
FILES = [path for name in FOLDERS for path in sorted((ROOT / name).rglob("*.py"))]
POSIX = {"fcntl", "grp", "pwd", "resource", "termios"}  # there is none of them
LEAST = {"read_text": 1, "write_text": 2}  # arguments, the encoding among them


def at_its_top(tree: ast.Module) -> set[str]:
    """Return the modules that are imported together with the file."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


def by_locale(tree: ast.Module) -> list[int]:
    """Return the lines that read or write text as the system's locale has it."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and len(node.args) < LEAST.get(node.func.attr, 0)
        and "encoding" not in {keyword.arg for keyword in node.keywords}
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_code_runs_on_windows(folder):
    for path in FILES:
        if path.is_relative_to(ROOT / folder):
            tree = ast.parse(path.read_text("utf-8"))
            assert not at_its_top(tree) & POSIX, path
            assert not by_locale(tree), path


def test_what_windows_lacks_is_seen():
    tree = ast.parse("import os\nimport pwd\ndef f():\n    import resource")
    assert at_its_top(tree) & POSIX == {"pwd"}
    code = (
        "a.read_text()\na.read_text('utf-8')\na.write_text(b)\n"
        "a.write_text(b, encoding='utf-8')\na.write_text(b, 'utf-8')"
    )
    assert by_locale(ast.parse(code)) == [1, 3]
