"""The pipeline: its contracts, configurations, gate, records, and what a run leaves."""

import json
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import aigc_lib as aigc
from aigc_lib.__main__ import main
from aigc_lib.data.parts import digest, joined, spread
from aigc_lib.pipeline import (
    CONTRACTS,
    Application,
    Contract,
    Data,
    Gate,
    Optimisation,
    configured,
    diagram,
    flows,
    read,
)

RING = """
seed = 1
[data]
name = "ring8"
held_out = 200
[model]
name = "mlp_gan"
hidden = 16
[optimisation]
steps = 8
[evaluation]
n = 100
gate = {gate}
[application]
to = "{to}"
"""
OPEN = '["frechet_distance <= 3.5", "recall >= 0"]'  # 3.76 before training
SHUT = '["frechet_distance <= 0.0001"]'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def config(gate=SHUT, to="served/ring.safetensors"):
    return tomllib.loads(RING.format(gate=gate, to=to))


def pipeline(gate=SHUT, **changes):
    made = configured(config(gate))
    for section, module in changes.items():
        setattr(made, section, module)
    return made


def always(figure=1.0):
    """An evaluation that says 0 of the untrained model and ``figure`` afterwards."""

    class Always:
        asked = 0

        def evaluate(self, trained, held_out, seed):
            self.asked += 1
            return {"frechet_distance": 9.0, "score": figure if self.asked > 1 else 0.0}

    return Always()


def passing(**changes):
    return pipeline('["score >= 0.5"]', evaluation=always(), **changes)


def weights(path):
    return torch.cat([tensor.flatten() for tensor in load_file(path).values()])


# ---- contracts -----------------------------------------------------------------------


def test_a_table_of_ones_own_is_read_as_the_model_wants_it(tmp_path):
    taken = [f"u{i % 40},item{i * i % 13}\n" for i in range(400)]
    (tmp_path / "clicks.csv").write_text("user,item\n" + "".join(taken))
    small = {"latent_dim": 2, "hidden": 4}
    asked = {
        "data": {"name": "clicks.csv"},
        "model": {"name": "mult_vae"} | small,
        "optimisation": {"steps": 2, "batch_size": 8},
        "evaluation": {"gate": ["coverage_at_10 >= 2"]},
        "application": {"to": "m.safetensors"},
    }
    outcome = configured(asked).run()
    assert outcome.record["config"]["data"] == {
        "name": "clicks.csv",
        "split": "test",
        "kind": "ratings",
    }
    assert outcome.record["figures"]["users"] > 0
    asked["data"]["kind"] = "rating"
    with pytest.raises(ValueError, match=r"^\[data\] kind='rating': did you mean"):
        configured(asked)


def test_everything_that_a_module_takes_is_given():
    given = {name for c in CONTRACTS.values() for name in (*c.gives, *c.leaves)}
    for contract in CONTRACTS.values():
        assert set(contract.takes) <= given | {"seed", "folder"}


def test_the_standard_modules_keep_their_contracts():
    pipeline().check()


def test_data_come_back_and_nothing_reaches_the_application_past_the_gate():
    assert ("application", "data", "feedback") in flows()
    text = diagram()
    assert "application -.->|feedback| data" in text
    assert re.findall(r"(\w+) -->\|[^|]+\| application", text) == ["gate"]


def test_the_diagram_follows_the_contracts(monkeypatch):
    class Told:
        def deploy(self, trained, history, seed, folder): ...

    told = Contract(Told, "deploy", (), "应用", ("feedback",))
    monkeypatch.setitem(CONTRACTS, "application", told)
    assert "gate -->|trained, history| application" in diagram()


@pytest.mark.parametrize(
    ("section", "methods", "said"),
    [
        ("data", {}, r"\[data\] Mine has no load: add def load\(self, feedback\)"),
        ("data", {"load": lambda self: 0}, r"\[data\] Mine.load: .*must be def load"),
        ("data", {"load": 3}, r"\[data\] Mine has no load"),
        (
            "evaluation",
            {"evaluate": lambda self, trained, held_out: {}},
            r"\[evaluation\] Mine.evaluate: .*seed",
        ),
        (
            "application",
            {"deploy": lambda self, trained, seed, folder: 0},
            r"\[application\] Mine has no feedback",
        ),
    ],
)
def test_an_object_without_its_contract_is_refused(section, methods, said):
    mine = type("Mine", (), methods)()
    with pytest.raises(ValueError, match=said):
        pipeline(**{section: mine}).run()
    assert not Path("runs").exists()


