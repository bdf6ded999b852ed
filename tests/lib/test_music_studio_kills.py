"""The music studio, killed again and again: nothing lost, nothing twice."""

import pytest

pytest.importorskip("dbos")
pytest.importorskip("httpx")

import tiny_studio

from benchmarks.music_service import House, killed


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


def test_a_worker_takes_up_what_a_killed_one_left(postgres_url, tmp_path, program):
    house = House(tmp_path, postgres_url, program)
    house.start("serve", "--accept-only")
    worker = program.start(*house.options, "worker")
    with house.client() as http:
        wish = {"kind": "compose", "bars": 8}
        ids = [http.post("/api/jobs", json=wish).json()["id"] for _ in range(3)]
        state = "waiting"
        while state != "running":
            state = http.get(f"/api/jobs/{ids[0]}").json()["state"]
        program.kill(worker)
        program.start(*house.options, "worker")
        ended = set()
        while len(ended) < 3:
            rows = {i: http.get(f"/api/jobs/{i}").json()["state"] for i in ids}
            ended = {i for i, state in rows.items() if state == "done"}
            assert "failed" not in rows.values()
        voices = {repr(http.get(f"/api/pieces/{i}").json()["piece"]) for i in ids}
        assert len(voices) == 1
        assert len(http.get("/api/pieces").json()) == 3
