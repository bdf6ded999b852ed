"""Which chapters `make` runs again after which change."""

import shutil
import subprocess

import pytest

from tools.chapter import ROOT

FILES = (
    *("requirements.txt", "aigc_lib/fit.py", "aigc_lib/check/__init__.py"),
    *("aigc_lib/check/ch04.py", "aigc_lib/check/ch05.py"),
)


@pytest.fixture
def tree(tmp_path):
    """A project in which chapters 04 and 05 have just been run."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("04_gan", "05_family"):
        source = tmp_path / "chapters" / "01_foundations" / f"{name}.md"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("---\njupytext:\n---\n")
        done = tmp_path / "_build/executed/cpu/01_foundations" / f"{name}.ipynb"
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()
    return tmp_path


def would_run(tree, *arguments):
    done = subprocess.run(
        ["make", "--dry-run", "runs", *arguments],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    )
    return [n for n in ("04_gan", "05_family") if f"/{n}.md" in done.stdout]


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("Makefile", []),
        ("requirements.txt", ["04_gan", "05_family"]),
        ("aigc_lib/fit.py", ["04_gan", "05_family"]),
        ("aigc_lib/check/__init__.py", ["04_gan", "05_family"]),
        ("aigc_lib/check/ch04.py", ["04_gan"]),
        ("chapters/01_foundations/05_family.md", ["05_family"]),
    ],
)
def test_change_runs_what_can_depend_on_it(tree, changed, again):
    assert would_run(tree, "--what-if", changed) == again


def test_chapter_and_profile_select(tree):
    assert would_run(tree, "PROFILE=smoke") == ["04_gan", "05_family"]
    assert would_run(tree, "PROFILE=smoke", "CHAPTER=04") == ["04_gan"]
    assert would_run(tree, "CHAPTER=04") == []


@pytest.mark.parametrize(("jobs", "alone"), [("1", True), ("2", False)])
def test_parallel_chapters_have_one_thread_each(tree, jobs, alone):
    done = subprocess.run(
        ["make", "--dry-run", "runs", "PROFILE=smoke", f"JOBS={jobs}"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("--threads 1" not in done.stdout) == alone


def test_unknown_chapter_is_refused(tree):
    done = subprocess.run(
        ["make", "book", "CHAPTER=77", "READY=", "JS="],
        cwd=tree,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "no such chapter" in done.stderr