# ---- the gate ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "value", "passed"),
    [
        ("recall >= 0.5", 0.5, True),
        ("recall > 0.5", 0.5, False),
        ("recall<=0.5", 0.5, True),
        ("recall < 5e-1", 0.5, False),
        ("recall < 5e-1", 0.4, True),
        ("recall >= -1", float("nan"), False),
        ("recall <= 1", float("nan"), False),
        ("recall >= 0.5", np.float32(0.75), True),
    ],
)
def test_a_rule(rule, value, passed):
    (check,) = Gate((rule,)).judge({"recall": value, "name": "x"})
    assert check.passed is passed


def test_one_broken_rule_is_enough():
    gate = Gate(("recall >= 0.5", "precision >= 0.5"))
    checks = gate.judge({"recall": 0.6, "precision": 0.4})
    assert [check.passed for check in checks] == [True, False]


@pytest.mark.parametrize(
    "rule", ["", "recall", "recall = 0.5", "recall >= ", "recall >= x", "a b >= 1"]
)
def test_a_rule_that_is_none(rule):
    with pytest.raises(ValueError, match=r"gate=.*recall >= 0.5"):
        Gate((rule,))


@pytest.mark.parametrize("bound", ["nan", "inf", "-inf"])
def test_a_bound_that_nothing_or_everything_keeps(bound):
    with pytest.raises(ValueError, match="gate="):
        Gate((f"recall >= {bound}",))


def test_a_gate_without_rules():
    with pytest.raises(ValueError, match="let anything through"):
        Gate(())


def test_a_figure_that_nobody_measured():
    with pytest.raises(ValueError, match="did you mean 'recall'"):
        Gate(("recal >= 0.5",)).judge({"recall": 0.5, "name": "x"})
    with pytest.raises(ValueError, match="gate='name'"):
        Gate(("name >= 0.5",)).judge({"recall": 0.5, "name": "x"})


# ---- configurations ------------------------------------------------------------------


