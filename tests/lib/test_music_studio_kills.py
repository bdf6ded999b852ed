"""The music studio, killed again and again: nothing lost, nothing twice."""

import pytest

pytest.importorskip("dbos")
pytest.importorskip("httpx")

import tiny_studio

from aigc_lib.apps.accounts import Accounts
from aigc_lib.apps.music_studio.store import Store
from aigc_lib.data.made.songs import song
from benchmarks import music_worker_kills
from benchmarks.music_service import House, counted, killed


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    with tiny_studio.program(tmp_path_factory.mktemp("program") / "log") as program:
        yield program


@pytest.fixture
def program(started, tmp_path):
    tiny_studio.composer_in(tmp_path)
    yield started
    for number in list(started.running):
        started.kill(number)


@pytest.fixture
def house(database_url, tmp_path, program):
    return House(tmp_path, database_url, program)


def test_nothing_is_lost_or_done_twice_when_the_server_is_killed(house):
    found = killed(house, 4)
    assert found["accepted"] > 4
    assert found["lost"] == 0
    assert found["twice"] == 0
    assert found["different_for_one_seed"] == 0


def test_workers_take_up_what_a_killed_one_left(postgres_url, tmp_path, program):
    """Two at work, killed in turn: the other one goes on, or the next."""
    house = House(tmp_path, postgres_url, program)
    found = music_worker_kills.killed(house, 3, workers=2)
    assert found["accepted"] > 3
    names = "lost", "twice", "half", "different_for_one_seed"
    assert [found[name] for name in names] == [0, 0, 0, 0], found


def test_the_count_finds_what_is_wrong(tmp_path):
    """Nothing made is a loss; a piece that nobody asked for is one too many."""
    house = House(tmp_path, None, None)
    store, account = Store(house.made), Accounts(house.made).by_name("load").id
    wish = {"kind": "compose", "bars": 2, "seed": 0}
    for name, piece in (("a", song(0)), ("b", song(1)), ("c", song(2))):
        store.add(account, name, piece, made="compose", by_model=True)
    found = counted(house, {"a": wish, "b": wish, "z": wish}, set())
    assert found == {
        "accepted": 3,
        "lost": 3,  # none has a job that is done
        "twice": 3,
        "half": sum(song(seed).bars != 2 for seed in (0, 1)),
        "different_for_one_seed": 1,
    }
