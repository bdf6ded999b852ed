"""nbval compares what a twin keeps with what the chapter's run in `make test` gave."""

import shutil
import subprocess
import sys

import nbformat
import pytest

from tools import chapter
from tools.chapter import ROOT
from tools.sync import twin_path

NBVAL = (
    *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval-lax"),
    *("--nbval-sanitize-with", ROOT / "tests" / "notebooks" / "sanitize.cfg"),
    *("--rootdir", ROOT, "-p", "tools.replay", "--replay"),
)


@pytest.fixture
def executed(synced, tmp_path):
    """A folder with the executed miniature chapter: no bootstrap, its profile set."""
    twin = twin_path(synced)
    notebook = nbformat.read(twin, as_version=4)
    bootstrap, parameters = chapter.code_cells(notebook)[:2]
    injected = nbformat.v4.new_code_cell("profile = 'smoke'")
    injected.metadata["tags"] = ["injected-parameters"]
    at = notebook.cells.index(parameters) + 1
    notebook.cells.insert(at, injected)
    notebook.cells.remove(bootstrap)
    chapter.write(notebook, tmp_path / "executed" / "09_tiny" / twin.name)
    return tmp_path / "executed"


def test_what_differs_is_seen(synced, executed, tmp_path):
    text = twin_path(synced).read_text(encoding="utf-8")
    expected = {
        "same": (("", ""), None),
        "size": (("Figure size 640x480", "Figure size 6x4"), None),
        "output": (("here: []", "here: [x]"), "Cell outputs differ"),
        "code": (("double(21)", "double(22)"), "not in the executed chapter"),
        "not_run": (("", ""), f"no not_run.ipynb in {executed}"),
    }
    run = executed / "09_tiny" / twin_path(synced).name
    for name, (change, _) in expected.items():
        assert change[0] in text
        twin = tmp_path / "twins" / f"{name}.ipynb"
        twin.parent.mkdir(exist_ok=True)
        twin.write_text(text.replace(*change) if change[0] else text, "utf-8")
        if name != "not_run":
            shutil.copy(run, run.with_name(twin.name))
    command = [*NBVAL, executed, tmp_path / "twins"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    *complaints, summary = done.stdout.split("short test summary info")
    for name, (_, complaint) in expected.items():
        assert (f"{name}.ipynb" in summary) == bool(complaint), done.stdout
        assert not complaint or complaint in complaints[0]
