"""Servers of the desk die at random moments: nothing is lost, nothing answered twice.

A few kills; ``python -m benchmarks service_desk`` does fifty, of the real assistant.
"""

import json

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("fastapi")
pytest.importorskip("alembic")
pytest.importorskip("httpx")

import tiny_desk

from aigc_lib.apps.service_desk.dialogue import Dialogue
from benchmarks import service_desk as bench
from benchmarks.service_desk import Forked, counted, kills

QUESTIONS = ["什么时候发货", "退款多久到账", "今天天气怎么样", "我要投诉"]
FAULTS = (
    "lost",
    "stored_twice",
    "answered_twice",
    "dealt_with_twice",
    "unanswered",
    "changed",
)


def test_servers_die_under_load(tmp_path, database_url):
    def start(port):
        return Forked(tiny_desk.main, str(tmp_path), database_url, str(port))

    told = kills(database_url, start, QUESTIONS, n=4, customers=4)
    assert told["messages"] > 10
    assert told["broken"]  # some were under way when a server died
    assert {name: told[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)


def test_the_count_sees_what_is_wrong(tmp_path):
    parts = tiny_desk.ready(tiny_desk.desk_at(tmp_path))
    talks = parts.desk.conversations
    token = talks.open(Dialogue().to_json(), account=None, source="here")
    identity = talks.of(token, None)["id"]
    talks.accept(identity, "什么时候发货", "one")
    told = counted(parts.url, [("gone", "现货当天发出。")])
    assert (told["lost"], told["unanswered"], told["messages"]) == (1, 1, 1)
    parts.desk.deal(identity)
    told = counted(parts.url, [("one", "另一个回答")])
    assert (told["lost"], told["unanswered"], told["changed"]) == (0, 0, 1)
    row = talks.get(identity)
    dialogue = Dialogue.from_json(row["dialogue"]).said("customer", "又一次")
    assert talks.change(row, dialogue=dialogue.to_json())
    assert counted(parts.url, [])["dealt_with_twice"] == 1


def test_the_load_alone_leaves_the_other_rows_and_says_whose_they_are(
    tmp_path, monkeypatch
):
    (tmp_path / "results").mkdir()
    old = {"commit": "old", "rows": {"1 customers": "slow", "kills, SQLite": "none"}}
    (tmp_path / "results" / "service_desk.json").write_text(json.dumps(old))
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "FOLDER", tmp_path / "bench")
    monkeypatch.setattr(bench, "kept", lambda *names: "new")
    monkeypatch.setattr(bench, "loads", lambda asked: {"1 customers": "quick"})
    monkeypatch.setattr(bench, "kills_and_jobs", lambda asked: {"kills, SQLite": "all"})
    monkeypatch.setattr(bench, "commit", lambda: "present")
    written = []
    monkeypatch.setattr(
        bench, "record", lambda name, rows, **told: written.append((rows, told["rest"]))
    )
    bench.main(load_alone=True)
    bench.main()
    load = {"first start": "new", "1 customers": "quick"}
    assert written == [
        (load | {"kills, SQLite": "none"}, "old"),
        (load | {"kills, SQLite": "all"}, "present"),
    ]
