"""The opinion monitor: nothing lost, nothing twice, whatever is sent to it."""

import json
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("fastapi")
pytest.importorskip("httpx")

from tiny_monitor import Rule

from aigc_lib.apps.database import insert, sql
from aigc_lib.apps.opinion_monitor import __main__ as command
from aigc_lib.apps.opinion_monitor import made
from aigc_lib.apps.opinion_monitor import monitor as monitors
from aigc_lib.apps.opinion_monitor import words as lists
from aigc_lib.apps.opinion_monitor.headlines import checked
from aigc_lib.apps.opinion_monitor.made import MadeFeed
from aigc_lib.apps.opinion_monitor.monitor import FileFeed, Monitor
from aigc_lib.apps.opinion_monitor.page import ALL, page, shown
from aigc_lib.apps.opinion_monitor.reader import Reader, Reading
from aigc_lib.apps.opinion_monitor.service import MOST_BYTES, MOST_ITEMS, service
from aigc_lib.apps.opinion_monitor.store import Day, Flooded, Store
from aigc_lib.apps.opinion_monitor.trend import BASELINE, alarms, trend, watched
from aigc_lib.apps.opinion_monitor.words import Words
from aigc_lib.data import load
from benchmarks.monitor_kills import lines, until

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)
INJECTION = "'); DROP TABLE headlines; -- 股价大跌"


both = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def url(request, tmp_path):
    """The URL of an empty database; of each kind where a test stands under ``both``."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'headlines.sqlite'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def monitor(url):
    return Monitor(Store(url), Rule())


@pytest.fixture
def client(monitor):
    testclient = pytest.importorskip("fastapi.testclient")
    return testclient.TestClient(service(monitor))


def texts(store):
    return sorted(row["text"] for row in store.latest(10_000))


# ---- a headline ----------------------------------------------------------------------


def test_a_headline_is_made_plain():
    found = checked({"text": " 股价\x00大跌\n\u200b了  ", "source": "报"}, now=NOW)
    assert found.text == "股价 大跌 了"
    assert found.day == date(2026, 5, 6)
    late = checked({"text": "x", "time": "2026-05-06T23:30:00-05:00"}, now=NOW)
    assert late.day == date(2026, 5, 7)  # in UTC
    old = checked({"text": "x", "time": "2016-05-07"}, now=NOW)
    assert old.day == date(2016, 5, 7)


def test_what_is_the_same_headline():
    def key(**item):
        return checked({"text": "涨", **item}, now=NOW).key

    assert key() == key(time="2026-05-06T01:00")
    assert key() != key(time="2026-05-05")
    assert key() != key(source="报")
    assert key(id=7) == key(id="7", text="跌", time="2026-05-01")
    assert key(id="7") != key(id="7", source="报")
    # parts do not run into one another
    assert key(source="a", text="b c") != key(source="a b", text="c")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("股价大跌", "no object"),
        (None, "no object"),
        ({}, "text is NoneType"),
        ({"text": 5}, "text is int"),
        ({"text": " \n "}, "text is empty"),
        ({"text": "x" * 301}, "301 characters"),
        ({"text": "half \ud800"}, "half a character"),
        ({"text": "x", "time": "yesterday"}, "ISO 8601"),
        ({"text": "x", "time": 5}, "ISO 8601"),
        ({"text": "x", "time": "2026-05-09"}, "in the future"),
        ({"text": "x", "time": "2016-05-01"}, "ten years back"),
        ({"text": "x", "time": "0001-01-01"}, "ten years back"),
        ({"text": "x", "source": []}, "source is list"),
        ({"text": "x", "id": 1.5}, "id is float"),
        ({"text": "x", "sentiment": "正面"}, "unknown field 'sentiment'"),
    ],
)
def test_what_is_no_headline_is_refused(item, message):
    with pytest.raises(ValueError, match=message):
        checked(item, now=NOW)


# ---- over HTTP -----------------------------------------------------------------------


@both
def test_headlines_are_accepted_once(client, monitor):
    sent = [{"text": "股价大跌"}, {"text": "股价大涨"}, {"text": "股价大跌"}]
    first = client.post("/headlines", json=sent)
    assert first.status_code == 202
    assert first.json() == {"new": 2, "known": 1, "refused": []}
    again = client.post("/headlines", json=sent[0])
    assert again.json() == {"new": 0, "known": 1, "refused": []}
    assert client.get("/health").json()["unread"] == 2
    assert monitor.read_waiting() == 2
    assert monitor.read_waiting() == 0
    (point,) = client.get("/trend", params={"topic": "行情"}).json()
    assert (point["n"], point["share"]) == (2, 0.5)
    assert point["low"] < 0.5 < point["high"]
    rows = client.get("/headlines").json()
    assert [row["sentiment"] for row in rows] == ["正面", "负面"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://testserver"}, 202),
        ({"sec-fetch-site": "same-origin"}, 202),
    ],
)
def test_another_site_cannot_make_a_browser_post(client, monitor, headers, status):
    answer = client.post("/headlines", json={"text": "股价大跌"}, headers=headers)
    assert answer.status_code == status
    assert monitor.store.counts()["headlines"] == (status == 202)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("desk.example", 200),
        ("evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example@localhost", 200),  # which no browser sends
        ("[::1", 403),
        ("", 403),
    ],
)
def test_a_name_that_was_pointed_here_opens_nothing(monitor, host, status):
    pytest.importorskip("gradio")
    testclient = pytest.importorskip("fastapi.testclient")
    names = command.names_of("127.0.0.1", ["Desk.example"])
    client = testclient.TestClient(
        command.site(monitor, names=names), headers={"host": host}
    )
    for path in ("/", "/health", "/headlines"):
        assert client.get(path).status_code == status
    answer = client.post(
        "/headlines", json={"text": "股价大跌"}, headers={"origin": f"http://{host}"}
    )
    assert answer.status_code == (202 if status == 200 else 403)
    if status == 403:
        assert "--name" in answer.json()["detail"]
        assert monitor.store.counts()["headlines"] == 0


def test_a_server_for_others_answers_to_whatever_name_it_is_given():
    assert command.names_of("0.0.0.0", []) is None
    assert command.names_of("localhost", []) == {"localhost", "127.0.0.1", "::1"}
    given = command.names_of("0.0.0.0", ["Desk.example:8443"])
    assert {"desk.example", "127.0.0.1"} < given
    assert command.names_of("127.0.0.2", []) is not None  # loopback by another number
    told = command.parser().parse_args(["--name", "a", "--name", "b"])
    assert told.name == ["a", "b"]


@both
def test_sql_in_a_headline_is_a_text(client, monitor):
    assert client.post("/headlines", json={"text": INJECTION}).status_code == 202
    monitor.read_waiting()
    assert texts(monitor.store) == [INJECTION]
    assert client.get("/trend", params={"topic": "' OR 1=1 --"}).status_code == 404
    assert monitor.store.days("' OR 1=1 --") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b"7", 422),
        (b'{"text": ""}', 422),
        (b'[{"text": 1}, "x"]', 422),
        (json.dumps([{"text": "x"}] * (MOST_ITEMS + 1)).encode(), 413),
        (b'{"text": "' + b"x" * MOST_BYTES + b'"}', 413),
    ],
)
def test_malformed_posts_are_refused_and_store_nothing(client, monitor, body, status):
    assert client.post("/headlines", content=body).status_code == status
    assert monitor.store.counts() == {"headlines": 0, "unread": 0}


def test_a_full_disk_is_told(monitor, monkeypatch):
    testclient = pytest.importorskip("fastapi.testclient")

    def full(_):
        raise sql.exc.OperationalError("INSERT", {}, Exception("disk is full"))

    monkeypatch.setattr(monitor.store, "accept", full)
    client = testclient.TestClient(service(monitor), raise_server_exceptions=False)
    answer = client.post("/headlines", json={"text": "股价大跌"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "disk is full" in answer.json()["detail"]


def test_good_headlines_among_bad_ones_are_kept(client, monitor):
    sent = [{"text": "股价大跌"}, {"text": ""}, 3]
    answer = client.post("/headlines", json=sent)
    assert answer.status_code == 202
    assert answer.json()["new"] == 1
    assert [r["index"] for r in answer.json()["refused"]] == [1, 2]


@both
def test_a_flood_is_turned_away_whole(url):
    testclient = pytest.importorskip("fastapi.testclient")
    monitor = Monitor(Store(url, most_unread=10), Rule())
    client = testclient.TestClient(service(monitor))
    some = [{"text": f"股价 {i}"} for i in range(8)]
    assert client.post("/headlines", json=some).status_code == 202
    more = [{"text": f"涨 {i}"} for i in range(5)]
    flooded = client.post("/headlines", json=more)
    assert flooded.status_code == 429
    assert "retry-after" in flooded.headers
    assert monitor.store.counts()["headlines"] == 8
    monitor.read_waiting()
    assert client.post("/headlines", json=more).json()["new"] == 5


@both
def test_two_posts_at_once_count_each_other(url, monkeypatch):
    """The second one waits for the commit of the first, whose headlines fill the store.

    Of the same headlines in another order PostgreSQL would end one of them.
    """
    store = Store(url, most_unread=10)
    count, entered, both_in = store._unread, threading.Event(), threading.Event()

    def counted(connection):
        found = count(connection)
        if entered.is_set():
            both_in.set()
        entered.set()
        both_in.wait(1.0)
        return found

    monkeypatch.setattr(store, "_unread", counted)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.accept, [checked({"text": str(i)}) for i in range(8)])
        assert entered.wait(30)
        second = pool.submit(store.accept, [checked({"text": "x"}) for _ in range(5)])
    assert first.result() == 8
    with pytest.raises(Flooded):
        second.result()
    assert store.counts()["headlines"] == 8


# ---- restarts ------------------------------------------------------------------------


@both
def test_a_restart_in_mid_stream_loses_nothing_and_counts_nothing_twice(
    tmp_path, url, monkeypatch
):
    path = tmp_path / "stream.txt"
    path.write_text(lines(600), encoding="utf-8")
    first = Monitor(Store(url), Rule())
    first.take(FileFeed(path))
    calls = iter([None])
    real = first.store.read

    def dies(readings):  # after one batch was read, before the next is written
        if next(calls, "dead") == "dead":
            raise OSError("killed")
        real(readings)

    monkeypatch.setattr(first.store, "read", dies)
    first.take(FileFeed(path))
    with pytest.raises(OSError, match="killed"):
        first.read_waiting()
    second = Monitor(Store(url), Rule())  # the same file, a new process
    while second.take(FileFeed(path)):
        pass
    second.read_waiting()
    assert second.store.counts() == {"headlines": 600, "unread": 0}
    assert texts(second.store) == sorted(lines(600).splitlines())
    (day,) = second.store.days("行情")
    assert (day.n, day.negative, day.positive) == (600, 400, 200)


@both
def test_headlines_and_position_are_stored_together_or_not_at_all(
    tmp_path, url, monkeypatch
):
    path = tmp_path / "stream.txt"
    path.write_text(lines(5), encoding="utf-8")
    store = Store(url)
    monitor = Monitor(store, Rule())

    def fails(engine, table):
        if table.name == "feeds":
            raise OSError("no space left on device")
        return insert(engine, table)

    monkeypatch.setattr("aigc_lib.apps.opinion_monitor.store.insert", fails)
    with pytest.raises(OSError, match="no space"):
        monitor.take(FileFeed(path))
    assert store.counts()["headlines"] == 0
    monkeypatch.undo()
    assert monitor.take(FileFeed(path)) == 5


def test_a_feed_that_fails_is_told_until_it_goes_on(tmp_path, monitor, client):
    path = tmp_path / "stream.txt"
    path.write_text(lines(3), encoding="utf-8")
    feed = FileFeed(path)
    feed.pause = 0.01
    monitor.start(feed)
    until(lambda: monitor.store.counts() == {"headlines": 3, "unread": 0})
    assert not client.get("/health").json()["feed_failed"]
    path.write_text(lines(1), encoding="utf-8")  # another file of the same name
    until(lambda: client.get("/health").json()["feed_failed"])
    assert "shorter than before" in shown(monitor, ALL)[-1]
    path.write_text(lines(4), encoding="utf-8")
    until(lambda: not client.get("/health").json()["feed_failed"])
    until(lambda: shown(monitor, ALL)[-1] == "共收到 4 条，0 条等待读取。")
    monitor.stop()


def test_a_file_whose_name_is_no_unicode_is_followed(tmp_path, monitor):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + "/标题.txt".encode("gbk")))
    try:
        path.write_text(lines(3), encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert monitor.take(FileFeed(path)) == 3
    monitor.read_waiting()
    assert texts(monitor.store) == sorted(lines(3).splitlines())


def test_a_file_in_gb18030_is_read(tmp_path, monitor):
    path = tmp_path / "stream.txt"
    path.write_bytes(
        "订单大增\n".encode("gbk") + '{"text": "产线停工"}\n'.encode("gb18030")
    )
    with path.open("ab") as file:  # by another program
        file.write("新品热销\n".encode())
    assert monitor.take(FileFeed(path)) == 3
    monitor.read_waiting()
    assert texts(monitor.store) == sorted(["订单大增", "产线停工", "新品热销"])
    path = tmp_path / "words.txt"
    path.write_bytes("停工\n".encode("gbk"))
    assert Words.at(path).words == ("停工",)


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_refused(tmp_path, monitor, coding):
    path = tmp_path / "stream.txt"
    path.write_bytes(("\ufeff" + lines(3)).encode(coding))
    with pytest.raises(ValueError, match="UTF-16: save it as UTF-8"):
        monitor.take(FileFeed(path))


def test_a_file_that_grows_is_followed(tmp_path, monitor):
    path = tmp_path / "stream.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a", "id": "1"}\n\nhalf a li')
    feed = FileFeed(path)
    while monitor.take(feed):
        pass
    assert monitor.store.counts()["headlines"] == 1
    with path.open("ab") as file:
        file.write(b'ne\n{"text": "a", "id": "1"}\n{"no": 1}\n\xff\xfe\n')
        file.write(b"x" * 100_000 + b"\n" + '{"text": "尾"}\n'.encode())
    while monitor.take(feed):
        pass
    monitor.read_waiting()
    assert texts(monitor.store) == ["a", "half a line", "尾"]
    path.write_text("new\n")
    with pytest.raises(ValueError, match="shorter than before"):
        monitor.take(feed)
    with pytest.raises(FileNotFoundError):
        FileFeed(tmp_path / "none.txt")


@both
def test_threads_read_what_comes(monitor):
    threads = monitor.start()
    monitor.accept([{"text": f"股价跌 {i}"} for i in range(300)])
    until(lambda: not monitor.store.counts()["unread"])
    monitor.stop()
    for thread in threads:
        thread.join(10)
    assert monitor.store.counts() == {"headlines": 300, "unread": 0}


def test_what_is_on_disk_is_whole(tmp_path):
    path = tmp_path / "headlines.sqlite"
    Monitor(Store(f"sqlite:///{path}"), Rule()).accept([{"text": "股价跌"}])
    found = sqlite3.connect(path).execute("SELECT text, topic FROM headlines")
    assert found.fetchall() == [("股价跌", None)]


def test_another_database_is_refused():
    with pytest.raises(ValueError, match="give sqlite:///FILE"):
        Store("headlines.sqlite")


# ---- who reads -----------------------------------------------------------------------


def test_words_of_ones_own_tell_what_is_bad(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("\ufeff# 我的词表\n\n 爆雷 \n跌\n跌\nC++\n", encoding="utf-8")
    words = Words.at(path)
    found = words.predict(
        ["股价大跌", "平台爆雷了", "股价大涨", "用 C++ 写", "用 CC 写"]
    )
    assert [s for s, _ in found] == ["负面", "负面", "正面", "负面", "中性"]
    assert {sure for _, sure in found} == {None}
    assert words.mark == Words(["跌", "C++", "爆雷"]).mark != Words().mark


@pytest.mark.parametrize("words", [[], [""], ["跌", " "], "跌亏"])
def test_words_that_would_stand_everywhere_are_refused(words):
    with pytest.raises(ValueError, match="give"):
        Words(words)


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("净利润大幅增长", "正面"),
        ("与某地签约建厂", "正面"),
        ("净利润增长，股价却大跌", "负面"),  # a bad word wins,
        ("股价大跌，净利润却增长", "负面"),  # wherever it stands
        ("利润未见增长", "正面"),  # words know no negation
        ("亏损收窄", "负面"),
        ("董事会今日开会", "中性"),
        ("", "中性"),
    ],
)
def test_words_tell_three_sentiments_and_a_bad_one_wins(text, sentiment):
    assert Words().predict([text]) == [(sentiment, None)]


@pytest.mark.parametrize("split", ["train", "test"])
def test_good_words_change_nothing_that_the_alarm_counts(split):
    some = load("finance_headlines", split=split).texts
    bad = [any(word in text for word in lists.BAD_WORDS) for text in some]
    found = [sentiment for sentiment, _ in Words().predict(some)]
    assert [sentiment == "负面" for sentiment in found] == bad
    assert 0 < sum(bad) < len(some)
    assert set(found) == {"负面", "中性", "正面"}


def test_other_good_words_are_another_reader(monkeypatch):
    """What was stored is read again when the list of good words has changed."""

    def mark(bad, good):
        monkeypatch.setattr(lists, "GOOD_WORDS", (good,))
        return Words([bad]).mark

    assert mark("跌", "涨") == mark("跌", "涨")
    assert len({mark("跌", "涨"), mark("跌", "增"), mark("涨", "跌")}) == 3


def test_own_bad_words_leave_the_good_ones(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("增长\n", encoding="utf-8")
    found = Words.at(path).predict(["增长了", "签约了", "股价大跌"])
    assert [s for s, _ in found] == ["负面", "正面", "中性"]


def test_what_words_told_is_sent(url):
    testclient = pytest.importorskip("fastapi.testclient")

    class Topic(Rule):
        def read(self, texts):
            told = Words().predict(texts)
            return [Reading("行情", label, sure) for label, sure in told]

    monitor = Monitor(Store(url), Topic())
    client = testclient.TestClient(service(monitor))
    client.post("/headlines", json=[{"text": t} for t in ("大跌", "开会", "大涨")])
    monitor.read_waiting()
    rows = client.get("/headlines").json()
    assert [(r["sentiment"], r["sure"]) for r in rows] == [
        ("正面", None),
        ("中性", None),
        ("负面", None),
    ]
    (day,) = monitor.store.days()
    assert (day.negative, day.neutral, day.positive) == (1, 1, 1)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"", "holds no word"),
        (b"# \n\n", "holds no word"),
        ("跌\n亏|降".encode(), "line 2.*one word a line"),
        ("跌，亏，降".encode(), "line 1.*one word a line"),
        ("跌 亏".encode(), "line 1.*one word a line"),
        (("跌" * 21).encode(), "at most 20 characters"),
        (b"\xff\xff\xff\n", "neither UTF-8 nor GB18030: save it as UTF-8"),
    ],
)
def test_what_is_no_list_of_words_is_refused(tmp_path, written, message):
    path = tmp_path / "words.txt"
    path.write_bytes(written)
    with pytest.raises(ValueError, match=message):
        Words.at(path)


@both
def test_another_reader_reads_all_again(monitor, url):
    store = monitor.store
    monitor.accept([{"text": "股价跌"}, {"text": "股价涨"}])
    store.read_by("one")
    monitor.read_waiting()
    assert (store.read_by("one"), store.counts()["unread"]) == (None, 0)
    store.read_by("other")
    assert store.counts() == {"headlines": 2, "unread": 2}
    assert store.days() == store.latest(10) == []
    monitor.read_waiting()
    with store.engine.begin() as connection:  # as older versions made it
        connection.exec_driver_sql("DROP TABLE read_by")
    again = Store(url)
    assert again.days()[0].negative == 1
    again.read_by("other")
    assert again.counts() == {"headlines": 2, "unread": 2}


@pytest.fixture
def start(tmp_path, monkeypatch):
    """What starts the command without a server; returns a client and two events.

    The reader is being made when the first is set, and there soon after the second is.
    """
    pytest.importorskip("gradio")
    testclient = pytest.importorskip("fastapi.testclient")
    begun, go, served = threading.Event(), threading.Event(), []
    readers = []

    def at(folder, *, words, say):
        say("training")
        readers.append(words)
        begun.set()
        assert go.wait(60)
        return Rule()

    def serve(app, host, port, *, close):
        served.extend((app, close))

    monkeypatch.setattr(command, "settle_threads", lambda: None)
    monkeypatch.setattr(command, "serve", serve)
    monkeypatch.setattr(command.Reader, "at", at)

    def start(*words):
        command.main(["--folder", str(tmp_path), "--feed", "none", *words])
        assert begun.wait(60)
        return (
            testclient.TestClient(served[0], base_url="http://127.0.0.1"),
            go,
            readers[0],
        )

    yield start
    go.set()
    if served:
        served[1]()


def test_headlines_are_taken_while_models_are_trained(start):
    client, go, _ = start()
    told = client.get("/health").json()
    assert (told["status"], told["ready"], told["failed"]) == ("ok", False, False)
    assert "正在训练模型" in told["told"]
    assert client.get("/").status_code == 200
    assert client.post("/headlines", json={"text": "股价大跌"}).status_code == 202
    assert client.get("/headlines").json() == client.get("/trend").json() == []
    for path in ("/alarms", "/trend?topic=行情", "/headlines?topic=行情"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "正在训练模型" in answer.json()["detail"]
        assert "retry-after" in answer.headers
    go.set()
    until(lambda: client.get("/headlines?topic=行情").status_code == 200)
    until(lambda: client.get("/health").json()["unread"] == 0)
    assert client.get("/health").json()["told"] == "已就绪"
    assert client.get("/trend?topic=行情").json()[0]["share"] == 1
    assert client.get("/alarms").json() == []


def test_health_tells_the_pace_of_the_page_too(start):
    client, go, _ = start()
    go.set()
    assert client.get("/health").json()["responses"] == 0
    assert client.get("/").status_code == client.get("/headlines").status_code == 200
    told = client.get("/health").json()
    assert told["responses"] == 2
    assert told["p95_ms"] is not None


@both
def test_a_backup_brings_everything_back(url, tmp_path, capsys):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = ["--folder", str(elsewhere)]
    before = Store(f"sqlite:///{elsewhere / 'headlines.sqlite'}")
    monitor = Monitor(before, Rule())
    before.read_by("a list of words")
    days = [NOW - timedelta(days=i) for i in range(3)]
    told = [{"text": f"股价大跌 {day:%d}", "time": day.isoformat()} for day in days]
    monitor.accept(told)
    number, _ = before.unread(1)[0]
    before.read(
        [{"id": number, "topic": "行情", "sentiment": "负面", "sure": 0.1 + 0.2}]
    )
    before.accept([], feed="a file", position=2**40)
    file = str(tmp_path / "monitor.zip")
    command.main([*place, "backup", file])
    assert capsys.readouterr().out == f"5 rows in {file}\n"
    command.main([*place, "--url", url, "restore", file])
    assert capsys.readouterr().out == f"5 rows from {file}\n"
    after = Store(url)
    after.read_by("a list of words")  # the same: nothing waits again
    assert after.latest(9) == before.latest(9)
    assert after.latest(9)[0]["sure"] == 0.1 + 0.2
    assert after.unread(9) == before.unread(9)
    assert after.days() == before.days()
    assert after.position("a file") == 2**40
    again = Monitor(after, Rule())
    assert (again.accept(told).new, again.accept([{"text": "新的"}]).new) == (0, 1)
    with pytest.raises(ValueError, match="empty database"):
        command.main([*place, "--url", url, "restore", file])


def test_words_tell_the_sentiment_unless_a_classifier_shall(start, tmp_path):
    client, _, words = start()
    assert words.mark == Words().mark
    assert "情感照词表" in client.get("/config").text
    assert command.words_of("none") is None
    path = tmp_path / "own.txt"
    path.write_text("利空\n", encoding="utf-8")
    assert command.words_of(str(path)).words == ("利空",)


def test_a_run_length_reaches_the_alarms(start, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        command, "Monitor", lambda *a, **k: made.append(k) or Monitor(*a, **k)
    )
    start("--run-length", "50")
    assert made == [{"run_length": 50}]
    with pytest.raises(ValueError, match="run_length=1"):
        command.main(["--folder", str(tmp_path), "--run-length", "1"])


def test_why_nobody_reads_is_told(monitor):
    testclient = pytest.importorskip("fastapi.testclient")

    def fails(say):
        raise ValueError("topic.safetensors: no TextClassifier")

    none = Monitor(monitor.store)
    (thread,) = none.start(make=fails)
    thread.join(60)
    assert not thread.is_alive()
    client = testclient.TestClient(service(none))
    told = client.get("/health").json()
    assert (told["ready"], told["failed"]) == (False, True)
    assert "no TextClassifier" in told["told"]
    assert client.post("/headlines", json={"text": "股价大跌"}).status_code == 202
    assert "no TextClassifier" in client.get("/alarms").json()["detail"]


# ---- trends and alarms ---------------------------------------------------------------


def days(*negatives, n=20):
    first = date(2026, 1, 1)
    return [
        Day(first + timedelta(days=k), n, bad, n - bad, 0)
        for k, bad in enumerate(negatives)
    ]


def test_a_shock_rings_and_quiet_days_do_not():
    quiet = [4, 3, 5, 4] * 10
    assert alarms(days(*quiet)) == []
    some = days(*quiet, *[11] * 5)
    rung = alarms(some)
    assert some[40].day <= rung[0].day <= some[42].day
    points = trend(some)
    assert [p.day for p in points if p.alarm] == [d.day for d in rung]
    assert trend(some, last=3) == points[-3:]


def test_the_alarm_keeps_its_rate_on_days_of_chance():
    counts = np.random.default_rng(0).binomial(200, 0.3, 12_000)
    counts[:BASELINE] = 60  # what is usual is known
    rung = len(alarms(days(*counts.tolist(), n=200), run_length=100))
    assert 80 < 12_000 / rung < 160


def test_fewer_false_alarms_come_later(monitor):
    sent = [
        {
            "text": f"股价{'跌' if i < (3 if day < 21 else 6) else '涨'} {i}",
            "time": f"2026-01-{day:02d}",
        }
        for day in range(1, 31)
        for i in range(12)
    ]
    monitor.accept(sent)
    monitor.read_waiting()
    patient = Monitor(monitor.store, Rule(), run_length=1e5)
    days = [[alarm["day"] for alarm in one.alarms()] for one in (monitor, patient)]
    assert len(days[0]) > len(days[1]) > 0
    assert days[0][-1] < days[1][-1]
    for one, found in zip((monitor, patient), days, strict=True):
        assert [p.day for p in one.trend("行情") if p.alarm] == found[::-1]


def test_the_first_days_only_say_what_is_usual():
    assert watched(days(*[15] * BASELINE)) == [(0, False)] * BASELINE
    assert trend([]) == alarms([]) == []


@both
def test_the_order_of_arrival_does_not_matter(url, tmp_path):
    sent = [
        {
            "text": f"股价{'跌' if i % 5 == 0 or day > 20 else '涨'} {i}",
            "time": f"2026-01-{day:02d}",
        }
        for day in range(1, 26)
        for i in range(15)
    ]
    one = Monitor(Store(url), Rule())
    two = Monitor(Store(f"sqlite:///{tmp_path / 'two.sqlite'}"), Rule())
    one.accept(sent)
    for k in range(0, len(sent), 100):
        two.accept(sent[::-1][k : k + 100])
        two.read_waiting()
    one.read_waiting()
    assert one.trend("行情") == two.trend("行情")
    assert one.alarms() == two.alarms()
    assert one.alarms()[0]["topic"] == "行情"


# ---- the made-up stream and the page -------------------------------------------------


@both
def test_the_made_up_stream_goes_on_where_it_stood(monkeypatch, url):
    monkeypatch.setattr(made, "HISTORY", 3)
    monkeypatch.setattr(monitors, "AT_ONCE", 100)
    feed = MadeFeed(pause=1_000)
    whole = [headline.key for headline, _ in feed.after(0)]
    assert len(set(whole)) == len(whole)
    first = Monitor(Store(url), Rule())
    first.take(feed)
    again = MadeFeed(pause=1_000)  # a new process
    rest = [h.key for h, _ in again.after(first.store.position(feed.name))]
    assert rest == whole[100:]
    assert feed.day(1) == again.day(1)
    assert feed.day(1) != MadeFeed(seed=1).day(1)


def test_the_shocks_are_where_they_are_said_to_be():
    feed = MadeFeed()
    assert feed.shock(29) is None
    topics = [feed.shock(30 + k * made.EVERY) for k in range(8)]
    assert sorted(topics) == feed.topics
    assert feed.shock(30 + made.LASTS) is None
    bad = {text for (_, s), some in feed.pools.items() if s == "负面" for text in some}

    def share(period, topics):
        own = {
            t
            for (topic, _), some in feed.pools.items()
            if topic in topics
            for t in some
        }
        return [h.text in bad for k in period for h in feed.day(k) if h.text in own]

    quiet = share(range(30), feed.topics)
    assert sum(quiet) / len(quiet) == pytest.approx(made.WORLD.shares[0], abs=0.03)
    shocked = []
    for k, topic in enumerate(topics):
        start = 30 + k * made.EVERY
        shocked += share(range(start, start + made.LASTS), [topic])
    after = made.WORLD.shares_after()[0]
    assert sum(shocked) / len(shocked) == pytest.approx(after, abs=0.06)


def test_the_page_shows_what_is_stored(monitor):
    pytest.importorskip("gradio")
    monitor.accept([{"text": "<script>alert(1)</script>"}, {"text": "股价跌"}])
    monitor.read_waiting()
    figure, rung, rows, told = shown(monitor, ALL)
    assert {row[0] for row in rows} == {"<script>alert(1)</script>", "股价跌"}
    assert rung == []
    assert "2 条" in told
    assert figure.axes[0].get_ylim() == (0, 1)
    assert [row[0] for row in shown(monitor, "行情")[2]] == ["股价跌"]
    assert {row[3] for row in rows} == {"0.90"}
    blocks = page(monitor)
    kinds = [block.__class__.__name__ for block in blocks.blocks.values()]
    assert kinds.count("Dataframe") == 2


def test_the_page_shows_what_words_told_and_what_it_waits_for(monitor):
    pytest.importorskip("gradio")
    monitor.accept([{"text": "股价跌"}])
    monitor.read_waiting()
    monitor.store.read([{"id": 1, "topic": "行情", "sentiment": "负面", "sure": None}])
    _, rung, rows, told = shown(Monitor(monitor.store), ALL)
    assert rows[0][2:4] == ["负面", ""]
    assert rung == []
    assert told.startswith("正在读取模型")
    assert "1 条" in told


def test_page_and_service_live_together(monitor):
    pytest.importorskip("gradio")
    testclient = pytest.importorskip("fastapi.testclient")
    client = testclient.TestClient(command.site(monitor))
    assert client.get("/health").json()["status"] == "ok"
    front = client.get("/")
    assert front.status_code == 200
    assert "舆情监测" in front.text
    sent = client.post("/gradio_api/upload", files={"files": ("a", b"x")})
    assert sent.status_code == 413


def test_a_first_run_trains_and_a_second_one_loads(tmp_path):
    said = []
    reader = Reader.at(tmp_path / "models", steps=15, say=said.append)
    assert len(said) == 2
    again = Reader.at(tmp_path / "models", say=said.append)
    assert len(said) == 2
    some = ["云帆科技三季度净利润同比下降30%", "x"]
    assert reader.read(some) == again.read(some)
    assert set(reader.topics) >= {"业绩", "监管"}
    assert reader.read(some)[0].sentiment in ("负面", "中性", "正面")
    (tmp_path / "models" / "sentiment.safetensors").unlink()
    by_words = Reader.at(tmp_path / "models", words=Words(), say=said.append)
    assert len(said) == 2  # words need no training
    assert [r.topic for r in by_words.read(some)] == [
        r.topic for r in reader.read(some)
    ]
    assert [r[1:] for r in by_words.read(some)] == [("负面", None), ("中性", None)]
