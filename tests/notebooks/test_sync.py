"""Twins: the same bytes each time, lasting outputs only, nothing done twice."""

import nbformat
import pytest

from tools import chapter, sync
from tools.run import ChapterFailed


def cells(path):
    return chapter.code_cells(nbformat.read(path, as_version=4))


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


def test_bootstrap_comes_first_and_never_brings_torch(synced):
    bootstrap = cells(synced)[0].source
    assert f"git+{sync.repository()}" in bootstrap
    assert "--no-deps" in bootstrap
    assert "torch" not in bootstrap.split("try:")[1]


def test_two_syncs_give_the_same_bytes(tiny, synced):
    sync.sync(tiny)
    assert sync.twin_path(tiny).read_bytes() == synced.read_bytes()


def test_unchanged_chapter_is_not_run_again(tiny, synced, monkeypatch):
    sync.twin_path(tiny).write_bytes(synced.read_bytes())
    stamp = sync.STAMPS / "99_tiny.sha256"
    stamp.parent.mkdir()
    stamp.write_text(sync.fingerprint(tiny))
    monkeypatch.setattr(sync, "execute", lambda *_: pytest.fail("ran again"))
    assert "unchanged" in sync.sync(tiny)
    tiny.write_text(tiny.read_text() + "\nnew\n")
    with pytest.raises(pytest.fail.Exception, match="ran again"):
        sync.sync(tiny)


def test_failing_chapter_leaves_the_twin_as_it_was(tiny, monkeypatch):
    def fail(notebook, *_):
        raise ChapterFailed("cell In[3] raised", notebook)

    sync.twin_path(tiny).write_text("the last good one")
    monkeypatch.setattr(sync, "execute", fail)
    monkeypatch.setattr(sync, "settle_environment", lambda threads: None)
    assert sync.attempt(tiny, force=False) == (False, "cell In[3] raised")
    assert sync.twin_path(tiny).read_text() == "the last good one"
    assert not sync.STAMPS.exists()


def test_drift_is_seen(tiny, synced):
    assert sync.drift(tiny) == ["99_tiny.ipynb does not exist"]
    sync.twin_path(tiny).write_bytes(synced.read_bytes())
    assert sync.drift(tiny) == []
    tiny.write_text(tiny.read_text().replace("跑起来", "跑"))
    assert sync.drift(tiny) == ["99_tiny.ipynb is not the notebook of 99_tiny.md"]


def test_twin_that_never_ran_is_seen(tiny):
    chapter.write(sync.blank_twin(tiny), sync.twin_path(tiny))
    assert sync.drift(tiny) == ["99_tiny.ipynb was not executed from top to bottom"]


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
        ("__pycache__/toy.pyc", False),
    ],
)
def test_library_files_that_can_matter(tiny, tmp_path, name, matters):
    path = tmp_path / "aigc_lib" / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert (path in chapter.library(tiny, tmp_path)) == matters