def changed(section, **values):
    bad = config()
    bad[section] = {k: v for k, v in (bad[section] | values).items() if v is not None}
    return bad


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (config() | {"modle": {}}, "section='modle': did you mean 'model'"),
        (config() | {"data": 3}, r"\[data\] is missing"),
        ({"data": {"name": "ring8"}}, r"\[model\] is missing"),
        (config() | {"name": "a/b"}, "name='a/b'"),
        (config() | {"seed": -1}, "seed=-1"),
        (config() | {"seed": 0.5}, "seed=0.5"),
        (changed("data", nmae="ring8"), r"\[data\] key='nmae': did you mean 'name'"),
        (changed("data", name=None), r"\[data\] name is missing"),
        (changed("data", split="train"), r"\[data\] split='train'"),
        (changed("data", held_out="few"), r"\[data\] held_out=few: give a whole"),
        (changed("data", held_out=1), r"\[data\] held_out=1: give at least 2"),
        (changed("model", name="mlp_gun"), r"\[model\] name='mlp_gun': did you mean"),
        (changed("model", name=None), r"\[model\] name=None: choose"),
        (changed("model", hiden=8), r"\[model\] key='hiden': did you mean 'hidden'"),
        (changed("model", hidden="wide"), r"\[model\] hidden=wide: give a whole"),
        (changed("optimisation", steps=None), r"\[optimisation\] steps=None, seconds"),
        (changed("optimisation", seconds=3), r"\[optimisation\] steps=8, seconds=3"),
        (changed("optimisation", steps=0), r"\[optimisation\] steps=0: give at least"),
        (changed("optimisation", steps=2.5), r"\[optimisation\] steps=2.5: give a wh"),
        (changed("optimisation", tensorboard=2), r"\[optimisation\] tensorboard=2"),
        (
            changed("optimisation", steps=None, seconds=float("nan")),
            r"\[optimisation\] seconds=nan: give",
        ),
        (changed("evaluation", n=1), r"\[evaluation\] n=1: give at least 2"),
        (changed("evaluation", gate=[]), r"\[evaluation\] gate=\[\]"),
        (changed("evaluation", gate=None), r"\[evaluation\] gate=None: give a list"),
        (changed("evaluation", gate="recall >= 1"), r"\[evaluation\] gate='recall >="),
        (changed("evaluation", gate=["ok"]), r"\[evaluation\] gate='ok'"),
        (changed("application", to=None), r"\[application\] to is missing"),
        (changed("application", to="a.png"), r"\[application\] to='a.png': name a"),
        (changed("application", to="/proc/a.safetensors"), r"\[application\] to /proc"),
        (changed("application", samples=-1), r"\[application\] samples=-1"),
    ],
)
def test_a_bad_configuration_is_refused_by_section_key_and_value(bad, said):
    with pytest.raises(ValueError, match=said):
        configured(bad)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (changed("data", name="ring9"), r"\[data\] name='ring9': did you mean 'ring8'"),
        (changed("data", target="income"), r"\[data\] target='?income"),
        (changed("model", name="vae", hidden=8), r"\[model\] model='vae' is not made"),
        (
            changed("evaluation", gate=["recal >= 1"]),
            r"\[evaluation\] gate='recal': did you mean 'recall'",
        ),
        (
            changed("evaluation", gate=["precision >= 0"]),
            r"\[evaluation\] gate=.*the untrained model passes it",
        ),
    ],
)
def test_what_only_the_data_tell_is_refused_before_training(bad, said, monkeypatch):
    monkeypatch.setattr(Optimisation, "fit", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(ValueError, match=said):
        configured(bad).run()
    (record,) = Path("runs").rglob("record.json")
    assert json.loads(record.read_text("utf-8"))["outcome"] == "failed"


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read("nowhere.toml")
    place = tmp_path / "a.toml"
    place.write_text("name = \n", "utf-8")
    with pytest.raises(ValueError, match=r"a.toml: no TOML: .*line 1"):
        read(place)
    place.write_bytes('name = "服装"'.encode("gb18030"))
    with pytest.raises(ValueError, match="no UTF-8"):
        read(place)


def test_a_byte_order_mark_is_no_fault_and_the_file_names_the_run(tmp_path):
    place = tmp_path / "rings.toml"
    text = RING.format(gate=SHUT, to="a.safetensors")
    place.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(place).name == "rings"


def test_the_digest_tells_configurations_apart():
    one, same = pipeline(), pipeline()
    assert one.id == same.id
    assert one.id != pipeline(optimisation=Optimisation(steps=9)).id
    assert one.id != pipeline(OPEN).id


# ---- runs ----------------------------------------------------------------------------


def test_a_closed_gate_leaves_a_record_and_what_was_served_before():
    served = Path("served/ring.safetensors")
    served.parent.mkdir()
    served.write_bytes(b"the model of yesterday")
    outcome = pipeline().run()
    assert not outcome.passed
    assert served.read_bytes() == b"the model of yesterday"
    record = json.loads((outcome.folder / "record.json").read_text("utf-8"))
    assert record == outcome.record
    assert record["outcome"] == "refused"
    assert record["deployed"] is None
    (rule,) = record["gate"]
    assert rule["value"] == record["figures"]["frechet_distance"] > 0.0001
    assert not rule["passed"]
    assert record["before"]["frechet_distance"] != rule["value"]
    assert set(record["seconds"]) == set(CONTRACTS) - {"application"}
    assert "FAIL" in repr(outcome)


def test_an_open_gate_deploys_what_was_trained():
    outcome = passing().run()
    assert outcome.passed
    deployed = outcome.record["deployed"]
    again = aigc.models.load(deployed["path"])
    same = zip(again.parameters(), outcome.model.parameters(), strict=True)
    assert all(torch.equal(a, b.cpu()) for a, b in same)
    assert (outcome.folder / "samples.png").exists()


def test_what_is_drawn_leaves_the_figures_of_a_notebook_alone():
    backend = matplotlib.get_backend()
    open_before = plt.get_fignums()
    assert passing().run().passed
    assert matplotlib.get_backend() == backend
    assert plt.get_fignums() == open_before


def test_notebook_and_command_line_give_the_same(tmp_path, capsys):
    place = tmp_path / "ring.toml"
    place.write_text(RING.format(gate=SHUT, to="a.safetensors"), "utf-8")
    torch.manual_seed(99)  # what went before must not matter
    here = read(place).run("here")
    assert main(["run", str(place), "--folder", "there"]) == 1
    assert "refused" in capsys.readouterr().out
    (there,) = Path("there").rglob("record.json")
    record = json.loads(there.read_text("utf-8"))
    for volatile in ("seconds", "started", "history"):
        del record[volatile], here.record[volatile]
    for figures in ("before", "figures"):
        del (
            record[figures]["seconds_sampling"],
            here.record[figures]["seconds_sampling"],
        )
    assert record == here.record


def test_the_exit_status_tells_ci(tmp_path, monkeypatch, capsys):
    place = tmp_path / "ring.toml"
    place.write_text(RING.format(gate='["score >= 0.5"]', to="a.safetensors"), "utf-8")
    answers = iter([0.0, 1.0])
    monkeypatch.setattr(
        "aigc_lib.kinds.evaluate", lambda *a, **k: {"score": next(answers)}
    )
    assert main(["run", str(place)]) == 0
    assert Path("a.safetensors").exists()
    assert main(["run", str(tmp_path / "no.toml")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_an_interrupted_run_goes_on_to_the_same_end(monkeypatch):
    whole = pipeline(optimisation=Optimisation(steps=8, save_every=4)).run("a")
    step = aigc.models.MLPGAN.training_step
    left = iter(range(6))

    def stops(self, batch, update):
        if next(left, None) is None:
            raise KeyboardInterrupt
        step(self, batch, update)

    half = pipeline(optimisation=Optimisation(steps=8, save_every=4))
    monkeypatch.setattr(aigc.models.MLPGAN, "training_step", stops)
    with pytest.raises(KeyboardInterrupt):
        half.run("b")
    record = Path("b", half.id, "record.json")
    assert json.loads(record.read_text("utf-8"))["outcome"] == "interrupted"
    monkeypatch.setattr(aigc.models.MLPGAN, "training_step", step)
    rest = half.run("b")
    assert (
        rest.record["figures"]["frechet_distance"]
        == (whole.record["figures"]["frechet_distance"])
    )


def test_training_that_diverges_is_recorded_and_deploys_nothing():
    class Broken:
        def fit(self, model, samples, seed, folder):
            raise aigc.train.TrainingDiverged("loss is nan")

    with pytest.raises(aigc.train.TrainingDiverged):
        passing(optimisation=Broken()).run()
    (record,) = Path("runs").rglob("record.json")
    found = json.loads(record.read_text("utf-8"))
    assert found["outcome"] == "failed"
    assert "loss is nan" in found["error"]
    assert not Path("served").exists()


def test_a_figure_that_is_not_finite_is_refused_and_recorded_as_a_word():
    outcome = pipeline('["score >= 0.5"]', evaluation=always(float("nan"))).run()
    assert not outcome.passed
    record = json.loads((outcome.folder / "record.json").read_text("utf-8"))
    assert record["figures"]["score"] == "nan"


def test_a_module_of_ones_own():
    @dataclass
    class Half:
        """The upper half of the ring, until the rest comes back."""

        shift: float = 0.0

        def load(self, feedback):
            train, held_out = Data("ring8", held_out=200).load()
            upper = train.x[:, 1] > self.shift
            train = replace(train, x=train.x[upper], y=train.y[upper])
            if feedback is not None:
                train = replace(train, x=torch.cat([train.x, feedback]))
            return train, held_out

    class Kept:
        feedback = torch.zeros(50, 2)

        def deploy(self, trained, seed, folder):
            return "kept"

    seen = []

    class Seen(Optimisation):
        def fit(self, model, samples, seed, folder):
            seen.append(len(samples))
            return super().fit(model, samples, seed, folder)

    outcome = passing(data=Half(), application=Kept(), optimisation=Seen(steps=3)).run()
    assert outcome.record["deployed"] == "kept"
    assert outcome.record["config"]["data"]["shift"] == 0.0
    assert "Half" in outcome.record["config"]["data"]["class"]
    whole = aigc.data.load("ring8").x
    assert seen == [int((whole[:, 1] > 0).sum()) + 50]


@pytest.mark.parametrize(("name", "data"), [("gpt", "product_copy"), ("vae", "digits")])
def test_other_kinds_of_data(name, data):
    if name == "gpt":
        options, rule = (
            {"context": 32, "width": 16, "heads": 2, "depth": 1},
            "perplexity",
        )
    else:
        options, rule = {"hidden": 16}, "frechet_distance"
    made = configured(
        {
            "data": {"name": data, "held_out": 100},
            "model": {"name": name, **options},
            "optimisation": {"steps": 2, "batch_size": 8},
            "evaluation": {"n": 20, "gate": [f"{rule} <= 0.001"]},
            "application": {"to": "a.safetensors"},
        }
    )
    assert made.run().record["figures"][rule] > 0.001


def test_events_for_tensorboard():
    pytest.importorskip("tensorboard")
    outcome = pipeline(optimisation=Optimisation(steps=2, tensorboard=True)).run()
    assert list((outcome.folder / "events").glob("events.*"))


# ---- data that come back -------------------------------------------------------------


def pictures(folder, names, per_class=20):
    for number, name in enumerate(names):
        Path(folder, name).mkdir(parents=True)
        for k in range(per_class):
            shade = np.full((28, 28), 20 * number + k, np.uint8)
            Image.fromarray(shade).save(Path(folder, name, f"{k}.png"))


def test_pictures_that_came_back_are_learned_from():
    digits = aigc.data.load("digits")
    pictures("returned", digits.classes[:2])
    train, held_out = Data("digits").load("returned")
    more = aigc.data.load(Path("returned"))
    assert len(train) == len(digits) + len(more) > len(digits)
    assert torch.equal(train.x[len(digits) :], more.x)
    assert set(train.y[len(digits) :].tolist()) == {0, 1}
    assert len(held_out) == len(aigc.data.load("digits", split="test"))


def test_what_comes_back_makes_a_run_of_its_own():
    class Returned:
        def load(self, feedback):
            train, held_out = Data("ring8", held_out=200).load()
            if Path(feedback).exists():
                more = torch.from_numpy(np.load(feedback))
                train = replace(train, x=torch.cat([train.x, more]))
            return train, held_out

    made = pipeline(data=Returned(), application=Application("a.safetensors"))
    made.application = replace(made.application, feedback="back.npy")
    first = made.run()
    np.save("back.npy", np.zeros((500, 2), np.float32))
    second = made.run()
    assert first.record["run"] != second.record["run"]
    assert len(list(Path("runs").rglob("record.json"))) == 2
    assert made.run().folder == second.folder


def test_the_digest_of_files_knows_names_and_contents():
    assert digest("nowhere") == ""
    pictures("returned", ["a", "b"], per_class=2)
    before = digest("returned")
    assert before == digest("returned") != ""
    Path("returned/a/0.png").rename("returned/a/9.png")
    renamed = digest("returned")
    assert renamed != before
    Path("returned/a/9.png").write_bytes(b"other")
    assert digest("returned") not in (before, renamed)


def test_nothing_has_come_back_yet():
    Path("empty").mkdir()
    for feedback in (None, "nowhere", "empty"):
        train, _ = Data("digits").load(feedback)
        assert len(train) == len(aigc.data.load("digits"))


def test_texts_that_came_back():
    before = aigc.data.load("product_copy")
    rows = [{"text": f"第{k}条", "label": before.classes[k % 2]} for k in range(30)]
    lines = "\n".join(map(json.dumps, rows))
    Path("back.jsonl").write_text(lines, "utf-8")
    after = joined(before, "back.jsonl")
    assert after.texts[: len(before)] == before.texts
    for text, label in zip(after.texts, after.y.tolist(), strict=True):
        if text in {row["text"] for row in rows}:
            assert label == int(text[1:-1]) % 2
    assert len(before) < len(after) == len(after.y) == len(after.facts)
    Path("back.jsonl").write_text('{"text": "甲"}\n{"text": "乙"}\n' * 20, "utf-8")
    with pytest.raises(ValueError, match="has the classes none: name"):
        joined(before, "back.jsonl")


def test_what_cannot_come_back():
    pictures("returned", ["zebra", "gnu"])
    with pytest.raises(ValueError, match=r"feedback=.*\['gnu', 'zebra'\].*sub-folders"):
        Data("digits").load("returned")
    with pytest.raises(ValueError, match="points cannot come back"):
        Data("ring8").load("returned")
    with pytest.raises(ValueError, match="holds images"):
        Data("product_copy").load("returned")


def test_samples_are_spread_evenly():
    data = aigc.data.load("ring8")
    few, rows = spread(data, 5), [0, 2499, 4999, 7499, 9999]
    assert torch.equal(few.x, data.x[rows])
    assert torch.equal(few.y, data.y[rows])
    assert spread(data, 20_000) is data
    assert spread(data, None) is data
    texts = aigc.data.load("product_copy")
    assert spread(texts, 3).texts[0] == texts.texts[0]
    assert spread(texts, 3).texts[-1] == texts.texts[-1]


def test_a_model_of_the_registry_is_the_same_whatever_went_before():
    train = aigc.data.load("ring8")
    made = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        model, _ = pipeline().model.build(train, seed=5)
        made.append(torch.cat([p.flatten() for p in model.parameters()]))
        assert torch.initial_seed() == noise
    assert torch.equal(*made)


def test_the_application_writes_whole_files(monkeypatch):
    Path("a.safetensors").write_bytes(b"old")
    model = aigc.models.MLPGAN(hidden=8)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        Application("a.safetensors", samples=0).deploy(model, 0, Path("run"))
    assert Path("a.safetensors").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "a/b", 5])
def test_a_name_that_no_folder_can_have(name):
    with pytest.raises(ValueError, match="give a word that a folder can be named by"):
        configured(config() | {"name": name})


def test_the_home_folder_is_meant_by_its_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    told = config(to="~/served/ring.safetensors")
    told["application"]["feedback"] = "~/returned"
    made = configured(told).application
    assert Path(made.to) == tmp_path / "served" / "ring.safetensors"
    assert Path(made.feedback) == tmp_path / "returned"
