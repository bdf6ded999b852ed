"""Every file in results/ says where its figures come from."""

import json

import pytest

import benchmarks.record as module
from benchmarks.record import record


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path / "results"


def test_rows_context_and_circumstances(results):
    path = record("speed", [{"what": "FD", "seconds": 1.5}], seeds=[0, 1])
    assert path == results / "speed.json"
    content = json.loads(path.read_text("utf-8"))
    assert content["rows"] == [{"what": "FD", "seconds": 1.5}]
    assert content["seeds"] == [0, 1]
    assert "cores" in content["hardware"]
    assert {"torch", "numpy", "python"} <= set(content["versions"])
    assert content["commit"] is None  # this folder is no checkout
    assert content["command"].startswith("python ")


def test_commit_and_dirty_flag(results, tmp_path):
    user = ["-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "code.py").write_text("1")
    for command in (["init"], ["add", "."], [*user, "commit", "-m", "first"]):
        assert module.git(*command) is not None
    for _ in range(2):  # a result written before does not make the next one dirty
        content = json.loads(record("a", []).read_text())
        assert content["commit"] == module.git("rev-parse", "--short=12", "HEAD")
        assert content["dirty"] is False
    (tmp_path / "code.py").write_text("2")
    assert json.loads(record("a", []).read_text())["dirty"] is True


def test_nan_leaves_the_old_file(results):
    path = record("speed", {"fd": 1.0})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        record("speed", {"fd": float("nan")})
    assert path.read_bytes() == before
    assert list(results.iterdir()) == [path]
