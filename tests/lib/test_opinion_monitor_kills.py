"""The opinion monitor, killed in mid-stream: no headline lost, none counted twice."""

import threading
from contextlib import suppress

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("gradio")
pytest.importorskip("httpx")

import httpx
from tiny_monitor import lines, topic_in, until

from aigc_lib.apps.opinion_monitor.monitor import AT_ONCE, FileFeed
from aigc_lib.apps.opinion_monitor.store import Store
from benchmarks.forked import Program
from benchmarks.servers import free_ports

MODULE = "aigc_lib.apps.opinion_monitor.__main__"
ALSO = ("gradio", "uvicorn", "aigc_lib.models.transformer.encoder")
KILLS, MORE = 2, 8 * AT_ONCE  # of which so many in mid-stream; headlines before each


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    log = tmp_path_factory.mktemp("program") / "log"
    with Program(MODULE, *ALSO, log=log) as program:
        yield program


def test_nothing_is_lost_or_counted_twice(program, database_url, tmp_path):
    topic_in(tmp_path)
    path = tmp_path / "stream.txt"
    path.touch()
    store, feed, (port,) = Store(database_url), FileFeed(path).name, free_ports(1)
    options = ["--folder", tmp_path, "--url", database_url, "--port", port]
    options += ["--feed", path]
    address = f"http://127.0.0.1:{port}"
    posts, written, kills = [], 0, 0  # all that were sent

    def post(http):
        some = [{"text": f"发来 {len(posts)}-{i}", "id": i} for i in range(20)]
        posts.append([{**one, "source": str(len(posts))} for one in some])
        return http.post("/headlines", json=posts[-1]).json()

    def post_at_last(http):
        with suppress(httpx.TransportError, ValueError):
            post(http)

    def answers(http):
        with suppress(httpx.TransportError):
            return http.get("/health").status_code == 200
        return False

    with httpx.Client(base_url=address, trust_env=False, timeout=60) as http:
        while kills < KILLS:
            server = program.start(*options)
            until(lambda: answers(http))
            with path.open("a", encoding="utf-8") as file:
                file.write(lines(written + MORE, start=written))
            written, stood = written + MORE, store.position(feed)
            while store.position(feed) == stood:
                assert post(http)["new"] == 20
            under_way = threading.Thread(target=post_at_last, args=(http,))
            under_way.start()
            program.kill(server)
            under_way.join()
            in_mid_stream = store.position(feed) < path.stat().st_size
            kills += in_mid_stream or store.counts()["unread"] > 0
        server = program.start(*options)
        until(lambda: answers(http))
        for some in posts:  # as who got no answer does
            told = http.post("/headlines", json=some).json()
            assert told["new"] + told["known"] == 20
        sent = [one["text"] for some in posts for one in some]
        sent += lines(written).splitlines()
        whole = {"headlines": len(sent), "unread": 0}
        until(lambda: store.position(feed) == path.stat().st_size)
        until(lambda: store.counts() == whole)
        program.kill(server)
    assert sorted(row["text"] for row in store.latest(2 * len(sent))) == sorted(sent)
    assert sum(day.n for day in store.days()) == len(sent)
    bad = sum("跌" in text for text in sent)
    assert sum(day.negative for day in store.days()) == bad
    store.engine.dispose()
