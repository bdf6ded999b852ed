"""What depends on the arithmetic is found; where the code is old, nothing runs."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import record
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


# ---- the record of everything --------------------------------------------------------


@pytest.fixture
def everything(tmp_path, monkeypatch):
    """Two chapters and the library, of which little differs; returns what was run."""
    ran = []

    def differences(source, way):
        ran.append((source.stem, way))
        if len(ran) == stop["at"]:
            raise KeyboardInterrupt
        return ["cell 4"] * (source.stem == "05_x" and way == "scalar")

    def library_differs(part, way):
        ran.append((part, way))
        tests = {"passed": 10, "failed": int(part == 0), "skipped": 2}
        return ["FAILED"] * tests["failed"], tests

    stop = {"at": 0}
    monkeypatch.setattr(record, "ROOT", tmp_path)
    monkeypatch.setattr(portable, "PARTS", 2)
    monkeypatch.setattr(portable, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(portable, "differences", differences)
    monkeypatch.setattr(portable, "library_differs", library_differs)
    sources = [tmp_path / "04_x.md", tmp_path / "05_x.md"]
    monkeypatch.setattr(chapter, "sources", lambda only="": sources)
    monkeypatch.setattr(portable, "changed", lambda: sources)
    return ran, stop


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["portable", "--jobs", "1", *words])
    with pytest.raises((SystemExit, KeyboardInterrupt)) as ended:
        portable.main()
    return ended.value


def test_a_run_of_everything_is_recorded(everything, tmp_path, monkeypatch):
    ran, _ = everything
    assert run(monkeypatch).code == "5 of 16 runs differ"
    assert len(ran) == len(set(ran)) == 16
    told = json.loads((tmp_path / "results" / "portable.json").read_text("utf-8"))
    assert {"hardware", "bf16", "commit", "date"} <= set(told)
    assert [row["way"] for row in told["rows"]] == list(portable.WAYS)
    for row in told["rows"]:
        differing = ["05_x"] * (row["way"] == "scalar")
        assert (row["chapters"], row["differing"]) == (2, differing)
        assert row["chapters_differ"] == len(differing)
        tests = [row[f"tests_{what}"] for what in ("passed", "failed", "skipped")]
        assert tests == [20, 1, 4]
        assert row["seconds"] >= 0


def test_an_interrupted_run_goes_on(everything, tmp_path, monkeypatch):
    ran, stop = everything
    stop["at"] = 7
    assert isinstance(run(monkeypatch), KeyboardInterrupt)
    assert not (tmp_path / "results").exists()
    done = ran[:6]
    stop["at"] = 0
    ran.clear()
    assert run(monkeypatch).code == "5 of 16 runs differ"
    assert not set(done) & set(ran)
    assert len(ran) == 10
    ran.clear()
    run(monkeypatch)  # the next one begins afresh
    assert len(ran) == 16


@pytest.mark.parametrize(("words", "count"), [("--changed", 4), ("--chapter=04", 8)])
def test_a_part_of_everything_is_not_recorded(
    words, count, everything, tmp_path, monkeypatch
):
    ran, _ = everything
    assert run(monkeypatch, words).code == f"1 of {count} runs differ"
    assert {name for name, _ in ran} == {"04_x", "05_x"}
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".json"]


def test_what_failed_in_the_library_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(chapter, "ROOT", tmp_path)
    for name in portable.FREE:
        monkeypatch.setenv(name, "")
    (tmp_path / "tests" / "lib").mkdir(parents=True)
    code = """\
import os
import pytest
def test_threads():
    assert os.environ["OMP_NUM_THREADS"] == "1"
def test_skipped():
    pytest.skip()
@pytest.fixture
def broken():
    raise ValueError
def test_error(broken):
    pass
"""
    (tmp_path / "tests" / "lib" / "test_x.py").write_text(code)
    found, tests = portable.library_differs(0, "plain")
    assert tests == {"passed": 1, "failed": 1, "skipped": 1}
    (line,) = found
    assert line.startswith("plain: ERROR tests/lib/test_x.py::test_error")
    found, tests = portable.library_differs(0, "scalar")
    assert tests["failed"] == len(found) == 2
    assert portable.library_differs(0, "plain")[1] == {
        "passed": 1,
        "failed": 1,
        "skipped": 1,
    }
