"""The floors of the library: a module imports only from lower ones."""

import ast
import subprocess
import sys
from importlib.util import resolve_name
from pathlib import Path

import pytest

import aigc_lib

LIBRARY = Path(aigc_lib.__file__).parent
# Lowest first. A module belongs to the longest prefix that fits it.
FLOORS = [
    ("", "_moved", "runtime", "files", "arguments", "arrays", "console"),
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


PROJECTS = {name.split(".")[1] for name in MODULES if name.endswith(".__main__")}


def home(whole: str) -> str:
    """Return the module that ``aigc_lib.….name`` is, or stands in."""
    name = whole.partition(".")[2]
    while name not in MODULES:
        name = name.rpartition(".")[0]
    return name


class WithoutHints(ast.NodeTransformer):
    """Leaves out what only type checkers import: it makes no circle."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        hints = "TYPE_CHECKING" in ast.unparse(node.test)
        return node.orelse if hints else self.generic_visit(node)


def imports(name: str, path: Path, hints: bool = True) -> set[str]:
    """Return the modules of the library that ``path`` imports, at any depth."""
    package = "aigc_lib." + name
    if path.name != "__init__.py":
        package = package.rpartition(".")[0]
    package = package.rstrip(".")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[str] = []
    for node in ast.walk(tree if hints else WithoutHints().visit(tree)):
        match node:
            case ast.ImportFrom():
                base = "." * node.level + (node.module or "")
                whole = resolve_name(base, package)
                found += [f"{whole}.{alias.name}" for alias in node.names]
            case ast.Import():
                found += [alias.name for alias in node.names]
            case ast.Call(args=[ast.Constant(value=str(asked)), *_]):
                if ast.unparse(node.func).rpartition(".")[2] == "import_module":
                    found.append(resolve_name(asked, package))
    return {home(one) for one in found if one.split(".")[0] == "aigc_lib"}


@pytest.mark.parametrize(
    "line",
    [
        "from ..models import GPT",
        "from .. import models",
        "def later():\n    from ..models import GPT",
        "from aigc_lib.models import GPT",
        "from aigc_lib import models",
        "import aigc_lib.models as models",
        'import_module("aigc_lib.models")',
        'importlib.import_module("..models", __package__)',
    ],
)
def test_an_import_is_seen(tmp_path, line):
    (tmp_path / "load.py").write_text(line, encoding="utf-8")
    assert imports("data.load", tmp_path / "load.py") == {"models"}


@pytest.mark.parametrize("written", ["if TYPE_CHECKING:", "if typing.TYPE_CHECKING:"])
def test_hints_make_no_circle(tmp_path, written):
    path = tmp_path / "__init__.py"
    path.write_text(f"{written}\n    from .load import load", encoding="utf-8")
    assert imports("data", path) == {"data"}
    assert imports("data", path, hints=False) == set()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_from_its_floor_and_below(name):
    if name == "":
        pytest.skip("the package itself names its parts for editors")
    climbing = {
        other for other in imports(name, MODULES[name]) if floor(other) > floor(name)
    }
    assert not climbing, f"{name} climbs to {sorted(climbing)}"


def project_of(module: str) -> str | None:
    """Return the project that ``module`` is a part of."""
    top, _, rest = module.partition(".")
    project = rest.partition(".")[0]
    return project if top == "apps" and project in PROJECTS else None


@pytest.mark.parametrize("name", [*filter(project_of, sorted(MODULES))])
def test_a_project_imports_from_no_other(name):
    others = {project_of(other) for other in imports(name, MODULES[name])}
    assert others <= {project_of(name), None}


def test_no_circle():
    graph = {
        name: imports(name, path, hints=False) - {"", name}
        for name, path in MODULES.items()
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
