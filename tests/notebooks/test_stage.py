"""Staging writes what changed, removes what is gone and touches nothing else."""

import os

import nbformat
from nbformat.v4 import new_code_cell

from tools import chapter, stage


def executed(tiny, folder):
    notebook = chapter.read(tiny)
    injected = new_code_cell("profile = 'smoke'")
    injected.metadata["tags"] = ["injected-parameters"]
    notebook.cells.insert(2, injected)
    chapter.write(notebook, folder / "09_tiny" / "99_tiny.ipynb")


def test_book_is_laid_out(tiny, tmp_path):
    (tmp_path / "_config.yml").write_text("title: x\n")
    (tmp_path / "_ext" / "__pycache__").mkdir(parents=True)
    (tmp_path / "_ext" / "__pycache__" / "x.pyc").write_text("")
    tiny.with_name("plain.md").write_text("# plain\n")
    tiny.with_suffix(".ipynb").write_text("the twin")
    executed(tiny, tmp_path / "executed")
    stage.stage(tmp_path / "executed", tmp_path / "stage", root=tmp_path)
    files = {
        p.relative_to(tmp_path / "stage").as_posix()
        for p in (tmp_path / "stage").rglob("*")
        if p.is_file()
    }
    assert files == {
        "_config.yml",
        "_toc.yml",
        "chapters/09_tiny/99_tiny.ipynb",
        "chapters/09_tiny/plain.md",
    }
    shown = (tmp_path / "stage/chapters/09_tiny/99_tiny.ipynb").read_text()
    assert "injected-parameters" not in shown
    assert "profile = None" in shown


def test_unexecuted_chapter_is_laid_out_too(tiny, tmp_path):
    stage.stage(tmp_path / "executed", tmp_path / "stage", root=tmp_path)
    staged = tmp_path / "stage" / "chapters" / "09_tiny" / "99_tiny.ipynb"
    cells = chapter.code_cells(nbformat.read(staged, as_version=4))
    assert all(cell.execution_count is None for cell in cells)


def test_only_changes_are_written(tiny, tmp_path):
    plain = tiny.with_name("plain.md")
    plain.write_text("# plain\n")
    there = tmp_path / "stage" / "chapters" / "09_tiny"
    stage.stage(tmp_path / "executed", tmp_path / "stage", root=tmp_path)
    for path in there.iterdir():
        os.utime(path, ns=(1, 1))
    tiny.write_text(tiny.read_text().replace("跑起来", "跑"))
    stage.stage(tmp_path / "executed", tmp_path / "stage", root=tmp_path)
    assert (there / "plain.md").stat().st_mtime_ns == 1
    assert (there / "99_tiny.ipynb").stat().st_mtime_ns > 1
    plain.unlink()
    stage.stage(tmp_path / "executed", tmp_path / "stage", root=tmp_path)
    assert not (there / "plain.md").exists()
