"""nbval compares what a twin keeps with what the chapter's run in `make test` gave."""

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


def judged(twin, executed):
    return subprocess.run(
        [*NBVAL, executed, twin], cwd=ROOT, capture_output=True, text=True
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


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("here: []", "here: []", None),
        ("Figure size 640x480", "Figure size 6x4", None),
        ("here: []", "here: [x]", "Cell outputs differ"),
        ("double(21)", "double(22)", "not in the executed chapter"),
    ],
)
def test_what_differs_is_seen(synced, executed, tmp_path, old, new, complaint):
    text = twin_path(synced).read_text(encoding="utf-8")
    twin = tmp_path / twin_path(synced).name
    assert old in text
    twin.write_text(text.replace(old, new), encoding="utf-8")
    done = judged(twin, executed)
    assert done.returncode == (complaint is not None), done.stdout + done.stderr
    assert not complaint or complaint in done.stdout


def test_a_chapter_that_was_not_run_is_told(synced, tmp_path):
    twin = twin_path(synced)
    done = judged(twin, tmp_path)
    assert done.returncode == 1
    assert f"no {twin.name} in {tmp_path}" in done.stdout
