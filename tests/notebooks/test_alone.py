"""A twin, alone in an empty folder, runs with nothing of ours but the built wheel."""

import os
import shutil
import subprocess
import sys

import pytest

from tools.chapter import sources
from tools.pack import library_wheel
from tools.sync import twin_path


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        **options,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def installed(tmp_path):
    """A folder that holds the library as the wheel brings it."""
    wheel = library_wheel(tmp_path)
    target = tmp_path / "installed"
    python("-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel)
    return target


def test_twin_runs_alone(installed, tmp_path):
    twin = twin_path(sources("02")[0])
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(twin, empty)
    there = {
        "cwd": empty,
        "env": os.environ | {"PYTHONPATH": str(installed), "AIGC_PROFILE": "smoke"},
    }
    found = python("-c", "import aigc_lib; print(aigc_lib.__file__)", **there)
    assert found.startswith(str(installed))
    python("-m", "papermill", "--no-progress-bar", twin.name, "done.ipynb", **there)
    assert (empty / "done.ipynb").exists()
