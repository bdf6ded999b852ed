"""Which chapters `make` runs again after which change."""

import shutil
import subprocess

import outside
import pytest

from tools.chapter import ROOT

# What the last run of each chapter imported, as its .d file has it.
IMPORTED = {
    "04_gan": ("aigc_lib/fit.py", "aigc_lib/gan.py", "aigc_lib/check/ch04.py"),
    "05_family": ("aigc_lib/fit.py", "aigc_lib/weights.safetensors"),
}
OTHERS = ("requirements.txt", "aigc_lib/gpt.py", "aigc_lib/check/ch05.py")


@pytest.fixture
def tree(tmp_path):
    """A project in which chapters 04 and 05 have just been run."""
    root = tmp_path / "My Course"
    for name in (*OTHERS, *IMPORTED["04_gan"], *IMPORTED["05_family"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    shutil.copy(ROOT / "Makefile", root)
    for name, imported in IMPORTED.items():
        source = root / "chapters" / "01_foundations" / f"{name}.md"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("---\njupytext:\n---\n")
        folder = root / "_build/executed/cpu/01_foundations"
        folder.mkdir(parents=True, exist_ok=True)
        done = f"_build/executed/cpu/01_foundations/{name}.ipynb"
        (root / done).touch()
        rules = [f"{done}: {' '.join(imported)}", *(f"{i}:" for i in imported)]
        (folder / f"{name}.d").write_text("\n".join(rules))
    return root


def make(tree, *arguments):
    """Run make as a reader does, though these tests run under a make themselves."""
    return subprocess.run(
        ["make", *arguments],
        cwd=tree,
        env=outside.environment(),
        capture_output=True,
        text=True,
    )


def would_run(tree, *arguments):
    done = make(tree, "--dry-run", "runs", *arguments)
    assert done.returncode == 0, done.stderr
    return [name for name in IMPORTED if f"/{name}.md" in done.stdout]


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("Makefile", []),
        ("requirements.txt", ["04_gan", "05_family"]),
        ("aigc_lib/fit.py", ["04_gan", "05_family"]),
        ("aigc_lib/gan.py", ["04_gan"]),
        ("aigc_lib/weights.safetensors", ["05_family"]),
        ("aigc_lib/gpt.py", []),
        ("aigc_lib/check/ch04.py", ["04_gan"]),
        ("aigc_lib/check/ch05.py", []),
        ("chapters/01_foundations/05_family.md", ["05_family"]),
    ],
)
def test_change_runs_what_depends_on_it(tree, changed, again):
    assert would_run(tree, "--what-if", changed) == again


def test_a_part_that_is_gone_runs_what_imported_it(tree):
    (tree / "aigc_lib" / "gan.py").unlink()
    assert would_run(tree) == ["04_gan"]


def test_a_run_that_told_nothing_depends_on_the_whole_library(tree):
    (tree / "_build/executed/cpu/01_foundations/05_family.d").unlink()
    assert would_run(tree, "--what-if", "aigc_lib/gpt.py") == ["05_family"]


@pytest.mark.parametrize(
    ("changed", "code_decides"),
    [
        (["chapters/01_foundations/04_gan.md"], True),
        (["chapters/01_foundations/04_gan.md", "aigc_lib/gan.py"], False),
        (["aigc_lib/gan.py"], False),
    ],
)
def test_a_change_of_the_source_alone_may_be_one_of_text(tree, changed, code_decides):
    what_if = [word for name in changed for word in ("--what-if", name)]
    done = make(tree, "--dry-run", "runs", "CHAPTER=04", *what_if)
    assert "/04_gan.md" in done.stdout
    assert ("--if-code-changed" in done.stdout) == code_decides


def test_chapter_and_profile_select(tree):
    assert would_run(tree, "PROFILE=smoke") == ["04_gan", "05_family"]
    assert would_run(tree, "PROFILE=smoke", "CHAPTER=04") == ["04_gan"]
    assert would_run(tree, "PROFILE=smoke", "CHAPTER=04 05") == ["04_gan", "05_family"]
    assert would_run(tree, "CHAPTER=04") == []


@pytest.mark.parametrize(("jobs", "alone"), [("1", True), ("2", False)])
def test_parallel_chapters_have_one_thread_each(tree, jobs, alone):
    done = make(tree, "--dry-run", "runs", "PROFILE=smoke", f"JOBS={jobs}")
    assert ("--threads 1" not in done.stdout) == alone


@pytest.mark.parametrize(("asked", "unknown"), [("77", "77"), ("04 77", "77")])
def test_unknown_chapter_is_refused(tree, asked, unknown):
    done = make(tree, "book", f"CHAPTER={asked}", "READY=", "JS=")
    assert done.returncode != 0
    assert f"CHAPTER={unknown}: no such chapter" in done.stderr


def test_a_pack_holds_the_book_and_the_torch_asked_for(tree):
    done = make(tree, "--dry-run", "pack", "TORCH=cpu", "READY=", "JS=")
    assert done.returncode == 0, done.stderr
    *before, last = [line for line in done.stdout.splitlines() if "python -m" in line]
    assert "tools.pack --torch cpu --book ./_build/html" in last
    assert any("tools.table" in line for line in before)  # the end of make book


def test_a_chapter_needs_a_name(tree):
    done = make(tree, "chapter", "READY=", "JS=")
    assert done.returncode != 0
    assert "make chapter NAME=13_retail" in done.stderr
