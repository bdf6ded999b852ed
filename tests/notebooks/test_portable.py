"""What depends on the arithmetic is found; where the code is old, nothing runs."""

import subprocess

import pytest

from tools import chapter, portable, sync

CELL = """
```{code-cell} ipython3
:tags: [nbval-check-output]
%s
```
"""
ARITHMETIC = """\
import os
print("threads", os.environ.get("OMP_NUM_THREADS"), os.environ.get("AIGC_BF16"))"""


@pytest.fixture
def source(tmp_path, bare, monkeypatch):
    """A chapter with one cell that tells the arithmetic and one that does not."""
    monkeypatch.setattr(sync, "STAMPS", tmp_path / "stamps")
    monkeypatch.setattr(portable, "BUILT", tmp_path / "built")
    (tmp_path / "chapters" / "01_x").mkdir(parents=True)
    source = bare(tmp_path / "chapters" / "01_x" / "05_x.md", "1")
    with source.open("a", encoding="utf-8") as file:
        file.write(CELL % ARITHMETIC + CELL % "2 + 2")
    for name in portable.FREE:  # the test's own process settles its environment
        monkeypatch.setenv(name, "")
    return source


def test_the_cell_that_differs_is_named(source):
    assert sync.attempt(source, force=True)[0]
    assert portable.differences(source, "plain") == []
    (found,) = portable.differences(source, "scalar")
    assert found == (
        "scalar, cell 4:\n    threads 2 0\n  in the twin:\n    threads 1 0"
    )
    (found,) = portable.differences(source, "native")
    assert "threads 2 None" in found


def test_a_twin_of_another_source_is_no_twin(source):
    assert "does not exist" in portable.differences(source, "plain")[0]


def test_only_new_code_counts(tmp_path, bare, monkeypatch):
    def git(*words):
        name = ("-c", "user.name=x", "-c", "user.email=x@localhost")
        subprocess.run(["git", *name, *words], cwd=tmp_path, check=True)

    monkeypatch.setattr(chapter, "ROOT", tmp_path)
    sources = [tmp_path / "chapters" / "01_x" / f"0{k}_x.md" for k in range(3)]
    sources[0].parent.mkdir(parents=True)
    old, edited, new = sources
    monkeypatch.setattr(chapter, "sources", lambda: [s for s in sources if s.exists()])
    bare(old, "1")
    bare(edited, "1")
    git("init", "--quiet", "--initial-branch", "main")
    assert portable.changed() == []
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    git("commit", "--quiet", "--allow-empty", "--message", "second")
    assert portable.changed() == []
    old.write_text(old.read_text() + "\nnew text\n")
    assert portable.changed() == []
    bare(edited, "2")
    bare(new, "1")
    assert portable.changed() == [edited, new]
    git("add", "--all")
    git("commit", "--quiet", "--message", "third")
    assert portable.changed() == [edited, new]
    git("commit", "--quiet", "--allow-empty", "--message", "of the same push")
    assert portable.changed() == []
    monkeypatch.setenv("BEFORE_PUSH", portable.git("rev-parse", "HEAD~2"))
    assert portable.changed() == [edited, new]
    monkeypatch.setenv("BEFORE_PUSH", "0" * 40)
    assert portable.changed() == []
    git("checkout", "--quiet", "-b", "branch")
    git("commit", "--quiet", "--allow-empty", "--message", "fourth")
    bare(old, "2")
    assert portable.changed() == [old]
