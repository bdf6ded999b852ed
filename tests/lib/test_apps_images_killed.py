"""The image platform in processes of its own, killed under load; the whole command."""

import runpy
import sys

import httpx
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("obstore")
pytest.importorskip("fastapi")

from tiny_platform import CLASSES, tiny_model

from aigc_lib.apps.image_platform.load import load
from aigc_lib.apps.jobs import MOST_OPEN
from benchmarks.forked import Program
from benchmarks.platform_runs import ALSO, MODULE, Site, killed, look, pace, site

KILLS = 3  # the benchmark `image_kills` makes 50


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    log = tmp_path_factory.mktemp("program") / "log"
    with Program(MODULE, *ALSO, log=log, env=Site.env()) as program:
        yield program


def models(folder):
    return {"小模型": (tiny_model(folder / "flow.safetensors"), [*CLASSES[:2], "蓝"])}


def test_killed_at_random_moments(database_url, tmp_path, program):
    blobs = (tmp_path / "blobs").as_uri()
    with site(tmp_path / "at", database_url, blobs, models(tmp_path), program) as one:
        told = killed(one, KILLS, "红")
    assert told["accepted"] > 0
    assert (told["lost"], told["doubled"], told["broken"]) == (0, 0, 0), told


def test_a_server_and_two_workers_killed_in_turn(
    postgres_url, s3_url, tmp_path, program
):
    with site(tmp_path / "at", postgres_url, s3_url, models(tmp_path), program) as one:
        told = killed(one, KILLS, "红", workers=2)
    assert told["accepted"] > 0
    assert (told["lost"], told["doubled"], told["broken"]) == (0, 0, 0), told


def test_a_pace_is_of_more_jobs_than_an_account_may_have_open(tmp_path, program):
    place, jobs = tmp_path / "at", MOST_OPEN + 1
    blobs = (tmp_path / "blobs").as_uri()
    url = f"sqlite:///{place / 'platform.sqlite'}"
    with site(place, url, blobs, models(tmp_path), program) as one:
        told = pace(one, jobs, "红", cores=[None])
    assert (told["accepted"], told["lost"], told["doubled"]) == (jobs, 0, 0), told


def test_the_command_as_a_reader_starts_it(tmp_path, program):
    """A first start makes an admin, whose key opens the pages; a load test ends."""
    url = f"sqlite:///{tmp_path / 'at' / 'platform.sqlite'}"
    blobs = (tmp_path / "blobs").as_uri()
    with site(tmp_path / "at", url, blobs, models(tmp_path), program) as one:
        one.program = None  # the server as the command starts it
        one.serve()
        one.program = program
        told = load(one.address, one.key, clients=2, seconds=2.0, pid=one.server.pid)
        assert told["errors"] == 0, told
        assert told["requests"] >= 2
        assert told["p50"] <= told["p95"]
        assert min(told["memory"]) > 0
        file = tmp_path / "backup.zip"
        assert "files in" in one.run("backup", str(file))
        assert file.exists()
        assert "0 opinions" in one.run("feedback", str(tmp_path / "feedback.zip"))
        key = one.run("account", "renew", "load")
        assert httpx.get(f"{one.address}/api/me", headers=bearer(one.key)).is_error
        assert httpx.get(f"{one.address}/api/me", headers=bearer(key)).is_success


def test_what_waited_in_a_backup_is_done_after_it(tmp_path, program):
    """Out of SQLite, restored into another, by the commands."""
    file = str(tmp_path / "backup.zip")
    urls = [f"sqlite:///{tmp_path / name / 'platform.sqlite'}" for name in "ab"]
    blobs = [(tmp_path / name / "blobs").as_uri() for name in "ab"]
    asked = {"model": 1, "label": "红", "n": 3, "steps": 4}
    with site(tmp_path / "a", urls[0], blobs[0], models(tmp_path), program) as one:
        one.serve("--accept-only")
        client = {"base_url": one.address, "headers": bearer(one.key)}
        with httpx.Client(**client) as http:
            job = http.post("/api/pictures", json=asked).json()
        one.run("backup", file)
        key = one.key
    (tmp_path / "b").mkdir()
    other = Site(tmp_path / "b", urls[1], blobs[1], program)
    assert "files from" in other.run("restore", file)
    other.key = key
    other.serve()
    try:
        told = look(other, {job["job"]: asked}, seconds=120)
    finally:
        other.close()
    assert (told["lost"], told["pictures"]) == (0, 3)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_url_that_names_no_database_ends_the_command(monkeypatch):
    module = "aigc_lib.apps.image_platform"
    monkeypatch.setattr(sys, "argv", [module, "--url", "mysql://x/y", "serve"])
    with pytest.raises(SystemExit, match=r"^error: url="):
        runpy.run_module(module, run_name="__main__")
