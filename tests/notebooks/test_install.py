"""The first cell of a twin: it installs the library from the repository, or stops."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from tools.chapter import ROOT
from tools.labels import repository
from tools.sync import BOOTSTRAP


@pytest.fixture
def elsewhere(tmp_path):
    """A machine like Colab: all packages but ours; return what runs a cell on it."""
    packages, folder = tmp_path / "packages", tmp_path / "elsewhere"
    packages.mkdir()
    folder.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("aigc", "__editable__")):
            (packages / path.name).symlink_to(path)
    venv = [sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"]
    subprocess.run(venv, check=True)

    def run(cell):
        (folder / "cell.ipy").write_text(cell, "utf-8")
        return subprocess.run(
            [tmp_path / "venv" / "bin" / "python", "-m", "IPython", "cell.ipy"],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(packages),
                "IPYTHONDIR": str(tmp_path / "ipython"),
                "PIP_NO_BUILD_ISOLATION": "0",  # with the build tools that are there
                "PIP_NO_INDEX": "1",
                "PIP_CONFIG_FILE": os.devnull,
            },
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def published(tmp_path):
    """The library in a repository that serves clones as GitHub does, blobs on demand.

    Not a clone of this very repository: where that is shallow, Git never ends.
    """
    root = tmp_path / "published"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "aigc_lib", root / "aigc_lib", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root)
    who = ("-c", "user.name=Reader", "-c", "user.email=reader@example.org")
    for command in (
        ("init", "--quiet"),
        ("config", "uploadpack.allowFilter", "true"),
        ("add", "--all"),
        (*who, "commit", "--quiet", "--message", "The library"),
    ):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def test_it_installs_from_the_repository_and_brings_nothing_else(
    elsewhere, published, tmp_path
):
    cell = BOOTSTRAP.format(repository=published.as_uri())
    done = elsewhere(f"{cell}\nprint(aigc_lib.__file__)")
    assert done.returncode == 0, done.stdout + done.stderr
    (installed,) = (tmp_path / "venv").rglob("aigc_lib/__init__.py")
    assert done.stdout.splitlines()[-1] == str(installed)
    there = {path.name for path in installed.parents[1].glob("*")}
    assert there - {"__pycache__"} == {"aigc_lib", f"aigc_lib-{version()}.dist-info"}
    assert list((installed.parent / "data" / "cards").glob("*.json"))


def version():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    return text.partition('version = "')[2].partition('"')[0]


def test_it_stops_and_says_what_to_do_where_the_repository_is_out_of_reach(elsewhere):
    cell = BOOTSTRAP.format(repository="file:///no/such/place")
    done = elsewhere(f"{cell}\nprint('went on')")
    said = done.stdout + done.stderr
    assert "copy the folder aigc_lib beside this notebook" in said
    assert "Is file:///no/such/place reachable?" in said
    assert "went on" not in said
    assert done.returncode != 0


def test_it_does_nothing_where_the_library_is(elsewhere, tmp_path):
    (tmp_path / "elsewhere" / "aigc_lib.py").touch()
    cell = BOOTSTRAP.format(repository="file:///no/such/place")
    done = elsewhere(f"{cell}\nprint('went on')")
    assert done.stdout == "went on\n", done.stderr


def test_the_address_is_stated_once():
    listed = ["git", "ls-files", "-z", "--", ":!*.ipynb"]  # twins are made from it
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True).stdout
    address = repository()
    stating = [
        name
        for name in filter(None, names.split("\0"))
        if address in (ROOT / name).read_text("utf-8", errors="ignore")
    ]
    # GitHub reads the citation from a file of its own, which must then agree.
    assert stating == ["CITATION.cff", "_config.yml"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["repository-code"] == address
