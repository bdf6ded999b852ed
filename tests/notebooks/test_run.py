"""Running a chapter: alone, whole or not at all, and with its cost noted."""

import os
import subprocess
import sys

import nbformat
import pytest

from tools import chapter
from tools.table import table


def make_run(source, target, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tools.run", source, target, "--profile", "smoke"],
        cwd=chapter.ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_runs_in_an_empty_folder_and_notes_the_cost(tmp_path, bare):
    source = bare(
        tmp_path / "05_x.md",
        "import os\nprint(profile, os.listdir(), os.environ['AIGC_DATA_DIR'])",
    )
    target = tmp_path / "out" / "05_x.ipynb"
    done = make_run(source, target, AIGC_DATA_DIR="some/data")
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(target, as_version=4)
    output = chapter.code_cells(notebook)[-1].outputs[0].text
    assert output == f"smoke [] {chapter.ROOT / 'some' / 'data'}\n"
    cost = notebook.metadata["aigc"]
    assert cost["profile"] == "smoke"
    assert cost["seconds"] > 0
    assert cost["peak_mb"] > 20
    assert "papermill" not in target.read_text()
    assert str(tmp_path) not in target.read_text()
    assert f"{cost['seconds']:.1f}" in table([target])


def test_failure_shows_the_cell_and_spares_the_target(tmp_path, bare):
    source = bare(tmp_path / "05_x.md", "print('fine')", "y = {}\ny['gone']")
    target = tmp_path / "out" / "05_x.ipynb"
    target.parent.mkdir()
    target.write_text("the last good one")
    failed = make_run(source, target)
    assert failed.returncode == 1
    assert "y['gone']" in failed.stderr
    assert "KeyError: 'gone'" in failed.stderr
    assert target.read_text() == "the last good one"
    left = target.with_suffix(".failed.ipynb")
    assert str(left) in failed.stderr
    assert "fine" in left.read_text()
    bare(source, "1")
    assert make_run(source, target).returncode == 0
    assert not left.exists()


def test_dead_kernel_is_told_apart(tmp_path, bare):
    source = bare(tmp_path / "05_x.md", "import os\nos._exit(9)")
    failed = make_run(source, tmp_path / "05_x.ipynb")
    assert failed.returncode == 1
    assert "the kernel died" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(("seconds", "over"), [(15.0, False), (15.1, True)])
def test_table_marks_what_is_over_its_budget(tmp_path, seconds, over):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["aigc"] = {
        "profile": "smoke",
        "seconds": seconds,
        "peak_mb": 1,
    }
    chapter.write(notebook, tmp_path / "05_x.ipynb")
    assert ("over 15 s" in table([tmp_path / "05_x.ipynb"])) == over
