"""A twin, alone in an empty folder, runs with nothing of ours but the built wheel."""

import os
import shutil
import subprocess
import sys

import pytest

from tools.chapter import ROOT, sources
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
    tree = tmp_path / "tree"
    shutil.copytree(
        ROOT / "aigc_lib",
        tree / "aigc_lib",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for path in (ROOT / "pyproject.toml", *ROOT.glob("README.md"), *ROOT.glob("LIC*")):
        shutil.copy(path, tree)
    python("-m", "build", "--wheel", "--no-isolation", tree)
    (wheel,) = tree.glob("dist/*.whl")
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
