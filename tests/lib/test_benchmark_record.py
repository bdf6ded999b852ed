"""Every file in results/ says where its figures come from."""

import json

import pytest

import benchmarks.__main__ as runner
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


def test_interrupted_benchmark_goes_on(results, tmp_path):
    calls = []

    def measure(answer):
        calls.append(answer)
        return {"fd": answer}

    assert module.kept("a", "first", lambda: measure(1.0)) == {"fd": 1.0}
    assert module.kept("a", "second", lambda: measure(2.0)) == {"fd": 2.0}
    assert module.kept("a", "first", lambda: measure(3.0)) == {"fd": 1.0}
    assert module.kept("b", "first", lambda: measure(4.0)) == {"fd": 4.0}
    record("a", [])  # the end of benchmark a: the next run measures anew
    assert module.kept("a", "first", lambda: measure(5.0)) == {"fd": 5.0}
    assert calls == [1.0, 2.0, 4.0, 5.0]


def test_changed_code_forgets_an_interrupted_benchmark(results, monkeypatch):
    monkeypatch.setattr(module, "state_of_code", lambda: "old")
    module.kept("a", "first", lambda: {"fd": 1.0})
    monkeypatch.setattr(module, "state_of_code", lambda: "new")
    assert module.kept("a", "first", lambda: {"fd": 2.0}) == {"fd": 2.0}


def test_fewer_seeds_on_request(monkeypatch):
    assert list(module.seeds(3)) == [0, 1, 2]
    monkeypatch.setenv("SEEDS", "1")
    assert list(module.seeds(3)) == [0]


def test_only_what_this_commit_has_measured_is_skipped(results, monkeypatch):
    monkeypatch.setattr(runner, "ROOT", results.parent)
    assert not runner.is_measured("a")
    record("a", [])  # no checkout here: the commit is None on both sides
    monkeypatch.setattr(runner, "is_dirty", lambda: False)
    monkeypatch.setattr(runner, "commit", lambda: None)
    assert runner.is_measured("a")
    monkeypatch.setattr(runner, "commit", lambda: "0123")
    assert not runner.is_measured("a")


def test_names_take_turns_and_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROOT", tmp_path)
    asked = []

    def measure(name, seed):
        asked.append(f"{name} {seed}")
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {"fd": 10 * len(name) + seed}

    with pytest.raises(KeyboardInterrupt):
        module.in_turns("b", ["x", "yy"], [0, 1], measure)
    runs = module.in_turns("b", ["x", "yy"], [0, 1], measure)
    assert asked == ["x 0", "yy 0", "x 1", "x 1", "yy 1"]
    assert runs == {"x": [{"fd": 10}, {"fd": 11}], "yy": [{"fd": 20}, {"fd": 21}]}


def test_benchmarks_of_one_commit_share_a_training(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TRAINED", tmp_path / "trained")
    monkeypatch.setattr(module, "state_of_code", lambda: "old clean")
    path = module.checkpoint("DCGAN 0")
    path.write_text("weights")
    assert module.checkpoint("DCGAN 0").read_text() == "weights"
    monkeypatch.setattr(module, "state_of_code", lambda: "new clean")
    assert not module.checkpoint("DCGAN 0").exists()
    assert not path.exists()


def test_chosen_benchmarks_are_trained_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "TRAINED", tmp_path / "trained")
    monkeypatch.setattr(runner, "measure", lambda name, **_: True)
    (tmp_path / "trained").mkdir()
    assert runner.main(["flow"]) == 0
    assert not (tmp_path / "trained").exists()


def test_a_failure_stops_the_benchmarks_behind_it(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "TRAINED", tmp_path / "trained")
    measured = []

    def fail(name, **_):
        measured.append(name)
        return name != "flow"

    monkeypatch.setattr(runner, "measure", fail)
    assert runner.main(["vae_nll", "flow", "imports"]) == 1
    assert measured == ["imports", "flow"]
    assert runner.main(["infogan", "ring8"]) == 0
    assert {"infogan", "ring8"} < set(measured)


def test_an_unknown_benchmark_is_named(capsys):
    assert runner.main(["flow", "speed"]) == 2
    assert "speed: choose from" in capsys.readouterr().err


def test_the_figures_of_one_way_are_named_without_it():
    figures = {"GPT: right": 0.4, "GPT, again: right": 0.9, "GPT: length": 37.0}
    assert module.under("GPT", figures) == {"right": 0.4, "length": 37.0}
    assert module.under("template", figures) == {}
