"""The opinion monitor, killed in mid-stream: no headline lost, none counted twice."""

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("gradio")
pytest.importorskip("httpx")

from tiny_monitor import Rule, topic_in

from aigc_lib.apps.opinion_monitor.monitor import Monitor
from benchmarks.forked import Program
from benchmarks.monitor_kills import ALSO, MODULE, House, found, killed

KILLS = 2  # the benchmark `monitor_kills` makes 50


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    log = tmp_path_factory.mktemp("program") / "log"
    with Program(MODULE, *ALSO, log=log) as program:
        yield program


@pytest.fixture
def house(database_url, tmp_path, program):
    topic_in(tmp_path)
    house = House(tmp_path, database_url, program)
    yield house
    house.kill()
    house.store.engine.dispose()


def test_nothing_is_lost_or_counted_twice(house):
    told = killed(house, KILLS)
    assert told["at_work"] == KILLS
    assert told["accepted"] > house.written  # from the file, and from clients
    wrong = "lost", "twice", "counted_more", "bad_counted_more"
    assert [told[name] for name in wrong] == [0, 0, 0, 0], told


def test_the_count_finds_what_is_wrong(tmp_path):
    """What is not there is lost; what is there and was never sent counts more."""
    house = House(tmp_path, f"sqlite:///{tmp_path / 'headlines.sqlite'}", None)
    monitor = Monitor(house.store, Rule())
    monitor.accept([{"text": "股价跌", "id": i} for i in range(2)])
    monitor.accept([{"text": "股价涨"}])
    monitor.read_waiting()
    told = found(house, ["股价跌", "别的"])
    assert told == {
        "accepted": 2,
        "lost": 1,
        "twice": 1,
        "counted_more": 1,
        "bad_counted_more": 1,
    }
