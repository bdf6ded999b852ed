"""Twins: the same bytes each time, lasting outputs only, nothing done twice."""

import nbformat
import pytest

from tools import chapter, reader, sync
from tools.run import ChapterFailed


def cells(source, path=sync.twin_path):
    return chapter.code_cells(nbformat.read(path(source), as_version=4))


def test_twin_keeps_checked_outputs_and_no_others(synced):
    for cell in cells(synced):
        assert bool(cell.outputs) == (chapter.CHECKED in chapter.tags(cell))


def test_twin_ran_in_an_empty_folder(synced):
    assert any(
        "here: []\n" in o.get("text", "") for c in cells(synced) for o in c.outputs
    )


def test_every_cell_of_a_twin_is_numbered(synced):
    numbers = [cell.execution_count for cell in cells(synced)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", [sync.twin_path, sync.reader_path])
def test_bootstrap_comes_first_and_never_brings_torch(synced, path):
    bootstrap = cells(synced, path)[0].source
    assert f"git+{sync.repository()}" in bootstrap
    assert "--no-deps" in bootstrap
    assert "torch" not in bootstrap.split("try:")[1]


def test_two_syncs_give_the_same_bytes(tiny, synced):
    sync.sync(tiny)
    for path in (sync.twin_path, sync.reader_path):
        assert path(tiny).read_bytes() == path(synced).read_bytes()


def test_unchanged_chapter_is_not_run_again(twins, monkeypatch):
    sync.settle(twins, [])
    monkeypatch.setattr(sync, "execute", lambda *_: pytest.fail("ran again"))
    before = sync.twin_path(twins).read_bytes()
    assert sync.sync(twins) == "  99_tiny: unchanged"
    assert sync.twin_path(twins).read_bytes() == before


def test_new_text_runs_nothing_and_keeps_the_outputs(twins, monkeypatch):
    sync.settle(twins, [])
    before = [cell.outputs for cell in cells(twins)]
    monkeypatch.setattr(sync, "execute", lambda *_: pytest.fail("ran again"))
    for word in ("新的一句。", "再来一句。"):
        text = twins.read_text("utf-8").replace("乘以 1。", f"乘以 1。\n\n{word}")
        twins.write_text(text, "utf-8")
        said = "  99_tiny: new text, no new code, reader's twin written"
        assert sync.sync(twins) == said
        assert sync.drift(twins) == []
        assert [cell.outputs for cell in cells(twins)] == before
        for path in (sync.twin_path, sync.reader_path):
            assert word in path(twins).read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("chapters/09_tiny/99_tiny.md", "double(21)", "double(22)"),
        ("chapters/09_tiny/99_tiny.md", "[parameters]", "[parameter]"),
        ("chapters/09_tiny/99_tiny.md", "['lib:", "[nbval-check-output, 'lib:"),
        ("tests/notebooks/twins/99_tiny.ipynb", "here: []", "here: [x]"),
        ("tests/notebooks/twins/99_tiny.ipynb", "double(21)", "double(22)"),
        ("aigc_lib/toy.py", "2 * x", "x * 2"),
    ],
)
def test_what_decides_outputs_runs_again(twins, monkeypatch, name, old, new):
    sync.settle(twins, [])
    monkeypatch.setattr(sync, "execute", lambda *_: pytest.fail("ran again"))
    path = twins.parents[2] / name
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(pytest.fail.Exception, match="ran again"):
        sync.sync(twins)


def test_only_what_a_run_imported_matters(twins, monkeypatch):
    library = twins.parents[2] / "aigc_lib"
    (library / "other.py").write_text("x = 1\n")
    sync.settle(twins, ["aigc_lib", "aigc_lib.toy"])
    monkeypatch.setattr(sync, "execute", lambda *_: pytest.fail("ran again"))
    (library / "other.py").write_text("x = 2\n")
    assert sync.sync(twins) == "  99_tiny: unchanged"
    (library / "toy.py").write_text("def double(x):\n    return x + x\n")
    with pytest.raises(pytest.fail.Exception, match="ran again"):
        sync.sync(twins)


def edit(source):
    """Answer an exercise, as a reader does in JupyterLab."""
    path = sync.reader_path(source)
    text = path.read_text("utf-8")
    assert "# 你的答案" in text
    path.write_text(text.replace("# 你的答案", "def double(x): ..."), "utf-8")
    return path.read_bytes()


def test_a_readers_work_is_kept_and_said(twins):
    sync.settle(twins, [])
    for name in ("99_tiny.edited.ipynb", "99_tiny.edited-2.ipynb"):
        work = edit(twins)
        assert f"your edits are kept in {name}" in sync.sync(twins)
        assert twins.with_name(name).read_bytes() == work
        assert sync.drift(twins) == []


def test_a_twin_that_is_merely_old_is_replaced(twins, monkeypatch):
    sync.settle(twins, [])
    greet = reader.Reader.greet
    monkeypatch.setattr(reader.Reader, "greet", lambda *_: None)
    sync.sync_reader(twins)
    monkeypatch.setattr(reader.Reader, "greet", greet)
    assert sync.sync(twins) == "  99_tiny: unchanged, reader's twin written"
    assert not list(twins.parent.glob("*.edited*"))


def test_failing_chapter_leaves_the_twin_as_it_was(tiny, monkeypatch):
    def fail(notebook, *_):
        raise ChapterFailed("cell In[3] raised", notebook)

    sync.twin_path(tiny).parent.mkdir(parents=True)
    sync.twin_path(tiny).write_text("the last good one")
    monkeypatch.setattr(sync, "execute", fail)
    monkeypatch.setattr(sync, "settle_environment", lambda **arithmetic: None)
    assert sync.attempt(tiny, force=False) == (False, "cell In[3] raised")
    assert sync.twin_path(tiny).read_text() == "the last good one"
    assert not sync.STAMPS.exists()


def test_drift_is_seen(tiny, twins):
    assert sync.drift(tiny) == []
    edit(tiny)
    assert sync.drift(tiny) == [
        "99_tiny.ipynb beside the source is not the reader's twin"
    ]
    sync.reader_path(tiny).unlink()
    assert sync.drift(tiny) == ["chapters/09_tiny/99_tiny.ipynb does not exist"]
    sync.sync_reader(tiny)
    tiny.write_text(tiny.read_text().replace("跑起来", "跑"))
    assert sync.drift(tiny) == ["99_tiny.ipynb is not the notebook of 99_tiny.md"]


def test_twin_that_never_ran_is_seen(twins):
    chapter.write(sync.blank_twin(twins), sync.twin_path(twins))
    assert sync.drift(twins) == ["99_tiny.ipynb was not executed from top to bottom"]


def test_an_edit_changes_the_id_of_its_own_cell_only(tiny):
    before = [cell.id for cell in chapter.read(tiny).cells]
    tiny.write_text(tiny.read_text().replace("跑起来", "跑"))
    after = [cell.id for cell in chapter.read(tiny).cells]
    assert len(set(before)) == len(before)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("toy.py", True),
        ("weights.safetensors", True),
        ("check/__init__.py", True),
        ("check/ch99.py", True),
        ("check/ch04.py", False),
        ("check/quiz/ch99.json", True),
        ("check/quiz/ch04.json", False),
        ("__pycache__/toy.pyc", False),
    ],
)
def test_library_files_that_can_matter(tiny, tmp_path, name, matters):
    path = tmp_path / "aigc_lib" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert (path in chapter.library(tiny, tmp_path)) == matters
