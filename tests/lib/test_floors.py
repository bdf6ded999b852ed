"""The floors of the library: a module imports only from lower ones."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import aigc_lib

LIBRARY = Path(aigc_lib.__file__).parent
# Lowest first. A module belongs to the longest prefix that fits it.
FLOORS = [
    ("", "_moved", "runtime", "files", "arguments", "console"),
    ("codecs", "metrics", "nets", "optim"),
    ("data", "simulators"),
    ("models", "decisions"),
    ("train",),
    (
        "plots",
        "show",
        "playable",
        "check",
        "export",
        "kinds",
        "options",
        "pipeline",
        "doctor",
    ),
    ("apps", "__main__"),
]


def name_of(path: Path) -> str:
    parts = path.relative_to(LIBRARY).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): path for path in LIBRARY.rglob("*.py")}


def floor(module: str) -> int:
    top = module.split(".")[0]
    return next(i for i, names in enumerate(FLOORS) if top in names)


def imports(name: str, path: Path) -> set[str]:
    """Return the modules of the library that ``path`` imports, at any depth."""
    package = name.split(".") if name else []
    if path.name != "__init__.py":
        package = package[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = package[: len(package) - node.level + 1]
        base += node.module.split(".") if node.module else []
        for alias in node.names:
            whole = ".".join([*base, alias.name])
            found.add(whole if whole in MODULES else ".".join(base))
    return found


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_from_its_floor_and_below(name):
    if name == "":
        pytest.skip("the package itself names its parts for editors")
    climbing = {
        other for other in imports(name, MODULES[name]) if floor(other) > floor(name)
    }
    assert not climbing, f"{name} climbs to {sorted(climbing)}"


def test_no_circle():
    graph = {
        name: imports(name, path) - {"", name}
        for name, path in MODULES.items()
        if path.name != "__init__.py"
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name in done:
            return
        for other in graph.get(name, ()):
            visit(other, (*way, name))
        done.add(name)

    for name in graph:
        visit(name, ())


STEPS = [  # one after another in one process: what is loaded after each, and what not
    ("import aigc_lib", "", "torch aigc_lib.models aigc_lib.data"),
    ("aigc_lib.runtime", "torch", "matplotlib sklearn accelerate"),
    ("from aigc_lib.data import load; load('ring8')", "", "PIL aigc_lib.models"),
    ("from aigc_lib.models import MODELS; 'gpt' in MODELS", "", "gan transformer"),
    ("from aigc_lib.models import DCGAN", "gan", "vae diffusion transformer"),
    (
        "from aigc_lib.kinds import handler; handler('points')",
        "aigc_lib.kinds.points",
        "aigc_lib.kinds.images aigc_lib.kinds.text",
    ),
]
FAMILIES = {"gan", "vae", "diffusion", "transformer", "wavenet"}


@pytest.fixture(scope="module")
def loaded():
    """The modules that are there after each of the steps."""
    lines = (f"{step}; print(*sys.modules)" for step, *_ in STEPS)
    run = [sys.executable, "-c", "\n".join(["import sys", *lines])]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[s for s, *_ in STEPS])
def test_what_is_not_asked_for_is_not_imported(step, loaded):
    wanted, absent = (
        {f"aigc_lib.models.{n}" if n in FAMILIES else n for n in names.split()}
        for names in STEPS[step][1:]
    )
    assert wanted <= loaded[step]
    assert not absent & loaded[step]
